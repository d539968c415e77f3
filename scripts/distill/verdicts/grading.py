"""Is the answer of a response equal to the gold answer? One verdict for each pair.

    grade(gold, response) -> Grade            one pair, in this process
    workers.grade_all(pairs, ...)             many pairs, in worker processes that can be killed

A response is graded in three steps. `examine` finds the answer (policies in `distill.verdicts.answers`); `decide`
settles what plain text settles: equal spelling, numbers, number bases, words; `compare` asks math-verify, the only step
that is slow, and that can hang on hostile input. The first two are safe on any input.

Verdicts:

| verdict | when |
|---|---|
| correct, wrong | the last closed box equals the gold answer, or does not |
| no_answer | no closed box, a blank one, or a think that is never closed |
| cut_off | no closed box, and generation stopped at its length limit |
| timeout | the comparison took more CPU seconds than its limit: not known to be equal, so not correct |
| error | the grader ran out of memory or its process died, or the response is a failed request without an answer |
| unverifiable | the gold answer is neither words nor readable mathematics, and the answer is not the same text |

A closed box in a response that was cut off or failed is graded like any other: the verdict says what the rule says of
the box. Such a response counts as correct nowhere, neither in datasets nor in scores (`tables.graded.is_correct`).

Further policies: gold is always read as boxed LaTeX; variables must have the same names; lists are unordered and
complete, tuples ordered; values bound to names or to what is counted belong to these (`labelled`); the ends of
intervals must match; a unit, a number base, a percent sign or a.m./p.m. may be left out on one side but must not
differ (`quantities`); a response is no help to its own gold (nothing outside the box is read).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

from distill.models.thinking import after_think
from distill.tables.words import FinishReason, Verdict
from distill.verdicts import choices, counting, forms, labelled, quantities, relations, sayings, symbolic
from distill.verdicts.answers import MAX_ANSWER, MAX_DEPTH, clean, depth, last_box, normalise, plain
from distill.verdicts.limits import ExpiredError, cpu_limit
from distill.verdicts.units import clash
from distill.verdicts.values import same_value

TIMEOUT_SECONDS = 3
"""Default limit of one comparison, in CPU seconds."""
_UNBOXED = {FinishReason.LENGTH: Verdict.CUT_OFF, FinishReason.ERROR: Verdict.ERROR}


@dataclass(frozen=True, slots=True)
class Grade:
    """What the grader says of one response.

    verdict: one of the words in the table of this module; extracted: what the last box holds, cut to
    `MAX_ANSWER` characters and free of what Parquet cannot store, None where there is no answer; method: the step
    that settled it (box, text, unit, number, base, words, form, value, length, equation, symbolic, literal, memory,
    deadline, worker, request).
    """

    verdict: Verdict
    extracted: str | None
    method: str


class Comparison(NamedTuple):
    """How a comparison of two answers ended: the verdict and the method that settled it."""

    verdict: Verdict
    method: str


class Pair(NamedTuple):
    """A gold answer and an answer that plain text cannot tell apart or equate: work for `compare`.

    gold and answer are in normal spelling; extracted is for the verdict.
    """

    gold: str
    answer: str
    extracted: str


def grade(
    gold: str, response: str, finish_reason: str | None = None, *, timeout_seconds: int = TIMEOUT_SECONDS
) -> Grade:
    """Grade one response against a gold answer (bare LaTeX), in this process.

    The limit counts CPU time of this thread, so that a busy machine does not change the verdict. It interrupts Python
    code only; code written in C can outlast it, so grade text you do not trust with `workers.grade_all`.

    Args:
        gold: The gold answer.
        response: The whole response; None counts as empty.
        finish_reason: Why generation ended: stop, length or error. Only looked at where there is no answer.
        timeout_seconds: Limit of the comparison, a whole number of CPU seconds.

    Raises:
        ValueError: The limit is not a whole number of at least 1.
        RuntimeError: The pair needs a comparison and this is not the main thread.
    """
    check_seconds("timeout_seconds", timeout_seconds)
    examined = examine(gold, response, finish_reason)
    if isinstance(examined, Grade):
        return examined
    comparison = compare(examined.gold, examined.answer, timeout_seconds)
    return Grade(comparison.verdict, examined.extracted, comparison.method)


def examine(gold: str, response: str | None, finish_reason: str | None = None) -> Grade | Pair:
    """Find the answer of a response and settle what needs no mathematics; linear in the response, never hangs."""
    box = _box(response)
    extracted = None if box is None else clean(box)
    if not extracted or not (answer := normalise(extracted)):
        verdict = Verdict.NO_ANSWER if box is not None else _UNBOXED.get(finish_reason or "", Verdict.NO_ANSWER)
        return Grade(verdict, None, "request" if verdict == Verdict.ERROR else "box")
    gold_text = last_box(gold) or gold
    if gold_text == extracted or _are_figures(gold_text, extracted):
        comparison = decide(_gold(gold), answer)  # no words, units or names to look at
        if comparison is not None:
            return Grade(comparison.verdict, extracted[:MAX_ANSWER], comparison.method)
    converted = _converted(gold_text, extracted)
    gold_answer, answer = converted or (_gold(gold), answer)
    for rewriting in (counting.as_numbers, forms.as_one_function):
        gold_answer, answer = rewriting(gold_answer, answer) or (gold_answer, answer)
    comparison = decide(gold_answer, answer)
    if (same := sayings.same_date(gold_text, extracted)) is not None:
        comparison = Comparison(Verdict.CORRECT if same else Verdict.WRONG, "words")
    elif converted is None and _units_differ(gold_text, extracted):
        comparison = Comparison(Verdict.WRONG, "unit")
    extracted = extracted[:MAX_ANSWER]
    if comparison is None:
        return Pair(gold_answer, answer, extracted)
    return Grade(comparison.verdict, extracted, comparison.method)


def _converted(gold: str, answer: str) -> tuple[str, str] | None:
    """Return both answers in one unit, or with their values in one order of the names that they are bound to."""
    sets = relations.as_sets(gold, answer)
    if sets is not None:
        return normalise(sets[0]), normalise(sets[1])
    return quantities.alike(gold, answer) or labelled.bound(gold, answer) or sayings.as_ranks(gold, answer)


def _units_differ(gold: str, answer: str) -> bool:
    """Whether both answers state a unit or a direction, and these are not the same."""
    if max(len(gold), len(answer)) > MAX_ANSWER:
        return False
    texts = plain(gold), plain(answer)
    return clash(*texts) or quantities.differ(gold, answer) or sayings.are_opposed(gold, answer)


def stated_answer(response: str | None) -> str | None:
    """Return the answer that `examine` finds in a response, whole; None where there is none."""
    extracted = clean(_box(response) or "")
    return extracted if extracted and normalise(extracted) else None


def is_verifiable(gold: str, *, timeout_seconds: int = TIMEOUT_SECONDS) -> bool:
    """Whether a right answer in another spelling than the gold answer's could be told from a wrong one.

    True for numbers, words, choices, and whatever math-verify reads and finds equal to itself; False for nothing,
    for prose mixed with mathematics, and for what it cannot read. Call it once per gold answer, when a corpus
    is made: a response to an unverifiable gold is `correct` only where it repeats the gold answer's text.

    Raises:
        ValueError, RuntimeError: As `grade`.
    """
    check_seconds("timeout_seconds", timeout_seconds)
    text = _gold(gold)
    if not text or len(text) > MAX_ANSWER or depth(text) > MAX_DEPTH or _is_prose(text):
        return False
    if _number(text) or _BASED.fullmatch(text) or forms.is_clock(text) or choices.words(text):
        return True
    return compare(text, text, timeout_seconds).verdict == Verdict.CORRECT


def check_seconds(name: str, value: int) -> None:
    """Raise ValueError unless a limit is a whole number of at least 1 (a bool or a float is not)."""
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} is {value!r}: expected a whole number of seconds, 1 or more")


def _box(response: str | None) -> str | None:
    final = after_think(response or "")
    return None if final is None else last_box(final)


def _gold(gold: str) -> str:
    return normalise(last_box(gold) or gold)


# --- what plain text settles ----------------------------------------------------------------------------------

_BASED = re.compile(r"-?(?=[0-9A-Z.]|[a-z]*\d)([0-9A-Za-z.]+)_(?:\{\(?(?:\\text\{)?(\w+)\}?\)?\}|(\d))")
_BASE_WORDS = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
               "nine": "9", "ten": "10", "twelve": "12", "sixteen": "16"}  # fmt: skip
_DIGITS = re.compile(r"-?[0-9A-Z.]+")
_FIGURES = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?")
_BARE_NUMBER = re.compile(r"(-?)(?:(\d{1,400})|(\d{0,200}\.\d{1,200})|\\frac\{(-?\d{1,200})\}\{(-?\d{1,200})\}"
                          r"|(-?\d{1,200})/(\d{1,200}))(\\%)?")  # fmt: skip
_MIXED = re.compile(r"(-?)(\d{1,200})\\frac\{(\d{1,200})\}\{([1-9]\d{0,199})\}(\\%)?")
_DECIMAL = re.compile(r"-?\d{0,200}\.\d{1,200}")
_PRECISION = Fraction(1, 10**6)  # math-verify rounds to six decimals where one side is a decimal
_DOMAIN = re.compile(r"([^,]+?),?(?:\\text\{,? ?(?:where|for|with) ?\})?\(?(([a-zA-Z])\\in\\mathbb\{[ZN]\})\)?")


def decide(gold: str, answer: str) -> Comparison | None:
    """Settle a pair of normal spellings by text alone, or return None where mathematics is needed."""
    if not gold:
        return Comparison(Verdict.UNVERIFIABLE, "literal")
    if gold == answer:
        return Comparison(Verdict.CORRECT, "text")
    if max(len(gold), len(answer)) > MAX_ANSWER or max(depth(gold), depth(answer)) > MAX_DEPTH:
        return Comparison(Verdict.WRONG, "length")
    for rewriting in () if _are_figures(gold, answer) else _REWRITINGS:
        gold, answer = rewriting(gold, answer) or (gold, answer)
    for method, rule in _RULES:
        same = rule(gold, answer)
        if same is not None:
            return Comparison(Verdict.CORRECT if same else Verdict.WRONG, method)
    if re.search(r"\d \d", answer):  # two numbers without an operator: math-verify would add them
        return Comparison(Verdict.WRONG, "literal")
    return None


def _are_figures(gold: str, answer: str) -> bool:
    return _FIGURES.fullmatch(gold) is not None and _FIGURES.fullmatch(answer) is not None


def _same_base(gold: str, answer: str) -> bool | None:
    """Number bases: the subscript may be missing on one side; the value written in base ten is another answer."""
    if not (gold + answer).count("_"):
        return None
    gold, answer = (re.sub(r"^(-?)\((\w+)\)(?=_)|\\text\{([0-9A-F]+)\}(?=[\w_])", r"\1\2\3", t) for t in (gold, answer))
    left, right = _BASED.fullmatch(gold), _BASED.fullmatch(answer)
    if not left and not right:
        return None
    bases = [match and (match[2] or match[3]) for match in (left, right)]
    if left and right and len({_BASE_WORDS.get(base, base) for base in bases}) > 1:
        return False
    stems = [text.split("_")[0].upper() for text in (gold, answer)]
    if right and not _has_digits_of(stems[1], _BASE_WORDS.get(bases[1], bases[1])):
        return False
    if not all(_DIGITS.fullmatch(stem) for stem in stems):
        return False if left else None
    return stems[0] == stems[1]


def _has_digits_of(stem: str, base: str) -> bool:
    """Whether all digits of a numeral are of its base, where that is a number: there is no 9 in base 8."""
    return not base.isdigit() or all(int(digit, 36) < int(base) for digit in stem if digit.isalnum())


def _number(text: str) -> tuple[Fraction, bool, bool] | None:
    """Read a plain number: its value as written, whether it is a decimal, whether a percent sign follows."""
    if (mixed := _MIXED.fullmatch(text)) and int(mixed[3]) < int(mixed[4]):
        size = int(mixed[2]) + Fraction(int(mixed[3]), int(mixed[4]))
        return (-size if mixed[1] else size), False, mixed[5] is not None
    match = _BARE_NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, whole, decimal, top, bottom, over, under, percent = match.groups()
    denominator = int(bottom or under or 1)
    if denominator == 0:
        return None
    value = Fraction(decimal) if decimal else Fraction(int(whole or top or over), denominator)
    return (-value if sign else value), decimal is not None, percent is not None


def _same_number(gold: str, answer: str) -> bool | None:
    """Plain numbers: exact; the percent sign may be missing on one side (50 % is 50 and 0.5)."""
    left, right = _number(gold), _number(answer)
    if left is None or right is None:
        return None
    values = [(left[0], right[0])]
    if left[2] != right[2]:
        values.append((left[0] / 100, right[0]) if left[2] else (left[0], right[0] / 100))
    if any(a == b for a, b in values):
        return True
    if _are_apart(gold, answer):
        return False
    decimals = left[1] or right[1] or left[2] != right[2]
    return None if decimals and any(abs(a - b) < 2 * _PRECISION for a, b in values) else False


def _are_apart(gold: str, answer: str) -> bool:
    """Whether two decimals differ by more than rounding or cutting the longer one to the places of the shorter."""
    if not all(_DECIMAL.fullmatch(text) for text in (gold, answer)):
        return False
    values = [Decimal(text) for text in (gold, answer)]
    short, long = sorted(values, key=lambda value: -value.as_tuple().exponent)
    with localcontext(prec=500):
        return abs(short - long) >= Decimal(1).scaleb(short.as_tuple().exponent)


_REWRITINGS = (sayings.same_numeral, forms.as_number, forms.as_tuples)
_RULES: tuple[tuple[str, Callable[[str, str], bool | None]], ...] = (
    ("base", _same_base), ("base", forms.same_clock), ("number", _same_number), ("words", sayings.same_saying),
    ("words", sayings.same_short),
    ("words", forms.same_name), ("words", choices.same_words), ("form", forms.same_list), ("form", forms.same_ratio),
    ("form", forms.same_residue), ("form", forms.same_function), ("value", same_value), ("equation", forms.same_kind),
)  # fmt: skip


def _is_prose(text: str) -> bool:
    """Whether mathematics is mixed with a sentence: two bare words, or one of four letters or more."""
    if choices.words(text) is not None:
        return False
    bare = re.findall(
        r"(?<![\\a-zA-Z])[a-zA-Z]{3,}", re.sub(r"\\(?:begin|end|operatorname|mathbb)\{[^{}]*\}", "", text)
    )
    words = [word for word in bare if word.lower() not in choices.FUNCTIONS and not word.isupper()]
    return len(words) > 1 or any(len(word) > 3 for word in words)


# --- what math-verify settles ---------------------------------------------------------------------------------


def compare(gold: str, answer: str, timeout_seconds: int = TIMEOUT_SECONDS) -> Comparison:
    """Compare two answers in normal spelling with math-verify, within a limit in CPU seconds.

    Never raises for what the answers say: running out of time is `timeout`, out of memory `error`. The libraries are
    loaded before the limit begins.

    Raises:
        RuntimeError: This is not the main thread of its process.
    """
    symbolic.load()
    try:
        with cpu_limit(timeout_seconds):
            return _symbolic(gold, answer)
    except ExpiredError:
        return Comparison(Verdict.TIMEOUT, "symbolic")
    except MemoryError:
        return Comparison(Verdict.ERROR, "memory")


def _symbolic(gold: str, answer: str) -> Comparison:
    """Parse both sides and verify; the gold answer comes first, as math-verify is not symmetric."""
    gold, answer, same_domain = _without_domain(gold, answer)
    if not same_domain:
        return Comparison(Verdict.WRONG, "symbolic")
    gold, answer = _both_signs(gold), _both_signs(answer)
    gold_value = None if _is_prose(gold) else symbolic.parse(gold)
    if gold_value is None:
        return Comparison(Verdict.UNVERIFIABLE, "literal")
    choice = choices.CHOICE.fullmatch(answer)
    if choice and choice[0].startswith("\\text") and choice[3]:
        answer = normalise(choice[3])  # \text{(C)}20 against the value of the choice
    answer_value = symbolic.parse(answer)
    if answer_value is None:
        return Comparison(Verdict.WRONG, "literal")
    is_same = symbolic.same(gold, answer, gold_value, answer_value)
    return Comparison(Verdict.CORRECT if is_same else Verdict.WRONG, "symbolic")


def _without_domain(gold: str, answer: str) -> tuple[str, str, bool]:
    r"""Return both without a closing `,k\in\mathbb{Z}`, and whether these agree where both have one."""
    pieces = [_DOMAIN.fullmatch(text) for text in (gold, answer)]
    domains = {match[2] for match in pieces if match}
    gold, answer = (match[1] if match else text for match, text in zip(pieces, (gold, answer), strict=True))
    return gold, answer, len(domains) < 2


def _both_signs(text: str) -> str:
    r"""Write a `\pm` within braces as the list of both answers; math-verify reads it between terms alone."""
    if not re.search(r"\{[^{}]*\\(?:pm|mp)(?![a-zA-Z])", text) or re.search(r"[,=<>]|\\begin", text):
        return text
    signs = ({"pm": "+", "mp": "-"}, {"pm": "-", "mp": "+"})
    return ",".join(re.sub(r"\\(pm|mp)(?![a-zA-Z])", lambda m, s=s: s[m[1]], text) for s in signs)
