"""Snakemake that asks SLURM every second; the plugin waits ten seconds longer each time that nothing has ended.

Jobs that wait for ever are looked for every two seconds.
"""

import sys
from pathlib import Path

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.next_seconds_between_status_checks = property(lambda _: 1, lambda *_: None)

sys.path.append(str(Path.cwd() / "scripts"))  # of the study, as the workflow does
from distill.runtime import slurm_stuck  # noqa: E402

slurm_stuck.LOOK_SECONDS = 2.0

if __name__ == "__main__":
    sys.exit(main())
