"""GPUs of this machine, each lent to one program at a time.

Snakemake counts GPUs on one machine but gives out no ids, so every program that starts on its own would take the first.
A program takes the ids it needs by locks on files, before torch is loaded: also programs of two Snakemakes never share
one. The kernel frees a lock when its process ends, however it ends; a worker that outlives its parent keeps the lock,
as it keeps the GPU's memory.
"""

import fcntl
import logging
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from distill.runtime.errors import InputError

VARIABLE = "CUDA_VISIBLE_DEVICES"
PAUSE_SECONDS = 0.2
_TAKEN: list[int] = []  # open locks; they last as long as this process


def visible() -> list[str]:
    """Return the ids of the GPUs that this process may use: those it was given, else all of the machine."""
    if (given := os.environ.get(VARIABLE)) is not None:
        return [part for part in given.split(",") if part.strip()]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r"^GPU (\d+):", listed, re.MULTILINE)


def take(count: int, folder: Path | None = None) -> list[str]:
    """Take `count` GPUs for this process and its children, waiting until so many are free; return their ids.

    Nothing is taken for 0, where there is no GPU, and where a cluster's scheduler has given out its own. The locks lie
    in `folder` (a folder of the user under the machine's temporary one). Raises InputError when there are too few.
    """
    ids = visible() if count else []
    if not ids or "SLURM_JOB_ID" in os.environ:
        return ids
    if len(ids) < count:
        raise InputError(f"{count} GPUs are needed, {len(ids)} are here ({VARIABLE}={','.join(ids)})")
    folder = folder or Path(tempfile.gettempdir(), f"mixdistill-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    turn = _lock(folder / "turn", wait=True)  # one at a time chooses, so that nobody waits for half of what another has
    taken = _take_free(ids, count, folder, {})
    if len(taken) < count:
        logging.info("waiting for %d of the GPUs %s", count, ",".join(ids))
    while len(taken) < count:
        time.sleep(PAUSE_SECONDS)
        taken = _take_free(ids, count, folder, taken)
    os.close(turn)
    _TAKEN.extend(taken.values())
    os.environ[VARIABLE] = ",".join(taken)
    return list(taken)


def _take_free(ids: list[str], count: int, folder: Path, taken: dict[str, int]) -> dict[str, int]:
    """Return id -> lock of the GPUs that are `taken`, and of free ones, up to `count`."""
    for gpu in ids:
        if gpu not in taken and len(taken) < count and (lock := _lock(folder / _file_name(gpu))) is not None:
            taken = {**taken, gpu: lock}
    return taken


def _file_name(gpu: str) -> str:
    return "gpu-" + re.sub(r"[^\w-]", "_", gpu.strip())


def _lock(path: Path, wait: bool = False) -> int | None:
    """Return an open, locked file; None where another process holds it and one does not wait."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
