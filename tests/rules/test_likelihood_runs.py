"""Likelihoods beside accuracy, run for real: a finished study asks for them, and no response or training is remade."""

import csv
import json

from helpers import TOY, jsonl
from study import CATALOGUE, Study

ARMS = 6  # of the small study: four trained, two untouched


def test_a_finished_study_adds_likelihoods_of_published_solutions(study: Study) -> None:
    rows = [json.loads(line) for line in (TOY / "test.jsonl").read_text().splitlines()[:60]]
    said = [{"id": row["id"], "response": "{0} up 0 = {0}.\n\\boxed{{{0}}}".format(row["answer"])} for row in rows]
    said[0]["response"] = said[0]["response"].replace("boxed{", "boxed{1")  # a wrong one is no solution
    jsonl(study.folder / "solutions.jsonl", said)
    published = {"path": "solutions.jsonl", "columns": {"problem_id": "id", "response": "response"}}
    study.edit(CATALOGUE + "teachers.yaml", solver={"published": published})
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-test": {"solutions_from": "solver"}})
    study.replace("config/studies/toy.yaml", "benchmarks:", "likelihoods: [solution, answer]\nbenchmarks:")
    planned = study.planned()
    kept = {"generate", "train", "render", "mix", "fetch_problems", "fetch_statements", "fetch_model", "score"}
    assert not kept & {job.split("/")[0] for job in planned}
    assert {job for job in planned if job.startswith("verify/")} == {
        "verify/toy-test/teachers/solver/published/draw-0/00-of-01"}  # fmt: skip
    assert len([job for job in planned if job.startswith("rate_solutions/")]) == ARMS
    study.run()
    solutions = json.loads((study.folder / "results/solutions/toy-test/manifest.json").read_text())
    assert (solutions["rows"], solutions["with_solution"], solutions["published"]) == (60, 59, 59)
    with open(study.folder / "results/report/gaps.csv") as file:
        gaps = [row for row in csv.DictReader(file) if row["gap"] == "long_cot_gap"]
    assert [(row["measure"], row["n_problems"]) for row in gaps] == [
        ("accuracy", "60"), ("solution", "59"), ("answer", "60")]  # fmt: skip
    with open(study.folder / "results/report/scores.csv") as file:
        nats = {row["dataset"]: float(row["solution_nats"]) for row in csv.DictReader(file)
                if row["student"] == "toy-xs"}  # fmt: skip
    # The gap is how many nats fewer the plus arm takes, on the problems that both were asked.
    estimate = nats["toy-short-arm"] - nats["toy-long-arm"]
    assert abs(float(gaps[1]["estimate"]) - estimate) < 1e-5
    page = (study.folder / "results/report/index.html").read_text()
    assert "nats per token" in page
    assert "likelihood of the solutions" in page
    assert study.planned() == set()
    checked = study.snakemake("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
