r"""Closed-form numbers, and lists and tuples of them, compared by value without a computer algebra system.

Most answers to competition problems are such: `4\sqrt{5}`, `\frac{3\pi}{4}+1`, `(2,-1)`, `1,\frac{1}{81}`. Reading them
with a strict little grammar takes microseconds where a LaTeX parser takes tens of milliseconds. The grammar refuses
what it does not know and what people read in two ways (`1\frac{1}{2}`, `1/2\pi`); such pairs go to math-verify.

    list   := items | \{ items \}         unordered
    item   := sum | ( items ) | [ items ] tuples and intervals, ordered
    sum    := [+-] term ([+-] term)*
    term   := power ((* | \cdot | \times) power | power-without-sign-between)*, or one power / power
    power  := atom [!] [^ (digit | { sum })]
    atom   := number | \pi | \sqrt[n]{sum} | \frac{sum}{sum} | \binom{sum}{sum} | ( sum ) | { sum }

Rational numbers are exact fractions, others have DIGITS digits, and more where two of them come close, so that
`1-2^{-100}` is not `1-2^{-99}`. Only where a decimal stands on either side, which may be rounded, two values may be
close and undecided. A number beyond HUGE bits is infinite here: it differs from every number that is not.
"""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

DIGITS = 50  # of the arithmetic
EXACT_BITS = 1 << 15  # of a fraction's parts; larger ones are rounded to DIGITS
MOST_BITS = 1 << 17  # of the arithmetic where two numbers come close
HUGE = 1e12  # bits before the point
EQUAL = Fraction(1, 10**25)  # relative difference below which two numbers are looked at with more digits
DIFFERENT = Fraction(
    1, 10**4
)  # ... above which they are two, if a decimal is among them; in between math-verify decides

_TOKEN = re.compile(r"\s*(\d{1,60}(?:\.\d{0,60})?|\.\d{1,60}|\\[a-zA-Z]+|\\[{}]|[-+*/^(){}\[\],!])\s*")


_NAMED = re.compile(r"([A-Za-z])=([^=]+)")
_TURNED = re.compile(r"([^=]*\d[^=]*)=([A-Za-z])")  # 5=x


class UnreadableError(Exception):
    """The text is not in the grammar."""


class CloseError(Exception):
    """Two numbers are too close to be told apart or equated with `DIGITS` digits."""


def same_value(gold: str, answer: str) -> bool | None:
    """Whether two answers in normal spelling have the same value; None where one is not in the grammar, or too close.

    Lists are unordered and complete, tuples and intervals ordered, brackets must match. A list that names a value twice
    is left undecided. The name in `x=3` may be missing on one side.
    """
    names, (gold, answer) = zip(*(_named(text) for text in (gold, answer)), strict=True)
    if all(names) and names[0] != names[1]:
        return None
    one, other = read(gold), read(answer)
    if one is None or other is None:
        return None
    rule = _Rule("." in gold or "." in answer)
    try:
        return rule.same(one, other)
    except CloseError:
        return _closely(gold, answer, rule.decimals)


def _closely(gold: str, answer: str, decimals: bool) -> bool | None:
    """Compare with so many digits that the largest and smallest numbers on the way are told apart; None: too many."""
    readers = [_Reader(text, _arithmetic(DIGITS)) for text in (gold, answer)]
    for reader in readers:
        reader.answer()
    bits = 4 * max(reader.bits for reader in readers) + 512
    if bits > MOST_BITS:
        return None
    context = _arithmetic(math.ceil(bits / 3.3))
    one, other = (_Reader(text, context).answer() for text in (gold, answer))
    return _Rule(decimals, Fraction(1, 1 << bits // 2)).same(one, other)


def _named(text: str) -> tuple[str, str]:
    """Return the letter on one side of an equals sign, if there is one, and the value on the other."""
    if match := _NAMED.fullmatch(text):
        return match[1], match[2]
    match = _TURNED.fullmatch(text)
    return (match[2], match[1]) if match else ("", text)


@lru_cache(maxsize=4096)
def read(text: str) -> Any:
    """Return the value of an answer: a number, or (bracket, values) of a list; None where it is not in the grammar."""
    try:
        return _Reader(text, _arithmetic(DIGITS)).answer()
    except (UnreadableError, ZeroDivisionError, OverflowError, RecursionError):
        return None


@dataclass(frozen=True)
class _Rule:
    """When two values are one; with `decimals` close numbers may be rounded, and are left undecided.

    equal: relative difference of what is equal; None at the first look, which raises CloseError instead.
    """

    decimals: bool
    equal: Fraction | None = None

    def same(self, one: Any, other: Any) -> bool | None:
        if isinstance(one, tuple) != isinstance(other, tuple):
            listed = one if isinstance(one, tuple) else other
            if listed[0] == "list" and len(listed[1]) == 1:
                return self.same(*(value[1][0] if value is listed else value for value in (one, other)))
            return False if listed[0] == "list" and len(listed[1]) > 1 and self._distinct(listed[1]) else None
        if not isinstance(one, tuple):
            return self._same_number(one, other)
        if one[0] != other[0]:
            for lone, point in ((one, other), (other, one)):
                if lone[0] == "list" and len(lone[1]) == 1 and isinstance(lone[1][0], tuple):
                    return self.same(lone[1][0], point)
            # several points are not one point; whether 1,2 is (1,2) is another matter
            listed = one[1] if one[0] == "list" else other[1] if other[0] == "list" else []
            several = len(listed) > 1 and all(isinstance(value, tuple) for value in listed) and self._distinct(listed)
            return False if several else None
        if one[0] == "list":
            return self._same_list(one[1], other[1])
        if len(one[1]) != len(other[1]):
            return False
        equalities = [self.same(a, b) for a, b in zip(one[1], other[1], strict=True)]
        return False if False in equalities else None if None in equalities else True

    def _same_number(self, one: Any, other: Any) -> bool | None:
        if isinstance(one, Fraction) and isinstance(other, Fraction):
            difference, scale, small = abs(one - other), max(abs(one), abs(other)), DIFFERENT
            if difference == 0:
                return True
        else:
            context = (other if isinstance(one, Fraction) else one).context
            a, b, equal, small = (_rounded(context, x) for x in (one, other, self.equal or EQUAL, DIFFERENT))
            if context.isinf(a) or context.isinf(b):
                return None if a == b else False
            difference, scale = abs(a - b), max(abs(a), abs(b))
            if difference <= equal * max(scale, 1):
                if self.equal is None:
                    raise CloseError
                return True
        return None if self.decimals and (difference <= small * scale or difference <= small) else False

    def _same_list(self, one: list[Any], other: list[Any]) -> bool | None:
        if not self._distinct(one) or not self._distinct(other):
            return None
        if len(one) != len(other):
            return False
        table = [[self.same(a, b) for b in other] for a in one]
        if any(None in row for row in table):
            return None
        return all(sum(row) == 1 for row in table)

    def _distinct(self, values: list[Any]) -> bool:
        return all(self.same(a, b) is False for i, a in enumerate(values) for b in values[:i])


@lru_cache(maxsize=4)
def _arithmetic(digits: int) -> Any:
    import mpmath

    context = mpmath.mp.clone()
    context.dps = digits
    return context


def _rounded(context: Any, value: Any) -> Any:
    if not isinstance(value, Fraction):
        return value
    return context.mpf(value.numerator) / value.denominator


class _Reader:
    """A recursive-descent reader of one text."""

    def __init__(self, text: str, context: Any):
        self._mp, self._tokens, place = context, [], 0
        self.bits = 0  # of the largest and smallest numbers on the way, before or after the point
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
            total = self._kept(operator.add, total, sign * self._term())
        return total

    def _kept(self, operation: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
        """Return the result of an operation, a fraction where both are and it is not too large."""
        if isinstance(one, Fraction) and isinstance(other, Fraction):
            value = operation(one, other)
            bits = max(value.numerator.bit_length(), value.denominator.bit_length())
            value = value if bits <= EXACT_BITS else _rounded(self._mp, value)
        else:
            one, other = _rounded(self._mp, one), _rounded(self._mp, other)
            if operation is operator.truediv and self._mp.isinf(other):
                raise UnreadableError  # not zero, but nothing is known of it
            value = operation(one, other)
        return self._measured(value)

    def _measured(self, value: Any) -> Any:
        """Note how large or small a number is; one that is undefined, or that only looks finite, is refused."""
        if isinstance(value, Fraction):
            self.bits = max(self.bits, value.numerator.bit_length(), value.denominator.bit_length())
        elif self._mp.isnan(value):
            raise UnreadableError
        elif value and not self._mp.isinf(value):
            self.bits = max(self.bits, abs(self._mp.mag(value)))
            if self._mp.mag(value) > HUGE:
                raise UnreadableError
        return value

    def _term(self) -> Any:
        value = self._power()
        if self._take("/"):
            value = self._kept(operator.truediv, value, self._power())
            if self._next in ("*", "/", r"\cdot", r"\times") or self._joins():
                raise UnreadableError  # 1/2\pi is read in two ways
            return value
        while True:
            if self._next in ("*", r"\cdot", r"\times"):
                self._at += 1
            elif not self._joins():
                break
            value = self._kept(operator.mul, value, self._power())
        if self._next == "/" or self._begins_atom():
            raise UnreadableError
        return value

    def _joins(self) -> bool:
        """Whether a factor follows without a sign: never a number or a fraction, as in 1\\frac{1}{2}."""
        return self._next in (r"\pi", r"\sqrt", "(")

    def _begins_atom(self) -> bool:
        return self._next in (r"\frac", r"\binom", "{") or self._next[:1].isdigit() or self._next.startswith(".")

    def _power(self) -> Any:
        base = self._atom()
        if self._take("!"):
            base = self._factorial(base)
        if not self._take("^"):
            return base
        if self._take("{"):
            exponent = self._sum()
            self._need("}")
        elif self._next.isdigit() and len(self._next) == 1:
            exponent = Fraction(self._next)
            self._at += 1
        else:
            raise UnreadableError
        if self._next in ("^", "!"):
            raise UnreadableError
        return self._measured(self._raised(base, exponent))

    def _raised(self, base: Any, exponent: Any) -> Any:
        whole = isinstance(exponent, Fraction) and exponent.denominator == 1
        if (base < 0 and not whole) or (base == 0 and exponent <= 0):
            raise UnreadableError
        if base == 1:
            return base
        if whole and isinstance(base, Fraction):
            if abs(base) in (0, 1):
                return base ** (2 + int(exponent) % 2)
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if bits * abs(exponent) <= EXACT_BITS:
                return base ** int(exponent)
        base, power = _rounded(self._mp, base), _rounded(self._mp, exponent)
        if self._mp.isinf(base) or abs(power * self._mp.log(abs(base), 2)) > HUGE:
            if base > 1 and power > 0:
                return self._mp.inf
            raise UnreadableError
        return base ** (int(exponent) if whole else power)

    def _factorial(self, value: Any) -> Any:
        if self._mp.isinf(value) if not isinstance(value, Fraction) else value > 10**11:
            return self._mp.inf
        if not isinstance(value, Fraction) or value.denominator != 1 or value < 0 or self._next == "!":
            raise UnreadableError
        number = int(value)
        exact = number * number.bit_length() <= EXACT_BITS
        return self._measured(Fraction(math.factorial(number)) if exact else self._mp.factorial(number))

    def _binomial(self) -> Any:
        above, below = self._group(), self._group()
        if not all(isinstance(value, Fraction) and value.denominator == 1 for value in (above, below)):
            raise UnreadableError
        if not 0 <= below <= above <= HUGE:
            raise UnreadableError
        n, k = int(above), int(below)
        exact = min(n, min(k, n - k) * n.bit_length()) <= EXACT_BITS
        return self._measured(Fraction(math.comb(n, k)) if exact else self._mp.binomial(n, k))

    def _atom(self) -> Any:
        token = self._next
        self._at += 1
        if token[:1].isdigit() or token.startswith("."):
            return self._measured(Fraction(token))
        if token == r"\pi":
            return +self._mp.pi
        if token == r"\frac":
            top = self._group()
            return self._kept(operator.truediv, top, self._group())
        if token == r"\binom":
            return self._binomial()
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
        root = self._mp.root(_rounded(self._mp, value), degree)
        if isinstance(value, Fraction) and self.bits < 100:  # exact where it is rational
            parts = [round(self._mp.root(part, degree)) for part in (value.numerator, value.denominator)]
            if Fraction(parts[0] ** degree, parts[1] ** degree) == value:
                return self._measured(Fraction(*parts))
        return self._measured(root)
