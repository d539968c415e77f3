"""A training of the toy study that is on-policy: what it asks for, and what another key of it or its start re-makes."""

import json

from study import CATALOGUE, Study

ARM = "toy-xs/toy-on-policy/toy-short-arm"
PLANS, OWN, START = "compare_plans/toy-xs", f"train_on_policy/{ARM}/seed-1", "train/toy-xs/{}/toy-short-arm/seed-1"
KEYS = {"teacher": "toy-short", "start": "toy-sft", "max_updates": 2, "global_batch": 4, "max_new_tokens": 8}


def on_policy(study: Study, **keys: object) -> None:
    """Write the training."""
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-on-policy": {"on_policy": {**KEYS, "lr": 1e-3, **keys}}})


def test_a_key_remakes_the_training_and_a_key_of_its_start_both(study: Study) -> None:
    on_policy(study)
    block = "\n- students: [toy-xs]\n  datasets: [toy-short-arm]\n  training: toy-on-policy\n  seeds: [1]\nbenchmarks:"
    study.replace("config/studies/toy.yaml", "\nbenchmarks:", block)
    assert study.planned("models") == {PLANS, OWN}
    study.run("models", *(f"results/analyses/{name}/section.json" for name in ("funnel", "parity")))
    assert study.planned("models") == set()
    place = study.folder / f"results/models/{ARM}/seed-1"
    facts = json.loads((place / "manifest.json").read_text())
    assert (facts["updates"], facts["start"]["training"]) == (2, "toy-sft")
    assert ARM in (study.folder / "results/analyses/funnel/table.csv").read_text()
    checked = study.snakemake("check")
    lines = [line for line in (checked.stdout + checked.stderr).splitlines() if ARM in line.partition(": ")[0]]
    assert {line.split("/")[1] for line in lines} == {"responses", "verdicts", "repeats", "scores"}  # all missing
    on_policy(study, lr=2e-3)
    changed = study.planned()
    assert {job for job in changed if job.startswith("train")} == {OWN}
    assert any(job.startswith("generate/") and ARM in job for job in changed)
    on_policy(study, micro_batch=2, save_every=1, threads=1)
    assert study.planned("models") == set()
    on_policy(study, teacher="toy-long")
    assert study.planned("models") == {PLANS, OWN}
    on_policy(study)
    sft = json.loads((study.folder / "results/models/toy-xs/toy-sft/toy-short-arm/seed-1/manifest.json").read_text())
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"lr": 2 * sft["recipe"]["lr"]}})
    trained = {job for job in study.planned("models") if job.startswith("train")}
    assert {OWN, START.format("toy-sft")} <= trained
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"lr": sft["recipe"]["lr"]}})
    assert study.planned("models") == set()
