"""Keys of models before training."""

from pathlib import Path
from typing import Any

import fetch_model
import initialise
from asking import on_server
from keys import Keys, key
from planned import commands
from world import ran, scratch

from distill.config.recipes import GenerateJob, ModelRecipe, ScratchModel
from distill.models.folders import load_model, load_tokenizer, origin
from distill.models.templates import ChatTemplate
from distill.runtime.files import read_json

TOY = str(Path("resources/toy/base-xs"))
SCRATCH = {"tokenizer_corpora": ["toy-train"], "vocabulary": 300}


def folder(recipe: ModelRecipe) -> Path:
    found = scratch()
    assert not ran(fetch_model.main, "--recipe", recipe.canonical(), "--output", found / "manifest.json")
    return found


def files(recipe: ModelRecipe) -> Any:
    """The weights' shape where the loaders find them."""
    config = read_json(Path(origin(folder(recipe)).folder()) / "config.json")
    return config["hidden_size"], config["num_hidden_layers"]


def loaded(recipe: ModelRecipe) -> Any:
    return str(load_model(folder(recipe)).dtype)


def shown(recipe: ModelRecipe) -> Any:
    return ChatTemplate(load_tokenizer(folder(recipe))).prompt_ids([{"role": "user", "content": "2 + 2"}])


def asked_for(recipe: ModelRecipe) -> Any:
    job = GenerateJob(engine="openai", server={"url": "http://here/v1"}, decoding={"max_new_tokens": 8})
    return on_server(job, served=str(recipe.served)).error


def made(recipe: ModelRecipe) -> Any:
    """The model and the tokenizer that `initialise.py` makes: config, weights, tokens, template, precision."""
    output = scratch() / "weights"
    options = ("--problems", "toy.parquet")
    assert not ran(initialise.main, *options, "--recipe", recipe.canonical(), "--output", output)
    config = read_json(output / "config.json")
    model, tokenizer = load_model(output.parent), load_tokenizer(output.parent)
    sums = [(name, float(p.detach().double().sum())) for name, p in model.named_parameters()]
    return config, sums, len(tokenizer), tokenizer.chat_template, str(model.dtype)


def scratched(recipe: ScratchModel) -> Any:
    return made(ModelRecipe(scratch=recipe))


def corpora(recipe: ScratchModel) -> Any:
    """The files that the rule gives the program."""
    entry = {"scratched": {"model": {"scratch": {"tokenizer_corpora": list(recipe.tokenizer_corpora)}}}}
    return [words[words.index("--problems") : words.index("--recipe")]
            for words in commands("initialise", kind="students", entries=entry)]  # fmt: skip


KEYS = {
    ModelRecipe: Keys({"path": TOY}, {
        "path": key("resources/toy/base-m", files),
        "hub": key("two", files, path=None, hub="one", revision="r1"),
        "revision": key("r2", files, path=None, hub="one", revision="r1"),
        "scratch": key({**SCRATCH, "hidden_size": 96}, made, path=None, scratch=SCRATCH),
        "served": key("dial-2", asked_for, path=None, served="dial-1"),
        "chat_template": key("short.jinja", shown),
        "dtype": key("bfloat16", loaded),
    }),
    ScratchModel: Keys(SCRATCH, {
        "architecture": key("llama", scratched),
        "hidden_size": key(96, scratched),
        "layers": key(3, scratched),
        "heads": key(4, scratched),
        "head_dim": key(48, scratched),
        "ffn_size": key(160, scratched),
        "context": key(512, scratched),
        "vocabulary": key(310, scratched),
        "tokenizer_corpora": key(["toy-train", "toy-test"], corpora),
        "seed": key(1, scratched),
    }),
}  # fmt: skip
