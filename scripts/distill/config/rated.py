"""What a student before training rates: responses of a dataset's teachers, for a choice among draws or a study."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from distill.config.lineage import Loglikelihoods, Responses, Suitability
from distill.config.recipes import SUITED

if TYPE_CHECKING:
    from distill.config.plan import Plan

Rating = type[Loglikelihoods] | type[Suitability]


def chosen_by(plan: "Plan", dataset: str) -> Iterator[tuple[str, str, list[Loglikelihoods | Suitability]]]:
    """Yield kind, teacher and places of what a dataset chooses among draws by; nothing where no student is asked."""
    recipe = plan.catalogue.datasets[dataset]
    student = recipe.curation.student
    if student is not None:
        kind: Rating = Suitability if recipe.curation.choose in SUITED else Loglikelihoods
        for teacher in recipe.teachers:
            yield kind.KIND, teacher, list(_rated(plan, kind, dataset, teacher, student))


def of_studies(plan: "Plan") -> Iterator[Suitability]:
    """Yield the suitability of all responses that a student of a study which asks for it may be taught."""
    for name, study in plan.catalogue.studies.items():
        arms = [arm for arm in plan.catalogue.arms(name) if arm.is_trained and study.suitability]
        for student, dataset in dict.fromkeys((arm.student, arm.dataset) for arm in arms):
            recipe = plan.catalogue.datasets[dataset]
            for teacher, share in zip(recipe.teachers, recipe.shares, strict=True):
                if share > 0:
                    yield from _rated(plan, Suitability, dataset, teacher, student)


def _rated(
    plan: "Plan", kind: Rating, dataset: str, teacher: str, student: str
) -> Iterator[Loglikelihoods | Suitability]:
    corpus, decoding = plan.catalogue.datasets[dataset].corpus, plan.catalogue.decoding_of(teacher)
    for place in plan.answers(Responses, corpus, f"teachers/{teacher}", decoding):
        yield kind(**asdict(place), student=student)
