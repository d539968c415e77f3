"""Numbers that count as right though they are not equal to the gold answer: within an error that its source states."""

from fractions import Fraction
from typing import Any

from distill.verdicts.answers import normalise
from distill.verdicts.values import read

# Of an absolute error, as OlympiadBench's own judge has it: a rounded number may be at its end.
SLACK = Fraction(101, 100)


def is_within(gold: str, answer: str | None, relative: float, absolute: float | None) -> bool:
    """Whether an answer is one closed-form number, as the gold answer is, within an error of it.

    relative: of the gold answer's size. absolute: of this problem's own, None without one.
    """
    values = [_number(gold), _number(answer or "")]
    if None in values:
        return False
    one, other = values
    allowed = max(Fraction(relative) * abs(one), Fraction(absolute or 0) * SLACK)
    return abs(one - other) <= allowed


def _number(text: str) -> Any:
    """Return the value of a text that is one number; None for any other."""
    value = read(normalise(text))
    if value is None or isinstance(value, tuple):
        return None
    try:
        return value if isinstance(value, Fraction) else Fraction(str(value))
    except ValueError:  # infinite
        return None
