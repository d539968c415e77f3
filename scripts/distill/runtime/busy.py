"""How long a program's model was at work, and how long the program ran: for its provenance.

The work is what `Progress` counts rows or updates of, without the loading of a model in it: a program says when the
model is ready (`busy.note`). Such a line cannot change a row, and the code hash leaves it out, as it does log lines.
"""

import os
import time
from pathlib import Path
from typing import Literal

_spent = 0.0
_begun: float | None = None
_known = True


def note(event: Literal["ready", "elsewhere"]) -> None:
    """Say that a model is ready: what `Progress` counts begins now. Or that it runs in other processes: unknown."""
    global _begun, _known
    if event == "elsewhere":
        _known = False
    elif _begun is not None:
        _begun = time.monotonic()


def begin() -> None:
    """Begin to count."""
    global _begun
    _begun = time.monotonic()


def end() -> None:
    """Count the time since `begin`, or since the model was ready."""
    global _spent, _begun
    if _begun is not None:
        _spent += time.monotonic() - _begun
    _begun = None


def reading() -> dict[str, float]:
    """Return `busy_seconds` (unless unknown) and `alive_seconds`: of this process, since its start."""
    busy = {"busy_seconds": round(_spent, 3)} if _known else {}
    return {**busy, "alive_seconds": round(_alive(), 3)}


def _alive() -> float:
    """Return the seconds since the process was started, imports and interpreter included (proc(5), starttime)."""
    started = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
