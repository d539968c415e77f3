r"""maj@k: how likely the most frequent answer of k samples of a problem is correct.

Each sample has a vote for the answer in its last box, if it ended by itself; the others take a place among the k and
vote for nothing. Equal answers are one class by the grader, not by their spelling: all that it calls equal to the gold
answer, and of the others those that it calls equal to each other (`distill.verdicts.agreement` says how; it is not
asked about two plain numbers, nor about a number and a term in a variable). Where no vote is correct nothing hangs on
that, and spellings with one normal form are a class. Of several classes with most votes each is taken equally often: a
tie counts by the share that it would get right. A class whose votes are not all graded alike (a judge sees each
response for itself) counts by the share of them that is correct. The figure is the mean over all choices of k among the
n samples, computed exactly; without any vote a choice is not correct.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from distill.verdicts.agreement import Grader, Votes, classes_of, common, equal_pairs, forms_of
from distill.verdicts.answers import normalise
from distill.verdicts.values import read

_PLAIN = re.compile(r"(-?)(?:([0-9]{1,40}(?:\.[0-9]{1,40})?)|\\d?frac\{([0-9]{1,40})\}\{([0-9]{1,40})\})")


_COMMAND = re.compile(r"\\[a-zA-Z]+")
_VARIABLE = re.compile("[abfjknpqruvwxyz]")
_IN_TERMS = {r"\frac", r"\sqrt", r"\cdot", r"\pi"}
_TERM = re.compile(r"(?:[0-9.+\-*/^(){} ]|(?<![a-zA-Z])[a-zA-Z](?![a-zA-Z]))*")


class Ballot(NamedTuple):
    """The votes on a problem: of each class of equal answers, most votes first, how many, and how many are correct.

    blanks: samples without a vote.
    """

    votes: tuple[int, ...]
    correct: tuple[int, ...]
    blanks: int


class Cast(NamedTuple):
    """One sample's vote: its answer (None without a vote), whether it is correct, and whether it equals the gold."""

    answer: str | None
    is_correct: bool
    equals_gold: bool


def ballots(problems: Sequence[Sequence[Cast]], grade: Grader) -> list[Ballot]:
    """Return the votes on each problem; `grade` grades rows (gold, response, finish_reason) in their order."""
    others = [_other_forms(casts) if any(cast.is_correct for cast in casts) else [] for casts in problems]
    equal = [_equal_numbers(forms) for forms in others]
    # One problem for each pair that only the grader can tell: `equal_pairs` asks about all pairs of a problem.
    open_pairs = [(n, i, j) for n, forms in enumerate(others) for i, j in _open_pairs(forms)]
    asked = [[common(others[n][i]), common(others[n][j])] for n, i, j in open_pairs]
    for (n, i, j), found in zip(open_pairs, equal_pairs(asked, grade), strict=True):
        equal[n] |= {(i, j)} if found else set()
    return [_ballot(*each) for each in zip(problems, others, equal, strict=True)]


def _other_forms(casts: Sequence[Cast]) -> list[Votes]:
    """Return the forms of the answers that do not equal the gold answer."""
    return forms_of(Counter(cast.answer for cast in casts if cast.answer is not None and not cast.equals_gold))


def _equal_numbers(forms: Sequence[Votes]) -> set[tuple[int, int]]:
    numbers = [_number(form) for form in forms]
    pairs = combinations(range(len(forms)), 2)
    return {(i, j) for i, j in pairs if numbers[i] is not None and numbers[i] == numbers[j]}


def _open_pairs(forms: Sequence[Votes]) -> list[tuple[int, int]]:
    """Return the pairs that only the grader can tell: not two plain numbers, nor a closed-form number and a term."""
    spelled = [normalise(common(form)) for form in forms]
    plain, terms = [_number(form) is not None for form in forms], [_is_term(text) for text in spelled]
    closed = [known or read(text) is not None for known, text in zip(plain, spelled, strict=True)]
    return [
        (i, j)
        for i, j in combinations(range(len(forms)), 2)
        if not (plain[i] and plain[j]) and not (closed[i] and terms[j]) and not (terms[i] and closed[j])
    ]


def _is_term(text: str) -> bool:
    """Whether an answer in normal spelling is a term in some variable, and no equation, set, unit or word.

    Letters that may be a number or a unit are not looked at; a term whose variables cancel counts as one.
    """
    rest, commands = _COMMAND.sub("", text), set(_COMMAND.findall(text))
    return commands <= _IN_TERMS and bool(_TERM.fullmatch(rest)) and bool(_VARIABLE.search(rest))


def _number(form: Votes) -> Fraction | None:
    """Return the value of a form that is a plain number or fraction of plain numbers, None for any other."""
    match = _PLAIN.fullmatch(common(form))
    if match is None:
        return None
    sign, whole, top, bottom = match.groups()
    try:
        return (-1 if sign else 1) * (Fraction(whole) if whole else Fraction(int(top), int(bottom)))
    except ZeroDivisionError:
        return None


def _ballot(casts: Sequence[Cast], forms: Sequence[Votes], equal: set[tuple[int, int]]) -> Ballot:
    correct = Counter(cast.answer for cast in casts if cast.is_correct)
    gold = [cast for cast in casts if cast.answer is not None and cast.equals_gold]
    classes = [(len(gold), sum(cast.is_correct for cast in gold))] if gold else []
    classes += [(each.total(), sum(correct[answer] for answer in each)) for each in classes_of(forms, equal)]
    if not any(cast.is_correct for cast in casts):
        forms = forms_of(Counter(cast.answer for cast in casts if cast.answer is not None))
        classes = [(form.total(), 0) for form in forms]
    classes.sort(reverse=True)
    votes, right = zip(*classes, strict=True) if classes else ((), ())
    return Ballot(votes, right, len(casts) - sum(votes))


@lru_cache(maxsize=200_000)
def majority(ballot: Ballot, k: int) -> float:
    """Return maj@k of a problem, in 0..1. Raises ValueError for more than there are samples, or less than one."""
    samples = sum(ballot.votes) + ballot.blanks
    if not 1 <= k <= samples:
        raise ValueError(f"maj@{k} of {samples} samples is not defined")
    share = 0.0
    for number, (votes, correct) in enumerate(zip(ballot.votes, ballot.correct, strict=True)):
        if correct:
            others = ballot.votes[:number] + ballot.votes[number + 1 :]
            share += correct / votes * _wins(votes, others, ballot.blanks, k) / comb(samples, k)
    return share


def _wins(votes: int, others: Sequence[int], blanks: int, k: int) -> float:
    """Return in how many choices of k samples a class has most votes; a tie of t classes counts 1 / t."""
    chosen = 0.0
    for own in range(1, min(votes, k) + 1):
        rest = k - own
        # Row t: in how many ways 0, 1, ..., rest samples come from the classes so far, none with more than `own` of
        # them and t with as many.
        ways = {0: _choices(blanks, rest)}
        for other in others:
            ways = _with_class(ways, other, own, rest)
        chosen += comb(votes, own) * sum(row[rest] / (ties + 1) for ties, row in ways.items())
    return chosen


def _with_class(ways: dict[int, np.ndarray], votes: int, most: int, rest: int) -> dict[int, np.ndarray]:
    """Return the ways after another class, of which at most `most` samples may be among the chosen."""
    fewer = _choices(votes, rest)[:most]
    wider: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(rest + 1))
    for ties, row in ways.items():
        wider[ties] += np.convolve(row, fewer)[: rest + 1]
        if most <= min(votes, rest):
            wider[ties + 1][most:] += comb(votes, most) * row[: rest + 1 - most]
    return wider


@lru_cache(maxsize=10_000)
def _choices(items: int, most: int) -> np.ndarray:
    """Return in how many ways 0, 1, ..., `most` of so many items can be chosen."""
    return np.array([float(comb(items, number)) for number in range(most + 1)])


def majorities(all_ballots: Iterable[Ballot], k: int) -> np.ndarray:
    """Return maj@k of each problem."""
    return np.array([majority(ballot, k) for ballot in all_ballots])
