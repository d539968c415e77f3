r"""maj@k: how likely the most frequent answer of k samples of a problem is correct.

Each sample has a vote for the answer in its last box, if it ended by itself; the others take a place among the k and
vote for nothing. Equal answers are one class by the grader, not by their spelling (`distill.verdicts.agreement`: 1/2
and 0.5 are one, and 50\% joins only a class all of whose answers it equals). Of several classes with most votes each
is taken equally often: a tie counts by the share that it would get right. A class whose votes are not all graded alike
(a judge sees each response for itself) counts by the share of them that is correct. The figure is the mean over all
choices of k among the n samples, computed exactly; without any vote a choice is not correct.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import comb
from typing import NamedTuple

import numpy as np

from distill.verdicts.agreement import Grader, Votes, classes_of, common, equal_pairs, forms_of


class Ballot(NamedTuple):
    """The votes on a problem: of each class of equal answers, most votes first, how many, and how many are correct.

    blanks: samples without a vote.
    """

    votes: tuple[int, ...]
    correct: tuple[int, ...]
    blanks: int


Cast = tuple[str | None, bool]  # the answer that a sample votes for, and whether it is correct


def ballots(problems: Sequence[Sequence[Cast]], grade: Grader) -> list[Ballot]:
    """Return the votes on each problem; `grade` grades rows (gold, response, finish_reason) in their order."""
    forms = [forms_of(Counter(answer for answer, _ in casts if answer is not None)) for casts in problems]
    unclear = [number for number, each in enumerate(forms) if not _differ_plainly(each)]
    equal: list[set[tuple[int, int]]] = [set() for _ in problems]
    found = equal_pairs([[common(form) for form in forms[number]] for number in unclear], grade)
    for number, pairs in zip(unclear, found, strict=True):
        equal[number] = pairs
    return [_ballot(*each) for each in zip(problems, forms, equal, strict=True)]


def _differ_plainly(forms: Sequence[Votes]) -> bool:
    """Whether all forms are whole numbers in figures: as forms they are different, so no grader need be asked."""
    spelled = [common(form) for form in forms]
    return len({int(text) for text in spelled if text.isascii() and text.isdecimal()}) == len(spelled)


def _ballot(casts: Sequence[Cast], forms: Sequence[Votes], equal: set[tuple[int, int]]) -> Ballot:
    correct = Counter(answer for answer, is_correct in casts if answer is not None and is_correct)
    classes = [(each.total(), sum(correct[answer] for answer in each)) for each in classes_of(forms, equal)]
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
