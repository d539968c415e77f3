"""The tokenizer of a model's files, whatever class the installed transformers makes of them.

transformers 5 rebuilds some tokenizers from their vocabulary alone, by the type of the model: those of other families
then cut texts otherwise, or lose parts of them, and a model is asked and taught in tokens that it does not know.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill.runtime.errors import InputError

_DIGITS = "0123456789"
# What rules of cutting differ in. How a text begins is not looked at: `add_prefix_space` may set it.
_WORDS = "It's A word,  1234 ABCdef\n\n\t  \u65e5\u672c\u8a9e \U0001f389 caf\u00e9 \\frac{1}{2} x_1<b>\r\n don't 3.14"
_FIRST = 3  # of its tokens, which are not compared


def read_tokenizer(location: str, where: Mapping[str, Any], folder: Path) -> Any:
    """Load the tokenizer of a model, whose files lie in `folder`, padding on the left; as its tokenizer.json has it.

    Raises InputError when it cannot be read, or can carry no text as it is.
    """
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    try:
        tokenizer = AutoTokenizer.from_pretrained(location, padding_side="left", **where)
        file = folder / "tokenizer.json"
        own = Tokenizer.from_file(str(file)) if file.is_file() else None
        if own is not None and not _cuts_alike(tokenizer, own):
            name = type(tokenizer).__name__
            logging.info("%s: tokenizer.json is taken as it is; as a %s it would cut texts otherwise", location, name)
            tokenizer = PreTrainedTokenizerFast.from_pretrained(location, padding_side="left", **where)
    except Exception as error:  # the files are others', and what reads them raises whatever it meets
        words = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{location}: its tokenizer cannot be loaded ({words})") from None
    if wrong := _fault(tokenizer, own):
        raise InputError(f"{location}: {wrong}")
    return tokenizer


def _cuts_alike(tokenizer: Any, own: Any) -> bool:
    """Whether a tokenizer cuts words as that of tokenizer.json."""
    own.no_truncation()
    own.no_padding()
    last = own.encode(_WORDS, add_special_tokens=False).ids[_FIRST:]
    return tokenizer(_WORDS, add_special_tokens=False)["input_ids"][-len(last) :] == last


def _fault(tokenizer: Any, own: Any) -> str | None:
    """Return why a tokenizer can carry no text as it is, and what to do; `own` is that of tokenizer.json, if any."""
    if own is not None and getattr(own.model, "dropout", None):
        return "tokenizer.json has a `dropout`, by which texts are cut at random; set it to null there"
    if tokenizer.split_special_tokens:
        return (
            "tokenizer_config.json has `split_special_tokens`, by which marks of turns are cut into letters; take it "
            "out"
        )
    left = tokenizer.decode(tokenizer(_DIGITS, add_special_tokens=False)["input_ids"])
    if _DIGITS not in "".join(left.split()):
        return f"its tokenizer makes {left[:40]!r} of {_DIGITS!r}: its files are not whole; get them anew"
    end = tokenizer.eos_token
    if end is not None and own is not None and own.token_to_id(end) is None:
        return (
            f"`eos_token` of tokenizer_config.json is {end!r}, which tokenizer.json does not have; name the token that "
            "ends a response there"
        )
    if not isinstance(tokenizer.chat_template, (str, dict, type(None))):
        return "`chat_template` of tokenizer_config.json is no text; name one under `model.chat_template`"
    return None
