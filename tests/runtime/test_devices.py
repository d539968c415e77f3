"""GPUs are taken by locks: never twice, in the order given, freed by a kill, left alone where none is to be taken."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import REPOSITORY

from distill.runtime import devices
from distill.runtime.errors import InputError

# Takes GPUs, says which, and keeps them until its input ends.
HOLDER = """
import logging, os, signal, sys
from pathlib import Path
from distill.runtime import devices
signal.alarm(120)  # what waits for ever ends its test
logging.basicConfig(level=logging.INFO, format="%(message)s")
devices.take(int(sys.argv[1]), folder=Path(sys.argv[2]) if len(sys.argv) > 2 else None)
{after}
print(os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("CUDA_DEVICE_ORDER"), {shown}, flush=True)
sys.stdin.read()
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment that knows no GPU; programs named in `bin` come first."""
    (tmp_path / "bin").mkdir()
    own = {n: v for n, v in os.environ.items() if not n.startswith(("CUDA", "SLURM"))}
    return own | {"PYTHONPATH": str(REPOSITORY / "scripts"), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Return a function that starts a program that takes GPUs."""
    running = []

    def begin(gpus: int, *, after: str = "", shown: str = "''", default: bool = False, **variables: str):
        code = HOLDER.format(after=after, shown=shown)
        command = [sys.executable, "-c", code, str(gpus), *([] if default else [str(tmp_path / "locks")])]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        running.append(subprocess.Popen(command, env=environment | variables, text=True, **pipes))
        return running[-1]

    yield begin
    for program in running:
        program.kill()
        program.wait()
        for pipe in (program.stdin, program.stdout, program.stderr):
            pipe.close()


def ids(program: subprocess.Popen[str]) -> str:
    """Wait until a program has its GPUs and return their ids."""
    return program.stdout.readline().split(" ")[0]


def waits(program: subprocess.Popen[str]) -> bool:
    """Wait for a program's first line and return whether it says that it must wait."""
    return program.stderr.readline().startswith("waiting for")


def nvidia_smi(tmp_path: Path, uuids: list[str]) -> None:
    """Make a program that lists GPUs as nvidia-smi does, with a part of one (MIG) below the first."""
    lines = [f"GPU {i}: NVIDIA H100 80GB HBM3 (UUID: {u})" for i, u in enumerate(uuids)]
    lines.insert(1, "  MIG 1g.10gb     Device  0: (UUID: MIG-c7ff)")
    program = tmp_path / "bin/nvidia-smi"
    program.write_text("#!/bin/sh\ncat <<'EOF'\n" + "\n".join(lines) + "\nEOF\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_two_programs_never_have_the_same_gpu(start: Start) -> None:
    first = start(1, CUDA_VISIBLE_DEVICES="5,3")
    assert ids(first) == "5"
    assert ids(start(1, CUDA_VISIBLE_DEVICES="5,3")) == "3"
    third = start(1, CUDA_VISIBLE_DEVICES="5,3")
    assert waits(third)
    first.stdin.close()
    assert ids(third) == "5"


def test_the_locks_are_not_swept_away_while_a_gpu_is_taken(start: Start, tmp_path: Path) -> None:
    """What empties /tmp of old files passes over a folder that is locked."""
    program = start(1, CUDA_VISIBLE_DEVICES="0")
    assert ids(program) == "0"
    folder = os.open(tmp_path / "locks", os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        program.kill()
        program.wait()
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(folder)


def test_a_kill_frees_a_gpu(start: Start) -> None:
    first = start(1, CUDA_VISIBLE_DEVICES="0")
    assert ids(first) == "0"
    second = start(1, CUDA_VISIBLE_DEVICES="0")
    assert waits(second)
    first.send_signal(signal.SIGKILL)
    assert ids(second) == "0"


def test_a_forked_worker_keeps_the_gpu_and_another_program_does_not(start: Start) -> None:
    """A worker that outlives its parent still has its memory on the GPU."""
    fork = "child = os.fork()\nif child == 0:\n    import time; time.sleep(600)"
    parent = start(1, after=fork, shown="child", CUDA_VISIBLE_DEVICES="0")
    worker = int(parent.stdout.readline().split()[2])
    waiting = start(1, CUDA_VISIBLE_DEVICES="0")
    try:
        assert waits(waiting)
        parent.kill()
        parent.wait()
        late = start(1, CUDA_VISIBLE_DEVICES="0")
        assert waits(late)
        late.kill()
    finally:
        os.kill(worker, signal.SIGKILL)
    assert ids(waiting) == "0"

    anew = "import subprocess\nchild = subprocess.Popen(['sleep', '600'], stdout=2, stdin=2, close_fds=False).pid"
    waiting.kill()
    waiting.wait()
    parent = start(1, after=anew, shown="child", CUDA_VISIBLE_DEVICES="0")
    other = int(parent.stdout.readline().split()[2])
    parent.kill()
    parent.wait()
    try:
        assert ids(start(1, CUDA_VISIBLE_DEVICES="0")) == "0"
        os.kill(other, 0)
    finally:
        os.kill(other, signal.SIGKILL)


def test_several_are_taken_in_the_order_given_and_are_waited_for_one_by_one(start: Start) -> None:
    holders = [start(1, CUDA_VISIBLE_DEVICES=i) for i in "01"]
    assert [ids(h) for h in holders] == ["0", "1"]
    several = start(2, CUDA_VISIBLE_DEVICES="0,1")
    assert waits(several)
    holders[1].stdin.close()
    holders[1].wait()
    # It has taken 1 when a program that wants just 1 must wait for it.
    while not waits(probe := start(1, CUDA_VISIBLE_DEVICES="1")):
        probe.kill()
        probe.wait()
    holders[0].stdin.close()
    assert ids(several) == "0,1"
    several.stdin.close()
    assert ids(probe) == "1"


def test_two_that_need_several_do_not_wait_for_each_other(start: Start) -> None:
    holder = start(1, CUDA_VISIBLE_DEVICES="2")
    assert ids(holder) == "2"
    one = start(3, CUDA_VISIBLE_DEVICES="0,1,2")
    assert waits(one)
    other = start(3, CUDA_VISIBLE_DEVICES="2,1,0")
    holder.stdin.close()
    assert ids(one) == "0,1,2"
    one.stdin.close()
    assert ids(other) == "2,1,0"


def test_all_gpus_of_the_machine_are_those_that_nvidia_smi_lists(start: Start, tmp_path: Path) -> None:
    nvidia_smi(tmp_path, ["GPU-aa-0", "GPU-ab-1"])
    both = start(2)
    assert both.stdout.readline().split() == ["0,1", "PCI_BUS_ID"]
    both.kill()
    assert sorted(p.name for p in (tmp_path / "locks").iterdir()) == ["GPU-aa-0.lock", "GPU-ab-1.lock", "several.lock"]


def test_a_number_and_a_uuid_are_one_gpu(start: Start, tmp_path: Path) -> None:
    nvidia_smi(tmp_path, ["GPU-aa-0", "GPU-ab-1"])
    assert ids(start(1, CUDA_VISIBLE_DEVICES="1")) == "1"
    assert waits(start(1, CUDA_VISIBLE_DEVICES="GPU-ab"))
    assert ids(start(1, CUDA_VISIBLE_DEVICES="GPU-ab,GPU-aa-0")) == "GPU-aa-0"
    assert ids(start(1, CUDA_VISIBLE_DEVICES="MIG-GPU-aa/1/0")) == "MIG-GPU-aa/1/0"


@pytest.mark.parametrize(
    ("gpus", "given", "seen"),
    [(0, {"CUDA_VISIBLE_DEVICES": "0,1"}, "0,1"), (0, {}, "None"), (1, {"CUDA_VISIBLE_DEVICES": ""}, ""),
     (1, {"CUDA_VISIBLE_DEVICES": "-1,0"}, "-1,0"), (1, {"SLURM_JOB_ID": "7"}, "None")],
)  # fmt: skip
def test_nothing_is_taken_or_changed(start: Start, tmp_path: Path, gpus: int, given: dict[str, str], seen: str) -> None:
    nvidia_smi(tmp_path, ["GPU-aa-0", "GPU-ab-1"])
    program = start(gpus, **given)
    assert program.stdout.readline().rstrip() == f"{seen} None"
    assert not (tmp_path / "locks").exists()


def test_a_machine_without_gpus_has_nothing_to_wait_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str]
) -> None:
    monkeypatch.setattr(os, "environ", environment | {"PATH": str(tmp_path / "bin")})
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "driver")
    assert devices.take(4, least=4, folder=tmp_path / "locks") == []
    (tmp_path / "driver/0000:17:00.0").mkdir(parents=True)
    (tmp_path / "driver/0000:65:00.0").mkdir()
    assert devices.visible() == {"0": "0", "1": "1"}, "a driver, but no nvidia-smi"


def test_slurm_jobs_keep_what_they_were_given(start: Start) -> None:
    """Two jobs of one machine may both call their GPU 0; within one job, programs share out what it was given."""
    jobs = [f"{os.getpid()}-{i}" for i in range(2)]
    folders = [Path(f"/tmp/mixdistill-gpus-{os.getuid()}-job-{job}") for job in jobs]
    try:
        alone = start(2, default=True, SLURM_JOB_ID=jobs[0], CUDA_VISIBLE_DEVICES="1,0")
        assert alone.stdout.readline().split() == ["1,0", "None"]
        one, two = (start(1, default=True, SLURM_JOB_ID=jobs[1], CUDA_VISIBLE_DEVICES="0,1") for _ in range(2))
        assert sorted([ids(one), ids(two)]) == ["0", "1"]
        assert [stat.S_IMODE(f.stat().st_mode) for f in folders] == [0o700, 0o700]
    finally:
        for folder in folders:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()


def test_a_folder_of_somebody_else_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    job = f"{os.getpid()}-link"
    monkeypatch.setenv("SLURM_JOB_ID", job)
    link = Path(f"/tmp/mixdistill-gpus-{os.getuid()}-job-{job}")
    link.symlink_to(tmp_path)
    try:
        with pytest.raises(InputError, match="not a folder of yours"):
            devices._locks_folder()
    finally:
        link.unlink()


def test_impossible_numbers_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(devices.VISIBLE, "0,1")
    with pytest.raises(InputError, match=r"--gpus 3: there are 2 here \(0, 1\)"):
        devices.take(3, folder=tmp_path)
    with pytest.raises(InputError, match="--gpus 1: the recipe needs 2 GPUs; raise `resources: gpu` of the profile"):
        devices.take(1, least=2, folder=tmp_path)


def test_it_takes_gpus_once_and_before_torch(start: Start) -> None:
    again = "devices.take(2, folder=Path(sys.argv[2]))"
    assert ids(start(1, after=again, CUDA_VISIBLE_DEVICES="0,1")) == "0"
    late = start(
        1, after="sys.modules['torch'] = sys; devices._HELD.clear(); devices.take(1)", CUDA_VISIBLE_DEVICES="1"
    )
    assert "before torch" in late.communicate()[1]
