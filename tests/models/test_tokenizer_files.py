"""A tokenizer is what its files say, or refused in a line: they are read as strangers' tools leave them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import TOY, base_model

from distill.models.folders import load_generation_config, load_tokenizer, stop_ids
from distill.runtime.errors import InputError

TOKENIZER, CONFIG, STOPS = "tokenizer.json", "tokenizer_config.json", "generation_config.json"


def bytes_of(folder: Path) -> Path:
    """Write a model folder whose tokenizer knows all bytes, and pairs of digits as tokens."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [(str(n // 10), str(n % 10)) for n in range(100)]
    tokens = {text: number for number, text in enumerate([*alphabet, *map("".join, pairs)])}
    own = Tokenizer(models.BPE(tokens, pairs))
    cut = pre_tokenizers.Split(Regex("[0-9]{2}"), "isolated")
    own.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    own.decoder = decoders.ByteLevel()
    own.add_special_tokens([AddedToken("<|end|>", special=True), AddedToken("<|stop|>", special=True)])
    shutil.copytree(TOY / "base-xs", folder)
    own.save(str(folder / TOKENIZER))
    edit(folder / CONFIG, extra_special_tokens=[], pad_token="<|end|>", unk_token=None)
    edit(folder / STOPS, eos_token_id=tokens_of(folder)["<|end|>"])
    edit(folder / "config.json", vocab_size=len(tokens_of(folder)))
    return folder


def tokens_of(folder: Path) -> dict[str, int]:
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(folder / TOKENIZER)).get_vocab()


def edit(path: Path, **keys: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def spoil(path: Path, change: Any) -> None:
    """Change keys of a JSON file, write it anew, or take it away."""
    if change is None:
        path.unlink()
    elif isinstance(change, str):
        path.write_text(change)
    else:
        edit(path, **change)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "split marks": ({CONFIG: {"split_special_tokens": True}}, "has `split_special_tokens`, by which marks"),
    "an end unknown": ({CONFIG: {"eos_token": "<|no|>"}}, "is '<|no|>', which tokenizer.json does not have"),
    "an end that is a number": ({CONFIG: {"eos_token": 7}}, "cannot be loaded"),
    "half a file": ({TOKENIZER: '{"version": "1.0"}'}, "cannot be loaded"),
    "no files": ({TOKENIZER: None, CONFIG: {"tokenizer_class": "Qwen2Tokenizer"}}, "its files are not whole"),
    "no template": ({"chat_template.jinja": None, CONFIG: {"chat_template": 3}}, "is no text; name one under"),
    "templates unnamed": ({"chat_template.jinja": None, CONFIG: {"chat_template": ["x"]}}, "cannot be loaded"),
    "no JSON": ({CONFIG: "{bad"}, "tokenizer_config.json: not JSON"),
    "a list": ({CONFIG: "[]"}, "tokenizer_config.json: no JSON object"),
    "a byte order mark": ({CONFIG: "\ufeff{}"}, "tokenizer_config.json: not JSON"),
    "no JSON of stops": ({STOPS: "{bad"}, "generation_config.json: not JSON"),
    "a list of stops": ({STOPS: "[]"}, "generation_config.json: no JSON object"),
    "a stop unknown": ({STOPS: {"eos_token_id": [9, 10**6]}}, "has 1000000, which is no token"),
    "a stop below 0": ({STOPS: {"eos_token_id": -1}}, "has -1, which is no token"),
    "a stop as text": ({STOPS: {"eos_token_id": "9"}}, "has '9', which is no token"),
    "a stop that is true": ({STOPS: {"eos_token_id": True}}, "has True, which is no token"),
    "weights of another": ({"config.json": {"vocab_size": 99}}, "its weights have 99 tokens (`vocab_size` of config"),
    "no end at all": ({CONFIG: {"eos_token": None}, STOPS: {"eos_token_id": None}}, "neither its tokenizer nor"),
}


def loaded(own: Path) -> Any:
    """Fetch a model as a rule does, and read what its programs read."""
    base = base_model(own.parent / "base", own)
    tokenizer = load_tokenizer(base)
    return tokenizer, stop_ids(tokenizer, load_generation_config(base))


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_what_would_cut_texts_wrongly_or_never_end_is_one_line(tmp_path: Path, changes: Any, message: str) -> None:
    own = bytes_of(tmp_path / "own")
    for name, change in changes.items():
        spoil(own / name, change)
    with pytest.raises(InputError) as caught:
        loaded(own)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(own))
    assert "\n" not in str(caught.value)


def test_texts_that_are_cut_at_random_are_refused(tmp_path: Path) -> None:
    own = bytes_of(tmp_path / "own")
    content = json.loads((own / TOKENIZER).read_text())
    content["model"]["dropout"] = 0.1
    (own / TOKENIZER).write_text(json.dumps(content))
    with pytest.raises(InputError, match="has a `dropout`, by which texts are cut at random"):
        loaded(own)


def test_a_tokenizer_is_taken_as_its_file_has_it(tmp_path: Path) -> None:
    """A class of transformers that has rules of its own would cut digits one by one."""
    from transformers import AutoTokenizer

    own = bytes_of(tmp_path / "own")
    edit(own / CONFIG, tokenizer_class="Qwen2Tokenizer")
    edit(own / "config.json", model_type="qwen2")
    known, text = tokens_of(own), "1234 it's"
    wanted = [known[token] for token in ("12", "34", "\u0120", "i", "t", "'", "s")]
    rebuilt = AutoTokenizer.from_pretrained(own)
    assert rebuilt(text)["input_ids"] != wanted
    tokenizer = load_tokenizer(base_model(tmp_path / "base", own))
    assert tokenizer(text)["input_ids"] == wanted
    assert tokenizer.chat_template == rebuilt.chat_template
    assert tokenizer.padding_side == "left"
    tokenizer.save_pretrained(tmp_path / "saved")
    shutil.copy(own / "config.json", tmp_path / "saved")
    shutil.copy(own / "model.safetensors", tmp_path / "saved")
    again = load_tokenizer(base_model(tmp_path / "again", tmp_path / "saved"))
    assert again(text)["input_ids"] == wanted


def test_the_end_may_be_named_by_the_generation_config_alone(tmp_path: Path) -> None:
    own = bytes_of(tmp_path / "own")
    known = tokens_of(own)
    edit(own / CONFIG, eos_token=None, pad_token=None)
    edit(own / STOPS, eos_token_id=[known["<|stop|>"], known["<|end|>"]])
    base = base_model(tmp_path / "base", own)
    tokenizer = load_tokenizer(base)
    assert stop_ids(tokenizer, load_generation_config(base)) == sorted([known["<|stop|>"], known["<|end|>"]])
    assert tokenizer.pad_token_id == known["<|end|>"]


@pytest.mark.parametrize("pad", [None, "[PAD]"])
def test_a_pad_that_is_missing_or_has_no_weights_is_the_end(tmp_path: Path, pad: str | None) -> None:
    own = bytes_of(tmp_path / "own")
    edit(own / CONFIG, pad_token=pad)
    tokenizer = load_tokenizer(base_model(tmp_path / "base", own))
    assert tokenizer.pad_token_id == tokenizer.eos_token_id == tokens_of(own)["<|end|>"]


CUTTING = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
PADDING = {"strategy": {"Fixed": 64}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
           "pad_token": "!"}  # fmt: skip


@pytest.mark.parametrize("part", [{"truncation": CUTTING}, {"padding": PADDING}], ids=str)
def test_a_file_that_was_saved_while_it_cut_or_padded_texts_does_neither(tmp_path: Path, part: dict[str, Any]) -> None:
    own = bytes_of(tmp_path / "own")
    edit(own / TOKENIZER, **part)
    assert len(load_tokenizer(base_model(tmp_path / "base", own))("abcdefgh")["input_ids"]) == 8
