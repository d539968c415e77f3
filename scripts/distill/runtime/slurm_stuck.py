"""Jobs that wait in SLURM's queue for what no waiting brings: looked for while Snakemake runs, which waits with them.

A job that asks for more time than a partition gives is taken by most sites and never begins. Each attempt asks for
more, and the members of a group are added up, so what the first job asks for does not tell.
"""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from distill.runtime.errors import InputError
from distill.runtime.slurm import Left, asked, jobs_of, run_client

LOOK_SECONDS = 60.0
TOO_LONG = "PartitionTimeLimit"
# "Job Reason Codes" of SLURM's documentation: those that stay until somebody acts.
LASTING = re.compile(
    r"Partition(Time|Node)Limit|AccountNotAllowed|QOSNotAllowed|Invalid(Account|QOS)|BadConstraints|\w*PerJob(Limit)?|"
    r"(Assoc|QOS)Max(Wall|Unit)\w*|JobHeld(Admin|User)|JobHoldMaxRequeue|launch failed requeued held|"
    r"DependencyNeverSatisfied|ReservationDeleted"
)


def watch(folder: Path, say: Callable[[str], None]) -> None:
    """Look from now on, in a thread that ends with the process, at the jobs that Snakemake sends from a folder."""
    threading.Thread(target=_watch, args=(folder, say), daemon=True).start()


def _watch(folder: Path, say: Callable[[str], None]) -> None:
    told: set[str] = set()
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            look(folder, say, told)
        except InputError:
            continue  # SLURM does not answer; Snakemake says so itself


def look(folder: Path, say: Callable[[str], None], told: set[str]) -> None:
    """Let too long jobs ask for what their partition gives; say of others once (`told`) why they wait for ever.

    Raises InputError where SLURM does not answer.
    """
    for job in jobs_of(folder):
        if job.state != "PENDING" or job.number in told or not LASTING.fullmatch(job.reason):
            continue
        told.add(job.number)
        if job.reason == TOO_LONG and (limit := _longest(job)) and _shortened(job, limit):
            say(
                f"SLURM would never start job {job.number} ({job.named}): it asked for {job.limit}, more than "
                f"partition {job.partition} gives; it now asks for {limit}, and its next attempt goes on from there"
            )
            continue
        say(f"SLURM will not start job {job.number} ({job.named}) as it is: {job.reason}; `scontrol show job "
            f"{job.number}` tells what it asks for, `scancel {job.number}` ends it")  # fmt: skip


def _longest(job: Left) -> str | None:
    """Return the most time that a partition of the job gives, in SLURM's words, None where that is not known."""
    limits = dict(line.split("|") for line in asked("sinfo", "--noheader", "--format=%R|%l"))
    own = [limits[name] for name in job.partition.split(",") if name in limits]
    return max((limit for limit in own if _seconds(limit)), key=_seconds, default=None)


def _shortened(job: Left, limit: str) -> bool:
    """Lower what a job of the user's own asks for; whether SLURM has taken that."""
    return not run_client("scontrol", "update", f"JobId={job.number}", f"TimeLimit={limit}").returncode


def _seconds(limit: str) -> int:
    """Return the seconds of a limit in SLURM's words (`2-00:00:00`, `8:00:00`, `30:00`), 0 of any other word."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
