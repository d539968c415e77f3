"""How long a model was at work: what Progress counts, without the loading in it."""

import sys
from contextlib import suppress
from pathlib import Path
from subprocess import run
from types import SimpleNamespace

import pytest

from distill.runtime import busy
from distill.runtime.files import read_json
from distill.runtime.progress import Progress
from distill.runtime.record import Record


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still unless it is told to go, and a program that has done no work yet."""
    clock = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(busy.time, "monotonic", lambda: clock.seconds)
    for name, value in (("_spent", 0.0), ("_begun", None), ("_known", True)):
        monkeypatch.setattr(busy, name, value)
    return clock


def test_work_begins_when_the_model_is_ready(now: SimpleNamespace) -> None:
    now.seconds += 7  # imports
    with Progress(2):
        now.seconds += 30  # loading
        busy.note("ready")
        now.seconds += 11
    now.seconds += 5
    busy.note("ready")  # nothing is counted there
    now.seconds += 5
    with Progress(2):  # the next shard, by the same model
        now.seconds += 4
    assert busy.reading()["busy_seconds"] == 15.0


def test_work_that_fails_was_work(now: SimpleNamespace) -> None:
    with suppress(KeyError), Progress(2):
        now.seconds += 3
        raise KeyError
    assert busy.reading()["busy_seconds"] == 3.0


def test_what_runs_in_other_processes_is_not_known(now: SimpleNamespace) -> None:
    busy.note("elsewhere")
    with Progress(2):
        now.seconds += 3
    assert set(busy.reading()) == {"alive_seconds"}


def test_a_program_is_alive_since_its_process_began() -> None:
    said = run([sys.executable, "-c", "import time; time.sleep(0.4); from distill.runtime import busy; print("
                "busy.reading()['alive_seconds'] - time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID))"],
               capture_output=True, text=True, check=True, cwd=Path(busy.__file__).parents[2])  # fmt: skip
    assert float(said.stdout) >= 0.39  # asleep, so it was alive without using the processor


def test_the_provenance_says_both(now: SimpleNamespace, tmp_path: Path) -> None:
    record = Record(__file__, "{}", {}, tmp_path, {})
    with Progress(1):
        now.seconds += 2.5
    record.write({})
    facts = read_json(tmp_path / "provenance.json")
    assert facts["busy_seconds"] == 2.5
    assert facts["alive_seconds"] > 0
    assert "busy_seconds" not in read_json(tmp_path / "manifest.json")
