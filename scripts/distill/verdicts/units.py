r"""Compound units behind a value: `9.8\,\text{m}\cdot\text{s}^{-2}`, `9.8 m/s^2`, `5\,\frac{\text{J}}{\text{kg}}`.

    unit   := factor ((\cdot | \times | * | space | / | per) factor)*
    factor := (name | ( unit ) | \frac{unit}{unit} | \text{unit}) [^power | squared | cubed]

A compound unit has two names or more. In an upright font any word may stand in it, and a letter that is the sign of a
unit; without one only units that are known, and single letters only as a quotient people write (`m/s`, `N/m^2`): other
letters are symbols, and their product is mathematics. Two units are one where size and dimension agree: `N/m` is
`kg/s^2`, and `km/h` is not `m/s`. What is read in two ways (`J/kg K`) or has a word that is not known stays undecided.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

LONGEST = 120  # characters of a unit
Size = tuple[Fraction, frozenset[tuple[str, int]]]  # in base units, and the powers of these

_SIGNS = {
    "m": "1 m", "g": "1/1000 kg", "s": "1 s", "A": "1 A", "K": "1 K", "mol": "1 mol", "cd": "1 cd",
    "Hz": "1 s-1", "N": "1 kg m s-2", "Pa": "1 kg m-1 s-2", "J": "1 kg m2 s-2", "W": "1 kg m2 s-3", "C": "1 A s",
    "V": "1 kg m2 s-3 A-1", "F": "1 kg-1 m-2 s4 A2", r"\Omega": "1 kg m2 s-3 A-2", "T": "1 kg s-2 A-1",
    "H": "1 kg m2 s-2 A-2", "L": "1/1000 m3", "l": "1/1000 m3", "eV": "1 eV", "B": "1 B", "bit": "1 bit",
}  # fmt: skip
_OTHERS = {
    "min": "60 s", "h": "3600 s", "hr": "3600 s", "d": "86400 s", "day": "86400 s", "week": "604800 s",
    "month": "1 month", "year": "12 month", "yr": "12 month", "in": "127/5000 m", "ft": "381/1250 m",
    "yd": "1143/1250 m", "mi": "201168/125 m", "mile": "201168/125 m", "t": "1000 kg", "lb": "45359237/100000000 kg",
    "oz": "45359237/1600000000 kg", "gal": "1 gal", "mph": "1397/3125 m s-1", "kph": "5/18 m s-1", "rad": "1 ",
    "dollar": "1 $", "cent": "1/100 $", "rev": "1 rev", "rpm": "1/60 rev s-1",
}  # fmt: skip
_WORDS = {
    "metre": "m", "meter": "m", "gram": "g", "second": "s", "sec": "s", "minute": "min", "hour": "h", "foot": "ft",
    "feet": "ft", "inch": "in", "inche": "in", "yard": "yd", "mile": "mi", "pound": "lb", "ounce": "oz",
    "gallon": "gal", "litre": "L", "liter": "L", "ampere": "A", "amp": "A",
    "kelvin": "K", "mole": "mol", "newton": "N", "joule": "J",
    "watt": "W", "volt": "V", "ohm": r"\Omega", "pascal": "Pa", "hertz": "Hz", "coulomb": "C", "farad": "F",
    "tesla": "T", "henry": "H", "revolution": "rev", "radian": "rad", "ton": "t", "tonne": "t", "byte": "B",
}  # fmt: skip
_PREFIXES = {"k": 3, "M": 6, "G": 9, "T": 12, "h": 2, "d": -1, "c": -2, "m": -3, "n": -9, "p": -12}
_PREFIX_WORDS = {"kilo": 3, "mega": 6, "giga": 9, "deci": -1, "centi": -2, "milli": -3, "micro": -6, "nano": -9}
LETTERS = frozenset([*"msghlLtcdACFHJKNTVW", r"\Omega", r"\AA"])  # single letters that are units in an upright font
_QUOTIENTS = re.compile(r"(?:[mg]/s|[NJWVC]/[msCKA])(?:\^\{?[23]\}?)?")
_NUMBER = r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|quarter)"
NO_UNIT = re.compile(
    r"\b(?:and|or|but|if|for|when|where|unless|until|except|is|are|not|no|never|cannot|[a-z]+n't|less|least|most|than|"
    r"maybe|possibly|perhaps|rejected|invalid|excluded|fails|extraneous|impossible|mod|to|power|plus|minus|divided|"
    r"choose|factorial|inverse|reciprocal|doubled|tripled|halved|repeating|recurring|tens|halves|mille|basis|percent|"
    r"[ap]m|out of|quarters? of|(?:below|under) zero|(?:square|cube) root|dozen|hundred|thousand|million|billion|"
    r"trillion|lakh|crore|(?:third|fourth|fifth|sixth|seventh|eighth|ninth|(?:ten|hundred|thousand|million)th)s)\b|"
    rf"^\W*(?:squared|cubed)\b|^(?:st|nd|rd|th)\b.* ?\b(?:from|root)\b|\b{_NUMBER}[ .}}]*$|\((?:incorrect|wrong)|"
    r"(?<![\w^{-])\d"  # two numbers
)
"""What changes the number before it, or is another, in a text that would otherwise be a unit."""

_UPRIGHT = r"\\(?:text(?:rm|sf|tt|up|md|normal)?|math(?:rm|sf|tt|up)|[mh]box|operatorname\*?) ?\{"
_TOKEN = re.compile(
    rf"(?P<space>(?:\s|~|\\[,;:! ]|\\q?quad(?![a-zA-Z]))+)|(?P<upright>{_UPRIGHT})|(?P<frac>\\[dt]?frac(?![a-zA-Z]))"
    r"|(?P<times>\\(?:cdot|times)(?![a-zA-Z])|\*)|(?P<over>/|per\b)|\^ ?(?:\{ ?(?P<braced>-?\d) ?\}|(?P<power>\d))"
    r"|(?P<open>[({])|(?P<close>[)}])|(?P<name>[a-zA-Z]+|\\Omega(?![a-zA-Z])|\\AA(?![a-zA-Z]))"
)
_BETWEEN = r"(?:\s|~|\\[,;:! ]|\\q?quad|\\cdot|\\times|\*)*"
_START = re.compile(rf"(?<=[\w)\]}}%!]){_BETWEEN}(?={_UPRIGHT}|\\[dt]?frac|\\Omega(?![a-zA-Z])|(?<![a-zA-Z])[a-zA-Z])")
_OPERATOR = re.compile(r"[/^*]|\\(?:cdot|times|[dt]?frac)(?![a-zA-Z])|\bper\b")


@dataclass(frozen=True)
class _Factor:
    name: str
    power: int
    upright: bool


@dataclass(frozen=True)
class _Stated:
    """A unit in a text: where it starts and ends, and its size and dimension, None where they are not known."""

    start: int
    end: int
    is_compound: bool
    size: Size | None


class _NoUnitError(Exception):
    """The text is no unit."""


def without_unit(text: str) -> str:
    """Return an answer without the compound unit at its end."""
    stated = _stated(text)
    return text[: stated.start] + text[stated.end :] if stated and stated.is_compound else text


def clash(gold: str, answer: str) -> bool:
    """Whether two answers state units that differ; a unit may be missing on either side."""
    one, other = measured(gold), measured(answer)
    return one is not None and other is not None and one[1] != other[1]


def measured(text: str) -> tuple[str, Size] | None:
    """Return the value of an answer and the size of the unit that it states, None where none is known."""
    stated = _stated(text)
    return None if stated is None or stated.size is None else (text[: stated.start], stated.size)


def unit_size(name: str) -> Size | None:
    """Return the size of a unit by its name of two letters or more, None for what is not known."""
    known = _known(name) if len(name) > 1 else None
    return None if known is None else (known[0], frozenset(known[1]))


def unit_key(name: str) -> str:
    """Return a text that all names of one unit share, '' for what is none that is known, or a single letter."""
    size = unit_size(name)
    return "" if size is None else f"{size[0]}{'.'.join(f'{unit}{power}' for unit, power in sorted(size[1]))}"


@lru_cache(maxsize=4096)
def _stated(text: str) -> _Stated | None:
    """Return the unit at the end of an answer, None where there is none."""
    end = len(text.rstrip(" .$\n\t"))
    for match in _START.finditer(text, max(len(text) - LONGEST, 0)):
        unit = text[match.end() : end]
        reader = _Reader(unit)
        try:
            factors = reader.unit("")
        except _NoUnitError:
            continue
        if len(factors) > 1:
            is_unit = _is_compound(match[0], unit, factors)
        else:
            is_unit = _known(factors[0].name) is not None and (factors[0].upright or len(factors[0].name) > 1)
        if is_unit:
            size = None if reader.is_ambiguous else _size(factors)
            return _Stated(match.start(), end, len(factors) > 1, size)
    return None


def _is_compound(before: str, unit: str, factors: list[_Factor]) -> bool:
    if NO_UNIT.search(unit):
        return False
    for factor in factors:
        is_letter = len(factor.name) == 1 or factor.name.startswith("\\")
        if factor.upright and is_letter and factor.name not in LETTERS:
            return False
        if not factor.upright and _known(factor.name) is None:
            return False
    bare = [factor for factor in factors if not factor.upright]
    if not bare or any(len(factor.name) > 1 for factor in bare):
        # words side by side are what is counted, unless they are units
        return bool(_OPERATOR.search(unit)) or all(_known(factor.name) for factor in factors)
    return bool(before.strip("*")) and _QUOTIENTS.fullmatch(unit) is not None


def _size(factors: list[_Factor]) -> Size | None:
    """Return the size of a unit in base units, and their powers; None where a name is not known."""
    size, powers = Fraction(1), dict[str, int]()
    for factor in factors:
        known = _known(factor.name)
        if known is None:
            return None
        size *= known[0] ** factor.power
        for name, power in known[1]:
            powers[name] = powers.get(name, 0) + power * factor.power
    return size, frozenset((name, power) for name, power in powers.items() if power)


@lru_cache(maxsize=512)
def _known(name: str) -> tuple[Fraction, tuple[tuple[str, int], ...]] | None:
    """Return the size of a unit in base units, and their powers; None for a name that is not known."""
    definition = _SIGNS.get(name) or _OTHERS.get(name)
    if definition is not None:
        size, *parts = definition.split(" ")
        pairs = (re.fullmatch(r"(\D+?)(-?\d*)", part) for part in parts if part)
        return Fraction(size), tuple((pair[1], int(pair[2] or 1)) for pair in pairs)
    word = name.lower()
    for whole in (word, word.removesuffix("s")):
        if whole in _WORDS or (len(whole) > 2 and whole in _OTHERS):
            return _known(_WORDS.get(whole, whole))
        for prefix, power in _PREFIX_WORDS.items():
            if whole.removeprefix(prefix) in _WORDS and whole.startswith(prefix):
                return _scaled(_WORDS[whole.removeprefix(prefix)], power)
    if name[:1] in _PREFIXES and name[1:] in _SIGNS and name[1:] not in ("cd", r"\Omega"):
        return _scaled(name[1:], _PREFIXES[name[0]])
    return None


def _scaled(name: str, power: int) -> tuple[Fraction, tuple[tuple[str, int], ...]] | None:
    known = _known(name)
    return None if known is None else (known[0] * Fraction(10) ** power, known[1])


class _Reader:
    """A recursive-descent reader of one unit."""

    def __init__(self, text: str):
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                self._tokens.append(("other", ""))
                break
            kind = "power" if match.lastgroup == "braced" else match.lastgroup
            self._tokens.append((kind, match["braced"] or match["power"] or match[0]))
            place = match.end()
        self._tokens.append(("end", ""))
        self._at = 0
        self.is_ambiguous = False

    def _next(self) -> tuple[str, str]:
        while self._tokens[self._at][0] == "space":
            self._at += 1
        return self._tokens[self._at]

    def unit(self, closing: str, upright: bool = False) -> list[_Factor]:
        """Read factors up to a closing bracket, or to the end. Raises _NoUnitError."""
        factors: list[_Factor] = []
        sign, divided, square = 1, False, 1
        while True:
            kind, text = self._next()
            if (kind == "end" and not closing) or (kind == "close" and text == closing):
                if sign < 0 or square > 1 or not factors:
                    raise _NoUnitError  # nothing after a slash
                self._at += 1
                return factors
            if kind in ("times", "over"):
                if not factors or sign < 0:
                    raise _NoUnitError
                sign, divided = (-1, True) if kind == "over" else (1, divided)
                self._at += 1
                continue
            if kind == "name" and text in ("square", "cubic", "sq"):
                square, self._at = 3 if text == "cubic" else 2, self._at + 1
                continue
            # m/s/s is read in one way, J/kg K is not
            self.is_ambiguous = self.is_ambiguous or (divided and sign > 0)
            factors += [_Factor(f.name, f.power * sign * square, f.upright) for f in self._factor(upright)]
            sign, square = 1, 1

    def _factor(self, upright: bool) -> list[_Factor]:
        kind, text = self._next()
        self._at += 1
        if kind == "name":
            factors = [_Factor(text, 1, upright)]
        elif kind == "open":
            factors = self.unit({"(": ")", "{": "}"}[text], upright)
        elif kind == "upright":
            factors = self.unit("}", True)
        elif kind == "frac":
            above, below = self._group(upright), self._group(upright)
            factors = above + [_Factor(f.name, -f.power, f.upright) for f in below]
        else:
            raise _NoUnitError
        power = self._power()
        # \text{m/s}^2 means m/s^2: the power is that of the last sign
        if kind == "upright":
            last = factors[-1]
            return [*factors[:-1], _Factor(last.name, last.power * power, last.upright)]
        return [_Factor(f.name, f.power * power, f.upright) for f in factors]

    def _group(self, upright: bool) -> list[_Factor]:
        if self._next() != ("open", "{"):
            raise _NoUnitError
        self._at += 1
        return self.unit("}", upright)

    def _power(self) -> int:
        kind, text = self._next()
        if kind == "power":
            self._at += 1
            if not int(text):
                raise _NoUnitError
            return int(text)
        if kind == "name" and text in ("squared", "cubed"):
            self._at += 1
            return 2 if text == "squared" else 3
        return 1
