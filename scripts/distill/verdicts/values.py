r"""Closed-form numbers, and lists and tuples of them, compared by value without a computer algebra system.

Most answers to competition problems are such: `4\sqrt{5}`, `\frac{3\pi}{4}+1`, `(2,-1)`, `1,\frac{1}{81}`. Reading them
with a strict little grammar takes microseconds where a LaTeX parser takes tens of milliseconds. The grammar refuses
what it does not know and what people read in two ways (`1\frac{1}{2}`, `1/2\pi`); such pairs go to math-verify.

    list   := items | \{ items \}         unordered
    item   := sum | ( items ) | [ items ] tuples and intervals, ordered
    sum    := [+-] term ([+-] term)*
    term   := power ((* | \cdot | \times) power | power-without-sign-between)*, or one power / power
    power  := atom [^ (digit | { sum })]
    atom   := number | \pi | \sqrt[n]{sum} | \frac{sum}{sum} | ( sum ) | { sum }
"""

import re
from functools import cache, lru_cache
from typing import Any

DIGITS = 50  # of the arithmetic
LARGEST = 1e25  # beyond it DIGITS would no longer tell neighbouring whole numbers apart by a wide margin
EQUAL = 1e-25  # relative difference below which two values are one
DIFFERENT = 1e-4  # ... above which they are two; in between a decimal may be rounded, and math-verify decides

_TOKEN = re.compile(r"\s*(\d{1,60}(?:\.\d{0,60})?|\.\d{1,60}|\\[a-zA-Z]+|\\[{}]|[-+*/^(){}\[\],])\s*")


_NAMED = re.compile(r"([A-Za-z])=([^=]+)")


class UnreadableError(Exception):
    """The text is not in the grammar."""


def same_value(gold: str, answer: str) -> bool | None:
    """Whether two answers in normal spelling have the same value; None where one is not in the grammar, or too close.

    Lists are unordered and complete, tuples and intervals ordered, brackets must match. A list that names a value twice
    is left undecided. The name in `x=3` may be missing on one side.
    """
    names, (gold, answer) = zip(*(_named(text) for text in (gold, answer)), strict=True)
    if all(names) and names[0] != names[1]:
        return None
    one, other = read(gold), read(answer)
    return None if one is None or other is None else _same(one, other)


def _named(text: str) -> tuple[str, str]:
    """Return the letter before an equals sign, if a text begins so, and what comes after it."""
    match = _NAMED.fullmatch(text)
    return (match[1], match[2]) if match else ("", text)


@lru_cache(maxsize=4096)
def read(text: str) -> Any:
    """Return the value of an answer: a number, or (bracket, values) of a list; None where it is not in the grammar."""
    try:
        return _Reader(text).answer()
    except (UnreadableError, ZeroDivisionError, OverflowError, RecursionError):
        return None


def _same(one: Any, other: Any) -> bool | None:
    if isinstance(one, tuple) != isinstance(other, tuple):
        listed = one if isinstance(one, tuple) else other
        return False if listed[0] == "list" and len(listed[1]) > 1 and _distinct(listed[1]) else None
    if not isinstance(one, tuple):
        scale = max(abs(one), abs(other))
        difference = abs(one - other)
        if difference <= EQUAL * scale:
            return True
        return False if difference > DIFFERENT * scale and difference > DIFFERENT else None
    if one[0] != other[0]:
        # several points are not one point; whether 1,2 is (1,2) is another matter
        listed = one[1] if one[0] == "list" else other[1] if other[0] == "list" else []
        several = len(listed) > 1 and all(isinstance(value, tuple) for value in listed) and _distinct(listed)
        return False if several else None
    if one[0] == "list":
        return _same_list(one[1], other[1])
    if len(one[1]) != len(other[1]):
        return False
    found = [_same(a, b) for a, b in zip(one[1], other[1], strict=True)]
    return False if False in found else None if None in found else True


def _same_list(one: list[Any], other: list[Any]) -> bool | None:
    if not _distinct(one) or not _distinct(other):
        return None
    if len(one) != len(other):
        return False
    table = [[_same(a, b) for b in other] for a in one]
    if any(None in row for row in table):
        return None
    return all(sum(row) == 1 for row in table)


def _distinct(values: list[Any]) -> bool:
    return all(_same(a, b) is False for i, a in enumerate(values) for b in values[:i])


@cache
def _arithmetic() -> Any:
    import mpmath

    context = mpmath.mp.clone()
    context.dps = DIGITS
    return context


class _Reader:
    """A recursive-descent reader of one text."""

    def __init__(self, text: str):
        self._mp, self._tokens, place = _arithmetic(), [], 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise UnreadableError
            self._tokens.append(match[1])
            place = match.end()
        self._tokens.append("")
        self._at = 0

    def answer(self) -> Any:
        braced = self._take(r"\{")
        values = self._items()
        if braced and not self._take(r"\}"):
            raise UnreadableError
        if self._next:
            raise UnreadableError
        return ("list", values) if braced or len(values) > 1 else values[0]

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self, token: str) -> bool:
        if self._next != token:
            return False
        self._at += 1
        return True

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise UnreadableError

    def _items(self) -> list[Any]:
        values = [self._item()]
        while self._take(","):
            values.append(self._item())
        return values

    def _item(self) -> Any:
        """A tuple, an interval, or a sum; a bracket that holds one value only is part of a sum."""
        start = self._at
        for opening in "([":
            if self._take(opening):
                values = self._items()
                closing = self._next
                if closing not in (")", "]"):
                    raise UnreadableError
                self._at += 1
                if len(values) > 1:
                    return opening + closing, values
                self._at = start
                break
        return self._sum()

    def _sum(self) -> Any:
        sign = -1 if self._take("-") else 1
        if sign == 1:
            self._take("+")
        total = sign * self._term()
        while self._next in ("+", "-"):
            sign = 1 if self._take("+") else -1 * self._take("-")
            total += sign * self._term()
        if not abs(total) < LARGEST:
            raise UnreadableError
        return total

    def _term(self) -> Any:
        value = self._power()
        if self._take("/"):
            value = value / self._power()
            if self._next in ("*", "/", r"\cdot", r"\times") or self._joins():
                raise UnreadableError  # 1/2\pi is read in two ways
            return value
        while True:
            if self._next in ("*", r"\cdot", r"\times"):
                self._at += 1
            elif not self._joins():
                break
            value = value * self._power()
        if self._next == "/" or self._begins_atom():
            raise UnreadableError
        return value

    def _joins(self) -> bool:
        """Whether a factor follows without a sign: never a number or a fraction, as in 1\\frac{1}{2}."""
        return self._next in (r"\pi", r"\sqrt", "(")

    def _begins_atom(self) -> bool:
        return self._next in (r"\frac", "{") or self._next[:1].isdigit() or self._next.startswith(".")

    def _power(self) -> Any:
        base = self._atom()
        if not self._take("^"):
            return base
        if self._take("{"):
            exponent = self._sum()
            self._need("}")
        elif self._next.isdigit() and len(self._next) == 1:
            exponent = self._mp.mpf(self._next)
            self._at += 1
        else:
            raise UnreadableError
        if self._next == "^" or abs(exponent) > 100 or (base < 0 and exponent != int(exponent)):
            raise UnreadableError
        return base**exponent

    def _atom(self) -> Any:
        token = self._next
        self._at += 1
        if token[:1].isdigit() or token.startswith("."):
            return self._mp.mpf(token)
        if token == r"\pi":
            return +self._mp.pi
        if token == r"\frac":
            top = self._group()
            return top / self._group()
        if token == r"\sqrt":
            return self._root()
        if token in ("(", "{"):
            value = self._sum()
            self._need(")" if token == "(" else "}")
            return value
        raise UnreadableError

    def _group(self) -> Any:
        self._need("{")
        value = self._sum()
        self._need("}")
        return value

    def _root(self) -> Any:
        degree = 2
        if self._take("["):
            if not self._next.isdigit() or not 2 <= int(self._next) <= 20:
                raise UnreadableError
            degree = int(self._next)
            self._at += 1
            self._need("]")
        value = self._group()
        if value < 0:
            raise UnreadableError
        return self._mp.root(value, degree)
