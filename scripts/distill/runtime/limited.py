"""Asks a process that the kernel ends at limits of CPU time and memory.

A process, because neither a thread nor a signal stops what a template or a pattern may be doing: a signal reaches
Python's main thread only, and not while C code (`'a' * 10**10`, a match of `(a+)+$`) is at work. It is started once, at
the first request.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from types import ModuleType
from typing import Any

from distill.runtime import limits


class EndedError(Exception):
    """The process has ended on a request."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.by_cpu_time = code == -signal.SIGXCPU


class LimitedProcess:
    """The process, whose module answers what it is asked; threads take turns, a forked process starts its own."""

    def __init__(self, module: ModuleType) -> None:
        self._file = str(module.__file__)
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        self._lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, request: dict[str, Any], seconds: int) -> dict[str, Any]:
        """Return what `answer` of the module makes of a request.

        Raises EndedError where the process ends: after `seconds` of CPU time, or by itself.
        """
        with self._lock:
            line = self._ask(json.dumps(request | {"seconds": seconds}) + "\n")
            if not line.endswith("\n"):
                code, self._process = self._process.wait(), None
                raise EndedError(code)
        return json.loads(line)

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
            [sys.executable, "-I", limits.__file__, self._file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", **_needed()},
        )
        self._owner = os.getpid()

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
