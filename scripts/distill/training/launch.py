"""Several processes for one training, a device each, on this machine.

torchrun would do, but it ends a worker half a minute after a signal, saved state or not, dies of SIGUSR1, and writes
pages where a line says why. Here signals are passed on, an update is always finished, the first reason is told once,
and no process outlives the program.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from distill.runtime import busy
from distill.runtime.errors import InputError
from distill.training.fit import Fit, fit
from distill.training.state import last_state
from distill.training.watch import SIGNALS

SCRIPTS = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.1
LAST_WORDS = 10.0  # seconds that the others have to end of themselves after one has failed


def launch(job: Fit, processes: int) -> None:
    """Train with so many processes; one trains here.

    Raises InputError for more processes than GPUs, where a signal ended them, or where one was killed; RuntimeError
    for what nobody foresaw.
    """
    if processes <= 1:
        fit(job)
        return
    import torch
    from torch.distributed import TCPStore

    busy.note("elsewhere")
    check_devices(processes, torch.cuda.device_count())
    for state in (job.state, *job.state.iterdir()):
        last_state(state)  # removes torn ones, which the processes would do at the same time
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # 0: a port that is free
    ranks: list[subprocess.Popen[bytes]] = []
    with TemporaryDirectory() as folder, _passing_on(ranks) as passed:
        try:
            for rank in range(processes):
                ranks.append(_start(job, rank, processes, store.port, Path(folder) / str(rank)))
            ends = _wait(ranks)
        finally:
            for process in ranks:
                process.kill()
                process.wait()
        if any(ends):
            raise _reason(ends, Path(folder), passed)


def check_devices(processes: int, gpus: int) -> None:
    """Raise InputError for more processes than there are GPUs, where there are any."""
    if 0 < gpus < processes:
        raise InputError(f"--processes {processes}: there are {gpus} GPUs here, and each process needs one")


def _start(job: Fit, rank: int, processes: int, port: int, told: Path) -> subprocess.Popen[bytes]:
    """Start one process of the group, with the variables that torchrun sets."""
    own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes,
           "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
           "TORCHELASTIC_USE_AGENT_STORE": True, "TORCHELASTIC_RESTART_COUNT": 0}  # fmt: skip
    path = os.pathsep.join([str(SCRIPTS), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    env = {
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "PYTHONPATH": path,
        **{name: str(value) for name, value in own.items()},
    }
    command = [sys.executable, "-m", "distill.training.fit", job.to_json(), str(told)]
    # It ends when its input does. Ctrl-C is for the program alone.
    return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, start_new_session=True)


@contextmanager
def _passing_on(ranks: Sequence[subprocess.Popen[bytes]]) -> Iterator[list[int]]:
    """Pass signals on to the processes; yield the list of those that came."""
    passed: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        passed.append(number)
        for process in ranks:
            process.send_signal(number)

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


def _reason(ends: Sequence[int], folder: Path, passed: Sequence[int]) -> Exception:
    """Return why the processes ended: what one of them found wrong, a signal, a kill, or its first traceback.

    The others only say that they lost it, so what they say comes last.
    """
    told = [json.loads(path.read_text()) for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)]
    for words in told:
        if words["is_input"]:
            return InputError(words["text"])
    if passed:
        return InputError(f"{signal.Signals(passed[0]).name} ended the training before its first update; run again")
    for rank, end in enumerate(ends):
        if end < 0:
            return InputError(f"training process {rank + 1} of {len(ends)} was killed by {signal.Signals(-end).name}; "
                              "run again, and the training goes on from its last saved state")  # fmt: skip
    if told:
        logging.error("%s", told[0]["text"])
    return RuntimeError(f"training processes ended with {list(ends)}; the log above says why")
