"""What the panel shows: jobs by stage, the running jobs with their last progress line, and the time left."""

import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

from distill.runtime.progress import Reading, clock, read_progress

WORKFLOW = Path(__file__).resolve().parents[2]
_INCLUDED = re.compile(r'^include: "rules/(\w+)\.smk"', re.MULTILINE)
_RULE = re.compile(r"^rule (\w+):", re.MULTILINE)


def stages_of(workflow: Path) -> dict[str, str]:
    """Return rule -> stage, in data-flow order: each rules file is a stage, but for the rule that names the stage."""
    found = {}
    for stage in _INCLUDED.findall((workflow / "Snakefile").read_text(encoding="utf-8")):
        rules = _RULE.findall((workflow / f"rules/{stage}.smk").read_text(encoding="utf-8"))
        found |= {rule: stage for rule in rules if rule != stage}
    return found


STAGES = stages_of(WORKFLOW)
TAIL_BYTES = 16_384
ERROR_LINES = 12


@dataclass
class Job:
    """A job that has been announced; `name` is its log file's path, which says what it makes."""

    rule: str
    log: Path | None
    began: float

    @property
    def name(self) -> str:
        """Return e.g. `train toy-m/toy-sft/toy-long-arm/seed-1`."""
        if self.log is None:
            return self.rule
        return " ".join(str(self.log.with_suffix("")).removeprefix("logs/").split("/", 1))

    def age(self) -> float:
        """Return the seconds since it began."""
        return time.monotonic() - self.began

    def reading(self) -> Reading | None:
        """Return the last progress line of the job's log."""
        lines = tail(self.log) if self.log else []
        return next((r for r in map(read_progress, reversed(lines)) if r), None)

    def complaint(self) -> list[str]:
        """Return the last lines of the log that are no progress."""
        lines = tail(self.log) if self.log else []
        return [line for line in lines if line.strip() and not read_progress(line)][-ERROR_LINES:]


def tail(path: Path) -> list[str]:
    """Return the last whole lines of a file, none if there is none."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
            return lines[1:] if size > TAIL_BYTES and len(lines) > 1 else lines
    except OSError:
        return []


@dataclass
class Board:
    """Counts jobs from Snakemake's events; rules without a stage (targets) are not counted."""

    planned: Counter[str]
    began: float = field(default_factory=time.monotonic)
    done: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    running: dict[int, Job] = field(default_factory=dict)

    def start(self, number: int, rule: str, log: str | None) -> None:
        """Note a job that starts."""
        self.running[number] = Job(rule, Path(log) if log else None, time.monotonic())

    def finish(self, number: int, failed: bool = False) -> Job | None:
        """Note a job that ended, and return it; None for one that was never announced."""
        job = self.running.pop(number, None)
        if job is not None and not failed:
            self.done[job.rule] += 1
            self.seconds[job.rule] += job.age()
        return job

    def left(self) -> float | None:
        """Return the seconds that are left, or None before the first job is done.

        A rule's jobs are taken to last as long as those that are done (of another rule while none is), on as many
        workers as were busy so far.
        """
        done, spent = self.done.total(), self.seconds.total()
        if not done or not spent:
            return None
        mean = {rule: self.seconds[rule] / n for rule, n in self.done.items()}
        waiting = sum((self.planned[r] - self.done[r]) * mean.get(r, spent / done) for r in self.planned)
        jobs = list(self.running.values())
        waiting -= sum(min(j.age(), mean.get(j.rule, spent / done)) for j in jobs)
        busy = (spent + sum(j.age() for j in jobs)) / max(time.monotonic() - self.began, 1e-9)
        return max(waiting, 0.0) / max(busy, 1.0)

    def summary(self) -> str:
        """Return e.g. `47 of 112 jobs, 0:02:31, about 0:03:20 left`."""
        left = self.left()
        rest = f", about {clock(left)} left" if left is not None else ""
        return f"{self.done.total()} of {self.planned.total()} jobs, {clock(time.monotonic() - self.began)}{rest}"

    def __rich__(self) -> RenderableType:
        """Draw the panel."""
        stages = Table.grid(padding=(0, 2))
        for stage in dict.fromkeys(STAGES.values()):
            rules = [r for r, s in STAGES.items() if s == stage]
            total, done = (sum(c[r] for r in rules) for c in (self.planned, self.done))
            if total:
                stages.add_row(stage, ProgressBar(total, done, width=24), f"{done}/{total}")
        jobs = Table.grid(padding=(0, 2))
        for job in list(self.running.values()):
            jobs.add_row(Text(job.name, overflow="ellipsis", no_wrap=True), *_columns(job))
        return Group(Text(self.summary(), style="bold"), stages, jobs)


def _columns(job: Job) -> tuple[str, str, str]:
    reading = job.reading()
    if reading is None:
        return clock(job.age()), "", ""
    left = "" if reading.seconds_left is None else f"{clock(reading.seconds_left)} left"
    return f"{reading.done}/{reading.total} {reading.unit}", reading.speed_and_cost(), left
