"""What studies need, listed by hand for the shipped studies and for changed ones."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY

from distill.config import analysed
from distill.config.lineage import (
    BaseModel,
    Judgements,
    Loglikelihoods,
    Repeats,
    Responses,
    Score,
    Solutions,
    Suitability,
    TeacherLogprobs,
    TrainedModel,
    Verdicts,
)
from distill.config.load import load
from distill.config.origins import unusable_files
from distill.config.plan import Plan

Planned = Callable[..., Plan]
DATASETS = ["toy-large-arm", "toy-long-arm", "toy-mix-large", "toy-mix-long", "toy-short-arm", "toy-small-arm"]
LONG_COT = ["toy-long-arm", "toy-short-arm"]
NAMES = ["gsm8k-scratch", "toy-xs", "toy-long"]
SHARDS = ["00-of-02", "01-of-02"]


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """Return a function that plans the shipped configuration with changed entries of a catalogue file and settings."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    monkeypatch.chdir(REPOSITORY)  # local files are looked for from where one runs

    def plan(settings: dict | None = None, file: str = "datasets", **entries: dict) -> Plan:
        path = tmp_path / f"config/catalogue/{file}.yaml"
        content = yaml.safe_load(path.read_text())
        for name, keys in entries.items():
            content.setdefault(name, {}).update(keys)
        path.write_text(yaml.safe_dump(content))
        return Plan(load(tmp_path / "config", {"studies": ["toy"], **(settings or {})}))

    return plan


def folders(places: list) -> list[str]:
    return [place.folder for place in places]


def test_the_toy_study_by_hand(planned: Planned) -> None:
    plan = planned()
    assert len(plan.arms()) == 2 * (1 + 6 + 2) + 2 * 2
    assert set(plan.trained()) == {
        *(TrainedModel(s, "toy-sft", d, 1) for s in ("toy-m", "toy-xs") for d in DATASETS),
        *(TrainedModel("toy-xs", "toy-sft", d, seed) for d in LONG_COT for seed in (2, 3)),
        *(TrainedModel(s, "toy-sft-tokens", d, 1) for s in ("toy-m", "toy-xs") for d in LONG_COT),
    }
    assert sorted(folders(plan.datasets())) == [f"results/datasets/{name}" for name in DATASETS]
    assert sorted(plan.corpora()) == ["toy-test", "toy-train"]
    assert folders(plan.statements("toy-train")) == [f"results/problems/toy-train/statements/{s}" for s in SHARDS]
    assert len(plan.rendered()) == 12 + 4
    assert len(plan.scores()) == 22
    assert Score("toy-test", "students/toy-m/base", "toy-greedy") in plan.scores()
    assert plan.signals() == []


def test_answers_are_draws_times_shards_of_each_model(planned: Planned) -> None:
    plan = planned()
    teachers = plan.teacher_answers(Responses)
    assert len(teachers) == 4 * 2 * 2
    assert Verdicts("toy-train", "teachers/toy-long", "toy-sampled", 1, "01-of-02") in plan.teacher_answers(Verdicts)
    assert len(plan.all_answers(Responses)) == 16 + 22
    # On a cluster the jobs of one are one (`answered_together`), and so is what it is asked first on a machine.
    assert len({(place.model_path, place.decoding) for place in plan.all_answers(Responses)}) == 4 + 22
    assert len(plan.repeats()) == 4 + 22
    assert Repeats("toy-train", "teachers/toy-small", "toy-sampled") in plan.repeats()


def test_what_a_model_is_asked_in_one_start(planned: Planned) -> None:
    assert planned().asked("teachers/toy-long", "toy-sampled") == {"toy-train": {"draws": 2, "shards": 2}}
    assert planned().asked("students/toy-m/base", "toy-greedy") == {"toy-test": {"draws": 1, "shards": 1}}
    patient = planned(file="decodings", **{"toy-sampled": {"draws": 4, "until_correct": True}})
    assert patient.asked("teachers/toy-long", "toy-sampled") == {}  # its draws wait for verdicts


def test_a_draw_waits_for_earlier_ones_only_until_correct(planned: Planned) -> None:
    third = Responses("toy-train", "teachers/toy-long", "toy-sampled", 2, "00-of-02")
    assert planned().earlier(third) == []
    patient = planned(file="decodings", **{"toy-sampled": {"draws": 4, "until_correct": True}})
    assert [place.draw for place in patient.earlier(third)] == [0, 1]
    assert {place.shard for place in patient.earlier(third)} == {"00-of-02"}
    assert planned().earlier(Responses("toy-train", "teachers/toy-long", "published", 2, "00-of-02")) == []


def test_a_dataset_is_made_from_its_teachers_in_their_order(planned: Planned) -> None:
    files = planned().dataset_files("toy-mix-long")
    assert list(files) == ["responses", "verdicts"]
    assert list(files["responses"]) == ["toy-long", "toy-short"]
    root = "results/responses/toy-train/teachers/toy-long/toy-sampled"
    tables = [f"{root}/draw-{draw}/{shard}/responses.parquet" for draw in (0, 1) for shard in SHARDS]
    assert files["responses"]["toy-long"] == tables


def test_a_dataset_asks_for_signals_only_where_its_curation_does(planned: Planned) -> None:
    curation = {"decontaminate": True, "deduplicate": True, "choose": "student_likely", "student": "toy-xs",
                "pass_rate": {"teacher": "toy-small"}}  # fmt: skip
    plan = planned(**{"toy-mix-long": {"curation": curation}})
    files = plan.dataset_files("toy-mix-long")
    assert files["contamination"] == "results/signals/toy-train/contamination/contamination.parquet"
    assert files["duplicates"] == "results/signals/toy-train/duplicates/duplicates.parquet"
    assert list(files["verdicts"]) == ["toy-long", "toy-short", "toy-small"]
    assert list(files["loglikelihoods"]) == ["toy-long", "toy-short"]  # not of who only rates
    rated = Loglikelihoods("toy-train", "teachers/toy-long", "toy-sampled", 0, "00-of-02", "toy-xs")
    assert files["loglikelihoods"]["toy-long"][0] == rated.file("loglikelihoods.parquet")
    assert len(plan.signals()) == 2 + 2 * 2 * 2


def test_a_dataset_asks_for_the_table_that_its_choice_reads(planned: Planned) -> None:
    plan = planned(**{"toy-mix-long": {"curation": {"choose": "student_overlap_1", "student": "toy-m"}}})
    files = plan.dataset_files("toy-mix-long")
    rated = Suitability("toy-train", "teachers/toy-long", "toy-sampled", 0, "00-of-02", "toy-m")
    assert files["suitability"]["toy-long"][0] == rated.file("suitability.parquet")
    assert "loglikelihoods" not in files
    assert plan.signals() == plan.suitability()
    assert len(plan.signals()) == 2 * 2 * 2
    assert analysed.files(plan, "suitability") == [place.manifest for place in plan.suitability()]
    assert analysed.files(plan, "suitability_tables")[0] == rated.file("suitability.parquet")


def test_suitability_is_of_what_each_student_is_taught_where_a_study_asks(planned: Planned, tmp_path: Path) -> None:
    assert planned().suitability() == []
    path = tmp_path / "config/studies/toy.yaml"
    path.write_text(path.read_text() + "suitability: true\n")
    plan = planned()
    found = {(place.student, place.model_path) for place in plan.suitability()}
    taught = set()
    for arm in plan.trained_arms():
        recipe = plan.catalogue.datasets[arm.dataset]
        shares = zip(recipe.teachers, recipe.shares, strict=True)
        taught |= {(arm.student, f"teachers/{teacher}") for teacher, share in shares if share > 0}
    assert found == taught
    assert len(plan.suitability()) == len(taught) * 2 * 2  # draws and shards
    assert set(plan.suitability()) <= set(plan.signals()) <= set(plan.places())


def test_token_shift_is_of_first_draws_of_all_arms_and_of_what_they_are_taught(
    planned: Planned, tmp_path: Path
) -> None:
    assert planned().token_shift() == []
    path = tmp_path / "config/studies/toy.yaml"
    path.write_text(path.read_text() + "token_shift: true\nsuitability: true\n")
    plan = planned()
    places = plan.token_shift()
    wrote = {p.model_path for p in places if p.model_path.startswith("students/")}
    assert wrote == {arm.model_path for arm in plan.arms()}  # those before training, too
    assert all(p.model_path.split("/")[1] == p.student for p in places if p.model_path in wrote)
    assert {p.draw for p in places} == {0}
    rated = {(p.student, p.model_path, p.shard) for p in plan.suitability()}
    assert {(p.student, p.model_path, p.shard) for p in places if p.model_path not in wrote} == rated
    assert set(places) <= set(plan.places())
    assert not set(places) & set(plan.signals())
    assert analysed.files(plan, "token_shift_tables") == [place.file("token_shift.parquet") for place in places]


def test_likelihoods_are_of_every_arm_on_every_benchmark_where_a_study_asks(planned: Planned, tmp_path: Path) -> None:
    assert planned().likelihoods() == planned().solutions() == []
    path = tmp_path / "config/studies/toy.yaml"
    path.write_text(path.read_text() + "likelihoods: [answer]\n")
    plan = planned()
    assert {(place.corpus, place.model_path) for place in plan.likelihoods()} == {
        (score.corpus, score.model_path) for score in plan.scores()}  # fmt: skip
    assert plan.solutions() == [Solutions("toy-test")]
    assert {*plan.likelihoods(), *plan.solutions()} <= set(plan.places())
    assert analysed.files(plan, "likelihoods") == [place.manifest for place in plan.likelihoods()]
    before = set(plan.all_answers(Responses))
    published = {"path": "resources/toy/test.jsonl", "columns": {"problem_id": "id", "response": "answer"}}
    planned(file="teachers", solver={"published": {**published, "draws": 2}})
    plan = planned(file="corpora", **{"toy-test": {"solutions_from": "solver"}})
    solvers = {Responses("toy-test", "teachers/solver", "published", draw, "00-of-01") for draw in (0, 1)}
    assert set(plan.solvers(Responses, "toy-test")) == solvers == set(plan.all_answers(Responses)) - before
    assert len(plan.all_answers(Verdicts)) == len(plan.all_answers(Responses))
    assert plan.teacher_answers(Responses) == planned().teacher_answers(Responses)  # no dataset's teacher
    judged = planned({"judge": {"teacher": "toy-small"}})
    assert not [place for place in judged.all_answers(Judgements) if "solver" in place.model_path]


def test_judgements_are_paid_for_only_where_the_policy_listens(planned: Planned) -> None:
    judge = {"judge": {"teacher": "toy-small"}}
    assert planned(judge).teacher_answers(Judgements) == []
    listening = planned({**judge, "policy": "rule+judge"})
    assert len(listening.teacher_answers(Judgements)) == 16
    assert "judgements" in listening.dataset_files("toy-mix-long")


def test_files_that_studies_start_from_are_missed(planned: Planned) -> None:
    assert unusable_files(planned()) == []
    lost = planned(file="teachers", **{"toy-short": {"model": {"path": "resources/toy/nobody"}}})
    assert unusable_files(lost) == ["config/catalogue/teachers.yaml: toy-short: resources/toy/nobody is not there"]
    # Decontamination reads all benchmarks, also those on which no study measures.
    compared = planned(**{"toy-mix-long": {"curation": {"decontaminate": True}}})
    assert any("gsm8k-benchmark" in line for line in unusable_files(compared))
    judged = planned({"judge": {"teacher": "toy-lost"}}, file="teachers",
                     **{"toy-lost": {"model": {"path": "nowhere"}, "decoding": "toy-sampled"}})  # fmt: skip
    assert "config/catalogue/teachers.yaml: toy-lost: nowhere is not there" in unusable_files(judged)


def test_two_studies_share_what_they_have_in_common(planned: Planned) -> None:
    one, both = planned(), planned({"studies": ["toy", "published"]})
    assert set(one.trained()) < set(both.trained())
    assert len(both.scores()) == 22 + 8
    assert both.has_weights(TrainedModel("s", "t", "d", 1))
    places = {place.folder: both.has_weights(place) for place in map(BaseModel, NAMES)}
    assert list(places.values()) == [True, False, False]


def test_what_it_cost_knows_the_students_answers_too(planned: Planned) -> None:
    plan = planned()
    answers = [place for place in plan.all_answers(Responses) if place.model_path.startswith("students/")]
    assert len(answers) == 22
    files = analysed.files(plan, "provenance")
    assert {place.file("provenance.json") for place in answers} <= set(files)
    assert len(set(files)) == len(files)
    assert not any("/judgements/" in file for file in files)


def test_a_training_that_distils_asks_for_its_teacher(planned: Planned) -> None:
    assert planned().teacher_logprobs() == []
    plan = planned(file="trainings", **{"toy-sft": {"distil": {"teacher": "toy-long"}}})
    places = plan.teacher_logprobs()
    assert len(places) == 12
    assert places[0] == TeacherLogprobs(*(getattr(plan.rendered()[0], n) for n in ("student", "training", "dataset")))
    assert set(places) <= set(plan.places())
    assert plan.main_file(places[0]) == places[0].file("teacher_logprobs.parquet")
    assert [p for p in plan.models() if isinstance(p, BaseModel)].count(BaseModel("toy-long")) == 1
    assert {place.file("provenance.json") for place in places} <= set(analysed.files(plan, "provenance"))
    # One who answers no problem of a dataset is asked for as well.
    published = {"model": {"path": "resources/toy/nobody"}, "prompt": "plain", "decoding": "toy-sampled"}
    planned(file="teachers", alone=published)
    alone = planned(file="trainings", **{"toy-sft": {"distil": {"teacher": "alone"}}})
    assert BaseModel("alone") in alone.models()
    assert unusable_files(alone) == ["config/catalogue/teachers.yaml: alone: resources/toy/nobody is not there"]
