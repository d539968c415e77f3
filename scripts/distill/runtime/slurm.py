"""SLURM's queue before the first job is sent to it: what a killed Snakemake has left there, what the site refuses."""

import logging
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.runtime.errors import InputError

POLL_SECONDS = 5.0
CLIENT_SECONDS = 120.0
# What no waiting changes, in sbatch's words; all else (nodes that are down, a full queue) is left to the queue.
REFUSALS = re.compile(
    r"invalid|Unknown|unrecognized|not permitted|node configuration is not available|can not be satisfied|violates|"
    r"more processors",
    re.IGNORECASE,
)
# Resources of a job, by sbatch's option.
OPTIONS = {"slurm_partition": "--partition", "slurm_account": "--account", "constraint": "--constraint", "qos": "--qos",
           "reservation": "--reservation", "nodes": "--nodes", "mem_mb": "--mem", "runtime": "--time"}  # fmt: skip
GPUS = {"gpu": "--gpus", "gpu_per_node": "--gpus-per-node"}


@dataclass(frozen=True)
class Left:
    """A job in the queue: what squeue says of it, in SLURM's words, and what the plugin says that it makes.

    reason: why it waits; limit: the time that it asks for; partition: one, or those it may go to with commas.
    """

    number: str
    state: str
    reason: str
    partition: str
    limit: str
    comment: str

    @property
    def named(self) -> str:
        """Return what it makes, for people."""
        return self.comment.removeprefix("rule_").replace("_wildcards_", " ")


def check_commands() -> None:
    """Raise InputError where there is no SLURM."""
    if missing := [name for name in ("sbatch", "squeue", "srun") if shutil.which(name) is None]:
        raise InputError(f"no {' and no '.join(missing)} on PATH: SLURM's jobs are sent from a machine that has its "
                         "commands, such as a login node")  # fmt: skip


def jobs_of(folder: Path) -> list[Left]:
    """Return the user's jobs in the queue that Snakemake has sent from a folder. InputError if it is silent."""
    lines = [line.split("|", 6) for line in asked("squeue", "--me", "--noheader", "--format=%i|%T|%r|%P|%l|%Z|%k")]
    return [Left(*words, said) for *words, at, said in lines if at == str(folder) and said.startswith("rule_")]


def await_earlier(folder: Path, say: Callable[[str], None] = logging.info) -> None:
    """Wait for the jobs of a Snakemake that was killed in a folder; those that have not begun are cancelled.

    Sent again beside them, a job would wait at the lock of its folder, and hold a GPU meanwhile. After them it finds
    what they have made, and takes it over. Raises InputError where SLURM does not answer.
    """
    earlier = jobs_of(folder)
    if waiting := [job.number for job in earlier if job.state == "PENDING"]:
        say(f"a Snakemake that was killed here has left jobs in the queue; cancelled: {' '.join(waiting)}")
        run_client("scancel", "--state=PENDING", *waiting)
    if running := [job for job in earlier if job.state != "PENDING"]:
        named = "; ".join(f"{job.number}: {job.named}, {job.state}" for job in running)
        say(f"a Snakemake that was killed here has left jobs; waiting for them ({named})")
        say(f"to save what they have and go on at once: scancel {' '.join(job.number for job in running)}")
    while jobs_of(folder):
        time.sleep(POLL_SECONDS)


def check_accepted(jobs: Iterable[tuple[str, Mapping[str, Any], int]], site: Mapping[str, Any]) -> None:
    """Let SLURM say whether it would take such jobs at all: rule, resources and threads of each; nothing is sent.

    `site` are the resources of a job that names none: its partitions (with commas), quality of service, reservation.
    Raises InputError with a line for each kind of job that it would never run.
    """
    kinds: dict[tuple[str, ...], str] = {}
    for rule, resources, threads in jobs:
        kinds.setdefault(tuple(options({**site, **resources}, threads)), rule)
    refused = []
    for words, rule in kinds.items():
        answer = run_client("sbatch", "--test-only", *words, "--wrap=true")
        said = "\n".join(filter(REFUSALS.search, answer.stderr.splitlines()))
        if answer.returncode and said:
            refused.append(f"SLURM would not run {rule}: {_last_line(said)} ({' '.join(words)})")
    if refused:
        raise InputError("\n".join(refused))


def srun(nodes: int, processes: int) -> list[str]:
    """Return what starts a command as so many processes on each of some nodes of this job.

    They may use all cores there (of itself srun may bind each process to one), beside what else runs in the job, and
    all of them end with the first that fails.
    """
    return ["srun", f"--nodes={nodes}", f"--ntasks={nodes * processes}", f"--ntasks-per-node={processes}",
            "--kill-on-bad-exit=1", "--overlap", "--cpu-bind=none"]  # fmt: skip


def options(resources: Mapping[str, Any], threads: int) -> list[str]:
    """Return sbatch's options for resources, by the plugin's names of them, and threads.

    Raises InputError where `slurm_extra` is no command line.
    """
    options = [f"{option}={resources[name]}" for name, option in OPTIONS.items() if resources.get(name)]
    model = f"{resources['gpu_model']}:" if resources.get("gpu_model") else ""
    gpus = [f"{option}={model}{resources[name]}" for name, option in GPUS.items() if resources.get(name)]
    try:
        extra = shlex.split(str(resources.get("slurm_extra") or ""))
    except ValueError as error:
        raise InputError(f"slurm_extra {resources['slurm_extra']!r}: {error}") from None
    return [*options, *gpus, f"--cpus-per-task={threads}", *extra]


def asked(*command: str) -> list[str]:
    """Return the lines that a client says. Raises InputError where it does not answer."""
    answer = run_client(*command)
    if answer.returncode:
        raise InputError(f"{command[0]}: {_last_line(answer.stderr)}")
    return answer.stdout.splitlines()


def run_client(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a client; a stuck one is an InputError."""
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=CLIENT_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{command[0]}: {error}") from None


def _last_line(text: str) -> str:
    """Return the last line of what a client complains of, without its name."""
    lines = [line for line in text.splitlines() if line.strip()] or ["no answer"]
    return re.sub(r"^\w+: (error: )?", "", lines[-1])
