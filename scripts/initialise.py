"""Make a student from scratch: random weights, and a byte-level BPE tokenizer trained on the given problems.

Inputs: problems tables and a model recipe with `scratch`. Output: a folder of weights; its model folder's manifest
beside it. Such a student learns next to nothing; it proves the line on real text where no model can be had.

Run as: python scripts/initialise.py --problems P.parquet --recipe JSON --output results/models/S/base/weights
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import ModelRecipe, ScratchModel, canonical_json
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest, replacing_folder, text_digest
from distill.runtime.record import Record
from distill.runtime.run import run

SPECIAL = ["<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
PAD, END = SPECIAL[0], SPECIAL[-1]
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def texts(paths: list[Path]) -> Iterator[str]:
    """Yield the problems and solutions of problems tables."""
    for path in paths:
        for row in tables.read(path, tables.PROBLEMS, ["problem", "solution"]).to_pylist():
            yield row["problem"]
            yield row["solution"] or ""


def build_tokenizer(paths: list[Path], vocabulary: int) -> Any:
    """Train a byte-level BPE tokenizer with a chat template; it can encode every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts(paths), trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, padding_side="left")
    wrapped.chat_template = TEMPLATE
    return wrapped


def build_model(scratch: ScratchModel, tokenizer: Any) -> Any:
    """Make a model with random weights for a tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        scratch.architecture,
        vocab_size=len(tokenizer),
        hidden_size=scratch.hidden_size,
        num_hidden_layers=scratch.layers,
        num_attention_heads=scratch.heads,
        num_key_value_heads=scratch.heads,
        head_dim=scratch.head_dim,
        intermediate_size=scratch.ffn_size,
        max_position_embeddings=scratch.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(scratch.seed)
    return AutoModelForCausalLM.from_config(config)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, train the tokenizer, draw the weights, write both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, nargs="+", required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    args = parser.parse_args(argv)

    recipe = ModelRecipe.model_validate_json(args.recipe)
    if recipe.scratch is None:
        raise InputError("the model recipe has no `scratch`; other models are fetched")
    record = Record(
        __file__, args.recipe, {str(p): p for p in args.problems}, args.output.parent, identity(args.output.parent)
    )
    # `run` sees to UTF-8; an encoding here would change the hash, and make all students of users anew.
    template = Path(recipe.chat_template).read_text() if recipe.chat_template else None  # noqa: PLW1514
    tokenizer = build_tokenizer(args.problems, recipe.scratch.vocabulary)
    model = build_model(recipe.scratch, tokenizer)
    with replacing_folder(args.output) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    files = {p.name: file_digest(p) for p in sorted(args.output.iterdir())}
    facts = {
        "path": None,
        "hub": None,
        "revision": None,
        "chat_template": template,
        "dtype": recipe.dtype,
        "files": files,
        "parameters": model.num_parameters(),
    }
    record.write({"kind": "base", "digest": text_digest(canonical_json(facts)), **facts})


if __name__ == "__main__":
    run(main)
