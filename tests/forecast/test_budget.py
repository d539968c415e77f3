"""Contrasts in the order of what they can show, what each adds to those before it, and what fits a budget."""

import random
from itertools import pairwise

import pytest
from round_numbers import Planned, code, stand

from distill.config.lineage import Place, Responses, TrainedModel
from distill.config.plan import Plan
from distill.config.ranges import NOTHING, Range, total
from distill.forecast.budget import FITS, MAY, NOT, needed, offers, ways
from distill.forecast.forecast import Forecast, forecast
from distill.forecast.text import offers_text
from distill.forecast.walls import Site
from distill.scores.power import Outlook, studies_outlooks

pytestmark = pytest.mark.usefixtures("table")
ARM = {"students": ["seven"], "training": "sft"}
# Two gaps that share a dataset; `mixed` is seen better, with three seeds.
STUDY = {
    "arms": [
        {**ARM, "datasets": ["one", "two"], "seeds": [1]},
        {**ARM, "datasets": ["mixed", "one"], "seeds": [2, 3, 4]},
    ],
    "gaps": {"apart": {"plus": "one", "minus": ["two"]}, "mix_gain": {"plus": "mixed", "minus": ["one"]}},
    "power": {"seed_sd": 0.02, "problems": {"bench": 500}},
}


@pytest.fixture
def found(planned: Planned) -> Forecast:
    """The forecast of a study of two contrasts."""
    mixed = {"corpus": "many", "teachers": ["one", "two"], "alpha": 0.2}
    return forecast(planned(STUDY, datasets={"mixed": mixed}), code, Site(cores=4, gpus=8))


def outlooks(found: Forecast) -> list[Outlook]:
    return studies_outlooks(found.plan.catalogue)


def cost(found: Forecast, places: set[Place]) -> Range:
    return found.cost(e for e in found.missing if e.place in places)


def test_those_that_see_the_least_come_first_and_shared_things_count_once(found: Forecast) -> None:
    own = outlooks(found)
    first, second = offers(found, own)
    assert [first.outlook.contrast.name, second.outlook.contrast.name] == ["mix_gain", "apart"]
    assert first.outlook.design.detectable() < second.outlook.design.detectable()
    sets = {each.contrast.name: needed(found.plan, each.study, each.contrast.arms) for each in own}
    assert first.adds == first.together
    assert first.adds.high == pytest.approx(cost(found, sets["mix_gain"]).high)
    # Both need both teachers, and `one` with all of its seeds.
    added = sets["apart"] - sets["mix_gain"]
    assert {p.dataset for p in added if isinstance(p, TrainedModel)} == {"two"}
    assert not [p for p in added if isinstance(p, Responses) and p.model_path.startswith("teachers/")]
    assert second.together.high == pytest.approx((first.adds + second.adds).high)
    assert second.together.high == pytest.approx(cost(found, sets["apart"] | sets["mix_gain"]).high)


def test_a_budget_says_what_fits(found: Forecast) -> None:
    first, second = offers(found, outlooks(found))

    def words(budget: float) -> list[str]:
        return [each.fits for each in offers(found, outlooks(found), budget)]

    assert words(second.together.high) == [FITS, FITS]
    assert words(second.together.high * 0.99) == [FITS, MAY]
    assert words(first.together.high * 0.99) == [MAY, MAY]
    assert words(0) == [NOT, NOT]
    # The first is too dear, so the second is reckoned without it.
    short = (first.adds.low + cost(found, needed(found.plan, "small", second.outlook.contrast.arms)).low) / 2
    if short < first.adds.low:
        one, other = offers(found, outlooks(found), short)
        assert (one.fits, one.together) == (NOT, NOTHING)
        assert other.fits == MAY
    text = offers_text(offers(found, outlooks(found), 3.0), found.unit, 3.0)
    assert "budget 3" in text
    assert "adds, GPU hours" in text


def test_the_cost_of_a_set_of_contrasts_grows_and_is_at_most_the_sum(found: Forecast) -> None:
    sets = [needed(found.plan, each.study, each.contrast.arms) for each in outlooks(found)]
    arms = found.plan.arms()
    sets += [needed(found.plan, "small", [arm]) for arm in arms]
    for seed in range(20):
        order = random.Random(seed).sample(sets, len(sets))
        unions = [set().union(*order[: n + 1]) for n in range(len(order))]
        costs = [cost(found, union) for union in unions]
        for before, after in pairwise(costs):
            assert before.low <= after.low * (1 + 1e-9)
            assert before.high <= after.high * (1 + 1e-9)
        for n, union in enumerate(costs):
            assert union.high <= total(cost(found, one) for one in order[: n + 1]).high * (1 + 1e-9)
    # All arms together need all that the study has up to its scores.
    whole = {e.place for e in found.missing} & set(found.plan.places())
    assert cost(found, set().union(*sets)).high == pytest.approx(cost(found, whole).high)


def test_what_it_would_take_is_reckoned_by_hand(found: Forecast) -> None:
    apart = next(each for each in outlooks(found) if each.contrast.name == "apart")
    takes = apart.design.takes(0.02)
    told = ways(found, apart)
    trained, base = [(180 + 100, 6000 + 100), (10 + 100, 100 + 100)]
    arms = len([arm for arm in apart.contrast.arms if arm.is_trained])
    if seeds := takes["seeds"]:
        more = (seeds - apart.contrast.n_seeds) / apart.contrast.n_seeds * arms / 3600
        own = told[f"{seeds} seeds"]
        assert (own.low, own.high) == pytest.approx((more * (trained[0] + base[0]), more * (trained[1] + base[1])))
    assert len(told) == len([count for count in takes.values() if count])
    assert all(name.split()[0].isdigit() for name in told)


def test_a_contrast_that_is_made_adds_nothing(found: Forecast) -> None:
    plan: Plan = found.plan
    stand(plan)
    for each in offers(forecast(plan, code, found.site), outlooks(found), 0.0):
        assert (each.adds, each.fits) == (NOTHING, FITS)
