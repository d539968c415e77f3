"""How far a program is: a bar on a terminal, lines of JSON elsewhere (a rule's log, which the logger plugin reads).

Who has closed the terminal finds the same in a small JSON file, where the program names one.
"""

import contextlib
import datetime
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from distill.runtime import busy

LINE_SECONDS = 5.0
FILE_SECONDS = 2.0


@dataclass(frozen=True)
class Reading:
    """How far a program is: one line of its log, and its `progress.json`. Seconds count from the program's start.

    `done` and `cost` (US dollars) count earlier runs too; speed and time left are of this run, None before its first
    tokens or rows. `updated` is a UTC time in ISO 8601.
    """

    program: str
    done: int
    total: int
    unit: str
    tokens_per_second: float | None
    seconds_left: int | None
    cost: float
    seconds: int
    updated: str

    def to_json(self) -> str:
        """Return the reading as one line of JSON."""
        return json.dumps(asdict(self))

    def speed_and_cost(self) -> str:
        """Return e.g. `8.1k tokens/s, $1.20`, without what is not known."""
        speed = [] if self.tokens_per_second is None else [f"{_short(self.tokens_per_second)} tokens/s"]
        return ", ".join(speed + ([f"${self.cost:.2f}"] if self.cost else []))


def read_progress(line: str) -> Reading | None:
    """Read a line of progress; None where it is another line, or a torn one."""
    if not line.startswith('{"program": '):
        return None
    try:
        return Reading(**json.loads(line))
    except (ValueError, TypeError):
        return None


class Progress:
    """Counts rows (or updates), tokens and cost of a running program; a context manager.

    On a terminal it is a tqdm bar. Elsewhere it writes a `Reading` as a line of JSON at the start, at most every 5 s,
    and at the end. `done` rows and `cost` (US dollars) are of earlier runs: they count in the totals, not in the speed
    and not in the time left. `file` is replaced at most every 2 s and when the block ends.
    """

    def __init__(
        self, total: int, unit: str = "rows", desc: str = "", done: int = 0, cost: float = 0.0, file: Path | None = None
    ):
        self._total, self._unit, self._desc = total, unit, desc
        self._done = self._first = done
        self._tokens, self.cost, self._file = 0, cost, file
        self._start = self._last_line = self._last_file = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self._total, initial=self._done, unit=f" {self._unit}", desc=self._desc)
        else:
            self._print()
        self._write()
        busy.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        busy.end()
        if self._bar is not None:
            self._bar.close()
        elif kind is None:
            self._print()
        self._write()

    def update(self, rows: int = 1, tokens: int = 0, cost: float = 0.0) -> None:
        """Count rows that are done, their tokens and their cost in US dollars."""
        self._done += rows
        self._tokens += tokens
        self.cost += cost
        now = time.monotonic()
        if self._bar is not None:
            self._bar.set_postfix_str(self.reading().speed_and_cost(), False)
            self._bar.update(rows)
        elif now - self._last_line >= LINE_SECONDS:
            self._last_line = now
            self._print()
        if now - self._last_file >= FILE_SECONDS:
            self._last_file = now
            self._write()

    def reading(self) -> Reading:
        """Return how far the program is now."""
        seconds = time.monotonic() - self._start
        new = self._done - self._first
        return Reading(
            program=self._desc,
            done=self._done,
            total=self._total,
            unit=self._unit,
            tokens_per_second=round(self._tokens / max(seconds, 1e-9), 1) if self._tokens else None,
            seconds_left=round(seconds / new * (self._total - self._done)) if new else None,
            cost=round(self.cost, 6),
            seconds=round(seconds),
            updated=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )

    def _print(self) -> None:
        print(self.reading().to_json(), file=sys.stderr, flush=True)

    def _write(self) -> None:
        """Replace the file. Nothing depends on it: it is not synced, and a full disk does not stop the program here."""
        if self._file is None:
            return
        temporary = self._file.with_name(f".{self._file.name}.tmp")
        with contextlib.suppress(OSError):
            temporary.write_text(self.reading().to_json() + "\n", encoding="utf-8")
            os.replace(temporary, self._file)


def clock(seconds: float) -> str:
    """Return seconds as h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _short(number: float) -> str:
    return f"{number / 1000:.1f}k" if number >= 1000 else f"{number:.0f}"
