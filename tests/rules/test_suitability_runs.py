"""Suitability, run for real: a finished study asks for it, and no response, dataset or training is made again."""

import json
import math

from study import CATALOGUE, Study

from distill import tables
from distill.datasets.suitability import SIGNALS


def test_a_finished_study_adds_suitability(study: Study) -> None:
    study.replace("config/studies/toy.yaml", "benchmarks:", "suitability: true\nbenchmarks:")
    planned = study.planned()
    assert {job.split("/")[0] for job in planned} == {"compute_suitability", "analyse", "render_page"}
    study.run()
    root = study.folder / "results"
    rows = json.loads((root / "analyses/suitability/section.json").read_text())["rows"]
    assert {(row["student"], row["dataset"]) for row in rows} == {
        ("toy-xs", "toy-long-arm"), ("toy-xs", "toy-short-arm"), ("toy-xs", "toy-mix-long"), ("toy-m", "toy-short-arm"),
    }  # fmt: skip
    found = {(row["student"], row["dataset"], row["signal"]): row["value"] for row in rows}
    # The toy's students were trained on short chains of thought, so these suit them better.
    for signal, (_, better) in SIGNALS.items():
        long, mixed, short = (better * found["toy-xs", f"toy-{name}", signal]
                              for name in ("long-arm", "mix-long", "short-arm"))  # fmt: skip
        assert long < mixed < short or signal == "rank_surprisal", signal
    page = (root / "report/index.html").read_text()
    assert "Does what suits better gain more?" in page
    assert (root / "report/suitability.svg").stat().st_size > 5000
    # What is rated is what the training is taught: as many tokens as the loss counts.
    rendered = tables.read(root / "rendered/toy-xs/toy-sft/toy-long-arm/rendered.parquet", tables.RENDERED).to_pylist()
    train = tables.read(root / "datasets/toy-long-arm/train.parquet", tables.TRAIN).to_pylist()
    draws = {row["problem_id"]: row["draw"] for row in train}
    rated = {}
    for path in root.glob("signals/toy-train/suitability/teachers/toy-long/*/*/*/toy-xs/suitability.parquet"):
        own = tables.read(path, tables.SUITABILITY).to_pylist()
        rated |= {(row["problem_id"], row["draw"]): row for row in own}
    assert rendered
    for row in rendered:
        assert sum(row["loss_mask"]) == rated[row["problem_id"], draws[row["problem_id"]]]["tokens"]
    nats = [-row["loglikelihood"] / row["tokens"]
            for row in (rated[r["problem_id"], draws[r["problem_id"]]] for r in rendered)]  # fmt: skip
    assert abs(found["toy-xs", "toy-long-arm", "perplexity"] / math.exp(sum(nats) / len(nats)) - 1) < 1e-5
    assert study.planned() == set()
    checked = study.snakemake("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_dataset_takes_the_draws_that_suit_a_student(study: Study) -> None:
    curation = {"choose": "student_local_naturalness", "student": "toy-m"}
    study.edit(
        CATALOGUE + "datasets.yaml", chosen={"corpus": "toy-train", "teachers": ["toy-long"], "curation": curation}
    )
    study.run("results/datasets/chosen/manifest.json")
    root = study.folder / "results"
    rated = {}
    for path in root.glob("signals/toy-train/suitability/teachers/toy-long/*/*/*/toy-m/suitability.parquet"):
        own = tables.read(path, tables.SUITABILITY).to_pylist()
        rated |= {(row["problem_id"], row["draw"]): row["local"] for row in own}
    graded = {}
    for path in root.glob("verdicts/toy-train/teachers/toy-long/*/*/*/verdicts.parquet"):
        own = tables.read(path, tables.VERDICTS).to_pylist()
        graded |= {(row["problem_id"], row["draw"]): row["verdict"] == "correct" for row in own}
    rows = tables.read(root / "datasets/chosen/train.parquet", tables.TRAIN).to_pylist()
    both = [row for row in rows if all(graded.get((row["problem_id"], draw)) for draw in (0, 1))]
    assert len(both) > 20
    for row in both:
        one, other = (rated[row["problem_id"], draw] for draw in (row["draw"], 1 - row["draw"]))
        assert one >= other or math.isclose(one, other, abs_tol=1e-6)
    assert {row["draw"] for row in both} == {0, 1}
