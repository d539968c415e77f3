"""Models behind a vLLM that the workflow starts: one start for all shards and draws, kills, what is left.

Snakemake runs in the environment of `make demo`; generate.py, and so the server that it starts, in this one.
"""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from study import CATALOGUE
from test_study import Mixed

from distill import tables
from distill.runtime.files import read_json

SERVED = {"engine": "openai", "serve": {"execution_args": {"gpu_memory_utilization": 0.1, "enforce_eager": True}}}
GREEDY = {"temperature": 0.0, "max_new_tokens": 240, "draws": 1}
TEACHER, STUDENT = "toy-train/teachers/toy-long/toy-sampled", "toy-test/students/toy-xs/base/toy-greedy"
START_SECONDS = 1800  # against a hang, however busy the machine is


def study_of(folder: Path, **draws: Any) -> Mixed:
    """Return a study of one teacher and one untouched student; the teacher answers 120 problems in two shards."""
    study = Mixed.small(folder)
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-train": {"shards": 2}, "toy-test": {"stop": 60, "shards": 2}})
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": draws})
    path = folder / "config/studies/toy.yaml"
    content = yaml.safe_load(path.read_text())
    content["arms"] = [{**content["arms"][0], "datasets": ["toy-long-arm"]}]
    path.write_text(yaml.safe_dump({**content, "gaps": {}, "contrasts": {}}))
    return study


def targets(*places: str, draws: int = 1) -> list[str]:
    return [f"results/responses/{place}/draw-{draw}/{shard}/manifest.json"
            for place in places for draw in range(draws) for shard in ("00-of-02", "01-of-02")]  # fmt: skip


def rows(study: Mixed, place: str) -> dict[tuple[str, int], dict[str, Any]]:
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for path in sorted((study.folder / "results/responses" / place).glob("draw-*/*-of-*/responses.parquet")):
        for row in tables.read(path, tables.RESPONSES).to_pylist():
            assert (row["problem_id"], row["draw"]) not in found
            found[row["problem_id"], row["draw"]] = row
    return found


def starts(study: Mixed, model: str) -> list[int]:
    """Return the processes that were started as servers of a model."""
    files = (study.folder / f"results/models/{model}/base/serving").glob("*/starts.txt")
    return [int(line.split()[3]) for path in files for line in path.read_text().splitlines()]


def left(study: Mixed) -> list[psutil.Process]:
    """Return what runs of a study, vLLM's own processes too: they are started in its folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(study.folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_one_start_for_all_that_a_model_is_asked(tmp_path: Path) -> None:
    study = study_of(tmp_path / "study", draws=2)
    study.run(*targets(STUDENT))
    before = rows(study, STUDENT)
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": SERVED})
    study.edit(CATALOGUE + "students.yaml", **{"toy-xs": SERVED})
    study.run(*targets(STUDENT), *targets(TEACHER, draws=2))
    assert (len(starts(study, "toy-long")), len(starts(study, "toy-xs"))) == (1, 1)
    assert psutil.wait_procs(left(study), 60)[1] == []
    assert len(rows(study, TEACHER)) == 2 * 120
    after = rows(study, STUDENT)
    assert {row["engine"].split(" 0.")[0] for row in after.values()} == {"openai (vllm"}
    same = sum(before[key]["response"] == row["response"].removeprefix(" ") for key, row in after.items()) / len(before)
    print(f"greedy texts of a served student and of transformers: {same:.3f} equal")
    assert before.keys() == after.keys()
    assert same >= 0.99


@pytest.mark.parametrize("who", ["server", "snakemake"])
def test_kills_in_mid_shard(tmp_path: Path, who: str) -> None:
    study = study_of(tmp_path / "study", **GREEDY)
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": {**SERVED, "server": {"concurrency": 2, "attempts": 2}}})
    wanted = targets(TEACHER)
    with open(tmp_path / "log", "wb") as log:
        job = subprocess.Popen(study.command(*wanted), cwd=study.folder, env=study.environment(), stdout=log,
                               stderr=log, start_new_session=True)  # fmt: skip
    kept = study.folder / "results/responses" / TEACHER
    deadline = time.monotonic() + START_SECONDS
    while sum(path.read_bytes().count(b"\n") for path in kept.rglob("state/*.jsonl")) < 20:
        assert job.poll() is None, (tmp_path / "log").read_text()[-5000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if who == "server":
        os.kill(starts(study, "toy-long")[0], signal.SIGKILL)
        assert job.wait(START_SECONDS) == 0, (tmp_path / "log").read_text()[-5000:]
        assert len(starts(study, "toy-long")) == 2
    else:
        os.killpg(job.pid, signal.SIGKILL)  # with the programs that it has started; the server is none of them
        job.wait()
        assert psutil.wait_procs(left(study), 60)[1] == []
        study.run(*wanted)
        facts = [read_json(path) for path in kept.rglob("provenance.json")]
        assert sum(fact["resumed"] for fact in facts) >= 20
    assert len(rows(study, TEACHER)) == 120
    assert {row["finish_reason"] for row in rows(study, TEACHER).values()} <= {"stop", "length"}
    assert psutil.wait_procs(left(study), 60)[1] == []
