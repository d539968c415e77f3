"""What math-verify reads and compares, without its alarms and its rounding of exact numbers.

Nothing here has a limit of its own: call it inside `limits.cpu_limit`, after `load`.
"""

import re
from functools import cache, lru_cache, partial
from typing import Any

_CLOSE_ENOUGH = 1e-4  # relative difference of two numbers of which one is a decimal, and may be rounded
_DIGITS = 50
_MOST_DIGITS = 4000  # of the difference of two exact numbers: equal there is equal
_INEXACT = re.compile(r"\d\.\d|\\(?:approx|ldots|dots|cdots)(?![a-zA-Z])")
_TRANSPOSE = re.compile(r"\^(?:T|\{T\})(?![a-zA-Z])")
_DEGREES = re.compile(r"(\d+(?:\.\d+)?)\^\\circ")  # of trigonometry; elsewhere the sign is gone
_D = r"(?:d|\\partial)"
_DERIVATIVE = re.compile(rf"\\frac\{{{_D}(?:\^\{{?(\d)\}}?)? ?([a-zA-Z])\}}\{{{_D} ?([a-zA-Z])(?:\^\{{?\d\}}?)?\}}")
_PRIME = re.compile(r"(?<![a-zA-Z])([a-zA-Z])(?:('+)|\^\{?\\prime\}?)")  # left out when read
_CAPITAL_GAMMA = re.compile(r"\\Gamma(?![a-zA-Z(])")  # read as the same constant as the small one
_TYPICAL = (r"\frac{x^{2}+\sqrt{3}}{2}!", r"(-\infty,2]\cup[3,4)", r"\{\sin x,\log_2{3}\}", r"x=\binom{n}{2}\cdot\pi",
            r"\begin{pmatrix}1\\|y|\end{pmatrix}")  # fmt: skip


@cache
def load() -> Any:
    """Import math-verify and sympy and return how answers are read; slow, once in a process.

    Reading fills tables of the parser, too. Some typical answers do that here, so that no comparison pays for it: what
    a pair costs must not depend on the pairs before it.
    """
    import logging

    from latex2sympy2_extended.latex2sympy2 import ConversionConfig
    from latex2sympy2_extended.math_normalization import NormalizationConfig
    from math_verify import LatexExtractionConfig, parser

    for name in ("math_verify", "latex2sympy2_extended"):  # they log whole answers
        logging.getLogger(name).setLevel(logging.ERROR)
    # It reads A as a, so that a-A is 0, and has no setting for it.
    parser.latex2sympy = partial(parser.latex2sympy, conversion_config=ConversionConfig(lowercase_symbols=False))
    # units=False: its list of units holds c, d, g, h, l, m, o, s and t, and turns 4t into 4
    rules = NormalizationConfig(
        basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="all", equations=False
    )
    config = LatexExtractionConfig(boxed_match_priority=0, normalization_config=rules)
    for text in _TYPICAL:
        value = _parse(text, config)
        _verify(value, _parse(f"1+{text}", config))
    return config


@lru_cache(maxsize=512)
def parse(text: str) -> Any | None:
    """Read an answer in normal spelling as a sympy value, or None where it is no readable mathematics.

    Only the LaTeX reader is used, on the box alone: the fallback to plain numbers finds 8 in `4√2 + 8 metres`.
    """
    return _parse(text, load())


def _derivative(match: re.Match[str]) -> str:
    """Write a derivative, which is read as 0, as a name of its own."""
    return f"D_{{{match[2]}{match[3]}{match[1] or 1}}}"


def _parse(text: str, config: Any) -> Any | None:
    from math_verify import parse as read

    if "!!" in text:  # read as the factorial of a factorial
        return None
    text = _DEGREES.sub(r"{\\frac{\1\\pi}{180}}", _DERIVATIVE.sub(_derivative, text))
    text = _PRIME.sub(lambda match: f"{match[1]}_{{p{len(match[2] or '1')}}}", text)
    if "\\begin" not in text:  # the transpose of a number is that number: A^T would be A
        text = _CAPITAL_GAMMA.sub("G_{(G)}", _TRANSPOSE.sub("^{(T)}", text))
    try:
        values = read(
            f"\\boxed{{{text}}}", [config], extraction_mode="first_match", parsing_timeout=None, raise_on_error=True
        )
    except (MemoryError, RecursionError):
        raise
    except Exception:  # what the parser raises is anything, too
        return None
    return next((value for value in values if not isinstance(value, str)), None)


def same(gold: str, answer: str, gold_value: Any, answer_value: Any) -> bool:
    """Whether two values (and the texts they were read from) are equal; what cannot be compared is not equal."""
    try:
        return _same(gold, answer, gold_value, answer_value)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # as in `_verify`
        return False


def _same(gold: str, answer: str, gold_value: Any, answer_value: Any) -> bool:
    exact = not (_INEXACT.search(gold) or _INEXACT.search(answer))
    if _are_other_letters(gold_value, answer_value):
        return False
    if (_is_range(gold_value) and _is_listed(answer_value)) or (_is_range(answer_value) and _is_listed(gold_value)):
        return False  # 1 < x < 2 is not 1, 2
    if gold.count("=") == answer.count("=") == 1 and _is_multiple(gold_value, answer_value):
        return True
    if _verify(gold_value, answer_value):
        return not _far_apart(gold_value, answer_value, exact)
    return _is_same_complex(gold_value, answer_value)


def _are_other_letters(gold: Any, answer: Any) -> bool:
    """Whether two values are single letters or names that differ, if only in their case; math-verify ignores that."""
    names = [getattr(value, "name", "e" if type(value).__name__ == "Exp1" else None) for value in (gold, answer)]
    return None not in names and names[0] != names[1]


def _is_range(value: Any) -> bool:
    """Whether a value is an inequality, or several of one variable."""
    from sympy.core.relational import Relational

    parts = value.args if type(value).__name__ == "And" else (value,)
    return all(isinstance(part, Relational) and type(part).__name__ != "Equality" for part in parts)


def _is_listed(value: Any) -> bool:
    """Whether a value is a list of values, or a variable that is one of them."""
    if type(value).__name__ == "Equality":
        value = value.args[1]
    return type(value).__name__ in ("FiniteSet", "Tuple")


def _is_multiple(gold: Any, answer: Any) -> bool:
    """Whether one equation is the other times a number: 2x+4y-3=0 and 4x+8y=6."""
    import sympy

    if not all(type(value).__name__ == "Equality" for value in (gold, answer)):
        return False
    try:
        one, other = (sympy.expand(value.lhs - value.rhs) for value in (gold, answer))
        ratio = sympy.cancel(one / other) if one != 0 and other != 0 else sympy.S.Zero
        return bool(ratio.is_number and ratio.is_finite and ratio != 0)
    except MemoryError:
        raise
    except Exception:  # of a set, a matrix, a vector ... there is no difference
        return False


def _is_same_complex(gold: Any, answer: Any) -> bool:
    """Whether two numbers are equal where i is the imaginary unit; math-verify takes it for a variable."""
    import sympy

    numbers = []
    for value in (gold, answer):
        names = getattr(value, "free_symbols", None)
        if names is None or not isinstance(value, sympy.Expr) or any(name.name != "i" for name in names):
            return False
        numbers.append(value.subs(dict.fromkeys(names, sympy.I)))
    return numbers != [gold, answer] and all(n.is_number for n in numbers) and not _is_apart(*numbers, exact=True)


def _verify(gold: Any, answer: Any) -> bool:
    from math_verify import verify

    try:
        # strict stays on: without it variables match by position, and choice A equals choice C
        is_equal = verify(
            gold, answer, strict=True, allow_set_relation_comp=True, timeout_seconds=None, raise_on_error=True
        )
    except MemoryError:
        raise
    except Exception:  # what sympy raises here is anything: TypeError, NotImplementedError, RecursionError ...
        return False
    return bool(is_equal)


def _far_apart(gold: Any, answer: Any, exact: bool) -> bool:
    """Whether two values that math-verify calls equal differ: it takes any two numbers closer than 1e-15 for one."""
    if gold == answer:
        return False
    parts = [_parts(value) for value in (gold, answer)]
    if all(parts) and len(parts[0]) == len(parts[1]) and type(gold) is type(answer):
        if type(gold).__name__ == "FiniteSet":
            return any(all(_far_apart(a, b, exact) for b in parts[1]) for a in parts[0])
        return any(_far_apart(a, b, exact) for a, b in zip(*parts, strict=True))
    try:
        return _differ(gold, answer, exact)
    except (TypeError, ValueError, OverflowError, AttributeError):  # no numbers after all
        return False


def _parts(value: Any) -> tuple[Any, ...]:
    """The members of a list, tuple, interval, equation or matrix; empty for what is one value."""
    if hasattr(value, "flat"):
        return tuple(value.flat())
    kinds = ("FiniteSet", "Tuple", "Interval", "Equality", "Union")
    return tuple(value.args) if type(value).__name__ in kinds else ()


def _differ(gold: Any, answer: Any, exact: bool) -> bool:
    """Whether two numbers differ, or two expressions by a number that is not zero."""
    import sympy

    if not (getattr(gold, "is_number", False) and getattr(answer, "is_number", False)):
        rest = sympy.expand(gold - answer) if exact else sympy.S.Zero
        return bool(rest.is_number and rest != 0 and _is_apart(rest, sympy.S.Zero, exact))
    # a percent sign may be missing on either side
    return all(_is_apart(gold, answer * factor, exact) for factor in (1, 100, sympy.Rational(1, 100)))


def _is_apart(one: Any, other: Any, exact: bool) -> bool:
    """Numbers with a decimal among them may be rounded; exact ones are equal to the last of many digits."""
    if one.is_Rational and other.is_Rational and exact:
        return bool(one != other)
    a, b = one.evalf(_DIGITS), other.evalf(_DIGITS)
    size, difference = max(abs(a), abs(b)), abs(a - b)
    if not exact:
        return bool(difference > _CLOSE_ENOUGH * size)
    if difference > size * 10 ** (5 - _DIGITS) and size > 10 ** (5 - _DIGITS):
        return True
    rest = abs((one - other).evalf(15, maxn=_MOST_DIGITS))
    return bool(rest > max(size, 1) * _tiny())


@cache
def _tiny() -> Any:
    """What is left of zero in a sum of `_MOST_DIGITS` digits."""
    import sympy

    return sympy.Float(f"1e-{_MOST_DIGITS - 100}", 15)
