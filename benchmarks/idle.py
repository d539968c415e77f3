"""For which share of their allocations a study's GPUs would be at work, from times that are measured here.

Measured with a real vLLM and generate.py as a rule starts it: one model that is asked five corpora of a small size in
one go (`--ahead`), its own job and the four that find their rows. From the provenance: what a start takes, what a job
takes that loads nothing, tokens per second with the journal; and what Snakemake takes to start for a job. Simulated: a
study of 20 models and the five benchmarks of the paper, as many of them with short, mixed and long responses; one
allocation per model with all its jobs one after another, as profiles/slurm makes it. Tokens and sizes are of the
benchmarks; starts and speed are this machine's, which has no GPU.

Run as: .venv-vllm/bin/python benchmarks/idle.py [--rows 400] [--snakemake .venv/bin/python] [--check]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from goals import Goal, add_check, report

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
sys.path.insert(0, str(SCRIPTS))

from distill import tables  # noqa: E402
from distill.config.lineage import BaseModel, Responses, Statements  # noqa: E402
from distill.config.recipes import canonical_json  # noqa: E402
from distill.runtime.files import read_json  # noqa: E402
from distill.runtime.record import hardware  # noqa: E402

MODELS = 20
# Those of the studies of the paper, with their problems (config/catalogue/corpora.yaml); each is one shard.
BENCHMARKS = {"math": 5000, "gsm8k": 1319, "amc23": 40, "aime24": 30, "olympiadbench-hub": 674}
# Tokens of a response: about those of the paper's short, mixed and long training rows, which its students imitate.
TOKENS = (450, 700, 1400)
GOAL = 0.9
SHARD = "00-of-01"
TARGET = "results/problems/toy-test/statements/00-of-01/manifest.json"
MODEL, DECODING = "toy-long", "greedy"
RECIPE = {"engine": "vllm", "vllm": {"gpu_memory_utilization": 0.3, "enforce_eager": True},
          "decoding": {"max_new_tokens": 240}}  # fmt: skip


@dataclass
class Times:
    """Seconds: of a job that loads the model without its work, of one that loads nothing, of Snakemake's start."""

    start: float
    follower: float
    snakemake: float
    speed: float  # tokens per second of work


def prepare(root: Path, rows: int) -> None:
    """Write the statements of five corpora and the model's folder below `root`."""
    problems = [
        json.loads(line) for line in (ROOT / "resources/toy/test.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for number, corpus in enumerate(BENCHMARKS):
        some = [{"problem_id": f"{number}-{i}", "problem": problems[i % len(problems)]["problem"]} for i in range(rows)]
        path = root / Statements(corpus, SHARD).file("statements.parquet")
        path.parent.mkdir(parents=True)
        tables.write(path, tables.build(sorted(some, key=lambda row: row["problem_id"]), tables.STATEMENTS),
                     tables.STATEMENTS)  # fmt: skip
    recipe = canonical_json({"path": str(ROOT / "resources/toy/teacher-long"), "dtype": "float32"})
    output = root / BaseModel(MODEL).manifest
    run([str(SCRIPTS / "fetch_model.py"), "--recipe", recipe, "--output", str(output)], root)


def run(arguments: list[str], folder: Path, python: str = sys.executable) -> float:
    """Run a Python program, which must succeed; return its seconds."""
    begun = time.monotonic()
    done = subprocess.run([python, *arguments], cwd=folder, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return time.monotonic() - begun


def answer(root: Path, corpus: str, ahead: dict) -> dict:
    """Answer a corpus as the rule `generate` does; return its provenance."""
    place = Responses(corpus, f"teachers/{MODEL}", DECODING, 0, SHARD)
    run([str(SCRIPTS / "generate.py"), "--statements", Statements(corpus, SHARD).file("statements.parquet"),
         "--model", BaseModel(MODEL).folder, "--prompt", str(ROOT / "config/prompts/plain.jinja"), "--draw", "0",
         "--shard", SHARD, "--recipe", canonical_json(RECIPE), "--ahead", json.dumps(ahead),
         "--output", place.file("responses.parquet")], root)  # fmt: skip
    return read_json(root / place.file("provenance.json"))


def measure(rows: int, snakemake: str) -> Times:
    """Return what is measured on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prepare(root, rows)
        others = {corpus: {"draws": 1, "shards": 1} for corpus in BENCHMARKS}
        leader, *followers = [answer(root, corpus, {"hours": 9, "corpora": others}) for corpus in BENCHMARKS]
        if any(facts["asked"] for facts in followers):
            sys.exit("a job asked what the first one should have answered")
        paths = [root / Responses(c, f"teachers/{MODEL}", DECODING, 0, SHARD).file("responses.parquet")
                 for c in BENCHMARKS]  # fmt: skip
        tokens = sum(sum(tables.read(path, tables.RESPONSES)["response_tokens"].to_pylist()) for path in paths)
    planning = ["-m", "snakemake", TARGET, "--dry-run", "--quiet", "all"]
    return Times(
        leader["alive_seconds"] - leader["busy_seconds"],
        sum(facts["alive_seconds"] for facts in followers) / len(followers),
        min(run(planning, ROOT, snakemake) for _ in range(3)),
        tokens / leader["busy_seconds"],
    )


def busy_share(times: Times, tokens: int) -> tuple[float, float]:
    """Return the seconds of work, and of the allocations, where each response has so many tokens."""
    work = MODELS * sum(BENCHMARKS.values()) * tokens / times.speed
    # Snakemake starts for the allocation, and again for each of its jobs.
    starts = times.start + times.follower * (len(BENCHMARKS) - 1) + times.snakemake * (len(BENCHMARKS) + 1)
    return work, work + MODELS * starts


def main() -> None:
    """Parse the command line, measure, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=400, help="problems of each corpus that is really asked")
    parser.add_argument("--snakemake", default=str(ROOT / ".venv/bin/python"), help="a Python that has Snakemake")
    add_check(parser)
    args = parser.parse_args()
    times = measure(args.rows, args.snakemake)
    machine = ", ".join(f"{name} {fact}" for name, fact in hardware().items())
    print(f"on {machine}; load {os.getloadavg()[1]:.1f}")
    print(f"start of a model {times.start:.1f} s, job without one {times.follower:.1f} s, Snakemake for a job "
          f"{times.snakemake:.1f} s, {times.speed:,.0f} tokens/s\n")  # fmt: skip
    print("| tokens per response | work, s | allocations, s | share |\n|---|---|---|---|")
    shares = {tokens: busy_share(times, tokens) for tokens in TOKENS}
    for tokens, (work, allocated) in shares.items():
        print(f"| {tokens:,} | {work:,.0f} | {allocated:,.0f} | {work / allocated:.3f} |")
    share = sum(work for work, _ in shares.values()) / sum(allocated for _, allocated in shares.values())
    report([Goal("gpu_busy_share", f"{share:.3f}", f">= {GOAL}", share >= GOAL)], args.check)


if __name__ == "__main__":
    main()
