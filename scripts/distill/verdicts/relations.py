r"""Inequalities of one variable as the sets that they are: `|x-2|<1` is `(1,3)`, `x<3 \text{ or } x>5` two intervals.

Two answers that are both inequalities must be of the same variable. What only commas join may mean `and` or `or`: it is
left alone, and so is what has anything but numbers at the ends of its intervals.
"""

import re
from functools import lru_cache

from distill.verdicts.labelled import opened
from distill.verdicts.values import read

LONGEST = 200  # characters
_SIGN = r"<=|>=|<|>|\\(?:leq?(?:slant)?|geq?(?:slant)?|ne|neq)(?![a-zA-Z])"
_SPLIT = re.compile(rf"({_SIGN})")
_JOIN = re.compile(r"(?<![a-zA-Z])(or|and)(?![a-zA-Z])|\\cup|\\(?:lor|vee|land|wedge)(?![a-zA-Z])")
_SHIFTED = re.compile(r"\|([a-zA-Z])(?:([+-])([^|a-zA-Z]+))?\|")
_INTERVAL = r"[(\[][^()\[\],]+,[^()\[\],]+[)\]]"
_INTERVALS = re.compile(rf"{_INTERVAL}(?:\\cup{_INTERVAL})*")


def as_sets(gold: str, answer: str) -> tuple[str, str] | None:
    """Return two answers as unions of intervals, None where neither is an inequality or one cannot be read so."""
    if max(len(gold), len(answer)) > LONGEST:
        return None
    one, other = _set(gold), _set(answer)
    if one and other:
        return (one[1], other[1]) if one[0] == other[0] else None
    if one or other:
        known, rest = (one, answer) if one else (other, gold)
        rest = opened(rest).replace(" ", "")
        rest = re.sub(r"^[a-zA-Z]\\in", "", rest)
        if _INTERVALS.fullmatch(rest):
            return (known[1], rest) if one else (rest, known[1])
    return None


@lru_cache(maxsize=4096)
def _set(text: str) -> tuple[str, str] | None:
    """Return the variable of an inequality and its set as intervals, None for what is of another form."""
    text = opened(text)
    pieces = [piece.strip() for piece in _JOIN.sub("\0", text).split("\0")]
    joins = {"and" if match[0] in ("and", r"\land", r"\wedge") else "or" for match in _JOIN.finditer(text)}
    sets = [_relation(piece.replace(" ", "")) for piece in pieces]
    if None in sets or len(joins) > 1 or len({name for name, _ in sets}) > 1:
        return None
    unions = [union for _, union in sets]
    whole = _between(unions) if joins == {"and"} else r"\cup".join(unions)
    return None if whole is None else (sets[0][0], whole)


def _between(rays: list[str]) -> str | None:
    """Return the interval between two rays that point to each other, None for other sets."""
    rays.sort(key=lambda ray: ray.startswith(r"(-\infty,"))
    if len(rays) != 2 or not rays[0].endswith(r",\infty)") or not rays[1].startswith(r"(-\infty,"):
        return None
    return rays[0].removesuffix(r"\infty)") + rays[1].removeprefix(r"(-\infty,")


def _relation(text: str) -> tuple[str, str] | None:
    parts = _SPLIT.split(text)
    signs = [_plain(sign) for sign in parts[1::2]]
    sides = parts[::2]
    if len(sides) == 3 and signs[0][0] == signs[1][0] and signs[0][0] in "<>" and _is_name(sides[1]):
        if not _is_number(sides[0]) or not _is_number(sides[2]):
            return None
        (low, first), (high, last) = (sides[0], signs[0]), (sides[2], signs[1])
        if signs[0][0] == ">":
            (low, first), (high, last) = (high, last), (low, first)
        return sides[1], f"{'[' if '=' in first else '('}{low},{high}{']' if '=' in last else ')'}"
    if len(sides) != 2:
        return None
    left, right, sign = sides[0], sides[1], signs[0]
    if _is_number(left):
        left, right, sign = right, left, sign.translate(str.maketrans("<>", "><"))
    if not _is_number(right):
        return None
    if shifted := _SHIFTED.fullmatch(left):
        return _ball(shifted, right, sign)
    return (left, _ray(right, sign)) if _is_name(left) else None


def _ball(shifted: re.Match[str], radius: str, sign: str) -> tuple[str, str] | None:
    r"""Return the set of `|x-c|<r` or `|x-c|>r`, r above zero."""
    size = read(radius)
    if size is None or isinstance(size, tuple) or not size > 0 or (shifted[3] and not _is_number(shifted[3])):
        return None
    centre = "0" if not shifted[3] else f"({shifted[3]})" if shifted[2] == "-" else f"-({shifted[3]})"
    low, high = f"{centre}-({radius})", f"{centre}+({radius})"
    if sign[0] == "<":
        return shifted[1], f"{'[' if '=' in sign else '('}{low},{high}{']' if '=' in sign else ')'}"
    return (shifted[1], rf"{_ray(low, sign.replace('>', '<'))}\cup{_ray(high, sign)}") if sign[0] == ">" else None


def _ray(end: str, sign: str) -> str:
    if sign == "!":
        return rf"(-\infty,{end})\cup({end},\infty)"
    closed = "=" in sign
    if sign[0] == "<":
        return rf"(-\infty,{end}{']' if closed else ')'}"
    return rf"{'[' if closed else '('}{end},\infty)"


def _plain(sign: str) -> str:
    if sign in (r"\ne", r"\neq"):
        return "!"
    return {"\\l": "<=", "\\g": ">="}.get(sign[:2], sign)


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[a-zA-Z]|\\(?:theta|alpha|beta|lambda|mu)", text) is not None


def _is_number(text: str) -> bool:
    value = read(text)
    return value is not None and not isinstance(value, tuple)
