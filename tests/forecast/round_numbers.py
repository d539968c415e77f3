"""A study of round numbers, a table of round speeds, and records of artefacts that nobody has made."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from distill.audit.expected import chosen_places, inputs_of
from distill.config.jobs import job_of
from distill.config.lineage import Place
from distill.config.plan import Plan

COMMIT = "0" * 40
CODE = "c" * 12
TOY_TRAIN = {"path": "resources/toy/train.jsonl", "columns": {"problem_id": "id"}}
CATALOGUE: dict[str, dict[str, Any]] = {
    "corpora": {"many": {**TOY_TRAIN, "stop": 1000, "shards": 4},
                "bench": {"hub": "a/b", "revision": "abc123" + "0" * 34, "size": 500, "benchmark": True}},
    "teachers": {name: {"model": {"hub": f"Qwen/{name}-32B", "revision": COMMIT}, "engine": "vllm", "decoding": "long"}
                 for name in ("one", "two")},
    "students": {"seven": {"model": {"hub": "Qwen/Qwen2.5-7B", "revision": COMMIT}, "engine": "vllm"}},
    "decodings": {"long": {"max_new_tokens": 8000}, "greedy": {"max_new_tokens": 1000}},
    "trainings": {"sft": {"lr": 1e-5, "epochs": 3, "cutoff": 2000}},
    "datasets": {name: {"corpus": "many", "teachers": [name]} for name in ("one", "two")},
}  # fmt: skip
STUDY = {"title": "x", "benchmarks": ["bench"], "decoding": "greedy", "smallest_gap": 0.02,
         "arms": [{"students": ["seven"], "datasets": ["one", "two"], "training": "sft", "seeds": [1, 2]}],
         "gaps": {"apart": {"plus": "one", "minus": ["two"]}}}  # fmt: skip
SPEEDS = [("write", "vllm", "gpu", 32e9, 2000), ("write", "vllm", "gpu", 7e9, 5000),
          ("train", "trainer", "gpu", 7e9, 1000), ("read", "reader", "gpu", 7e9, 10_000),
          ("start", "any", "gpu", 1, 100), ("job", "any", "cpu", 1, 1),
          ("row", "any", "cpu", 1, 0.001), ("overhead", "local", "cpu", 1, 0.5), ("overhead", "cluster", "cpu", 1, 5),
          ("write", "vllm", "cpu", 1e9, 100), ("train", "trainer", "cpu", 1e9, 10),
          ("start", "vllm", "cpu", 1, 10), ("start", "trainer", "cpu", 1, 10)]  # fmt: skip
Planned = Callable[..., Plan]


def code(*_: object) -> str:
    return CODE


def stand(plan: Plan, places: Iterable[Place] | None = None, **facts: Any) -> None:
    """Write the records of artefacts as if they were made, with `facts` in each provenance."""
    for place in chosen_places(plan) if places is None else places:
        record(plan, place, **facts)


def record(plan: Plan, place: Place, manifest: dict | None = None, **facts: Any) -> None:
    """Write the records of an artefact and an empty main file."""
    job, folder = job_of(plan.catalogue, place), Path(place.folder)
    folder.mkdir(parents=True, exist_ok=True)
    inputs = read(plan, place)
    provenance = {"program": f"{job.program}.py", "recipe": json.loads(job.recipe), "code": CODE, "seconds": 1.0,
                  "paths": {str(i): path for i, path in enumerate(sorted(inputs))}, "outputs": {}, **facts}  # fmt: skip
    (folder / "provenance.json").write_text(json.dumps(provenance))
    (folder / "manifest.json").write_text(json.dumps({"identity": place.identity, **(manifest or {})}))
    if main := plan.main_file(place):
        Path(main).touch()


def read(plan: Plan, place: Place) -> set[str]:
    """Return what an artefact has read, as far as these tests follow it."""
    found = set(inputs_of(place, plan) or ())
    match place.KIND:
        case "trained":
            found.add(plan.rows_of(place).file("rendered.parquet"))  # type: ignore[arg-type]
        case "rendered":
            found.add(f"results/datasets/{place.dataset}/train.parquet")  # type: ignore[attr-defined]
        case "responses" if place.model_path.count("/") > 2:  # type: ignore[attr-defined]
            found.add(f"results/models/{place.model_path.removeprefix('students/')}/manifest.json")  # type: ignore[attr-defined]
    return found
