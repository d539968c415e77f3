"""Which problems a dataset holds, and whose response each problem gets. Pure functions on ids.

One rule covers single teachers, mixes and sweeps. Problems stand in one seeded order. The first teacher takes its share
from the front of that order, each further teacher the next problems of its own that are not taken yet. Hence
- share 1 of a teacher is that teacher's own dataset, row for row (alpha = 0 and 1 of a mix);
- a larger alpha only swaps rows: every row of the first teacher stays, every row of the last one was there before;
- with `both_correct` all mixes of the same teachers hold the same problems.
"""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from distill.config.shards import stable_hash
from distill.runtime.errors import InputError
from distill.tables.words import Outcome


@dataclass(frozen=True)
class Draw:
    """One graded response of a teacher to a problem.

    rejection: why curation does not use it; preference: the least one among the usable draws of a problem is chosen.
    """

    problem_id: str
    draw: int
    outcome: Outcome
    rejection: str | None = None
    preference: tuple[float, int] = (0, 0)


@dataclass(frozen=True)
class Availability:
    """What one teacher has for each problem.

    outcome: problem_id -> the best over its draws, for every problem; usable: problem_id -> the chosen draw;
    rejected_draws: problem_id -> why curation uses none of the draws that would do otherwise.
    """

    outcome: dict[str, Outcome]
    usable: dict[str, int]
    rejected_draws: dict[str, str]


def select_draws(problem_ids: Iterable[str], draws: Iterable[Draw], pairing: str) -> Availability:
    """Return what a teacher has; a draw may be trained on if it is correct, or whatever it is when `unfiltered`."""
    best = dict.fromkeys(problem_ids, Outcome.NOT_GENERATED)
    chosen: dict[str, tuple[tuple[float, int], int]] = {}
    rejected: dict[str, tuple[int, str]] = {}
    for draw in draws:
        problem_id = draw.problem_id
        if problem_id not in best:
            continue
        best[problem_id] = max(best[problem_id], draw.outcome, key=lambda outcome: outcome.rank)
        least = Outcome.NOT_STOPPED if pairing == "unfiltered" else Outcome.CORRECT
        if draw.outcome.rank < least.rank:
            continue
        if draw.rejection:
            reason = draw.draw, draw.rejection
            rejected[problem_id] = min(reason, rejected.get(problem_id, reason))
        else:
            choice = draw.preference, draw.draw
            chosen[problem_id] = min(choice, chosen.get(problem_id, choice))
    return Availability(
        best,
        {i: draw for i, (_, draw) in chosen.items()},
        {i: reason for i, (_, reason) in rejected.items() if i not in chosen},
    )


def candidates(usable: Mapping[str, Iterable[str]], pairing: str, seed: int) -> dict[str, list[str]]:
    """Return teacher -> its candidate problems in the dataset's seeded order.

    `both_correct` keeps problems that every teacher can fill; the other pairings keep each teacher's own.
    """
    sets = {teacher: set(ids) for teacher, ids in usable.items()}
    if pairing == "both_correct":
        common = set.intersection(*sets.values())
        sets = dict.fromkeys(sets, common)
    return {s: sorted(ids, key=lambda i: (stable_hash("mix", seed, i), i)) for s, ids in sets.items()}


def budget(candidate: Mapping[str, Sequence[str]], rows: int | None, dataset: str) -> int:
    """Return the row budget: the recipe's, or as many rows as every teacher can fill on its own.

    Raises InputError when a teacher cannot fill it, or nothing is left.
    """
    scarce, most = min(((s, len(ids)) for s, ids in candidate.items()), key=lambda pair: pair[1])
    if most == 0:
        raise InputError(f"{dataset}: no problem is left for {scarce}; see the ledger of its verdicts")
    if rows is not None and rows > most:
        raise InputError(f"{dataset}: rows {rows}, but {scarce} has only {most} usable problems; lower `rows`")
    return most if rows is None else rows


def share_counts(rows: int, shares: Sequence[float]) -> list[int]:
    """Return the rows of each teacher: cumulated shares, rounded half up, so a larger first share never loses a row."""
    edges = [0] + [math.floor(rows * sum(shares[: i + 1]) + 0.5) for i in range(len(shares) - 1)] + [rows]
    return [after - before for before, after in itertools.pairwise(edges)]


def assign(candidate: Mapping[str, Sequence[str]], counts: Sequence[int]) -> dict[str, str]:
    """Return problem_id -> teacher: each teacher in turn takes its count of candidates that are not taken yet."""
    taken: dict[str, str] = {}
    for (teacher, ids), count in zip(candidate.items(), counts, strict=True):
        free = [i for i in ids if i not in taken]
        taken.update(dict.fromkeys(free[:count], teacher))
    return taken


def lost_reasons(
    available: Availability,
    excluded_problems: Mapping[str, str],
    candidate_ids: Iterable[str],
    assigned: Mapping[str, str],
    teacher: str,
) -> dict[str, str]:
    """Return problem_id -> why one teacher's response to it is not in the dataset.

    `excluded_problems` are those that curation leaves out, with reasons; `assigned` is the dataset's problem_id ->
    teacher. A problem counts where it was lost first: at the teacher, in curation, in pairing.
    """
    candidate, lost = set(candidate_ids), {}
    for problem_id, outcome in available.outcome.items():
        owner = assigned.get(problem_id)
        if owner == teacher:
            continue
        if problem_id in candidate:
            lost[problem_id] = "other_source" if owner else "over_budget"
        elif problem_id in available.usable:
            lost[problem_id] = excluded_problems.get(problem_id, "not_paired")
        else:
            lost[problem_id] = available.rejected_draws.get(problem_id, outcome)
    return lost
