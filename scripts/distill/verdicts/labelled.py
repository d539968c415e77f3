r"""Values that are bound to a name or to what is counted: `x=1,y=2`, `3 red, 2 blue`, `\text{Alice: }4,\text{ Bob: }5`.

A list of numbers has no order, and units may be left out; but these are no list of numbers, and `2 red, 3 blue` is
another answer. Where one of two answers is such, both are written as tuples, in one order of the names:

    answer := part ((, | ; | and | \\ | \quad) part)+    two parts or more, all of one of the three forms
    part   := name (= | :) value | number words | words number

Names that stand again and again (`x=1,y=2; x=3,y=4`) make several tuples, which have no order. Where names are missing
on one side its values count in the order in which they stand (those of x, y and z in the order of the letters).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from distill.verdicts.answers import normalise, plain
from distill.verdicts.units import unit_key

LONGEST = 1000  # characters
_FONT = re.compile(
    r"\\(?:text|math)(?:rm|sf|tt|bf|it|sl|up|md|normal)? ?\{([^{}]*)\}|\\(?:[mh]box|operatorname) ?\{([^{}]*)\}"
)
_SPACE = re.compile(r"\\[,;:! ]|~|\\(?:left|right|displaystyle)(?![a-zA-Z])|(?<!\\)\$|\s+")
_CASES = re.compile(r"\\begin ?\{(?:cases|aligned|array)\}(?: ?\{[lcr]+\})?|\\end ?\{(?:cases|aligned|array)\}|&")
_WRAPPED = re.compile(r"(?:\\\{|\()(?=[^()]*[=:])(.*)(?:\\\}|\))", re.DOTALL)
_THOUSANDS = re.compile(r"(?<=\d)(?:,|\{,\})(?=\d{3}(?!\d))")
_SEPARATOR = re.compile(r"[,;]|\\\\|\\q?quad(?![a-zA-Z])|(?<![\w\\])and(?!\w)")
_ITEM = re.compile(r"(?<=\S) +(?=\((?:[a-h]|[ivx]{1,4})\) *\S)")  # (a) 3 (b) 5
_WORDS = r"(?:[A-Za-z][A-Za-z'-]+(?: [A-Za-z][A-Za-z'-]*){0,4}|[mghsLldCK])"  # or a unit of one letter
_VALUE = r"(?P<value>[^A-Za-z]*(?:\\[a-zA-Z]+[^A-Za-z]*)*?)"
_EQUATION = re.compile(r"(?P<name>[^=:<>]{1,60})(?:=|:(?!=)|\\(?:to|colon)(?![a-zA-Z]))(?P<value>[^=<>]+)")
_COUNTED = re.compile(rf"{_VALUE} (?P<name>{_WORDS})\.?")
_TOLD = re.compile(rf"(?P<name>{_WORDS}|\((?:[a-h]|[ivx]{{1,4}})\)):? {_VALUE}")
_NO_LABEL = re.compile(r"\b(?:or|if|not|no|more|less|least|most|mod|than|to|about|between|where|for|with)\b")
_RELATION = re.compile(r"\\(?:in|ne|neq|leq?|geq?|pm|equiv)(?![a-zA-Z])")
_FUNCTION = re.compile(r"(?:^|\s)(?:a?(?:sin|cos|tan|cot|sec|csc)h?|log|ln|exp|sqrt|max|min|gcd|lcm|pi|cis)$")
_CHAIN = re.compile(r"((?:[A-Za-z](?:_\{?\w+\}?)? ?= ?){2,})([^=<>]*\d[^=<>]*)")  # a=b=c=1
_NAME = re.compile(r"\\?[A-Za-z]+(?:_\{?\w+\}?)?'*")


@dataclass(frozen=True)
class _Bound:
    """Names, and the values of each row in their order."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def written(self, names: tuple[str, ...]) -> str:
        """Return the rows as tuples whose values are in the order of `names`."""
        order = [self.names.index(name) for name in names]
        return ",".join("(" + ",".join(row[place] for place in order) + ")" for row in self.rows)


def bound(gold: str, answer: str) -> tuple[str, str] | None:
    """Return two answers as tuples of their values, None where neither binds values to names, or nothing is known."""
    one, other = _read(gold), _read(answer)
    if one and other:
        return _both(one, other)
    if one:
        names = _ordered(one.names)
        listed = _listed(answer, len(one.names)) if len(one.rows) == 1 else _tuples(answer)
        return None if listed is None else (one.written(names), listed)
    if other:
        listed = _tuples(gold)
        return None if listed is None else (listed, other.written(_ordered(other.names)))
    return None


def _both(one: _Bound, other: _Bound) -> tuple[str, str] | None:
    renamed = _renamed(one.names, other.names)
    if renamed is not None:
        return one.written(one.names), _Bound(renamed, other.rows).written(one.names)
    if any(_NAME.fullmatch(name) is None or len(name) < 3 for name in (*one.names, *other.names)):
        return None  # of equations and symbols more is known than their names
    if set(one.names) & set(other.names) or len(one.names) != len(other.names):
        return one.written(one.names), f"({','.join(other.names)})"  # other names: never equal
    return one.written(one.names), other.written(other.names)


def _renamed(names: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return for each of the others which of the names it is: the same, or one of which it holds a part, or more."""
    if len(names) != len(others):
        return None
    found = []
    for other in others:
        same = [n for n in names if n == other] or [n for n in names if _share(n, other)]
        if len(same) != 1:
            return None
        found.append(same[0])
    return tuple(found) if len(set(found)) == len(found) else None


def _share(name: str, other: str) -> bool:
    one, two = set(name.split(" ")), set(other.split(" "))
    return one <= two or two <= one


def _ordered(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names)) if set(names) <= {"x", "y", "z"} else names


def _listed(text: str, count: int) -> str | None:
    """Return an answer of so many values without names as a tuple; one that is a tuple stays."""
    text = opened(text)
    found = pieces(text)
    if len(found) == count > 1:
        return f"({','.join(normalise(piece) for piece in found)})"
    return _tuples(text)


def _tuples(text: str) -> str | None:
    """Return an answer that is a tuple or several in its normal spelling, None for any other."""
    found = pieces(opened(text))
    return normalise(text) if found and all(re.fullmatch(r"\(.*,.*\)", piece) for piece in found) else None


@lru_cache(maxsize=4096)
def opened(text: str) -> str:
    """Return an answer without fonts, spaces of its own, and what stands around all of it."""
    text = plain(text)
    for _ in range(2):
        text = _FONT.sub(lambda match: f" {match[1]} ", text)
    text = _SPACE.sub(" ", _CASES.sub(" ", _THOUSANDS.sub("", text))).strip(" .,;")
    wrapped = _WRAPPED.fullmatch(text)
    return " ".join((wrapped[1] if wrapped and _is_whole(text) else text).split()).strip(" .,;")


def _is_whole(text: str) -> bool:
    """Whether the bracket that opens a text closes at its end."""
    level = 0
    for place, char in enumerate(text):
        level += (char in "({[") - (char in ")}]")
        if level == 0 and place > 1:
            return place == len(text) - 1
    return False


def pieces(text: str) -> list[str]:
    """Return what separators part, those within brackets aside."""
    places, level, start = [], 0, 0
    for match in re.finditer(rf"[(\[{{]|[)\]}}]|{_SEPARATOR.pattern}", text):
        level += (match[0] in "([{") - (match[0] in ")]}")
        if level == 0 and match[0] not in ")]}":
            places.append(text[start : match.start()])
            start = match.end()
    return [piece.strip() for piece in (*places, text[start:]) if piece.strip()]


@lru_cache(maxsize=4096)
def _read(text: str) -> _Bound | None:
    """Return the names and values of an answer, None where it is of another form."""
    if len(text) > LONGEST or not re.search(r"[A-Za-z]", text):
        return None
    text = opened(text)
    found = pieces(_ITEM.sub(", ", text))
    if len(found) == 1:
        found = _apart(found[0])
    parts = [part for piece in found for part in _parts(piece)]
    if len(parts) < 2 or None in parts:
        return None
    names = tuple(dict.fromkeys(name for name, _ in parts))
    count = len(names)
    rows = [parts[start : start + count] for start in range(0, len(parts), count)]
    if count < 2 or any(sorted(n for n, _ in row) != sorted(names) for row in rows):
        return None
    values = tuple(tuple(dict(row)[name] for name in names) for row in rows)
    return None if any(_is_list(value) for row in values for value in row) else _Bound(names, values)


def _is_list(value: str) -> bool:
    return not value or len(pieces(value)) > 1


def _apart(piece: str) -> list[str]:
    """Return the parts of a text that no sign parts: `2 hours 30 minutes`, `Alice 3 Bob 4`."""
    for between in (r"(?<=[A-Za-z.]) (?=[-\d\\])", r"(?<=\d) (?=[A-Za-z])", r" (?=\\?[A-Za-z]\w* ?=)"):
        found = re.split(between, piece)
        if len(found) > 1 and all(None not in _parts(each) for each in found):
            return found
    return [piece]


def _parts(piece: str) -> list[tuple[str, str] | None]:
    """Return (name, value) of a part, one for each of `(x,y)=(1,2)`; None for what is of another form."""
    if chain := _CHAIN.fullmatch(piece):
        return [(_label(name), normalise(chain[2])) for name in chain[1].split("=")[:-1]]
    form = next((form for form in (_EQUATION, _COUNTED, _TOLD) if form.fullmatch(piece)), None)
    if form is None:
        return [None]
    match = form.fullmatch(piece)
    label, content = match["name"].strip(), match["value"].strip()
    sides = [re.fullmatch(r"\(([^()]*,[^()]*)\)", side) for side in (label, content)]
    if form is _EQUATION and all(sides):
        names, values = (side[1].split(",") for side in sides)
        same = len(names) == len(values)
        return list(zip(map(_label, names), map(normalise, values), strict=True)) if same else [None]
    if form is _EQUATION:
        is_name = re.match(r"[A-Za-z(]" if ":" in piece else r"\\?[A-Za-z(|]", label)
    else:
        is_name = re.search(r"\d|\\pi", content) and not _FUNCTION.search(label)
    known = is_name and not _NO_LABEL.search(label) and not _RELATION.search(piece)
    return [(_label(label), normalise(content))] if known else [None]


def _label(text: str) -> str:
    """Return a name in one spelling: words in small letters and the singular, units by their size."""
    text = text.strip()
    if not re.fullmatch(_WORDS, text):
        return re.sub(r"[ {}]", "", text)
    return " ".join(unit_key(word) or word.lower().removesuffix("s") for word in text.split())
