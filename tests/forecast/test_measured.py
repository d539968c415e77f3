"""The next plan learns: speeds, starts, lengths and bytes of finished jobs, of the likest ones first."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from round_numbers import Planned, code, record

from distill.config.lineage import Place, Responses, TrainedModel, Verdicts
from distill.config.plan import Plan
from distill.config.ranges import Range
from distill.forecast.estimates import Estimate
from distill.forecast.forecast import Forecast, forecast
from distill.forecast.measured import FEW, LEAST, Tally
from distill.forecast.text import plan_text, summary, taken_text, used_text
from distill.forecast.used import uses
from distill.forecast.walls import Site

pytestmark = pytest.mark.usefixtures("table")
GPUS = {"hardware": {"gpus": ["an H100"]}}
LONG = Responses("many", "teachers/one", "long", 0, "00-of-04")
OTHER = Responses("many", "teachers/two", "long", 0, "00-of-04")


def trained(dataset: str, seed: int) -> TrainedModel:
    return TrainedModel("seven", "sft", dataset, seed)


def answered(plan: Plan, place: Responses = LONG, tokens: int = 100_000, busy: float = 1000, **facts: Any) -> None:
    """Record a generation of 250 rows that was at work for `busy` seconds, and 30 s longer alive."""
    rows = {"rows": 250, "response_tokens": tokens}
    record(plan, place, rows, **{"asked": 250, "busy_seconds": busy, "alive_seconds": busy + 30, **GPUS, **facts})


def of(plan: Plan, site: Site | None = None) -> Forecast:
    return forecast(plan, code, site or Site(cores=4, gpus=8))


def one(plan: Plan, place: Place, site: Site | None = None) -> Estimate:
    (found,) = [e for e in of(plan, site).missing if e.place == place]
    return found


def further(place: Responses, shard: str = "01-of-04") -> Responses:
    return Responses(place.corpus, place.model_path, place.decoding, place.draw, shard)


def test_the_same_model_is_as_quick_as_it_was_and_its_responses_are_as_long(planned: Planned) -> None:
    plan = planned()
    answered(plan)
    found = one(plan, further(LONG))
    # 400 tokens a response, 100 tokens in a second, 30 s to start; a single job may be off by half.
    assert found.ground == "measured (1)"
    assert (found.tokens.low, found.tokens.high) == pytest.approx((250 * 400 / FEW, 250 * 400 * FEW))
    assert found.seconds.high == pytest.approx(1000 * FEW**2 + 30 * FEW)
    assert found.starts == Range(1 / 3, 1)
    assert found.seconds.low == pytest.approx(1000 / FEW**2 + (30 / FEW + 2) / 3)


def test_rows_of_other_jobs_and_rows_that_were_there_are_told_apart(planned: Planned) -> None:
    plan = planned()
    answered(plan, asked=150, resumed=100, ahead=350)  # 500 rows of 400 tokens in 1,000 s
    assert one(plan, further(LONG)).seconds.high == pytest.approx(500 * FEW**2 + 30 * FEW)
    answered(plan, further(LONG, "02-of-04"), busy=0, asked=0, resumed=250, alive_seconds=4.0)
    idle = one(plan, further(LONG)).seconds.low
    assert idle == pytest.approx(250 * 400 / FEW / (200 * FEW) + (30 / FEW + 4 / FEW) / 2)


def test_another_model_is_quicker_by_its_size_and_less_is_sure(planned: Planned) -> None:
    plan = planned(teachers={"two": {"model": {"hub": "Qwen/two-16B", "revision": "0" * 40}}})
    answered(plan)
    found = one(plan, OTHER)
    assert found.ground == "measured (1, one)"
    # The table: 2,000 in a second of 32 B, 4,000 and 2,188 of 16 B (from 32 B and 7 B), so between them 1.48 times.
    shape = (4000 * 5000 * 7 / 16) ** 0.5 / 2000
    assert found.seconds.high == pytest.approx(1000 * FEW**2 * 1.5 / shape + 30 * FEW)


def test_what_ran_elsewhere_says_nothing_of_this_device(planned: Planned) -> None:
    plan = planned()
    answered(plan, hardware={})
    found = one(plan, further(LONG))
    assert found.ground == "table"
    assert found.tokens.high == pytest.approx(250 * 400 * FEW)  # but lengths are lengths
    on_processor = one(plan, further(LONG), Site(cores=2))
    assert on_processor.ground == "measured (1)"


def test_lengths_are_those_of_the_likest_models(planned: Planned) -> None:
    plan = planned()

    def tokens(dataset: str) -> Range:
        return one(
            plan, Responses("bench", f"students/{trained(dataset, 2).folder[15:]}", "greedy", 0, "00-of-01")
        ).tokens

    assert tokens("one") == Range(500 * 100, 500 * 1000)  # a tenth to all of 1,000
    answered(plan, LONG, tokens=250 * 60)
    assert tokens("one").high == pytest.approx(500 * 60 * FEW)  # its dataset's teacher
    base = Responses("bench", "students/seven/base", "greedy", 0, "00-of-01")
    record(plan, base, {"rows": 500, "response_tokens": 500 * 70}, **GPUS)
    assert tokens("two").high == pytest.approx(500 * 70 * FEW)  # any student with this decoding
    arm = Responses("bench", "students/seven/sft/one/seed-1", "greedy", 0, "00-of-01")
    record(plan, arm, {"rows": 500, "response_tokens": 500 * 50}, **GPUS)
    assert tokens("one").high == pytest.approx(500 * 50 * FEW)  # an arm of the same dataset


def test_trainings_learn_from_trainings_and_weights_from_weights(planned: Planned) -> None:
    plan = planned()
    record(plan, trained("one", 1), {"tokens": 1_000_000}, busy_seconds=500, alive_seconds=540, **GPUS)
    weights = Path(trained("one", 1).folder) / "weights"
    weights.unlink()
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"x" * 3000)
    record_outputs(trained("one", 1))
    found = one(plan, trained("one", 2))
    assert found.ground == "measured (1)"
    assert found.seconds.high == pytest.approx(found.tokens.high / 2000 * FEW + 40 * FEW)
    assert found.disk.high == pytest.approx(3000 * FEW)


def record_outputs(place: TrainedModel) -> None:
    path = Path(place.file("provenance.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "outputs": {"weights/model.safetensors": "x"}}))


def test_jobs_without_a_model_take_what_they_took(planned: Planned) -> None:
    plan = planned()
    record(plan, Verdicts(*vars(LONG).values()), seconds=7.0, alive_seconds=8.0)
    found = one(plan, Verdicts(*vars(further(LONG)).values()))
    assert (found.ground, found.gpus) == ("measured (1)", 0)
    assert found.seconds.high == pytest.approx(8 * FEW)


def test_what_no_chosen_study_has_is_learnt_from_as_well(planned: Planned) -> None:
    plan = planned(
        {"arms": [{"students": ["seven"], "datasets": ["one"], "training": "sft", "seeds": [1]}], "gaps": {}}
    )
    answered(plan, OTHER)
    assert one(plan, LONG).ground == "measured (1, two)"
    folder = Path("results/responses/many/teachers/gone/long/draw-0/00-of-04")
    shutil.copytree(OTHER.folder, folder)  # of a teacher that the catalogue has no more
    assert "measured" in plan_text(of(plan))


def test_a_figure_is_the_total_with_what_single_jobs_differ_by() -> None:
    assert Tally().figure() is None
    tally = Tally()
    for amount, per in ((10, 1), (20, 2), (30, 3), (0, 5), (5, 0)):
        tally.add(amount, per)
    figure = tally.figure()
    assert figure is not None
    assert (figure.jobs, figure.figures) == (3, Range(10, 10).widened(LEAST))
    tally.add(1000, 1)  # far off: 1,060 in 7, and a standard deviation of ln 100 / 2
    wide = tally.figure()
    assert wide is not None
    assert wide.figures.middle == pytest.approx(1060 / 7)
    assert wide.figures.high / wide.figures.middle == pytest.approx(10)


def test_planned_against_taken_and_asked_against_used(planned: Planned) -> None:
    plan = planned()
    answered(plan, tokens=1_000_000, busy=700)  # the table: 500 s and 100 s to start
    line = next(line for line in taken_text(of(plan)).splitlines() if line.startswith("generate"))
    assert "12 min" in line  # taken: 730 s
    tsv = Path("logs/generate/many/teachers/one/long/draw-0/00-of-04.tsv")
    tsv.parent.mkdir(parents=True)
    tsv.write_text("s\th:m:s\tmax_rss\n730\t0:12:10\t5000.5\n")
    use = uses(plan.catalogue, of(plan).stands)["generate"]
    assert (use.jobs, use.used_mb, use.asked_mb) == (1, 5000.5, 88_000)
    assert use.busy / use.alive == pytest.approx(700 / 730)
    Path("efficiency_report_x.csv").write_text(
        "JobID,RuleName,MaxRSS_MB,RequestedMem_MB\n1.0,rule_generate_wildcards_many,9000,100000\n2.0,rule_mix,,\n"
    )
    use = uses(plan.catalogue, of(plan).stands)["generate"]
    assert (use.used_mb, use.asked_mb) == (9000, 100_000)
    told = used_text({"generate": use}).splitlines()[1]
    assert all(word in told for word in ("generate", "100 GB", "9 GB", "12 min", "96%"))


def test_a_line_for_a_dry_run(planned: Planned) -> None:
    plan = planned(settings={"prices": {"gpu_hour": 2.0}})
    line = summary(forecast(plan, code, Site(cores=4, gpus=8, gpu_hour=2.0)))
    assert line.startswith(f"plan: {len(of(plan).missing)} artefacts are missing: ")
    assert all(word in line for word in ("4 cores and 8 GPUs", "0.55 to 8.9 GPU hours", "1.1 to 18 $", "tokens"))
