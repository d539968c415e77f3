"""The frame of programs: what failed keeps its log when the next attempt begins, however it ended."""

import os
import signal
import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from helpers import REPOSITORY

from distill.runtime.run import number, seed

PROGRAM = """
import os, signal, sys
from distill.runtime.errors import InputError
from distill.runtime.run import run
def main():
    sys.stderr.write("said\\n"); sys.stderr.flush()
    WORK
run(main)
"""
ENDS = {
    "well": ("pass", 0), "bad input": ("raise InputError('bad')", 1), "bug": ("raise ValueError", 1),
    "exit": ("sys.exit(3)", 3), "SIGTERM": ("os.kill(0, signal.SIGTERM)", -signal.SIGTERM),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
}  # fmt: skip


def run(folder: Path, work: str, name: str = "job.log") -> int:
    """Run a program whose stderr is a file, made anew as before each attempt of a job."""
    (folder / name).unlink(missing_ok=True)
    with open(folder / name, "w") as log:
        return subprocess.run([sys.executable, "-c", PROGRAM.replace("WORK", work)], stderr=log, start_new_session=True,
                              env={**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")}).returncode  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_the_log_stays_of_what_failed_and_of_nothing_else(tmp_path: Path, end: str) -> None:
    work, code = ENDS[end]
    assert run(tmp_path, work) == code
    first = (tmp_path / "job.log").read_text()
    assert first.startswith("said\n")
    assert run(tmp_path, "pass") == 0
    assert (tmp_path / "job.log").read_text() == "said\n"
    kept = [path for path in tmp_path.iterdir() if path.name != "job.log"]
    assert [path.read_text() for path in kept] == [first] * (end != "well")
    assert all(path.name.startswith("job.2") and path.suffix == ".log" for path in kept)


RECIPES = {
    '{"lr": 1, "order": "easy_first"}': (
        "`order: easy_first` and `hard_teacher`, whose rows come last, go together; give both"
    ),
    '{"lr": 0, "lorra": 1}': "lr: input should be greater than 0; lorra: extra inputs are not permitted",
    '{"lr": 1, "lora": {"rank": 0}}': "lora.rank: input should be greater than or equal to 1",
    "{}": "lr: field required",
    "[1]": "input should be a valid dictionary or instance of TrainJob",
    "7": "input should be a valid dictionary or instance of TrainJob",
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_that_is_none_is_a_line(tmp_path: Path, recipe: str) -> None:
    work = f"from distill.config.recipes import TrainJob; TrainJob.parse({recipe!r})"
    assert run(tmp_path, work) == 1
    assert (tmp_path / "job.log").read_text().splitlines()[1:] == [
        f"-c: error: the recipe is no TrainJob: {RECIPES[recipe]}"
    ]


def test_a_recipe_that_is_no_json_is_a_line_and_a_broken_file_is_a_bug(tmp_path: Path) -> None:
    read = "import json; sys.argv.append('{\"lr\":'); json.loads(TEXT)"
    assert run(tmp_path, read.replace("TEXT", "sys.argv[-1]")) == 1
    (line,) = (tmp_path / "job.log").read_text().splitlines()[1:]
    assert line == "-c: error: not JSON (Expecting value: line 1 column 7 (char 6)): '{\"lr\":'"
    assert run(tmp_path, read.replace("TEXT", "'['")) == 1
    assert "Traceback" in (tmp_path / "job.log").read_text()


def test_a_folder_where_a_file_is_wanted_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for work, words in (("open('.')", ".: is a directory"), ("open('file/x')", "file/x: not a directory")):
        assert run(tmp_path, f"os.chdir({str(tmp_path)!r}); {work}") == 1
        (line,) = (tmp_path / "job.log").read_text().splitlines()[1:]
        assert line == f"-c: error: {words}; nothing was replaced"


@pytest.mark.parametrize("text", ["-1", "4294967296", "1.5", "", "x"])
def test_a_seed_is_a_whole_number_that_every_library_takes(text: str) -> None:
    assert seed("0") == 0
    assert seed("4294967295") == 2**32 - 1
    with pytest.raises(ArgumentTypeError, match="a whole number from 0 to 4294967295 is wanted"):
        seed(text)
    assert number("4294967") == 4294967


@pytest.mark.parametrize(("work", "said"), [
    ("raise RuntimeError(\"[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes\\nmore\")",
     "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"),
    ("raise MemoryError", "MemoryError"),
    ("bytes(1 << 60)", "MemoryError"),
])  # fmt: skip
def test_too_little_memory_is_a_line(tmp_path: Path, work: str, said: str) -> None:
    assert run(tmp_path, work) == 1
    assert (tmp_path / "job.log").read_text().splitlines()[1:] == [
        f"-c: error: out of memory ({said}); give the job more memory, or take a smaller model"
    ]
    assert run(tmp_path, "raise RuntimeError('shapes cannot be multiplied')") == 1
    assert "Traceback" in (tmp_path / "job.log").read_text()


def test_only_a_log_gets_a_second_name_and_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(tmp_path, "raise ValueError", "output.txt") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["output.txt"]
    # A process that it starts, of a training say, writes to the same log.
    monkeypatch.setenv("AGAIN", PROGRAM.replace("WORK", "sys.exit(1)"))
    again = "subprocess.run([sys.executable, '-c', os.environ['AGAIN']])"
    assert run(tmp_path, f"import subprocess, time; time.sleep(1.1); {again}; sys.exit(1)") == 1
    assert len(list(tmp_path.glob("job*.log"))) == 2


@pytest.mark.parametrize("lines", [1, 100_000])  # still in the buffer when the program ends, or long written
def test_who_reads_no_further_ends_a_program_without_a_word(lines: int) -> None:
    work = f"import time; time.sleep(1)\n    for i in range({lines}): print(i)"
    program = subprocess.Popen([sys.executable, "-c", PROGRAM.replace("WORK", work)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")})  # fmt: skip
    program.stdout.close()
    assert program.stderr.read() == b"said\n"
    assert program.wait() == 128 + signal.SIGPIPE


def test_another_broken_pipe_is_told(tmp_path: Path) -> None:
    assert run(tmp_path, "raise BrokenPipeError('a worker')") == 1
    assert "BrokenPipeError: a worker" in (tmp_path / "job.log").read_text()


@pytest.mark.parametrize(
    ("work", "line"),
    [
        ("import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (9999, 9999)); open('big', 'wb').write(bytes(99999))",
         "file too large; nothing was replaced"),
        ("open('/sys/new', 'w')", "/sys/new: permission denied; nothing was replaced"),
        ("import errno; raise OSError(errno.EROFS, 'x', 'results/a')",
         "results/a: read-only file system; nothing was replaced"),
        ("open('n' * 300, 'w')", f"{'n' * 300}: file name too long; nothing was replaced"),
    ],
    ids=["limit", "right", "read-only", "name"],
)  # fmt: skip
def test_what_a_file_system_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path, work) == 1
    assert (tmp_path / "job.log").read_text() == f"said\n-c: error: {line}\n"


def test_a_file_that_should_be_there_is_a_fault_of_the_program(tmp_path: Path) -> None:
    assert run(tmp_path, "open('none')") == 1
    assert "Traceback" in (tmp_path / "job.log").read_text()
