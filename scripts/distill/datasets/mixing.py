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

# How far a problem came at one teacher, from worst to best, by what stopped it; `correct` was stopped by nothing.
OUTCOMES = ("not_generated", "not_stopped", "not_answered", "not_correct", "correct")
_UNANSWERED = ("no_answer", "cut_off")


@dataclass(frozen=True)
class Draw:
    """One graded response of a teacher to a problem.

    fault: why curation does not use it; preference: the least one among the usable draws of a problem is chosen.
    """

    problem_id: str
    draw: int
    finish_reason: str
    verdict: str
    fault: str | None = None
    preference: tuple[float, int] = (0, 0)

    @property
    def outcome(self) -> str:
        """Return how far this response got, one of OUTCOMES. A cut-off one is never `correct`: it may be a fluke."""
        if self.finish_reason == "error":
            return "not_generated"
        if self.finish_reason != "stop":
            return "not_stopped"
        if self.verdict in _UNANSWERED:
            return "not_answered"
        return "correct" if self.verdict == "correct" else "not_correct"


@dataclass(frozen=True)
class Availability:
    """What one teacher has for each problem.

    outcome: problem_id -> the best over its draws, for every problem; usable: problem_id -> the chosen draw;
    faulty: problem_id -> why curation uses none of the draws that would do otherwise.
    """

    outcome: dict[str, str]
    usable: dict[str, int]
    faulty: dict[str, str]


def select_draws(problem_ids: Iterable[str], draws: Iterable[Draw], pairing: str) -> Availability:
    """Return what a teacher has; a draw may be trained on if it is correct, or whatever it is when `unfiltered`."""
    best = dict.fromkeys(problem_ids, 0)
    chosen: dict[str, tuple[tuple[float, int], int]] = {}
    faults: dict[str, tuple[int, str]] = {}
    for draw in draws:
        problem_id = draw.problem_id
        if problem_id not in best:
            continue
        best[problem_id] = max(best[problem_id], OUTCOMES.index(draw.outcome))
        would_do = draw.outcome != "not_generated" if pairing == "unfiltered" else draw.outcome == "correct"
        if would_do and draw.fault:
            faults[problem_id] = min((draw.draw, draw.fault), faults.get(problem_id, (draw.draw, draw.fault)))
        elif would_do:
            mine = draw.preference, draw.draw
            chosen[problem_id] = min(mine, chosen.get(problem_id, mine))
    return Availability(
        {i: OUTCOMES[rank] for i, rank in best.items()},
        {i: draw for i, (_, draw) in chosen.items()},
        {i: reason for i, (_, reason) in faults.items() if i not in chosen},
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
        own = [i for i in ids if i not in taken][:count]
        taken.update(dict.fromkeys(own, teacher))
    return taken


def lost_reasons(
    found: Availability, excluded: Mapping[str, str], paired: Iterable[str], assigned: Mapping[str, str], teacher: str
) -> dict[str, str]:
    """Return problem_id -> why one teacher's response to it is not in the dataset.

    `excluded` are problems that curation leaves out, with reasons; `paired` the teacher's candidates; `assigned` the
    dataset's problem_id -> teacher. A problem counts where it was lost first: at the teacher, in curation, in pairing.
    """
    candidate, lost = set(paired), {}
    for problem_id, outcome in found.outcome.items():
        owner = assigned.get(problem_id)
        if owner == teacher:
            continue
        if problem_id in candidate:
            lost[problem_id] = "other_source" if owner else "over_budget"
        elif problem_id in found.usable:
            lost[problem_id] = excluded.get(problem_id, "not_paired")
        else:
            lost[problem_id] = found.faulty.get(problem_id, outcome)
    return lost
