"""Which tokens of a rendered row hold a part of its response."""

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from distill.models.rendering import RenderedRow

HALF = "\ufffd"  # what decoders write for a part of a character


class Span(NamedTuple):
    """A part of a response, in characters: from `start` up to `end`."""

    start: int
    end: int


def tokens_of(tokenizer: Any, row: RenderedRow, response: str, spans: Sequence[Span]) -> list[range] | None:
    """Return, for each span of a response, the tokens after the prompt that hold some of its characters.

    None where the tokens, decoded, do not hold the response (a template may change white space in it).
    """
    ids = row.ids[row.prompt : -1]  # the stop token holds no text

    def text(count: int) -> str:
        return tokenizer.decode(ids[:count], skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def characters(count: int) -> int:
        return len(text(count).rstrip(HALF))

    place = text(len(ids)).find(_canonical(response))
    if place < 0:
        return None
    counts = range(len(ids) + 1)
    found = []
    for span in spans:
        start, end = (place + len(_canonical(response[:at])) for at in span)
        found.append(range(bisect_right(counts, start, key=characters) - 1, bisect_left(counts, end, key=characters)))
    return found


def _canonical(text: str) -> str:
    return unicodedata.normalize("NFC", text)
