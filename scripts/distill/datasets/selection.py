"""From the draws of all teachers to the rows of a dataset: who gives which problem, and why the others are lost.

Selection and pairing (`mixing`) and budgets and shares (`budgets`) put together, with the counts of the manifest.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distill.config.recipes import DatasetRecipe
from distill.datasets import budgets, mixing
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
    chosen: dict[str, Draw]
    lost: dict[str, str]

    @property
    def draws(self) -> dict[str, int]:
        """Return problem_id -> number of the chosen draw."""
        return {problem_id: draw.draw for problem_id, draw in self.chosen.items()}

    @property
    def tokens(self) -> int | None:
        """Return the tokens of its rows' responses, None where one of them is unknown."""
        counts = [draw.tokens for draw in self.chosen.values()]
        return None if None in counts else sum(counts)

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
        return {i: (each.teacher, draw) for each in self.contributions for i, draw in each.draws.items()}

    def ledger_rows(self) -> list[Row]:
        """Return the rows of the ledger table: why each teacher's response to a problem is not in the dataset."""
        return [
            {"teacher": each.teacher, "problem_id": problem_id, "reason": reason}
            for each in self.contributions
            for problem_id, reason in each.lost.items()
        ]

    def manifest(self, name: str, recipe: DatasetRecipe, texts: Mapping[str, str]) -> dict[str, Any]:
        """Return the manifest of the dataset `name` without its digest; `texts` is problem_id -> response of its rows.

        Raises RuntimeError if a ledger is wrong.
        """
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
            **self._lengths(recipe, texts),
            "funnel": {each.teacher: each.funnel(self.excluded_problems) for each in self.contributions},
            "ledger": Ledger(problems, len(chosen), lost).check(name),
            "ledger_by_teacher": by_teacher,
        }

    def _lengths(self, recipe: DatasetRecipe, texts: Mapping[str, str]) -> dict[str, Any]:
        """Return the tokens and characters of the rows, of all and by teacher, and how well the budget is met."""
        by_teacher: dict[str, dict[str, int | None]] = {
            "tokens": {each.teacher: each.tokens for each in self.contributions},
            "characters": {each.teacher: sum(len(texts[i]) for i in each.chosen) for each in self.contributions},
        }
        facts: dict[str, Any] = {}
        for unit, counts in by_teacher.items():
            total = None if None in counts.values() else sum(filter(None, counts.values()))
            facts |= {unit: total, f"{unit}_by_teacher": counts}
        wanted = recipe.length_budget
        if wanted is None or recipe.unit is None:
            return {**facts, "budget": None}
        reached = facts[recipe.unit]
        return {**facts, "budget": {recipe.unit: wanted, "reached": reached, "difference": reached - wanted}}


def select(
    levels: Mapping[str, str | None],
    draws: Mapping[str, Iterable[Draw]],
    excluded_problems: dict[str, str],
    recipe: DatasetRecipe,
    name: str,
) -> Selection:
    """Return who gives which problem to the dataset `name`.

    `levels` is problem_id -> level of all problems, `draws` teacher -> its draws, the recipe's teachers. Raises
    InputError when the teachers cannot fill the budget, or an assignment by level finds none.
    """
    problem_ids = list(levels)
    available = {
        teacher: mixing.select_draws(problem_ids, draws[teacher], recipe.pairing) for teacher in recipe.teachers
    }
    usable = {t: [i for i in each.usable if i not in excluded_problems] for t, each in available.items()}
    ranks = mixing.level_ranks(levels, hard_is_first(recipe)) if recipe.assignment == "by_level" else None
    candidates = mixing.candidates(usable, recipe.pairing, recipe.seed, ranks)
    lengths = {t: {i: getattr(draw, recipe.unit) for i, draw in available[t].usable.items()} for t in candidates
               if recipe.unit}  # fmt: skip
    assigned = budgets.mix(candidates, lengths, recipe, name)
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


def hard_is_first(recipe: DatasetRecipe) -> bool:
    """Whether the first of two teachers with a share comes first in the order of names, in which they take problems."""
    own = [teacher for teacher, share in zip(recipe.teachers, recipe.shares, strict=True) if share]
    return own[0] == min(own)


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
