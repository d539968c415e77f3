"""How long a program's model was at work, and how long the program ran: for its provenance.

The work is what `Progress` counts rows or updates of, without the loading of a model in it: a program says when the
model is ready (`busy.note`). Such a line cannot change a row, and the code hash leaves it out, as it does log lines.
It also says which model a server's reply names: one line for each that is not the one asked, and a count of them all.
"""

import json
import logging
import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

_spent = 0.0
_begun: float | None = None
_known = True
_asked: set[str] = set()
_answered: Counter[str] = Counter()


def note(event: Literal["ready", "elsewhere", "reply"], asked: str = "", reply: str = "") -> None:
    """Say that a model is ready: what `Progress` counts begins now. Or that it runs in other processes: unknown.

    Or that a server has sent a reply (JSON) to a request for the model `asked`.
    """
    global _begun, _known
    if event == "reply":
        _count_model(asked, reply)
    elif event == "elsewhere":
        _known = False
    elif _begun is not None:
        _begun = time.monotonic()


def _count_model(asked: str, reply: str) -> None:
    model: Any = None
    with suppress(ValueError, TypeError, LookupError, RecursionError):
        model = json.loads(reply)["model"]
    if not isinstance(model, str) or not (name := "".join(c for c in model if c.isprintable())[:200].strip()):
        return
    if name != asked and name not in _answered:
        logging.warning("the server answers with model %r, and %r was asked for; are they one?", name, asked)
    _asked.add(asked)
    _answered[name] += 1


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


def reading() -> dict[str, Any]:
    """Return `busy_seconds` (unless unknown) and `alive_seconds`: of this process, since its start.

    And where a server has answered with another model than the one asked: `answered_by`, replies by model.
    """
    busy = {"busy_seconds": round(_spent, 3)} if _known else {}
    models = {"answered_by": dict(sorted(_answered.items()))} if _answered.keys() - _asked else {}
    return {**busy, "alive_seconds": round(_alive(), 3), **models}


def _alive() -> float:
    """Return the seconds since the process was started, imports and interpreter included (proc(5), starttime)."""
    started = int(Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
