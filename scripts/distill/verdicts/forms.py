r"""Answers in a form of their own that mathematics would read otherwise: times, ratios, residues, lists that go on.

Each rule takes two normal spellings and says whether they are one answer; None where that is not its matter.
"""

import re
from fractions import Fraction

from distill.verdicts.answers import normalise
from distill.verdicts.values import read, same_value

_CLOCK = re.compile(r"(\d{1,2})((?::\d{2}){0,2})(?:\\text\{([ap]m)\})?")
_MOD = r"\(?\\?(?:(?:text|mathrm|operatorname)\{ ?)?\(?[pb]?mod ?\}? ?\{?(\d{1,30})\}?\)?\}?"
_RESIDUE = re.compile(
    rf"(?:[a-zA-Z]\\equiv ?(?=.*mod)|(?=.*(?:pmod|\(.*mod)))(-?\d{{1,30}}(?:,-?\d{{1,30}}){{0,20}}) ?{_MOD}"
)
_STEPS = re.compile(r"(?:([a-zA-Z])=)?(\d{0,30})([a-z])([+-]\d{1,30})?(?:,?\(?\3\\in ?\\mathbb\{Z\}\)?)?")  # 3k+1
_GOES_ON = re.compile(r"(?:,|^|(?<=\\\{))(?:\\[lc]?dots|\.\.\.)(?![a-zA-Z])")
_ENDLESS = re.compile(r"-?\d+(?:\.\.\.|\\[lc]?dots)")  # 7... is no number, 3.14... may be
_OPENS = re.compile(r"\\\{|\\\}")
_ORDERED, _SET = re.compile(r"[(\[][^()\[\]]*,[^()\[\]]*[)\]]"), re.compile(r"\\\{[^{}()]*,[^{}()]*\\\}")
_VECTOR = re.compile(r"\\begin\{[pbBvV]?matrix\}(.*)\\end\{[pbBvV]?matrix\}")
_OF = re.compile(r"([a-zA-Z]+'*\([^()=]*\))=[^=]*")
_DEFINED = re.compile(r"([a-zA-Z]+'*)\(([a-z]|\\[a-z]+)\)=([^=]*)")
_SYMBOL = re.compile(r"\\[a-zA-Z]+|[a-zA-Z]")
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")
_FOREIGN = re.compile(  # 12,34,567 and 1.234.567 and 1.234,5 and 0,05; others may be lists, as 3,14 may
    r"-?(?:([1-9]\d?(?:,\d{2})+,\d{3})|[1-9]\d{0,2}(?:\.\d{3}){2,}|[1-9]\d{0,2}(?:[. ]\d{3})+,\d+|\d+,0(?!\d\d$)\d+)"
)
_CELL_ENDS = r"&|\\\\"
_POINT = re.compile(r"[A-Z](?:_\d)?(\([^()]*,[^()]*\))")
_NAMED = re.compile(r"\\(angle|triangle|overline|overrightarrow|widehat|vec) ?\{?([A-Z]{2,})\}?")
HALF_DAY = 12 * 3600


def is_clock(text: str) -> bool:
    """Whether a text is a time of day, or may be one."""
    return _CLOCK.fullmatch(text) is not None


def same_clock(gold: str, answer: str) -> bool | None:
    """Times of day: a.m. or p.m. may be missing on one side. Without either, unequal times may be equal ratios."""
    matches = [_CLOCK.fullmatch(text) for text in (gold, answer)]
    if not all(matches) or not any(match[3] for match in matches):
        return None
    (one, whole), (other, also_whole) = map(_seconds, matches)
    return one == other if whole and also_whole else one % HALF_DAY == other % HALF_DAY


def _seconds(match: re.Match[str]) -> tuple[int, bool]:
    """Return the time of day in seconds, and whether its half of the day is known."""
    hour, rest, half = int(match[1]), [int(part) for part in match[2].split(":")[1:]], match[3]
    seconds = sum(part * size for part, size in zip(rest, (60, 1), strict=False))
    if half:
        hour = hour % 12 + 12 * (half == "pm")
    return 3600 * hour + seconds, bool(half) or hour == 0 or hour > 12


def as_tuples(gold: str, answer: str) -> tuple[str, str] | None:
    """Return two answers as tuples where one is a tuple, and the other a row, a column or a point with its name."""
    tuples = [_ORDERED.fullmatch(text) is not None for text in (gold, answer)]
    if tuples == [True, False] and (point := _tuple(answer)):
        return gold, point
    return (point, answer) if tuples == [False, True] and (point := _tuple(gold)) else None


def _tuple(text: str) -> str | None:
    if point := _POINT.fullmatch(text):
        return point[1]
    vector = _VECTOR.fullmatch(text)
    if vector is None or ("&" in vector[1] and "\\\\" in vector[1].removesuffix("\\\\")):
        return None
    return f"({','.join(part for part in re.split(_CELL_ENDS, vector[1]) if part)})"


def same_ratio(gold: str, answer: str) -> bool | None:
    """Ratios of three parts and more: proportional, in their order."""
    one, other = gold.split(":"), answer.split(":")
    if max(len(one), len(other)) < 3 or any(read(part) is None or isinstance(read(part), tuple) for part in one):
        return None
    if len(one) != len(other):
        return False
    products = ((rf"({a})\cdot({other[0]})", rf"({b})\cdot({one[0]})") for a, b in zip(one, other, strict=True))
    return all(same_value(*pair) is True for pair in products)


def same_residue(gold: str, answer: str) -> bool | None:
    """Residues: `x\\equiv3\\pmod7` is `10\\pmod7` and `x=7k+3`, and not the number 3."""
    one, other = _residues(gold), _residues(answer)
    if one and other:
        return one == other
    if not one and not other:
        return None
    known, text = (one, answer) if one else (other, gold)
    steps = _STEPS.fullmatch(text)
    if steps and steps[2] and int(steps[2]) and steps[1] != steps[3]:
        modulus = int(steps[2])
        return known == (modulus, {int(steps[4] or 0) % modulus})
    return False if one and read(answer) is not None else None


def _residues(text: str) -> tuple[int, set[int]] | None:
    """Return the modulus and the residues of an answer, None for what is of another form."""
    match = _RESIDUE.fullmatch(text)
    if match is None or not int(match[2]):
        return None
    modulus = int(match[2])
    return modulus, {int(residue) % modulus for residue in match[1].split(",")}


def same_list(gold: str, answer: str) -> bool | None:
    """Lists that go on (`1,3,\\ldots`) or name a value twice, and sets of sets: mathematics sees their members."""
    if len(_GOES_ON.findall(gold)) != len(_GOES_ON.findall(answer)):
        return False
    if bool(_ENDLESS.fullmatch(gold)) != bool(_ENDLESS.fullmatch(answer)):
        return False
    depths = [_depth(text) for text in (gold, answer)]
    if max(depths) > 1 and depths[0] != depths[1]:
        return False
    if (again := _same_again(gold, answer)) is not None:
        return again
    ordered, members = _ORDERED.fullmatch(gold), _SET.fullmatch(answer)
    reverse = _ORDERED.fullmatch(answer) and _SET.fullmatch(gold)
    return False if (ordered and members) or reverse else None


def _same_again(gold: str, answer: str) -> bool | None:
    """Whether a list without braces that names a value twice has the same values, as often; None for any other list."""
    lists = [read(text) for text in (gold, answer)]
    if "{" in gold[:2] or not all(isinstance(each, tuple) and each[0] == "list" for each in lists):
        return None
    one, other = (each[1] for each in lists)
    if any(not isinstance(value, Fraction) for value in (*one, *other)) or len(set(one)) == len(one):
        return None
    return sorted(one) == sorted(other)


def as_one_function(gold: str, answer: str) -> tuple[str, str] | None:
    """Return two answers that define a function in one variable, where the second is of another: `f(t)=2t`."""
    one, other = _DEFINED.fullmatch(gold), _DEFINED.fullmatch(answer)
    if not one or not other or one[1] != other[1] or one[2] == other[2]:
        return None
    symbols = _SYMBOL.findall(other[3])
    if one[2] in symbols or not {one[2], other[2]}.isdisjoint("ei"):
        return None
    value = _SYMBOL.sub(lambda match: f" {one[2]} " if match[0] == other[2] else match[0], other[3])
    return gold, normalise(f"{one[1]}({one[2]})={value}")


def as_number(gold: str, answer: str) -> tuple[str, str] | None:
    """Return two answers, one a plain number, the other one in the writing of another country, with plain figures."""
    for number, other in ((gold, answer), (answer, gold)):
        if _PLAIN.fullmatch(number) and (foreign := _FOREIGN.fullmatch(other)):
            plain = other.replace(",", "") if foreign[1] else re.sub("[. ]", "", other).replace(",", ".")
            return (gold, plain) if other is answer else (plain, answer)
    return None


def same_function(gold: str, answer: str) -> bool | None:
    """Values of functions, `f(1)=2`: those at other places, or of another function, are others."""
    one, other = _OF.fullmatch(gold), _OF.fullmatch(answer)
    return False if one and other and one[1] != other[1] else None


def same_name(gold: str, answer: str) -> bool | None:
    """Angles, segments and the like that are named by points, which are no product: an order tells them apart."""
    left, right = _NAMED.fullmatch(gold), _NAMED.fullmatch(answer)
    if not left or not right:
        return None
    if left[1] != right[1]:
        return None
    one, other = left[2], right[2]
    if left[1] == "triangle":
        return sorted(one) == sorted(other)
    has_direction = left[1] in ("overrightarrow", "vec")
    return one == other or (not has_direction and one == other[::-1])


def same_kind(gold: str, answer: str) -> bool | None:
    """An equation with a sum on its left (x + y = 0) is not answered by its right-hand side alone."""
    left, equals, _ = gold.partition("=")
    left = re.sub(r"_\{[^{}]*\}", "", left)
    has_relation = re.search(r"[=<>]|\\(?:le|ge|in|ne)(?![a-zA-Z])", answer)
    if equals and re.search(r"[+-]", left) and re.search(r"[a-zA-Z]", left) and not has_relation:
        return False
    return None


def _depth(text: str) -> int:
    level = deepest = 0
    for brace in _OPENS.findall(text):
        level += 1 if brace == r"\{" else -1
        deepest = max(deepest, level)
    return deepest
