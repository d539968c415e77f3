"""generate.py with vLLM, killed at random moments: what was kept is not asked again, and the rows come out the same."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from helpers import PROMPTS, REPOSITORY, TOY, problems_table, recipe

from distill import tables

KILLS = int(os.environ.get("VLLM_KILLS", "1"))  # each start takes half a minute
ROWS = min(400, 60 + 17 * KILLS)
# Two rows at a time, so that a kill finds some kept.
VLLM = {"engine": "vllm", "vllm": {"gpu_memory_utilization": 0.1, "enforce_eager": True, "max_num_seqs": 2}}


def command(folder: Path, teacher: Path, output: Path, **engine: Any) -> list[str]:
    """Return the command line that answers ROWS problems with an engine."""
    rows = [json.loads(line) for line in (TOY / "test.jsonl").read_text().splitlines()[:ROWS]]
    rows = [{"problem_id": r["id"], "problem": r["problem"], "answer": r["answer"]} for r in rows]
    known = problems_table(folder / "problems.parquet", rows)
    options = ["--statements", str(known), "--model", str(teacher), "--prompt", str(PROMPTS / "plain.jinja")]
    options += ["--recipe", recipe(**engine, prompt="plain", decoding={"max_new_tokens": 240})]
    options += ["--draw", "0", "--shard", "00-of-01", "--output", str(output)]
    return [sys.executable, str(REPOSITORY / "scripts/generate.py"), *options]


def journal(output: Path) -> list[bytes]:
    """Return the whole lines of the journal beside an output."""
    found = (output.parent / "state").glob("*.jsonl")
    return [line for path in found for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")]


def kill(job: subprocess.Popen[bytes], output: Path, rows: int) -> None:
    """Kill a job, and not its workers, when it has kept so many more rows; its workers end by themselves."""
    wanted = len(journal(output)) + rows
    while len(journal(output)) < wanted:
        assert job.poll() is None, "it ended by itself; give it more rows to be killed in"
        time.sleep(0.005)
    children = psutil.Process(job.pid).children(recursive=True)
    assert len(children) > 1
    job.kill()
    job.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


def test_kills_lose_nothing_and_repeat_nothing(tmp_path: Path, teacher: Path) -> None:
    output, whole = tmp_path / "killed/responses.parquet", tmp_path / "whole/responses.parquet"
    moments, before = random.Random(7), []
    with open(tmp_path / "log", "wb") as log:
        for _ in range(KILLS):
            job = subprocess.Popen(command(tmp_path, teacher, output, **VLLM), stderr=log)
            kill(job, output, moments.choice([1, 3, 7, 12]))
            kept = journal(output)
            assert kept[: len(before)] == before
            before = kept
        # What runs undisturbed is transformers: it starts sooner, and greedy both say the same (test_engines.py).
        for last in (
            command(tmp_path, teacher, output, **VLLM),
            command(tmp_path, teacher, whole, engine="transformers"),
        ):
            assert subprocess.run(last, stderr=log, timeout=1800).returncode == 0
    assert len({line.split(b', "row"')[0] for line in before}) == len(before)
    facts = json.loads(output.with_name("provenance.json").read_text())
    assert (facts["resumed"], facts["asked"]) == (len(before), ROWS - len(before))
    one, other = (tables.read(path, tables.RESPONSES).to_pylist() for path in (output, whole))
    assert [r["problem_id"] for r in one] == [r["problem_id"] for r in other]
    assert {r["engine"].split()[0] for r in one} == {"vllm"}
    same = sum({**a, "engine": ""} == {**b, "engine": ""} for a, b in zip(one, other, strict=True)) / ROWS
    print(f"{KILLS} kills, {len(before)} rows kept, {same:.4f} of the rows as in an undisturbed run")
    assert same >= 0.99  # greedy; which rows share a batch may turn a tie
