"""Which draw of a teacher stands for a problem, which problems are paired, and why the others are lost.

Pure functions on ids; `budgets` says which of the paired problems a dataset holds, and from whom.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from distill.config.shards import stable_hash
from distill.runtime.errors import InputError
from distill.tables.words import Outcome


@dataclass(frozen=True)
class Draw:
    """One graded response of a teacher to a problem.

    rejection: why curation does not use it; preference: the least one among the usable draws of a problem is chosen;
    tokens: its length as the teacher counted it, None where unknown; characters: 0 where not asked for.
    """

    problem_id: str
    draw: int
    outcome: Outcome
    rejection: str | None = None
    preference: tuple[float, int] = (0, 0)
    tokens: int | None = None
    characters: int = 0


@dataclass(frozen=True)
class Availability:
    """What one teacher has for each problem.

    outcome: problem_id -> the best over its draws, for every problem; usable: problem_id -> the chosen draw;
    rejected_draws: problem_id -> why curation uses none of the draws that would do otherwise.
    """

    outcome: dict[str, Outcome]
    usable: dict[str, Draw]
    rejected_draws: dict[str, str]


def select_draws(problem_ids: Iterable[str], draws: Iterable[Draw], pairing: str) -> Availability:
    """Return what a teacher has; a draw may be trained on if it is correct, or whatever it is when `unfiltered`."""
    best = dict.fromkeys(problem_ids, Outcome.NOT_GENERATED)
    chosen: dict[str, Draw] = {}
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
            chosen[problem_id] = min(chosen.get(problem_id, draw), draw, key=lambda each: (each.preference, each.draw))
    return Availability(
        best,
        chosen,
        {i: reason for i, (_, reason) in rejected.items() if i not in chosen},
    )


def level_ranks(levels: Mapping[str, str | None], hardest_first: bool) -> dict[str, int]:
    """Return problem_id -> rank of its level, the least first: the first whole number in it, without one the lowest.

    Raises InputError where no level has a number.
    """
    found = {i: re.search(r"(?<!\d)\d{1,400}(?!\d)", level or "") for i, level in levels.items()}
    if not any(found.values()):
        raise InputError("`assignment: by_level`, but no problem has a level with a number; name `columns.level`")
    numbers = {i: int(match[0]) if match else -1 for i, match in found.items()}
    return {i: -number if hardest_first else number for i, number in numbers.items()}


def candidates(
    usable: Mapping[str, Iterable[str]], pairing: str, seed: int, ranks: Mapping[str, int] | None = None
) -> dict[str, list[str]]:
    """Return teacher -> its candidate problems in the dataset's order; teachers stand in the order of names.

    `both_correct` keeps problems that every teacher can fill; the other pairings keep each teacher's own. The order is
    that of the `ranks` of problems, and of the seed among those of the same rank.
    """
    ranks = ranks or {}
    sets = {teacher: set(ids) for teacher, ids in usable.items()}
    if pairing == "both_correct":
        common = set.intersection(*sets.values())
        sets = dict.fromkeys(sets, common)

    def place(problem_id: str) -> tuple[int, int, str]:
        return ranks.get(problem_id, 0), stable_hash("mix", seed, problem_id), problem_id

    return {teacher: sorted(ids, key=place) for teacher, ids in sorted(sets.items())}


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
