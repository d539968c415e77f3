"""Progress lines, and the logger plugin that reads them: what a person sees while a study runs."""

import datetime
import io
import json
import logging
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_logger_plugin_mixdistill import LogHandler
from snakemake_logger_plugin_mixdistill.board import TAIL_BYTES, Board, Job

from distill.runtime import progress
from distill.runtime.progress import Progress, Reading, read_progress

UPDATED = "2026-01-01T00:00:00+00:00"


def line_of(program: str, done: int, total: int, unit: str = "rows", speed: float | None = None, **more: Any) -> str:
    left, cost = more.get("left"), more.get("cost", 0.0)
    return Reading(program, done, total, unit, speed, left, cost, 60, UPDATED).to_json() + "\n"


def test_each_line_is_json_and_is_read_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(40, unit="rows", desc="generate") as shown:
        now[0] = 10.0
        shown.update(10, tokens=55_000)
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["done"] for line in lines] == [0, 10, 10]
    readings = [read_progress(line) for line in lines]
    assert [(r.program, r.total, r.unit, r.tokens_per_second, r.seconds_left, r.cost, r.seconds) for r in readings] == [
        ("generate", 40, "rows", None, None, 0.0, 0),
        *[("generate", 40, "rows", 5500.0, 30, 0.0, 10)] * 2,
    ]
    assert readings[1].to_json() == lines[1]


@pytest.mark.parametrize(
    "line",
    ["12:00:01 left out: p9 (no_answer)", "", '{"program": "train", "do', '{"program": "train"}',
     '{"done": 3}', '{"program": "train", "colour": 1}', "{}"],
)  # fmt: skip
def test_other_and_torn_lines_are_no_progress(line: str) -> None:
    assert read_progress(line) is None


def test_a_resumed_program_says_cost_in_all_and_time_from_its_new_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    path = tmp_path / "progress.json"
    with Progress(100, desc="generate", done=60, cost=1.5, file=path) as shown:
        assert (json.loads(path.read_text())["done"], json.loads(path.read_text())["seconds_left"]) == (60, None)
        now[0] = 1.0
        shown.update(1, tokens=100, cost=0.25)  # too early for another file
        assert json.loads(path.read_text())["done"] == 60
        now[0] = 10.0
        shown.update(9, tokens=900, cost=0.25)
        line = capsys.readouterr().err.splitlines()[-1]
        meanwhile = json.loads(path.read_text())
    assert json.loads(line) == meanwhile
    assert read_progress(line).speed_and_cost() == "100 tokens/s, $2.00"
    assert datetime.datetime.fromisoformat(meanwhile.pop("updated")).tzinfo
    assert meanwhile == {"program": "generate", "done": 70, "total": 100, "unit": "rows", "tokens_per_second": 100.0,
                         "seconds_left": 30, "cost": 2.0, "seconds": 10}  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["progress.json"]


def test_the_bar_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(progress.sys, "stderr", terminal)
    with Progress(100, desc="generate", done=60, cost=1.5) as shown:
        shown.update(40, tokens=5000, cost=0.5)
    last = terminal.getvalue().split("\r")[-1]
    assert re.search(r"generate: 100%.* 100/100 .*k tokens/s, \$2\.00", last)


def record(
    event: LogEvent | None = None, message: str = "", level: int = logging.INFO, **more: Any
) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", level, __file__, 1, message, None, None)
    made.__dict__.update(more, event=event) if event else made.__dict__.update(more)
    return made


def handler(dryrun: bool = False) -> tuple[LogHandler, io.StringIO]:
    from rich.console import Console

    common = SimpleNamespace(dryrun=dryrun, verbose=False, show_failed_logs=True, stdout=False, nocolor=True)
    made, out = LogHandler(common, None), io.StringIO()
    made._console = Console(file=out, width=200, highlight=False, soft_wrap=True)
    return made, out


def test_lines_of_a_run_that_is_no_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("s1", "s2"):
        log = Path(f"logs/train/{name}.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(line_of("train", 4, 9, "updates", 6300.0, left=5) + "12:00 something\nno space left\n")
    made, out = handler()
    made.emit(record(LogEvent.RUN_INFO, stats={"train": 2, "all": 1, "total": 3}))
    for number, name in ((1, "s1"), (2, "s2")):
        made.emit(record(LogEvent.JOB_INFO, jobid=number, rule_name="train", log=[f"logs/train/{name}.log"]))
    made.emit(record(LogEvent.JOB_FINISHED, job_id=1))
    made.emit(record(LogEvent.JOB_ERROR, jobid=2, rule_name="train", log=["logs/train/s2.log"]))
    made.emit(record(message="Building DAG of jobs..."))
    made.emit(record(message="Nothing to be done (all requested files are present and up to date)."))
    made.emit(record(message="Exiting because a job execution failed.", level=logging.ERROR))
    lines = out.getvalue().splitlines()
    assert lines[0] == "2 jobs: 2 train"
    assert re.fullmatch(r"train s1, 6.3k tokens/s \(1 of 2 jobs, 0:00:00, about 0:00:00 left\)", lines[1])
    assert lines[2:] == [
        "FAILED train s2 after 0:00:00",
        "  12:00 something",
        "  no space left",
        "  (log: logs/train/s2.log)",
        "Nothing to be done (all requested files are present and up to date).",
        "Exiting because a job execution failed.",
    ]


def test_a_dry_run_looks_as_it_always_does() -> None:
    made, out = handler(dryrun=True)
    made.emit(record(message="Building DAG of jobs..."))
    assert out.getvalue() == "Building DAG of jobs...\n"


def test_the_panel_and_the_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    board = Board(Counter({"generate": 4, "train": 1}), began=0.0)
    assert board.left() is None
    log = tmp_path / "generate.log"
    for number in (1, 2):  # two at a time, ten seconds each
        board.start(number, "generate", str(log))
    now[0] = 10.0
    board.finish(1)
    board.finish(2)
    assert board.left() == pytest.approx(30 / 2)  # two more generate jobs and a training of unknown length
    board.start(3, "generate", str(log))
    log.write_text(line_of("generate", 3, 8, speed=810.0, left=20, cost=1.2))
    console = Console(file=io.StringIO(), width=120)
    console.print(board)
    shown = console.file.getvalue()
    assert "2 of 5 jobs, 0:00:10, about" in shown
    assert re.search(r"responses .* 2/4", shown)
    assert re.search(r"models .* 0/1", shown)
    assert re.search(r"3/8 rows\s+810 tokens/s, \$1\.20\s+0:00:20 left", shown)
    assert board.finish(3, failed=True).rule == "generate"
    assert board.done["generate"] == 2


def test_a_long_log_is_read_from_its_first_whole_line(tmp_path: Path) -> None:
    log, line = tmp_path / "train.log", line_of("train", 4, 9, "updates", 6312.5, left=5)
    log.write_text(line * (2 * TAIL_BYTES // len(line)) + "no space left\n")
    job = Job("train", log, 0.0)
    assert job.reading().done == 4
    assert job.complaint() == ["no space left"]
    log.write_text("x" * 2 * TAIL_BYTES)
    assert job.complaint() == ["x" * TAIL_BYTES]
