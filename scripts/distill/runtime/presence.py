"""Who is there: a file that a process keeps while it runs, and whether the one that wrote a file still does.

On its own machine a process is known by its number and its start, so its end is seen at once. From another machine its
file must have been touched within the last minutes: times of files on a shared disk come from one clock.
"""

import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from distill.runtime.files import write_json

BEAT_SECONDS = 10.0
# A file on a network disk may look a minute older than it is: its machine caches what it knows of it.
STALE_SECONDS = 180.0


class Presence:
    """A file that says that this process is there, with `facts`; it goes when the block ends.

    `changing`, asked at each beat, returns facts that may change.
    """

    def __init__(self, path: Path, changing: Callable[[], dict[str, Any]] | None = None, **facts: Any):
        self.path, self._changing = path, changing or dict
        self._facts = {"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid()), **facts}
        self._beat, self._over = BEAT_SECONDS, threading.Event()
        self._said: dict[str, Any] = {}
        self._say()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def _go_on(self) -> None:
        while not self._over.wait(self._beat):
            with suppress(OSError):
                self._say()
                os.utime(self.path)

    def _say(self) -> None:
        now = {**self._facts, **self._changing()}
        if now != self._said:
            write_json(self.path, now)
            self._said = now

    def close(self, **facts: Any) -> None:
        """Take the file away, or leave it with last facts."""
        self._over.set()
        self._thread.join()
        if facts:
            write_json(self.path, {**self._facts, **facts})
        else:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def facts_of(path: Path) -> dict[str, Any]:
    """Return what a process says in its file, nothing where there is none."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def is_there(path: Path) -> bool:
    """Whether the process that wrote a file still runs."""
    facts = facts_of(path)
    if not facts:
        return False
    if facts.get("host") == socket.gethostname():
        return _born(facts.get("pid")) == facts.get("born") is not None
    try:
        return age(path) < STALE_SECONDS
    except OSError:
        return False


def age(path: Path) -> float:
    """Return the seconds since a file was last touched, by the clock of its disk."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".now-") as now:
        os.utime(now.name)
        return os.stat(now.name).st_mtime - path.stat().st_mtime


def _born(pid: int | None) -> str | None:
    """Return when a process of this machine started, in the kernel's ticks and for this boot; None if it has ended."""
    with suppress(OSError, IndexError):
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        if after_name[0] not in "ZX":
            return f"{Path('/proc/sys/kernel/random/boot_id').read_text(encoding='utf-8').strip()} {after_name[19]}"
    return None
