"""What planning the paper's studies takes here, in CPU seconds: `snakemake plan`, and Snakemake's own dry run.

The plan says of all studies what is missing and what it will take. A dry run in a folder without results, so every job
is to be made: once with all studies of the paper, once with as many of them as come to 10,000 jobs; and what
reading the configuration and listing the artefacts take of it. For comparison as many jobs of a Snakefile of one rule
with one input, one output, one wildcard and one parameter are planned: what bare Snakemake takes.

Run as: python benchmarks/planning.py [--check]
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from goals import Goal, add_check, report

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("workflow", "scripts", "config", "profiles", "envs", "resources")
OTHERS = {"toy", "published", "real", "real-recipe", "real-lora"}  # not the paper's
GOAL_SECONDS = 15.0
JOBS = 10_000
QUIET = ("--quiet", "rules")  # as the README says it: which jobs there are, and how many
BARE = """
rule all:
    input: expand("{{i}}.txt", i=range({jobs}))
rule bare:
    input: "start"
    output: "{{i}}.txt"
    params: code=lambda wildcards: "1"
    shell: "echo {{params.code}} > {{output}}"
"""


def snakemake(folder: Path, total: str, *options: str) -> tuple[int, float]:
    """Return how many jobs Snakemake tells in a line that begins with `total`, and its CPU seconds."""
    command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", "1", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=3600,
                          env={**os.environ, "HF_HUB_OFFLINE": "1"}, encoding="utf-8")  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = re.search(rf"^{total} +(\d+)", done.stdout + done.stderr, re.MULTILINE)
    if done.returncode or not jobs:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return int(jobs[1]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def planned(folder: Path, *options: str) -> tuple[int, float]:
    """Return how many jobs a dry run in a folder plans, and its CPU seconds."""
    return snakemake(folder, "total", "--dry-run", *options)


def listed(names: list[str]) -> tuple[int, float]:
    """Return how many artefacts the studies need, and the CPU seconds of reading the configuration and listing them."""
    sys.path.insert(0, str(ROOT / "scripts"))
    from distill.config.load import load
    from distill.config.plan import Plan

    started = time.process_time()
    places = Plan(load(Path("config"), {"studies": names})).places()
    return len(places), time.process_time() - started


def enough(names: list[str], jobs: int) -> list[str]:
    """Return studies that need so many artefacts, each of which is a job, and few more."""
    lists = [[*names[:count], name] for count in range(len(names)) for name in names[count:]]
    sizes = [(listed(chosen)[0], chosen) for chosen in lists]
    return min((size, chosen) for size, chosen in sizes if size >= jobs)[1]


def main() -> None:
    """Measure, print the table and the goals; with --check exit 1 where one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_check(parser)
    check = parser.parse_args().check
    os.chdir(ROOT)
    names = [p.stem for p in sorted(Path("config/studies").glob("*.yaml")) if p.stem not in OTHERS]
    some = enough(names, JOBS)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in FOLDERS:
            (home / name).symlink_to(ROOT / name)
        told = snakemake(home, "all", "plan", "--config", f"studies={','.join(names)}")
        everything = planned(home, *QUIET, "--config", f"studies={','.join(names)}")
        quiet = planned(home, *QUIET, "--config", f"studies={','.join(some)}")
        shown = planned(home, "--config", f"studies={','.join(some)}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "start").touch()
        (Path(folder) / "Snakefile").write_text(BARE.format(jobs=everything[0]), encoding="utf-8")
        bare = planned(Path(folder), *QUIET)
    print("| graph | jobs | CPU seconds | ms per job |\n|---|---|---|---|")
    rows = {f"all {len(names)} studies: `snakemake plan`": told, "their dry run": everything,
            f"dry run of {len(some)} studies": quiet, "the same with every job shown": shown,
            "bare Snakemake, one rule": bare, "reading and listing all studies alone": listed(names)}  # fmt: skip
    for name, (jobs, seconds) in rows.items():
        print(f"| {name} | {jobs} | {seconds:.1f} | {1000 * seconds / jobs:.2f} |")
    reached = {
        "plan of all studies": told[1],
        "dry run of all studies": everything[1],
        f"{quiet[0]} jobs": quiet[1],
        f"{shown[0]} jobs shown": shown[1],
    }
    bound = f"< {GOAL_SECONDS:.0f} s"
    report([Goal(name, f"{took:.1f} s", bound, took < GOAL_SECONDS) for name, took in reached.items()], check)


if __name__ == "__main__":
    main()
