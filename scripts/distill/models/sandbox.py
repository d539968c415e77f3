"""Runs a template in a process of its own, with limits of CPU time and memory.

A process, because neither a thread nor a signal stops what Jinja may be doing: a signal reaches Python's main thread
only, and not while C code (`'a' * 10**10`, `10**10**8`) is at work. It is started once, at the first template.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from distill.models import sandboxed
from distill.runtime.errors import InputError

SECONDS = 5  # of CPU time for one text; real templates take less than a millisecond
CLOCK = "it writes today's date; pin one in the recipe of who answers, for example `date: 2026-01-31`"


class Sandbox:
    """The process, started at need; threads take turns."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def render(
        self, where: str, kind: str, source: str, variables: dict[str, Any], date: str | None = None
    ) -> tuple[str, list[str]]:
        """Return the text that a template writes, and the names that it reads and does not set.

        `kind` is `chat` (as transformers runs chat templates) or `prompt`. Raises InputError, in one line that begins
        with `where`, when it fails, asks for the clock without a date, or reaches its limits.
        """
        request = {"kind": kind, "source": source, "variables": variables, "date": date, "seconds": SECONDS}
        with self._lock:
            line = self._ask(json.dumps(request) + "\n")
            if not line.endswith("\n"):
                raise InputError(f"{where}: {self._end()}")
        reply = json.loads(line)
        if "text" in reply:
            return reply["text"], reply["names"]
        raise InputError(f"{where}: {CLOCK if 'clock' in reply else reply['error']}")

    def _ask(self, line: str) -> str:
        # In a forked process poll finds no child of its own, and takes it for ended.
        if self._process is None or self._process.poll() is not None:
            self._start()
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            return ""
        return self._process.stdout.readline()

    def _start(self) -> None:
        # -I: neither the folder nor the user's environment of Python decides what is imported there.
        self._process = subprocess.Popen(
            [sys.executable, "-I", sandboxed.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", **_needed()},
        )
        self._owner = os.getpid()

    def _end(self) -> str:
        """Return why the process has ended."""
        code, self._process = self._process.wait(), None
        if code == -signal.SIGXCPU:
            return f"it does not end: stopped after {SECONDS} seconds of CPU time"
        return f"its process died (exit code {code})"

    def close(self) -> None:
        """End the process, if it is ours."""
        if self._process is not None and self._owner == os.getpid():
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.kill()
            self._process.wait()
        self._process = None


def _needed() -> dict[str, str]:
    """Return what a Python outside the system's folders (of a cluster's modules) may need to start."""
    return {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}


SANDBOX = Sandbox()
atexit.register(SANDBOX.close)
