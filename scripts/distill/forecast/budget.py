"""The budget: what each contrast adds to those before it, in the order of what they can show, and which of them fit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from distill.config.lineage import (
    Arm,
    Likelihoods,
    Loglikelihoods,
    Place,
    Responses,
    Suitability,
    TeacherLogprobs,
    TokenShift,
    TrainedModel,
)
from distill.config.plan import Plan
from distill.config.ranges import NOTHING, Range
from distill.config.recipes import ArmsRecipe
from distill.forecast.forecast import Forecast
from distill.scores.power import Outlook

OF_AN_ARM = (Responses, TrainedModel, TeacherLogprobs, Likelihoods, Loglikelihoods, Suitability, TokenShift)
FITS, MAY, NOT = "fits", "may fit", "does not fit"


@dataclass(frozen=True)
class Offer:
    """A contrast in the order of what it can show: what it adds, all taken ones with it, and whether it fits.

    The costs are in the unit of the forecast. ways: what it would cost besides to see the smallest gap, by the way.
    """

    outlook: Outlook
    adds: Range
    together: Range
    fits: str
    ways: dict[str, Range]


def offers(forecast: Forecast, outlooks: Sequence[Outlook], budget: float | None = None) -> list[Offer]:
    """Return the contrasts, those first that see the least against what matters; one that does not fit is left out."""
    costs = {each.place: forecast.cost([each]) for each in forecast.missing}
    taken: set[Place] = set()
    together, found = NOTHING, []
    for outlook in sorted(outlooks, key=_sees):
        new = needed(forecast.plan, outlook.study, outlook.contrast.arms) - taken
        adds = _sum(costs, new)
        fits = _word(together + adds, budget)
        if fits != NOT:
            taken |= new
            together += adds
        found.append(Offer(outlook, adds, together, fits, ways(forecast, outlook)))
    return found


def _sum(costs: dict[Place, Range], places: Iterable[Place]) -> Range:
    known = [costs[place] for place in places if place in costs]
    return Range(sum(each.low for each in known), sum(each.high for each in known))


def _sees(outlook: Outlook) -> float:
    """Return the smallest difference that a contrast can see, in smallest gaps where the study states one."""
    return outlook.design.detectable() / (outlook.smallest or 1)


def _word(cost: Range, budget: float | None) -> str:
    if budget is None:
        return ""
    return FITS if cost.high <= budget else MAY if cost.low <= budget else NOT


def needed(plan: Plan, study: str, arms: Iterable[Arm]) -> set[Place]:
    """Return all that a study of these arms alone would need up to its scores: shared things are in many such sets."""
    recipe = plan.catalogue.studies[study]
    blocks = tuple(
        ArmsRecipe(students=(arm.student,), datasets=(arm.dataset,), training=arm.training, seeds=(arm.seed,))
        if arm.is_trained
        else ArmsRecipe(students=(arm.student,), datasets=("base",), training=recipe.arms[0].training, seeds=(1,))
        for arm in dict.fromkeys(arms)
    )
    alone = recipe.model_copy(update={"arms": blocks, "gaps": {}, "contrasts": {}})
    return set(Plan(replace(plan.catalogue, studies={study: alone})).places())


def ways(forecast: Forecast, outlook: Outlook) -> dict[str, Range]:
    """Return way -> what it costs more to see the smallest gap by it alone; nothing where the design sees it.

    Further seeds train and answer again, further samples and benchmarks like these answer again.
    """
    if not outlook.is_blind or outlook.smallest is None:
        return {}
    takes, contrast = outlook.design.takes(outlook.smallest), outlook.contrast
    paths = {arm.model_path: arm for arm in contrast.arms}
    places = [p for p in needed(forecast.plan, outlook.study, contrast.arms) if isinstance(p, OF_AN_ARM)]
    answers = [p for p in places if isinstance(p, (Responses, Likelihoods)) and p.model_path in paths]
    trained = {p for p in answers if paths[p.model_path].is_trained}
    trained |= {p for p in places if isinstance(p, TrainedModel)}
    more = {
        "seeds": (trained, contrast.n_seeds),
        "samples": (answers, outlook.design.samples),
        "benchmarks": (answers, 1),
    }
    estimator = forecast.estimator(places)
    return {
        f"{count} times the benchmarks" if way == "benchmarks" else f"{count} {way}":
        forecast.cost(estimator.of(place) for place in own) * ((count - now) / now)
        for way, (own, now) in more.items()
        if (count := takes[way]) is not None
    }  # fmt: skip
