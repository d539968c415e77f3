"""Several processes that work together, a device each, on this machine or on the nodes of a SLURM job.

torchrun would do, but it ends a worker half a minute after a signal, saved state or not, dies of SIGUSR1, and writes
pages where a line says why. Here signals are passed on, the first reason is told once, and no process outlives the
program. On several nodes SLURM's `srun` starts the processes, and passes on what they read and are told; all that they
leave is on a file system that the nodes share.
"""

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, get_args

from distill.runtime import busy, execution
from distill.runtime.errors import InputError, StepTooLargeError, is_out_of_memory, memory_words
from distill.runtime.files import write_json
from distill.runtime.slurm import srun

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
SCRIPTS = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.1
LAST_WORDS = 10.0  # seconds that the others have to end of themselves after one has failed


@dataclass(frozen=True)
class Job:
    """What a training reads and writes. state: a folder for its states; at_most: the size to begin its steps with."""

    state: Path
    at_most: int | None = field(default=None, kw_only=True)

    def to_json(self) -> str:
        """Return it as one text, for another process."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it back."""
        found = json.loads(text)
        paths = [each.name for each in fields(cls) if Path in (each.type, *get_args(each.type))]
        return cls(**found | {name: Path(found[name]) for name in paths if found[name] is not None})


def run_group(module: str, job: str, processes: int, nodes: int, place: Path) -> None:
    """Run `python -m MODULE JOB` in so many processes on each of the nodes of this SLURM job, until all have ended.

    `place` is a folder for what they say, which all of them see. Raises StepTooLargeError where one of them did,
    InputError for what one found wrong, for more processes than GPUs, where a signal ended them, or where one was
    killed; RuntimeError for what nobody foresaw.
    """
    import torch
    from torch.distributed import TCPStore

    busy.note("elsewhere")
    check_devices(processes, torch.cuda.device_count())
    host = "127.0.0.1" if nodes == 1 else socket.gethostname()
    store = TCPStore(host, 0, is_master=True, wait_for_workers=False)  # 0: a port that is free
    group = {"MASTER_ADDR": host, "MASTER_PORT": store.port, "LOCAL_WORLD_SIZE": processes,
             "TORCHELASTIC_USE_AGENT_STORE": True, "TORCHELASTIC_RESTART_COUNT": 0}  # fmt: skip
    ranks: list[subprocess.Popen[bytes]] = []
    with TemporaryDirectory(dir=place) as folder, _passing_on(ranks, nodes) as passed:
        command = [sys.executable, "-m", module, job, folder]
        try:
            if nodes > 1:
                ranks.append(_start([*srun(nodes, processes), *command], group))
            else:
                for rank in range(processes):
                    own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes}
                    ranks.append(_start(command, {**group, **own}))
            ends = _wait(ranks)
        finally:
            for process in ranks:
                process.kill()
                process.wait()
        if any(ends):
            raise _reason(ends, Path(folder), passed, nodes)
        execution.hear(store)


def group_place() -> tuple[int, int]:
    """Return how many processes train together, and which of them this one is."""
    return int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))


def work(task: Callable[[str], None], arguments: Sequence[str]) -> None:
    """Do a task as one process of a group; arguments: its job, and the folder where a file says what went wrong."""
    job, told = arguments
    if "RANK" not in os.environ:  # srun has started it
        of_srun = {"RANK": "SLURM_PROCID", "LOCAL_RANK": "SLURM_LOCALID", "WORLD_SIZE": "SLURM_NTASKS"}
        os.environ |= {name: os.environ[other] for name, other in of_srun.items()}
    if os.environ["RANK"] != "0":
        logging.getLogger().setLevel(logging.WARNING)
    threading.Thread(target=_end_with_the_program, daemon=True).start()
    try:
        task(job)
        execution.tell()
        sys.stdout.flush()
        os._exit(0)  # what is left are threads of libraries, which may abort when the interpreter takes them down
    except OSError:
        raise
    except Exception as error:
        words: dict[str, Any] = {"is_input": True}
        if isinstance(error, StepTooLargeError):
            words |= {"text": str(error), "most": error.most}
        elif isinstance(error, InputError):
            words["text"] = str(error)
        elif is_out_of_memory(error):
            words["text"] = memory_words(error)
        else:
            words = {"is_input": False, "text": traceback.format_exc()}
        write_json(Path(told, os.environ["RANK"]), words)
        sys.exit(1)


def _end_with_the_program() -> None:
    """End with the program that holds the other end of the input, however that ends."""
    os.read(0, 1)  # not through sys.stdin, which the interpreter locks when it ends
    os._exit(1)


def nodes_of(asked: int) -> int:
    """Return on how many nodes a training runs that may have so many: on one, where this is no SLURM job.

    Raises InputError where the job has no `srun`, which starts the processes of the other nodes.
    """
    if asked > 1 and "SLURM_JOB_ID" not in os.environ:
        logging.info("nodes: %d has no effect outside of a SLURM job; one machine trains", asked)
        return 1
    if asked > 1 and shutil.which("srun") is None:
        raise InputError(f"nodes: {asked}: no srun on PATH, which starts a training on several nodes")
    return asked


def check_devices(processes: int, gpus: int) -> None:
    """Raise InputError for more processes than there are GPUs, where there are any."""
    if 0 < gpus < processes:
        raise InputError(f"--processes {processes}: there are {gpus} GPUs here, and each process needs one")


def _start(command: Sequence[str], own: Mapping[str, object]) -> subprocess.Popen[bytes]:
    """Start a process of the group, or all of them, with the variables that torchrun sets."""
    path = os.pathsep.join([str(SCRIPTS), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    env = {
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "PYTHONPATH": path,
        **{name: str(value) for name, value in own.items()},
    }
    # It ends when its input does. Ctrl-C is for the program alone.
    return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, start_new_session=True)


@contextmanager
def _passing_on(ranks: Sequence[subprocess.Popen[bytes]], nodes: int) -> Iterator[list[int]]:
    """Pass signals on to the processes; yield the list of those that came.

    srun passes on SIGUSR1, which means the same to them; at a SIGTERM it would end them at once.
    """
    passed: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        passed.append(number)
        for process in ranks:
            process.send_signal(number if nodes == 1 else signal.SIGUSR1)

    before = [signal.signal(number, pass_on) for number in SIGNALS]
    try:
        yield passed
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _wait(ranks: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    """Return the exit codes when all have ended; 0 for those that are left when another has failed."""
    failed_at = None
    while any(process.poll() is None for process in ranks):
        if failed_at is None and any(process.returncode for process in ranks):
            failed_at = time.monotonic()
        if failed_at is not None and time.monotonic() - failed_at > LAST_WORDS:
            break
        time.sleep(POLL_SECONDS)
    return [process.returncode or 0 for process in ranks]


def _reason(ends: Sequence[int], folder: Path, passed: Sequence[int], nodes: int = 1) -> Exception:
    """Return why the processes ended: what one of them found wrong, a signal, a kill, or its first traceback.

    The others only say that they lost it, so what they say comes last.
    """
    told = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    ]
    for words in told:
        if words["is_input"]:
            return StepTooLargeError(words["text"], words["most"]) if "most" in words else InputError(words["text"])
    if passed:
        return InputError(f"{signal.Signals(passed[0]).name} ended the training before its first update; run again")
    if nodes > 1 and (ends[0] > 128 or not told):  # one was killed, or srun has started none
        return InputError(f"the processes on {nodes} nodes ended with {ends[0]}, for the reason that srun gives above; "
                          "run again, and the training goes on from its last saved state")  # fmt: skip
    for rank, end in enumerate(ends):
        if end < 0:
            return InputError(f"training process {rank + 1} of {len(ends)} was killed by {signal.Signals(-end).name}; "
                              "run again, and the training goes on from its last saved state")  # fmt: skip
    if told:
        logging.error("%s", told[0]["text"])
    return RuntimeError(f"training processes ended with {list(ends)}; the log above says why")
