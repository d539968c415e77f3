"""From the draws of all teachers to the rows of a dataset: who gives which problem, and why the others are lost.

Selection, pairing and mixing by ids (`mixing`), put together, with the counts of the manifest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distill.config.recipes import DatasetRecipe
from distill.datasets import mixing
from distill.datasets.mixing import Availability, Draw
from distill.runtime.files import text_digest
from distill.runtime.record import Ledger
from distill.tables.words import FUNNEL, STEPS

Row = dict[str, Any]


@dataclass(frozen=True)
class Contribution:
    """What one teacher gives to a dataset, and what it does not.

    candidates: its problems after curation and pairing; chosen: problem_id -> draw of its rows; lost: problem_id ->
    why its response to it is not in the dataset. Every problem is in one of the last two.
    """

    teacher: str
    available: Availability
    candidates: list[str]
    chosen: dict[str, int]
    lost: dict[str, str]

    def funnel(self, excluded_problems: Mapping[str, str]) -> dict[str, int]:
        """Return how many problems reached each step of FUNNEL."""
        ranks = [outcome.rank for outcome in self.available.outcome.values()]
        reached = [sum(rank > index for rank in ranks) for index in range(len(STEPS))]
        curated = len(self.available.usable.keys() - excluded_problems.keys())
        return dict(zip(FUNNEL, (len(ranks), *reached, curated, len(self.candidates)), strict=True))


@dataclass(frozen=True)
class Selection:
    """The rows of a dataset by ids: what each teacher gives; excluded_problems: problem_id -> why."""

    problem_ids: list[str]
    excluded_problems: dict[str, str]
    contributions: list[Contribution]

    def chosen(self) -> dict[str, tuple[str, int]]:
        """Return problem_id -> (teacher, draw) of the dataset's rows."""
        return {i: (each.teacher, draw) for each in self.contributions for i, draw in each.chosen.items()}

    def ledger_rows(self) -> list[Row]:
        """Return the rows of the ledger table: why each teacher's response to a problem is not in the dataset."""
        return [
            {"teacher": each.teacher, "problem_id": problem_id, "reason": reason}
            for each in self.contributions
            for problem_id, reason in each.lost.items()
        ]

    def manifest(self, name: str) -> dict[str, Any]:
        """Return the manifest of the dataset `name` without its digest; raises RuntimeError if a ledger is wrong."""
        problems, chosen = len(self.problem_ids), self.chosen()
        paired = set().union(*(each.candidates for each in self.contributions))
        lost = {
            **Counter(self.excluded_problems.values()),
            "not_paired": problems - len(self.excluded_problems) - len(paired),
            "over_budget": len(paired) - len(chosen),
        }
        by_teacher = {
            each.teacher: Ledger(problems, len(each.chosen), dict(Counter(each.lost.values()))).check(
                f"{name}/{each.teacher}"
            )
            for each in self.contributions
        }
        return {
            "kind": "datasets",
            "rows": len(chosen),
            "problems_digest": text_digest("\n".join(sorted(chosen))),
            "teachers": {each.teacher: len(each.chosen) for each in self.contributions},
            "funnel": {each.teacher: each.funnel(self.excluded_problems) for each in self.contributions},
            "ledger": Ledger(problems, len(chosen), lost).check(name),
            "ledger_by_teacher": by_teacher,
        }


def select(
    problem_ids: list[str],
    draws: Mapping[str, Iterable[Draw]],
    excluded_problems: dict[str, str],
    recipe: DatasetRecipe,
    name: str,
) -> Selection:
    """Return who gives which problem to the dataset `name`; `draws` is teacher -> its draws, the recipe's teachers.

    Raises InputError when a teacher cannot fill the row budget.
    """
    available = {
        teacher: mixing.select_draws(problem_ids, draws[teacher], recipe.pairing) for teacher in recipe.teachers
    }
    usable = {t: [i for i in each.usable if i not in excluded_problems] for t, each in available.items()}
    candidates = mixing.candidates(usable, recipe.pairing, recipe.seed)
    rows = mixing.budget(candidates, recipe.rows, name)
    assigned = mixing.assign(candidates, mixing.share_counts(rows, recipe.shares))
    contributions = [
        Contribution(
            teacher,
            each,
            candidates[teacher],
            {i: each.usable[i] for i, owner in assigned.items() if owner == teacher},
            mixing.lost_reasons(each, excluded_problems, candidates[teacher], assigned, teacher),
        )
        for teacher, each in available.items()
    ]
    return Selection(problem_ids, excluded_problems, contributions)


def train_rows(
    problems: Sequence[Mapping[str, str]], chosen: Mapping[str, tuple[str, int]], texts: Mapping[str, str]
) -> list[Row]:
    """Return the train table's rows; `chosen` is problem_id -> (teacher, draw), `texts` problem_id -> response."""
    rows = []
    for problem in problems:
        problem_id = problem["problem_id"]
        if problem_id in chosen:
            teacher, draw = chosen[problem_id]
            messages = [
                {"role": "user", "content": problem["problem"]},
                {"role": "assistant", "content": texts[problem_id]},
            ]
            rows.append({"problem_id": problem_id, "source": problem["origin"], "messages": messages,
                         "teacher": teacher, "draw": draw})  # fmt: skip
    return rows
