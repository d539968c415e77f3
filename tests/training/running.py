"""Trainings as programs of their own: started, stopped in the middle, and what they leave."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from helpers import REPOSITORY
from test_train import options

PROGRAM = str(REPOSITORY / "scripts/train.py")
LONG = {"epochs": 20, "save_every": 8}  # 120 updates: a signal after the first state comes long before the last


class Training:
    """A training as a program; `log` is what it writes to stderr."""

    def __init__(self, inputs: Path, output: Path, processes: int = 1, **keys: Any):
        self.output, self.log = output, output.parent.with_suffix(".log")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, PROGRAM, *options(inputs, output, **keys), "--processes", str(processes)]
        with open(self.log, "w") as file:
            self.program = subprocess.Popen(command, stderr=file)

    def saved(self) -> list[Path]:
        """Return the states that are saved whole."""
        folders = [Path(folder) for folder, _, _ in os.walk(self.output.parent / "state")]  # some go meanwhile
        return [folder for folder in folders if is_json(folder / "trainer_state.json")]

    def until_saved(self) -> None:
        """Wait until a state is saved."""
        deadline = time.monotonic() + 300
        while not self.saved():
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.program.poll() is None, self.log.read_text()
            time.sleep(0.02)

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        return self.program.wait(timeout=600)

    def lines(self) -> list[str]:
        """Return what it wrote, without its progress."""
        return [line for line in self.log.read_text().splitlines() if not line.startswith('{"program"')]

    def error(self) -> str:
        """Return the only error it told, without a traceback; libraries may warn beside it, more so under load."""
        lines = self.lines()
        errors = [line for line in lines if line.startswith("train.py: error: ")]
        assert len(errors) == 1, lines
        assert not any("Traceback" in line for line in lines), lines
        return errors[0]

    def begins(self) -> list[int]:
        """Return the update from which it went on, once for each process that reports its progress."""
        progress = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith('{"program"')]
        return [line["done"] for line in progress if line["seconds_left"] is None]

    def left(self) -> set[str]:
        """Return the names of what stands beside the weights."""
        return {path.name for path in self.output.parent.iterdir()}

    def ranks(self) -> list[int]:
        """Return the ids of its processes, in the order of their ranks."""
        pid = self.program.pid
        found = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return [child for child in found if b"distill.training.fit" in Path(f"/proc/{child}/cmdline").read_bytes()]


def is_json(path: Path) -> bool:
    """Whether a file is written to its end."""
    try:
        return bool(json.loads(path.read_text()))
    except (OSError, ValueError):
        return False
