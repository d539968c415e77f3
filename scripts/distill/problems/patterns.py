"""The patterns of a recipe, run in a process of their own that the kernel ends at a limit of CPU time."""

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from distill.config.recipes import Rewrite
from distill.models.sandbox import Sandbox
from distill.problems import matching
from distill.runtime.errors import InputError

SECONDS = 10  # of CPU time for all patterns of a key on one text; real ones take less than a millisecond


class Matcher(Sandbox):
    """The process, started at the first pattern; threads take turns."""

    def ask(self, kind: str, pairs: Sequence[tuple[str, str]], text: str, place: str, key: str) -> str | None:
        """Return what `matching.answer` does; InputError names `place` (file and row) and `key` where there is none."""
        request = {"kind": kind, "pairs": list(pairs), "text": text, "seconds": SECONDS}
        with self._lock:
            line = self._ask(json.dumps(request) + "\n")
            if not line.endswith("\n"):
                raise InputError(f"{place}: `{key}` {self._end()}")
        reply = json.loads(line)
        if "error" in reply:
            raise InputError(f"{place}: `{key}` {reply['error']}")
        return reply["text"]

    def _end(self) -> str:
        """Return why the process has ended."""
        code, self._process = self._process.wait(), None
        if code != -signal.SIGXCPU:
            return f"has ended its process on this text (exit code {code})"
        return (
            f"has not ended on this text after {SECONDS} s of CPU time; its pattern tries very many ways to match, as "
            "one with a repeat inside a repeat does (`(a+)+`); write it without"
        )

    def _start(self) -> None:
        # -I: neither the folder nor the user's environment of Python decides what is imported there.
        self._process = subprocess.Popen(
            [sys.executable, "-I", matching.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._owner = os.getpid()


_MATCHER = Matcher()
atexit.register(_MATCHER.close)


def rewritten(text: str, rewrites: Sequence[Rewrite], place: str, key: str) -> str:
    """Return a text after the substitutions of a recipe's `key`. Raises InputError where they do not end in time."""
    pairs = [(rewrite.pattern, rewrite.replacement) for rewrite in rewrites]
    return str(_MATCHER.ask("rewrites", pairs, text, place, key)) if pairs else text


def expanded(pattern: str, template: str, text: str, place: str, key: str) -> str | None:
    """Return a template with the groups of a pattern where it matches, None where not. Raises InputError as above."""
    return _MATCHER.ask("expansion", [(pattern, template)], text, place, key)
