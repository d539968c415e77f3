"""The forecast of a study of round numbers against hand arithmetic, and what must hold of any."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from round_numbers import STUDY, Planned, code, record, stand

from distill.config.lineage import Dataset, Problems, Rendered, Responses, TrainedModel
from distill.config.plan import Plan
from distill.config.ranges import NOTHING, Range, total
from distill.forecast.estimates import Estimate
from distill.forecast.forecast import Forecast, forecast
from distill.forecast.missing import State
from distill.forecast.text import BYTES, COUNTS, TIMES, plan_text, shown
from distill.forecast.walls import Site, wall

EIGHT = Site(cores=4, gpus=8, gpu_hour=2.0)
pytestmark = pytest.mark.usefixtures("table")
SEVEN = ("seven", "sft", "one", 1)
Write = Callable[[Plan], None]


def of(plan: Plan, site: Site = EIGHT) -> Forecast:
    return forecast(plan, code, site)


def summed(found: Forecast, rule: str, path: str = "") -> dict[str, Range]:
    own = [e for e in found.missing if e.rule == rule and path in getattr(e.place, "model_path", "")]
    return {name: total(getattr(e, name) for e in own) for name in ("seconds", "starts", "tokens", "gpu_hours", "disk")}


def close(found: Range, low: float, high: float) -> None:
    assert (found.low, found.high) == pytest.approx((low, high))


def test_a_study_of_round_numbers_by_hand(planned: Planned) -> None:
    found = of(planned())
    # Two teachers answer 1,000 problems in 4 shards, with 100 to 6,000 tokens each, 2,000 in a second.
    # One start for all (100 s, the 3 others take 1 s), or one each.
    teachers = summed(found, "generate", "teachers/")
    close(teachers["tokens"], 2 * 100_000, 2 * 6_000_000)
    close(teachers["starts"], 2 * 1, 2 * 4)
    close(teachers["seconds"], 2 * (50 + 103), 2 * (3000 + 400))
    # Five students (2 x 2 trained, the base) answer 500 problems of 100 to 1,000 tokens, 5,000 in a second.
    students = summed(found, "generate", "students/")
    close(students["tokens"], 5 * 50_000, 5 * 500_000)
    close(students["seconds"], 5 * (10 + 100), 5 * (100 + 100))
    # Four trainings: 500 to 1,000 rows of 100 + 20 to 2,000 tokens, three times, 1,000 in a second; 28 GB are saved.
    trained = summed(found, "train")
    close(trained["tokens"], 4 * 3 * 500 * 120, 4 * 3 * 1000 * 2000)
    close(trained["seconds"], 4 * (180 + 100), 4 * (6000 + 100))
    close(trained["disk"], 4 * 28e9, 4 * 28e9)
    # One GPU each, two dollars an hour.
    hours = Range((306 + 550 + 1120) / 3600, (6800 + 1000 + 24_400) / 3600)
    close(total(e.gpu_hours for e in found.missing), hours.low, hours.high)
    assert found.unit == "dollars"
    close(found.cost(found.missing), 2 * hours.low, 2 * hours.high)
    assert {e.rule: e.gpus for e in found.missing if e.gpus} == {"generate": 1, "train": 1}
    # Grading goes through 500 rows at 1 ms in a second's job, 5 times, and through the teachers' shards of 250 rows.
    close(summed(found, "verify")["seconds"], 5 * 1.5 + 8 * 1.25, 5 * 1.5 + 8 * 1.25)


def test_the_wall_time_by_hand() -> None:
    def job(name: str, rule: str, seconds: float, gpus: int = 0) -> Estimate:
        place = Responses("c", name, "d", 0, "00-of-01") if rule == "generate" else Dataset(name)
        return Estimate(place, rule, gpus, Range(seconds, 2 * seconds))

    teachers = [job(f"teachers/{i}", "generate", 100, gpus=2) for i in range(6)]
    mixed = [job(f"d{i}", "mix", 10) for i in range(4)]
    # Two at once: 6 x 100.5 / 2, with half a second of Snakemake each. Twice as long at most, and the last one alone.
    site = Site(cores=2, gpus=4)
    close(wall(teachers, site), 301.5, 6 * 200.5 / 2 + 200.5 / 2)
    close(wall(mixed, site), 4 * 10.5 / 2, 4 * 20.5 / 2 + 20.5 / 2)
    # One stage after the other at most; at least what the GPUs are busy for.
    both = wall([*teachers, *mixed], site)
    assert both.low == 301.5
    assert both.high == pytest.approx(wall(teachers, site).high + wall(mixed, site).high)
    # Stages that wait for each other: at least the longest job of each.
    assert wall([*teachers, *mixed], Site(cores=100, gpus=100)).low == pytest.approx(100.5 + 10.5)
    # As many jobs as a cluster is given, each with Snakemake's own start.
    assert wall(teachers, Site(jobs=3)).low == 6 * 105 / 3
    assert wall([], site) == NOTHING


def test_a_finished_study_costs_nothing(planned: Planned) -> None:
    plan = planned()
    stand(plan)
    found = of(plan)
    assert found.missing == []
    assert found.wall == NOTHING
    assert {each.state for each in found.stands.values()} == {State.DONE}


def gone(_: Plan) -> None:
    Path(TrainedModel(*SEVEN).manifest).unlink()


def file_gone(_: Plan) -> None:
    shutil.rmtree(TrainedModel(*SEVEN).folder)


def other_recipe(_: Plan) -> None:
    path = Path(TrainedModel(*SEVEN).file("provenance.json"))
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "recipe": {**content["recipe"], "lr": 1}}))


def other_code(plan: Plan) -> None:
    record(plan, TrainedModel(*SEVEN), code="d" * 12)


def torn(_: Plan) -> None:
    Path(TrainedModel(*SEVEN).file("provenance.json")).write_text("[")


@pytest.mark.parametrize("change", [gone, file_gone, other_recipe, other_code, torn])
def test_what_reads_something_missing_is_made_again(planned: Planned, change: Write) -> None:
    plan = planned()
    stand(plan)
    change(plan)
    found = of(plan)
    states = {each.place: found.stands[each.place].state for each in found.missing}
    assert [p for p, state in states.items() if state is State.MISSING] == [TrainedModel(*SEVEN)]
    again = {p.KIND for p, state in states.items() if state is State.AGAIN}
    assert again == {"responses", "verdicts", "repeats", "scores", "contrasts", "analysis", "report", "browser"}
    assert all("seed-1" in p.folder and "/one/" in p.folder for p in states if p.KIND in ("responses", "scores"))


def test_what_is_kept_may_be_taken_over(planned: Planned) -> None:
    plan = planned()
    stand(plan)
    place = TrainedModel(*SEVEN)
    Path(place.manifest).unlink()
    (whole,) = [e for e in of(plan).missing if e.rule == "train"]
    Path(place.file("kept/abc")).mkdir(parents=True)
    (maybe,) = [e for e in of(plan).missing if e.rule == "train"]
    assert maybe.seconds.low == 1
    assert maybe.tokens.low == maybe.starts.low == 0
    assert maybe.seconds.high == whole.seconds.high
    other_recipe(plan)  # of another recipe nothing is taken over
    (changed,) = [e for e in of(plan).missing if e.rule == "train"]
    assert changed.seconds == whole.seconds


def test_rows_and_tokens_are_those_that_stand(planned: Planned) -> None:
    plan = planned()
    record(plan, Problems("bench"), {"rows": 40})
    record(plan, Rendered("seven", "sft", "one"), {"tokens": 100_000, "rows": 700})
    found = of(plan)
    assert summed(found, "generate", "students/")["tokens"] == Range(5 * 4000, 5 * 40_000)
    (one,) = [e for e in found.missing if e.place == TrainedModel(*SEVEN)]
    assert one.tokens == Range(300_000, 300_000)


@pytest.mark.parametrize(
    ("keys", "tokens"),
    [({"max_updates": 10, "global_batch": 8}, Range(10 * 8 * 120, 10 * 8 * 2000)),
     ({"max_updates": 10, "global_batch": 8, "batch_unit": "loss_tokens"}, Range(80, 160)),
     ({"max_updates": 10, "global_batch": 8, "batch_unit": "packs", "pack_tokens": 2000}, Range(80_000, 160_000)),
     ({"max_tokens": 1_000_000}, Range(180_000, 1_000_000))],
)  # fmt: skip
def test_a_training_that_ends_by_itself_takes_so_many_tokens(planned: Planned, keys: dict, tokens: Range) -> None:
    found = of(planned(trainings={"sft": keys}))
    (one,) = [e for e in found.missing if e.place == TrainedModel(*SEVEN)]
    close(one.tokens, tokens.low, tokens.high)


def test_problems_that_nobody_has_counted_are_named(planned: Planned) -> None:
    assert "counted" not in plan_text(of(planned()))
    hub = {"hub": "a/c", "revision": "abc123" + "0" * 34, "columns": {}}
    keys = {"path": None, "stop": None, **hub}
    found = of(planned(corpora={"many": keys}))
    assert found.uncounted() == ["many"]
    close(summed(found, "generate", "teachers/")["tokens"], 2 * 100 * 10_000 / 3, 2 * 6000 * 30_000)
    assert "Nobody has counted the problems of many: `snakemake problems` does" in plan_text(found)


@pytest.mark.parametrize(
    ("ends", "units", "text"),
    [((90, 100), TIMES, "1.5 to 1.7 min"), ((90, 7200), TIMES, "1.5 min to 2 h"), ((0, 90), TIMES, "0 to 1.5 min"),
     ((500, 2100), COUNTS, "500 to 2.1 k"), ((0, 0), COUNTS, ""), ((0.25, 0.25), COUNTS, "0.25"),
     ((1234e6, 9e9), BYTES, "1.2 to 9 GB")],
)  # fmt: skip
def test_a_range_as_text(ends: tuple, units: tuple, text: str) -> None:
    assert shown(Range(*ends), units) == text


def test_a_server_that_is_paid_by_the_token(planned: Planned) -> None:
    server = {"url": "http://localhost:8000/v1", "input_price": 1.0, "output_price": 10.0}
    paid = {"engine": "openai", "server": server, "model": {"served": "big-32B"}}
    found = of(planned(teachers={"one": paid}))
    own = [e for e in found.missing if e.rule == "generate" and "teachers/one" in e.place.folder]
    # 0.1 to 6 million tokens at 10, and 1,000 prompts of 20 to 300 tokens at 1 dollar a million.
    close(total(e.dollars for e in own), 1 + 0.02, 60 + 0.3)
    assert {e.gpus for e in own} == {0}
    assert total(e.starts for e in own) == NOTHING


def test_a_served_model_takes_its_gpus_and_starts_once(planned: Planned) -> None:
    served = {"engine": "openai", "serve": {"tensor_parallel": 4}}
    found = of(planned(teachers={"one": served}))
    own = [e for e in found.missing if e.rule == "generate" and "teachers/one" in e.place.folder]
    assert {e.gpus for e in own} == {4}
    close(total(e.starts for e in own), 1, 1)
    # Four GPUs write four times as quick; a server that answers over a network a tenth of it at the least.
    close(total(e.seconds for e in own), 50 / 4 + 100 + 4, 3000 / 4 * 10 + 100 + 4)


def test_without_gpus_hours_of_jobs_are_counted(planned: Planned) -> None:
    found = of(planned(), Site(cores=2, gpu_hour=2.0))
    assert {e.gpus for e in found.missing} == {0}
    assert found.unit == "hours"
    # The processor of the table: 100 tokens per second of one billion parameters, 10 to train on; starts of 10 s.
    close(summed(found, "train")["seconds"], 4 * (180_000 * 7 / 10 + 10), 4 * (6_000_000 * 7 / 10 + 10))
    assert Forecast(found.plan, Site(gpus=1), {}, found.learnt, []).unit == "GPU hours"


def test_each_job_that_loads_its_own_model_starts_it(planned: Planned) -> None:
    alone = summed(of(planned(settings={"hours_per_job": 0})), "generate", "teachers/")
    close(alone["starts"], 8, 8)
    close(alone["seconds"], 2 * (50 + 400), 2 * (3000 + 400))


def test_further_draws_that_wait_for_verdicts_may_ask_nothing(planned: Planned) -> None:
    keys = {"draws": 3, "temperature": 1.0, "until_correct": True}
    found = summed(of(planned(decodings={"long": keys})), "generate", "teachers/")
    close(found["tokens"], 2 * 100_000, 2 * 3 * 6_000_000)
    close(found["starts"], 2 * 3, 2 * 3 * 4)


@pytest.mark.parametrize(
    ("asked", "columns", "low", "high"),
    [(["solution", "answer"], {"solution": "s"}, 50 + 20, 500 + 300), (["answer"], {}, 10 + 20, 30 + 300)],
)
def test_likelihoods_are_of_solutions_or_of_answers_alone(
    planned: Planned, asked: list[str], columns: dict, low: int, high: int
) -> None:
    plan = planned({**STUDY, "likelihoods": asked}, corpora={"bench": {"columns": columns}})
    close(summed(of(plan), "compute_loglikelihood")["tokens"], 5 * 500 * low, 5 * 500 * high)


def test_suitability_reads_each_response_and_its_pieces_again(planned: Planned) -> None:
    assert not summed(of(planned()), "compute_suitability")["tokens"].high
    plan = planned({**STUDY, "suitability": True})
    found = summed(of(plan), "compute_suitability")
    jobs = len(plan.suitability())
    assert jobs
    # Shards of 250 responses of 100 to 6,000 tokens with prompts of 20 to 300, read up to twelve times.
    close(found["tokens"], jobs * 250 * 120, jobs * 250 * 6_300 * 12)


def test_token_shift_reads_what_arms_write_and_what_they_are_taught_once(planned: Planned) -> None:
    assert not summed(of(planned()), "compute_token_shift")["tokens"].high
    plan = planned({**STUDY, "token_shift": True})
    found = summed(of(plan), "compute_token_shift")
    # Five students' answers to 500 problems, and 1,000 of each of two teachers, with prompts of 20 to 300 tokens.
    close(found["tokens"], 2500 * 120 + 2000 * 120, 2500 * 1_300 + 2000 * 6_300)


SITES = (EIGHT, Site(cores=2), Site(jobs=7, gpus=3))


@pytest.mark.parametrize("way", ["seeds", "problems", "draws", "tokens", "epochs", "shards", "study"])
def test_a_larger_study_never_costs_less(planned: Planned, way: str) -> None:
    times, study = 3, dict(STUDY)
    small = [of(planned(), site) for site in SITES]
    files: dict[str, dict[str, dict]] = {}
    match way:
        case "seeds":
            study["arms"] = [{**STUDY["arms"][0], "seeds": list(range(1, 2 + times))}]
        case "problems":
            files["corpora"] = {"bench": {"size": 500 * times}, "many": {"stop": 1000 + times}}
        case "draws":
            files["decodings"] = {"long": {"draws": times, "temperature": 1.0}}
        case "tokens":
            files["decodings"] = {"greedy": {"max_new_tokens": 1000 * times}}
        case "epochs":
            files["trainings"] = {"sft": {"epochs": 3 * times}}
        case "shards":
            files["corpora"] = {"many": {"shards": 4 * times}}
        case "study":
            study["benchmarks"] = ["bench", "toy-test"]
    plan = planned(study, **files)
    for before, after in zip(small, (of(plan, site) for site in SITES), strict=True):
        for name in ("seconds", "gpu_hours", "tokens", "starts", "disk"):
            few, many = (total(getattr(e, name) for e in each.missing) for each in (before, after))
            assert many.low >= few.low * (1 - 1e-9), name
            assert many.high >= few.high * (1 - 1e-9), name
        if way != "shards":  # smaller jobs fill a machine better
            assert after.wall.high >= before.wall.high * (1 - 1e-9)
