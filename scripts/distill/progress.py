"""How far a program is: a bar on a terminal, plain lines elsewhere (a rule's log, which the logger plugin reads)."""

import re
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

LINE_SECONDS = 5.0


@dataclass(frozen=True)
class Reading:
    """One line of progress, read back: what is done of how much, tokens per second and time left as written."""

    desc: str
    done: int
    total: int
    unit: str
    tokens_per_second: str | None
    left: str | None


class Progress:
    """Counts rows (or updates) and tokens of a running program; a context manager.

    On a terminal it is a tqdm bar. Elsewhere it writes a line at the start, at most every 5 s, and at the end, e.g.
    `progress generate 320/1500 rows, 8.1k tokens/s, 0:02:10 left`.
    """

    def __init__(self, total: int, unit: str = "rows", desc: str = "", done: int = 0):
        self._total, self._unit, self._desc = total, unit, desc
        self._done = self._first = done
        self._tokens = 0
        self._start = self._said = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self._total, initial=self._done, unit=f" {self._unit}", desc=self._desc)
        else:
            self._say()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None:
            self._say()

    def update(self, rows: int = 1, tokens: int = 0) -> None:
        """Count rows that are done, and the tokens they took."""
        self._done += rows
        self._tokens += tokens
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(rows)
            if self._tokens:
                self._bar.set_postfix_str(f"{_short(self._tokens / max(now - self._start, 1e-9))} tokens/s", False)
        elif now - self._said >= LINE_SECONDS:
            self._said = now
            self._say()

    def _say(self) -> None:
        seconds = max(time.monotonic() - self._start, 1e-9)
        parts = [f"progress {self._desc} {self._done}/{self._total} {self._unit}"]
        if self._tokens:
            parts.append(f"{_short(self._tokens / seconds)} tokens/s")
        if self._done > self._first:
            left = seconds / (self._done - self._first) * (self._total - self._done)
            parts.append(f"{clock(left)} left")
        print(", ".join(parts), file=sys.stderr, flush=True)


_LINE = re.compile(r"progress (.*?) ?(\d+)/(\d+) (\w+)(?:, (\S+) tokens/s)?(?:, (\d+:\d\d:\d\d) left)?")


def parse_progress(line: str) -> Reading | None:
    """Read a plain progress line, or return None where it is another line."""
    match = _LINE.fullmatch(line.strip())
    return Reading(match[1], int(match[2]), int(match[3]), match[4], match[5], match[6]) if match else None


def clock(seconds: float) -> str:
    """Return seconds as h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _short(number: float) -> str:
    return f"{number / 1000:.1f}k" if number >= 1000 else f"{number:.0f}"
