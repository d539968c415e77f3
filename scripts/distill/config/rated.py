"""What a student before training rates: responses of a dataset's teachers, for a choice among draws or a study."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

from distill.config.lineage import Loglikelihoods, Responses, Suitability, TokenShift
from distill.config.recipes import SUITED

if TYPE_CHECKING:
    from distill.config.plan import Plan

Rating = type[Loglikelihoods] | type[Suitability]
RatedT = TypeVar("RatedT", Loglikelihoods, Suitability, TokenShift)


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
        if study.suitability:
            yield from _taught(plan, name, Suitability)


def token_shift(plan: "Plan") -> Iterator[TokenShift]:
    """Yield the token shift of what arms answer, and of what they are taught, where a study asks for it: first draws.

    The untouched student reads its own answers, too: drawn at a temperature, not all of their tokens are its likeliest.
    """
    for name, study in plan.catalogue.studies.items():
        for arm in plan.catalogue.arms(name) if study.token_shift else ():
            for benchmark in study.benchmarks:
                answered = plan.answers(Responses, benchmark, arm.model_path, study.decoding)
                yield from (TokenShift(**asdict(p), student=arm.student) for p in answered if p.draw == 0)
        if study.token_shift:
            yield from (place for place in _taught(plan, name, TokenShift) if place.draw == 0)


def _taught(plan: "Plan", study: str, kind: type[RatedT]) -> Iterator[RatedT]:
    """Yield the ratings of all responses that a student of a study may be taught."""
    arms = [arm for arm in plan.catalogue.arms(study) if arm.is_trained]
    for student, dataset in dict.fromkeys((arm.student, arm.dataset) for arm in arms):
        recipe = plan.catalogue.datasets[dataset]
        for teacher, share in zip(recipe.teachers, recipe.shares, strict=True):
            if share > 0:
                yield from _rated(plan, kind, dataset, teacher, student)


def _rated(plan: "Plan", kind: type[RatedT], dataset: str, teacher: str, student: str) -> Iterator[RatedT]:
    corpus, decoding = plan.catalogue.datasets[dataset].corpus, plan.catalogue.decoding_of(teacher)
    for place in plan.answers(Responses, corpus, f"teachers/{teacher}", decoding):
        yield kind(**asdict(place), student=student)
