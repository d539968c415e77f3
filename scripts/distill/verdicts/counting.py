r"""Signs of combinatorics and number theory that are also something else: `C(5,2)`, `C_5^2`, `A_5^2`, `7 \bmod 3`.

`C(5,2)` is a point as well, and `C_5^2` the square of a constant, so they are read as numbers only where the other
answer is a number. The order of `C_n^k` is that of China, Russia and France, where people write it: n below, k above.
`C_n^2` with a letter is a binomial where the other answer has no C of its own.
"""

import math
import re

from distill.verdicts.values import read

LONGEST = 200  # characters
_N = r"(?:\{(\d{1,4})\}|(\d{1,4}))"
_CALL = re.compile(r"(?<![a-zA-Z\\])([CP])\((\d{1,4}),(\d{1,4})\)")
_INDEXED = re.compile(rf"(?<![a-zA-Z\\])([CPA])(?:_{_N}\^{_N}|\^{_N}_{_N})")
_SYMBOLIC = re.compile(r"(?<![a-zA-Z\\])C_(?:\{([^{}C]{1,12})\}|([a-z]))\^(?:\{([^{}C]{1,12})\}|([a-z\d]))")
_OWN_C = re.compile(r"(?<![a-zA-Z\\])C(?![a-zA-Z])")
_REMAINDER = re.compile(r"(-?\d{1,30}) ?\\b?mod ?\{?([1-9]\d{0,29})\}?")


def as_numbers(gold: str, answer: str) -> tuple[str, str] | None:
    """Return two answers with such signs written out, None where neither has one, or the other says what it is."""
    if max(len(gold), len(answer)) > LONGEST:
        return None
    texts = [_written(text) for text in (gold, answer)]
    if texts != [gold, answer] and all(_is_number(text) for text in texts):
        return texts[0], texts[1]
    if _OWN_C.search(gold) and _OWN_C.search(answer):
        return None
    texts = [_SYMBOLIC.sub(_binomial, text) for text in (gold, answer)]
    return (texts[0], texts[1]) if texts != [gold, answer] else None


def _written(text: str) -> str:
    """Return a text with numbers in place of such signs; what counts nothing stays as it is."""
    text = _INDEXED.sub(_count, _CALL.sub(_count, text))
    remainder = _REMAINDER.fullmatch(text)
    return str(int(remainder[1]) % int(remainder[2])) if remainder else text


def _count(match: re.Match[str]) -> str:
    letter, *numbers = (part for part in match.groups() if part)
    n, k = map(int, reversed(numbers) if match[0].startswith("^", 1) else numbers)
    if k > n or (k == n < 3 and "_" in match[0]):  # C_1^2 and C_2^2 are squares of constants
        return match[0]
    return rf"(\binom{{{n}}}{{{k}}})" if letter == "C" else f"({math.perm(n, k)})" if n <= 100 else match[0]


def _binomial(match: re.Match[str]) -> str:
    below, above = match[1] or match[2], match[3] or match[4]
    return match[0] if below.isdigit() else rf"\binom{{{below}}}{{{above}}}"


def _is_number(text: str) -> bool:
    value = read(text)
    return value is not None and not isinstance(value, tuple)
