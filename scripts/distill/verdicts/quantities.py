r"""Quantities whose units convert: `30^\circ` and `\frac{\pi}{6}`, `90 \text{ min}` and `1.5 \text{ hours}`.

A unit may be missing on either side, and counts where both state one: two of a kind are converted, two of different
kinds are never one. An angle without a unit is in radians where the gold answer is in degrees and the angle holds a
`\pi`; a gold answer without a unit of angle is taken as it stands, so `30^\circ` is no answer to `\frac{\pi}{6}`.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from distill.verdicts.answers import normalise, plain
from distill.verdicts.labelled import opened, pieces
from distill.verdicts.units import Size, measured, unit_size

LONGEST = 400  # characters
_DEGREES = re.compile(r"(.*?) ?(?:\^ ?\{? ?(?:\\circ|\\degree) ?\}?|\\degree|(?<![a-zA-Z])deg(?:ree)?s?)")
_MINUTES = re.compile(r"(-?)(\d+) ?\^ ?\{? ?\\circ ?\}? ?(\d+(?:\.\d+)?) ?'(?: ?(\d+(?:\.\d+)?) ?(?:''|\"))?")
_RADIANS = re.compile(r"(.*?) ?(?<![a-zA-Z])rad(?:ian)?s?")
_DOLLARS = re.compile(r"(-?)(?:US ?)?\\?\$ ?(-?[\d.,]*\d)(?: ?USD)?")
_TERM = re.compile(r"(\d+(?:\.\d+)?|\d* ?\\frac ?\{\d+\} ?\{\d+\}) ?([A-Za-z]{2,})\.?(?: and|,)? ?")
_SCALE = re.compile(r"\^ ?\{? ?(?:\\circ|\\degree) ?\}? ?([CF])(?![a-zA-Z])")
_MINUTES_ALONE = re.compile(r"[^'a-zA-Z]*\d ?(?:'|\^ ?\{? ?\\prime ?\}?)")
_MARK = re.compile(r"[^'a-zA-Z]*\d ?('{1,2}|\")")
_CURRENCIES = {
    name: re.compile(signs)
    for name, signs in (
        ("dollar", r"\\\$|^\$ ?[\d.,]+$|\bUSD\b|\bdollars?\b"), ("euro", r"€|\\euro?\b|\bEUR\b|\beuros?\b"),
        ("pound", r"£|\\pounds\b|\bGBP\b"), ("yen", r"¥|\b(?:JPY|CNY|yen|yuan)\b"),
        ("rupee", r"₹|\b(?:INR|Rs|rupees?)\b"), ("cent", r"¢|\bcents?\b"),
    )
}  # fmt: skip
_ANGLE = (Fraction(1), frozenset([("angle", 1)]))
_DOLLAR = (Fraction(1), frozenset([("$", 1)]))


@dataclass(frozen=True)
class _Quantity:
    """A value and the size of its unit (degrees are told apart); a sum has terms in several units."""

    value: str
    size: Size
    is_degrees: bool = False
    is_sum: bool = False

    def in_unit_of(self, other: "_Quantity") -> str:
        """Return the value in the other's unit."""
        if self.is_degrees != other.is_degrees:
            turn = r"\frac{\pi}{180}" if self.is_degrees else r"\frac{180}{\pi}"
            return rf"({self.value})\cdot{turn}"
        ratio = self.size[0] / other.size[0]
        return self.value if ratio == 1 else rf"({self.value})\cdot\frac{{{ratio.numerator}}}{{{ratio.denominator}}}"

    def is_in(self, other: "_Quantity") -> bool:
        """Whether both are plain values in one unit."""
        return (self.size, self.is_degrees) == (other.size, other.is_degrees) and not (self.is_sum or other.is_sum)


def alike(gold: str, answer: str) -> tuple[str, str] | None:
    """Return the values of two answers in the units of the second, None where there is nothing to convert."""
    if max(len(gold), len(answer)) > LONGEST:
        return None
    sides = [[gold], [answer]]
    quantities = [_quantity(gold), _quantity(answer)]
    if None in quantities and _quantity(gold) is None:
        sides = [pieces(opened(text)) for text in (gold, answer)]
    golds = [_quantity(piece) for piece in sides[0]]
    if len(sides[0]) != len(sides[1]) or None in golds:
        return None
    answers = [_quantity(piece) or _bare_angle(piece, one) for piece, one in zip(sides[1], golds, strict=True)]
    if None in answers or any(a.size[1] != b.size[1] for a, b in zip(golds, answers, strict=True)):
        return None
    pairs = list(zip(golds, answers, strict=True))
    if all(one.is_in(other) for one, other in pairs):
        return None
    return (",".join(normalise(one.in_unit_of(other)) for one, other in pairs),
            ",".join(normalise(other.value) for other in answers))  # fmt: skip


def differ(gold: str, answer: str) -> bool:
    """Whether two answers state currencies, scales of temperature, or parts of a degree, and these are not the same."""
    if max(len(gold), len(answer)) > LONGEST:
        return False
    money = [{name for name, signs in _CURRENCIES.items() if signs.search(text)} for text in (gold, answer)]
    if all(money) and not money[0] & money[1]:
        return True
    told = [opened(text) for text in (gold, answer)]
    scales = [set(_SCALE.findall(text)) for text in told]
    if all(scales) and scales[0] != scales[1]:
        return True
    if _is_other_mark(told[0], answer) or _is_other_mark(told[1], gold):
        return True
    degrees, minutes = ([form.fullmatch(text) is not None for text in told] for form in (_DEGREES, _MINUTES_ALONE))
    return (degrees[0] and minutes[1]) or (degrees[1] and minutes[0])


def _is_other_mark(marked: str, other: str) -> bool:
    """Whether a value has the mark of feet or minutes, or of inches or seconds, and the other one another unit."""
    mark = _MARK.fullmatch(marked)
    if mark is None:
        return False
    stated = measured(plain(other))
    is_double = len(mark[1]) > 1 or mark[1] == '"'
    of_mark = [unit_size(name) for name in (("in", "sec") if is_double else ("ft", "min"))]
    if stated is None:
        return "%" in other or any(signs.search(other) for signs in _CURRENCIES.values())
    return stated[1] not in of_mark


def _bare_angle(text: str, gold: _Quantity) -> _Quantity | None:
    """Return an angle without a unit: one with pi in it, where the gold answer is in degrees, is in radians."""
    is_angle = gold.is_degrees and re.search(r"\\pi(?![a-zA-Z])|π", text)
    return _Quantity(text, _ANGLE) if is_angle else None


@lru_cache(maxsize=4096)
def _quantity(text: str) -> _Quantity | None:
    """Return the quantity that an answer is, None where it states no unit that is known."""
    told = opened(text)
    if match := _MINUTES.fullmatch(told):
        value = rf"{match[2]}+\frac{{{match[3]}}}{{60}}" + (rf"+\frac{{{match[4]}}}{{3600}}" if match[4] else "")
        return _Quantity(f"-({value})" if match[1] else value, _ANGLE, is_degrees=True, is_sum=True)
    for form, is_degrees in ((_DEGREES, True), (_RADIANS, False)):
        if (match := form.fullmatch(told)) and match[1] and not re.search(r"[,=;]|circ|\\(?:sin|cos|tan)", match[1]):
            return _Quantity(match[1], _ANGLE, is_degrees)
    if match := _DOLLARS.fullmatch(plain(text).strip(" .")):
        return _Quantity(match[1] + match[2], _DOLLAR)
    return _sum(told) or _single(text)


def _single(text: str) -> _Quantity | None:
    found = measured(plain(text))
    if found is None or re.search(r"[,=;]|\\text", found[0]):
        return None
    return _Quantity(found[0].rstrip(" \\,~"), found[1])


def _sum(text: str) -> _Quantity | None:
    """Return a quantity in several units of a kind, such as hours and minutes, in the unit of its first term."""
    terms, place = [], 0
    while match := _TERM.match(text, place):
        terms.append((match[1], unit_size(match[2])))
        place = match.end()
    sizes = [size for _, size in terms]
    if place < len(text) or len(terms) < 2 or None in sizes or len({size[1] for size in sizes}) > 1:
        return None
    first = sizes[0][0]
    if any(one[0] <= two[0] for one, two in pairwise(sizes)):
        return None  # 3 cm and 2 m are two lengths
    parts = [rf"({value})\cdot\frac{{{size.numerator}}}{{{size.denominator}}}"
             for value, size in ((value, Fraction(size[0] / first)) for value, size in terms)]  # fmt: skip
    return _Quantity("+".join(parts), sizes[0], is_sum=True)
