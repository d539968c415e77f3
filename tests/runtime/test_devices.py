"""GPUs are lent to one program at a time; which there are is made up here, the locks and processes are real."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import REPOSITORY

from distill.runtime import devices
from distill.runtime.errors import InputError

# Takes GPUs, says which, and holds them until its input ends.
PROGRAM = """
import sys
from pathlib import Path
from distill.runtime.devices import take
print(",".join(take(int(sys.argv[1]), Path(sys.argv[2]))), flush=True)
sys.stdin.read()
"""

Holder = subprocess.Popen


@pytest.fixture
def holders() -> Iterator[list[Holder]]:
    started: list[Holder] = []
    yield started
    for holder in started:
        holder.kill()
        holder.wait()


def hold(holders: list[Holder], folder: Path, count: int, given: str = "0,1,2,3", **variables: str) -> Holder:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts"), devices.VARIABLE: given, **variables}
    command = [sys.executable, "-c", PROGRAM, str(count), str(folder)]
    holders.append(subprocess.Popen(command, env=environment, text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE))  # fmt: skip
    return holders[-1]


def ids(holder: Holder) -> list[str]:
    """Wait until a program has its GPUs."""
    return holder.stdout.readline().strip().split(",")


def test_programs_at_once_share_no_gpu(tmp_path: Path, holders: list[Holder]) -> None:
    found = [ids(hold(holders, tmp_path, count)) for count in (1, 2, 1)]
    assert sorted(gpu for own in found for gpu in own) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("how", ["end", "kill"])
def test_who_finds_none_free_waits_for_one(tmp_path: Path, holders: list[Holder], how: str) -> None:
    first = hold(holders, tmp_path, 2, given="0,1")
    assert ids(first) == ["0", "1"]
    waiting = hold(holders, tmp_path, 1, given="0,1")
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1)
    first.stdin.close() if how == "end" else first.send_signal(signal.SIGKILL)
    assert ids(waiting) == ["0"]


def test_two_that_want_all_do_not_wait_for_each_other(tmp_path: Path, holders: list[Holder]) -> None:
    one = hold(holders, tmp_path, 1)
    assert ids(one) == ["0"]
    greedy = [hold(holders, tmp_path, 4) for _ in range(2)]
    one.stdin.close()
    done = 0
    while greedy:
        (ready,) = [g for g in greedy if g is first_ready(greedy)]
        assert ids(ready) == ["0", "1", "2", "3"]
        ready.stdin.close()
        greedy.remove(ready)
        done += 1
    assert done == 2


def first_ready(programs: list[Holder]) -> Holder:
    import select

    readable, _, _ = select.select([p.stdout for p in programs], [], [], 300)
    return next(p for p in programs if p.stdout is readable[0])


def test_other_names_of_gpus_are_locked_too(tmp_path: Path, holders: list[Holder]) -> None:
    given = "GPU-8932f937-d72c,MIG-GPU-1/2/0"
    assert ids(hold(holders, tmp_path, 1, given)) == ["GPU-8932f937-d72c"]
    assert ids(hold(holders, tmp_path, 1, given)) == ["MIG-GPU-1/2/0"]
    assert len({p.name for p in tmp_path.iterdir()}) == 3


def test_what_a_scheduler_has_given_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "2,3")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert devices.take(1, tmp_path / "locks") == ["2", "3"]
    assert os.environ[devices.VARIABLE] == "2,3"
    assert not (tmp_path / "locks").exists()


def test_too_few_gpus_are_an_error_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0,1")
    with pytest.raises(InputError, match=r"4 GPUs are needed, 2 are here \(CUDA_VISIBLE_DEVICES=0,1\)"):
        devices.take(4, tmp_path)


def test_the_process_sees_only_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holders: list[Holder]) -> None:
    assert ids(hold(holders, tmp_path, 1, "5,6")) == ["5"]
    monkeypatch.setenv(devices.VARIABLE, "5,6")
    monkeypatch.setattr(devices, "_TAKEN", [])
    assert devices.take(1, tmp_path) == ["6"]
    assert os.environ[devices.VARIABLE] == "6"
    for lock in devices._TAKEN:
        os.close(lock)


def test_nothing_is_taken_for_none_or_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "0,1")
    assert devices.take(0, tmp_path / "locks") == []
    monkeypatch.setenv(devices.VARIABLE, "")
    assert devices.take(2, tmp_path / "locks") == []
    assert not (tmp_path / "locks").exists()


def test_gpus_of_the_machine_are_listed_by_its_own_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\necho "GPU 0: NVIDIA H100 (UUID: GPU-1)"\necho "GPU 1: NVIDIA H100 (UUID: GPU-2)"\n')
    tool.chmod(0o755)
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices.visible() == ["0", "1"]
    tool.unlink()
    assert devices.visible() == []


SNAKEFILE = """
rule all:
    input:
        expand("{name}.json", name=config["names"].split("-")),


rule hold:
    output:
        "{name}.json",
    resources:
        gpu=lambda wildcards: 2 if wildcards.name.startswith("b") else 1,
    shell:
        "{PYTHON} job.py {resources.gpu} {output}"
"""
JOB = """
import json, os, sys, time
from pathlib import Path
from distill.runtime.devices import take
ids = take(int(sys.argv[1]), Path("locks"))
held = [os.open(f"in-use-{i}", os.O_CREAT | os.O_EXCL) for i in ids]  # fails where another job has the GPU
for _ in range(20):
    time.sleep(0.01)
for i in ids:
    os.unlink(f"in-use-{i}")
Path(sys.argv[2]).write_text(json.dumps(ids))
"""


def test_jobs_of_two_snakemakes_never_share_a_gpu(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("{PYTHON}", sys.executable))
    (tmp_path / "job.py").write_text(JOB)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts"), devices.VARIABLE: "0,1,2,3"}
    names = ["-".join(f"{kind}{run}{i}" for kind in "abc" for i in range(3)) for run in range(2)]
    command = [sys.executable, "-m", "snakemake", "--cores", "8", "--resources", "gpu=4", "--nolock", "--config"]
    runs = [subprocess.Popen([*command, f"names={n}"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True) for n in names]  # fmt: skip
    for run in runs:
        said, _ = run.communicate()
        assert run.returncode == 0, said
    taken = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert len(taken) == 18
    assert all(len(own) == len(set(own)) for own in taken)
    assert {gpu for own in taken for gpu in own} == {"0", "1", "2", "3"}
