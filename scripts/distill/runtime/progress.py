"""How far a program is: a bar on a terminal, plain lines elsewhere (a rule's log, which the logger plugin reads).

Who has closed the terminal finds the same in a small JSON file, where the program names one.
"""

import contextlib
import datetime
import json
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

LINE_SECONDS = 5.0
FILE_SECONDS = 2.0


@dataclass(frozen=True)
class Reading:
    """One line of progress, read back: what is done of how much, tokens per second, time left and cost as written."""

    desc: str
    done: int
    total: int
    unit: str
    tokens_per_second: str | None
    left: str | None
    cost: str | None = None


class Progress:
    """Counts rows (or updates), tokens and cost of a running program; a context manager.

    On a terminal it is a tqdm bar. Elsewhere it writes a line at the start, at most every 5 s, and at the end, e.g.
    `progress generate 320/1500 rows, 8.1k tokens/s, $1.20, 0:02:10 left`. `done` rows and `cost` (US dollars) are of
    earlier runs: they count in the totals, not in the speed and not in the time left. `file` is replaced at most every
    2 s and when the block ends.
    """

    def __init__(
        self, total: int, unit: str = "rows", desc: str = "", done: int = 0, cost: float = 0.0, file: Path | None = None
    ):
        self._total, self._unit, self._desc = total, unit, desc
        self._done = self._first = done
        self._tokens, self.cost, self._file = 0, cost, file
        self._start = self._said = self._filed = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self._total, initial=self._done, unit=f" {self._unit}", desc=self._desc)
        else:
            self._say()
        self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None:
            self._say()
        self._write()

    def update(self, rows: int = 1, tokens: int = 0, cost: float = 0.0) -> None:
        """Count rows that are done, the tokens they took and what they cost."""
        self._done += rows
        self._tokens += tokens
        self.cost += cost
        now = time.monotonic()
        if self._bar is not None:
            self._bar.set_postfix_str(", ".join(self._speed_and_cost()), False)
            self._bar.update(rows)
        elif now - self._said >= LINE_SECONDS:
            self._said = now
            self._say()
        if now - self._filed >= FILE_SECONDS:
            self._filed = now
            self._write()

    def _tokens_per_second(self) -> float:
        return self._tokens / max(time.monotonic() - self._start, 1e-9)

    def _left(self) -> float | None:
        """Return the seconds left at the pace of the new rows, None before the first."""
        new = self._done - self._first
        return (time.monotonic() - self._start) / new * (self._total - self._done) if new else None

    def _speed_and_cost(self) -> list[str]:
        speed = [f"{_short(self._tokens_per_second())} tokens/s"] if self._tokens else []
        return speed + ([f"${self.cost:.2f}"] if self.cost else [])

    def _say(self) -> None:
        left = self._left()
        parts = [f"progress {self._desc} {self._done}/{self._total} {self._unit}", *self._speed_and_cost()]
        if left is not None:
            parts.append(f"{clock(left)} left")
        print(", ".join(parts), file=sys.stderr, flush=True)

    def _write(self) -> None:
        """Replace the file. Nothing depends on it: it is not synced, and a full disk does not stop the program here."""
        if self._file is None:
            return
        left = self._left()
        facts = {
            "program": self._desc,
            "done": self._done,
            "total": self._total,
            "unit": self._unit,
            "tokens_per_second": round(self._tokens_per_second(), 1) if self._tokens else None,
            "seconds_left": None if left is None else round(left),
            "cost": round(self.cost, 6),
            "seconds": round(time.monotonic() - self._start),
            "updated": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        temporary = self._file.with_name(f".{self._file.name}.tmp")
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps(facts, indent=2) + "\n")
            os.replace(temporary, self._file)


_LINE = re.compile(
    r"progress (.*?) ?(\d+)/(\d+) (\w+)(?:, (\S+) tokens/s)?(?:, \$([\d.]+))?(?:, (\d+:\d\d:\d\d) left)?"
)


def parse_progress(line: str) -> Reading | None:
    """Read a plain progress line, or return None where it is another line."""
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return None
    desc, done, total, unit, speed, cost, left = match.groups()
    return Reading(desc, int(done), int(total), unit, speed, left, cost)


def clock(seconds: float) -> str:
    """Return seconds as h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _short(number: float) -> str:
    return f"{number / 1000:.1f}k" if number >= 1000 else f"{number:.0f}"
