"""What a job's own start of Snakemake costs here over bare Snakemake, in CPU seconds.

A job that Snakemake does not run in its own process (on a cluster, or with a `run:` directive) starts Snakemake again,
which reads the whole workflow for this one job. The start is measured with the arguments that the executor passes, as
a dry run, so the program is not in it: once for one job of this workflow, once for a Snakefile of one rule. The two
take turns; the goal is on the difference of their medians. Below it stands what the workflow's own part is made of,
measured in a fresh process after Snakemake's imports.

Run as: python benchmarks/startup.py [--runs 7] [--corpus toy-train] [--check]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from goals import Goal, add_check, report

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
GOAL_SECONDS = 0.5
BARE = """rule bare:
    output: "{name}.txt"
    params: code=lambda wildcards: open("evaluated", "w").close() or "1"
    shell: "echo {params.code} > {output}"
"""
# As snakemake.spawn_jobs and snakemake_interface_executor_plugins.executors.real put them together.
ARGUMENTS = ["--cores", "1", "--attempt", "1", "--force-use-threads", "--force", "--max-inventory-time", "0",
             "--target-files-omit-workdir-adjustment", "--retries", "0", "--nocolor", "--no-hooks", "--nolock",
             "--ignore-incomplete", "--rerun-triggers", "code", "input", "mtime", "params", "software-env",
             "--mode", "subprocess"]  # fmt: skip


def start(folder: Path, snakefile: Path, rule: str, wildcards: str) -> float:
    """Start Snakemake for one job in a folder, and return the CPU seconds of that process and its children."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--target-jobs", f"{rule}:{wildcards}",
               "--allowed-rules", rule, *ARGUMENTS, "--dry-run", "--printshellcmds"]  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, encoding="utf-8"
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def parts() -> dict[str, float]:
    """Return the CPU seconds of what `workflow/rules/common.smk` does when it is read, part by part."""
    import snakemake.cli

    assert snakemake.cli
    sys.path.insert(0, str(SCRIPTS))
    found: dict[str, float] = {}

    def measure(name: str, work: Callable[[], Any]) -> Any:
        started = time.process_time()
        result = work()
        found[name] = time.process_time() - started
        return result

    measure("import yaml, pydantic", lambda: (__import__("yaml"), __import__("pydantic")))
    measure("import recipes", lambda: __import__("distill.config.recipes"))
    measure("import the rest of config", lambda: __import__("distill.config.load"))
    measure("import engines' protocol", lambda: __import__("distill.responses.engines"))
    from distill.config.load import load
    from distill.runtime.codehash import code_hash

    settings = __import__("yaml").safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    measure("read and check the catalogue", lambda: load(Path("config"), settings))
    measure("code hash of fetch_problems", lambda: code_hash(SCRIPTS / "fetch_problems.py"))
    measure("code hashes of all programs", lambda: [code_hash(path) for path in sorted(SCRIPTS.glob("*.py"))])
    return found


def main() -> None:
    """Measure in turns, print medians, the parts and the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--corpus", default="toy-train", help="the job is `fetch_problems` of this corpus")
    add_check(parser)
    parser.add_argument("--parts", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.parts:
        os.chdir(ROOT)
        print(json.dumps(parts()))
        return
    bare, ours = [], []
    with tempfile.TemporaryDirectory() as name:
        one, other = Path(name) / "bare", Path(name) / "ours"
        for folder in (one, other):
            folder.mkdir()
        (one / "Snakefile").write_text(BARE, encoding="utf-8")
        for linked in ("config", "resources", "profiles"):
            (other / linked).symlink_to(ROOT / linked)
        for _ in range(args.runs + 1):
            bare.append(start(one, one / "Snakefile", "bare", "name=x"))
            ours.append(start(other, ROOT / "workflow" / "Snakefile", "fetch_problems", f"corpus={args.corpus}"))
        assert (one / "evaluated").exists()  # a dry run, too, computes the job's parameters
    print(f"{'CPU seconds of a start':32}{'median':>8}{'least':>8}{'most':>8}")
    for what, seconds in (("bare Snakemake", bare[1:]), ("this workflow", ours[1:])):  # the first compiles files
        print(f"{what:32}{statistics.median(seconds):>8.2f}{min(seconds):>8.2f}{max(seconds):>8.2f}")
    done = subprocess.run([sys.executable, __file__, "--parts"], stdout=subprocess.PIPE, check=True, timeout=600)
    print(f"\n{'of it':32}{'seconds':>8}")
    for what, seconds in sorted(json.loads(done.stdout).items(), key=lambda item: -item[1]):
        print(f"{what:32}{seconds:>8.3f}")
    more = statistics.median(ours[1:]) - statistics.median(bare[1:])
    print()
    report([Goal("startup", f"{more:.2f} s", f"<= {GOAL_SECONDS} s", more <= GOAL_SECONDS)], args.check)


if __name__ == "__main__":
    main()
