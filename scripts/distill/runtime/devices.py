"""GPUs of this machine, taken by programs so that no two of a user's run on one.

Snakemake counts GPUs but does not say which. A program locks a file for each GPU that it takes. The kernel takes the
locks off when the program ends, however it ends. A child that was forked and never became another program (a worker of
`multiprocessing`) shares its parent's locks: where it outlives the parent, its GPUs stay taken, as its memory on them
does. What was started anew (`subprocess`, a training's ranks, spawned workers) sees the same GPUs and holds no lock.
"""

import fcntl
import logging
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

from distill.runtime.errors import InputError

VISIBLE = "CUDA_VISIBLE_DEVICES"
DRIVER = Path("/proc/driver/nvidia/gpus")
POLL_SECONDS = 1.0
_HELD: dict[str, int] = {}  # ids that this process has taken, with the open files of their locks
_LISTED = re.compile(r"^GPU \d+: .*\(UUID: (GPU-[^)]+)\)", re.MULTILINE)


def take(gpus: int, least: int = 0, folder: Path | None = None) -> list[str]:
    """Take so many GPUs until this process ends, after waiting for free ones; let CUDA see no others; return their ids.

    To be called before torch is imported. It takes nothing, and changes nothing, where 0 are asked for, where the
    machine has none, and in a SLURM job that was given none. It chooses among those in CUDA_VISIBLE_DEVICES where it is
    set. A second call keeps what the first has taken. `least` is what the recipe cannot do without: Snakemake lowers
    `gpus` to the cap of a profile without a word. `folder` holds the locks, by default one per user and SLURM job.

    Raises InputError when fewer than `least` are asked for, or more than there are.
    """
    if gpus <= 0:
        return []
    if _HELD:
        return list(_HELD)
    names = visible()
    if not names:
        return []
    if gpus < least:
        raise InputError(f"--gpus {gpus}: the recipe needs {least} GPUs; raise `resources: gpu` of the profile")
    if gpus > len(names):
        raise InputError(f"--gpus {gpus}: there are {len(names)} here ({', '.join(names)}); ask for fewer")
    if "torch" in sys.modules:
        raise RuntimeError("GPUs are taken before torch is imported")
    _HELD.update(_wait(names, gpus, folder or _locks_folder()))
    os.environ[VISIBLE] = ",".join(_HELD)
    if "SLURM_JOB_ID" not in os.environ:
        os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    logging.info("GPUs %s", os.environ[VISIBLE])
    return list(_HELD)


def visible() -> dict[str, str]:
    """Return the ids of the GPUs that this process may use, each with the name of its lock, in CUDA's order.

    The name is the GPU's UUID where nvidia-smi tells it, so that its number and its UUID are one GPU, and that two GPUs
    which are both number 0 to their jobs are two. Without CUDA_VISIBLE_DEVICES these are all GPUs of the machine,
    numbered as nvidia-smi does; `take` tells CUDA to number them so as well.
    """
    devices = os.environ.get(VISIBLE)
    if devices is None and "SLURM_JOB_ID" in os.environ:
        return {}
    uuids = _uuids()
    if devices is None:
        return {str(i): uuid or str(i) for i, uuid in enumerate(uuids)}
    names = {}
    for text in (part.strip() for part in devices.split(",")):
        if not text or text.startswith("-"):
            break  # as CUDA reads it: the list ends here
        names[text] = _name(text, uuids)
    return names


def _name(text: str, uuids: list[str]) -> str:
    """Return the name of the lock of a number, a UUID, the beginning of one, or the id of a part of a GPU (MIG)."""
    if text.isdecimal():
        return (uuids[int(text)] if int(text) < len(uuids) else "") or text
    whole = [uuid for uuid in uuids if uuid.startswith(text)]
    return whole[0] if len(whole) == 1 else re.sub(r"[^\w.-]", "_", text)


def _uuids() -> list[str]:
    """Return the UUIDs of this machine's GPUs by number; empty texts where only the driver tells how many."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, encoding="utf-8", errors="replace", timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ["" for _ in DRIVER.iterdir()] if DRIVER.is_dir() else []
    return _LISTED.findall(listed)


def _locks_folder() -> Path:
    """Return the folder of the locks, made if need be; a fixed place, since TMPDIR may differ between two runs.

    Raises InputError when somebody else has made it.
    """
    job = os.environ.get("SLURM_JOB_ID")
    folder = Path(f"/tmp/mixdistill-gpus-{os.getuid()}{f'-job-{job}' if job else ''}")
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise InputError(f"{folder}: not a folder of yours, and GPUs are locked in it; remove it")
    return folder


def _wait(names: dict[str, str], gpus: int, folder: Path) -> dict[str, int]:
    """Lock so many of the GPUs; return their ids, in the order of `names`, with the open files of the locks.

    Who needs several keeps those that it has while it waits for more. Only one does so at a time, so no two wait for
    each other, and a stream of programs that need one cannot keep it waiting for ever.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # What empties /tmp of old files leaves a locked folder alone. Nobody closes this file before the process ends.
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_SH)
    gate = os.open(folder / "several.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if gpus > 1:
        fcntl.flock(gate, fcntl.LOCK_EX)
    held: dict[str, int] = {}
    if not _lock_free(names, gpus, folder, held):
        logging.info("waiting for %d of the GPUs %s: others run on them", gpus - len(held), ",".join(names))
    while not _lock_free(names, gpus, folder, held):
        time.sleep(POLL_SECONDS)
    os.close(gate)
    return {text: held[text] for text in names if text in held}


def _lock_free(names: dict[str, str], gpus: int, folder: Path, held: dict[str, int]) -> bool:
    """Add free GPUs to `held` until there are enough; return whether there are."""
    for text, name in names.items():
        if len(held) < gpus and text not in held:
            lock = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held[text] = lock
            except BlockingIOError:
                os.close(lock)
    return len(held) == gpus
