"""The study `real`, counted by hand: arms, jobs, what its gaps compare; and what must be alike for them to compare."""

import json
from collections import Counter
from pathlib import Path

import pytest
from helpers import REPOSITORY

from distill.config.gaps import comparisons
from distill.config.jobs import job_of
from distill.config.load import load
from distill.config.origins import local_files
from distill.config.plan import Plan

BENCHMARKS = 2
TRAINED = 2 * 3 + 7 + 1  # three seeds of two datasets, one of seven, and the token-matched twin
TEACHERS = 7


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(load(REPOSITORY / "config", {"studies": ["real"]}))


def test_the_study_has_the_jobs_that_its_arms_need(plan: Plan) -> None:
    jobs = Counter(job_of(plan.catalogue, place).program for place in plan.places())
    assert len(plan.arms()) == 1 + TRAINED
    asked = (1 + TRAINED) * BENCHMARKS
    wanted = {"train": TRAINED, "mix": 9, "render": 10, "fetch_responses": TEACHERS, "write_solutions": BENCHMARKS}
    wanted |= {"generate": asked, "verify": asked + TEACHERS, "score": asked, "compute_loglikelihood": asked}
    wanted |= {"compute_suitability": 0}  # an hour has no room for it
    assert {program: jobs[program] for program in wanted} == wanted


def test_every_gap_compares_the_arms_it_means_to(plan: Plan) -> None:
    study = plan.catalogue.studies["real"]
    found = {name: comparisons(study, gap) for name, gap in study.gaps.items()}
    assert all(len(compared) == 1 for compared in found.values())
    seeds = {name: [len(group) for group in compared[0].groups] for name, compared in found.items()}
    assert seeds["long_gap"] == [3, 3]
    assert seeds["long_gap_tokens"] == [1, 3]
    twin = found["long_gap_tokens"][0].groups[0][0]
    assert (twin.dataset, twin.training) == ("real-long", "real-sft-tokens")


def test_arms_of_a_problem_set_have_as_many_rows_and_are_trained_alike(plan: Plan) -> None:
    catalogue = plan.catalogue
    rows: dict[str, set[int | None]] = {}
    for dataset in plan.catalogue.studies["real"].arms[0].datasets + plan.catalogue.studies["real"].arms[1].datasets:
        recipe = catalogue.datasets[dataset]
        rows.setdefault(recipe.corpus, set()).add(recipe.rows)
        assert recipe.pairing == "both_correct"
    assert {corpus: len(found) for corpus, found in rows.items()} == dict.fromkeys(rows, 1)
    assert len(rows) == 3


def test_it_starts_from_what_is_shipped_and_the_student_alone(plan: Plan) -> None:
    paths = {path for _, _, path in local_files(plan) if path} - {"resources/data/smollm2-135m"}
    assert {str(Path(path).parent) for path in paths} == {"resources/real"}
    assert all((REPOSITORY / path).is_file() for path in paths)


def test_nothing_that_is_measured_on_is_trained_on(plan: Plan) -> None:
    study, catalogue = plan.catalogue.studies["real"], plan.catalogue
    trained = {catalogue.datasets[name].corpus for block in study.arms for name in block.datasets}
    assert not trained & {*study.benchmarks}
    assert all(catalogue.corpora[name].benchmark for name in study.benchmarks)


def test_with_lora_it_is_the_same_study_and_adapters_are_all_that_differs() -> None:
    catalogue = load(REPOSITORY / "config", {"studies": ["real", "real-lora"]})
    full, lora = (catalogue.studies[name].model_dump(mode="json") for name in ("real", "real-lora"))
    named = json.loads(json.dumps(lora).replace("real-lora", "real-sft"))
    assert {key for key in full if named[key] != full[key]} == {"title", "question", "suitability"}
    for name in ("", "-tokens"):
        ours, theirs = (catalogue.trainings[f"real-{kind}{name}"].model_dump() for kind in ("sft", "lora"))
        assert {key for key in ours if ours[key] != theirs[key]} == {"lr", "lora"}
