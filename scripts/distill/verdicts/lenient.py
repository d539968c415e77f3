r"""The answer of a response that states it without a box, as base models do; never instead of the strict verdict.

A reading of prose is a guess, and luck is its price: so it has a column and an accuracy of its own. Only a response
that ended by itself and holds no closed box is read, and only what follows its last `</think>`:

1. the last sentence that announces the answer (`the answer is ..`, `Answer: ..`, `#### ..`): the formula or number that
   it begins with; the whole of it where it is one word or expression; else the last formula or number in it;
2. without such a sentence, the last formula or number of the text. A number inside a formula is no answer of its own.
"""

import re
from collections.abc import Iterator

from distill.models.thinking import after_think
from distill.tables.words import FinishReason
from distill.verdicts.answers import MAX_ANSWER, clean, last_box, normalise

_ANNOUNCED = re.compile(
    r"(?:####|\banswer(?: (?:to|for|of) [^.:\n]{1,80}?)?(?:\*\*)?"
    r"(?: (?:is|will be|would be|should be|equals)\b| ?[:=]))"
    r"(?!\s*(?:not|wrong|incorrect|that there is no)\b)(?:\s|[:*=]|equal to\b|simply\b|therefore\b)*",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^\n]{0,400}?(?=\.(?:\s|\*|$)|[!?;](?:\s|$)|\n|$)")
# A dollar sign before a digit closes no formula: it is money.
_FORMULA = r"\$\$?(?! )([^$\n]{1,300}?)(?<! )\$\$?(?!\d)|\\\((.{1,300}?)\\\)|\\\[(.{1,300}?)\\\]"
_NUMBER = (  # none that is part of more: 2x, x - 5, 2^5, 3 + 4, 3:30
    r"(?<![\w.^_{\\/:+-])(?<![^*]\*)(?<!\d,)(?<![+/^] )(?<![\w)] [-*] )(?<!\bnot )[-\u2212]?\$?"
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:/\d+(?:\.\d+)?)?(?:\\?%)?"
    r"(?!\d|[.,:]\d|[a-zA-Z](?![a-zA-Z])| ?(?:[\^/+(\\_=]|\*(?!\*)|- ?[\d$(\\]))"
)
_VALUE = re.compile(f"{_FORMULA}|{_NUMBER}", re.DOTALL)
_JOINED = re.compile(r"(?: ?, ?(?:and |or )?| and | or )")
_WORD = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{2,}")
_FEW = 4  # words of an answer that is words


def unboxed(response: str | None, finish_reason: str | None) -> str | None:
    """Return the answer that a response states without a box, or None where it has a box, no answer, or no end.

    Linear in the response. A box that is blank is a box: it says that there is no answer.
    """
    final = after_think(response or "")
    if finish_reason != FinishReason.STOP or final is None or last_box(final) is not None:
        return None
    final, answer, announced = clean(final), None, None
    for match in _ANNOUNCED.finditer(final):
        announced = match
    if announced is not None:
        answer = _stated(_SENTENCE.match(final, announced.end())[0])
    if answer is None:
        answer = _last_value(final)
    return answer if answer and len(answer) <= MAX_ANSWER and normalise(answer) else None


def _stated(sentence: str) -> str | None:
    """Return the answer in the rest of a sentence that announces it, or None where there is none to be read."""
    sentence = sentence.strip().strip('*_`"').strip()
    words = _WORD.findall(sentence)
    if first := _VALUE.match(sentence):
        is_expression = not words and first.lastindex is None
        return sentence if is_expression else next(_values(sentence))
    if len(words) <= 1:
        return sentence or None
    value = _last_value(sentence)
    return sentence if value is None and len(words) <= _FEW else value


def _last_value(text: str) -> str | None:
    last = None
    for value in _values(text):
        last = value
    return last


def _values(text: str) -> Iterator[str]:
    """Yield the formulas and numbers of a text; those that only a comma, `and` or `or` parts are one answer, a list."""
    values: list[str] = []
    end = 0
    for match in _VALUE.finditer(text):
        if values and not _JOINED.fullmatch(text, end, match.start()):
            yield ",".join(values)
            values = []
        values.append(next((part for part in match.groups() if part), match[0]).strip(" ,"))
        end = match.end()
    if values:
        yield ",".join(values)
