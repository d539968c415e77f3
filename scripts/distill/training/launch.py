"""Several processes for one training, a device each, with torchrun."""

import os
import subprocess
import sys
from pathlib import Path

from distill.runtime.errors import InputError
from distill.training.fit import Fit, fit

SCRIPTS = Path(__file__).resolve().parents[2]


def launch(job: Fit, processes: int) -> None:
    """Train with so many processes on this machine; one trains here. Raises InputError when one of them fails."""
    if processes <= 1:
        fit(job)
        return
    path = os.pathsep.join([str(SCRIPTS), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes),
               "-m", "distill.training.fit", job.to_json()]  # fmt: skip
    ended = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False)
    if ended.returncode:
        raise InputError(f"one of {processes} training processes ended with {ended.returncode}; the log above says why")
