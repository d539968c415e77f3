"""What a site does not have is one line before any job is sent, and the exit is not 0."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cluster import CLIENTS, Cluster
from troubled import STUDENT, SlurmStudy

TARGET = f"results/{STUDENT}/manifest.json"


@pytest.fixture
def study(tmp_path: Path) -> SlurmStudy:
    return SlurmStudy.make(tmp_path / "study")


def refusal(study: SlurmStudy) -> list[str]:
    """Run Snakemake, which must send no job; return its lines that complain."""
    done = study.snakemake(TARGET)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "has been submitted" not in said
    assert "Traceback" not in said
    return [line for line in said.splitlines() if "SLURM" in line and "run ID" not in line]


@pytest.mark.parametrize(
    ("resources", "complaint"),
    [({"slurm_partition": "'nowhere'"}, "Invalid partition name specified (--partition=nowhere --nodes=1"),
     ({"gpu_model": "'b300'"}, "Requested node configuration is not available (--nodes=1"),
     ({"gpu": 3}, "Requested node configuration is not available (--nodes=1"),
     ({"slurm_extra": "'--gibberish=1'"}, "unrecognized option '--gibberish=1' (--nodes=1"),
     ({"slurm_extra": "'--signal=TERM@60 --reservation=none'"}, "reservation is invalid (--nodes=1")],
    ids=["partition", "gpu-type", "gpus", "option", "reservation"],
)  # fmt: skip
def test_what_the_site_does_not_have(
    study: SlurmStudy, cluster: Cluster, resources: dict[str, Any], complaint: str
) -> None:
    (line,) = refusal(study.on(cluster, {"generate": resources}))
    assert "SLURM would not run generate: " in line
    assert complaint in line


def test_no_slurm_on_the_path(study: SlurmStudy, cluster: Cluster, tmp_path: Path) -> None:
    study.on(cluster)
    without = tmp_path / "bin"
    without.mkdir()
    for path in (Path(folder) / name for folder in ("/bin", "/usr/bin") for name in os.listdir(folder)):
        if path.name not in CLIENTS and not (without / path.name).is_symlink():
            (without / path.name).symlink_to(path)
    study.environment = lambda: {**os.environ, "PATH": f"{Path(study.python).parent}:{without}"}
    (line,) = refusal(study)
    assert "no sbatch and no squeue and no srun on PATH: SLURM's jobs are sent from a machine that has its" in line


def test_a_full_disk_is_said_and_leaves_nothing(study: SlurmStudy, cluster: Cluster) -> None:
    small = study.folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(small)], capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    place = study.folder / "results" / STUDENT
    place.parent.mkdir(parents=True)
    try:
        place.symlink_to(small)
        done = study.on(cluster, retries=0).snakemake(TARGET)
        assert done.returncode != 0
        assert "error: no space left on the device" in done.stdout + done.stderr
        assert not [path.name for path in small.iterdir() if path.suffix in (".parquet", ".json", ".tmp")]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_job_that_asks_for_more_time_than_a_partition_gives_begins_all_the_same(
    study: SlurmStudy, cluster: Cluster
) -> None:
    done = study.on(cluster, {"generate": {"runtime": 100_000}}).snakemake(TARGET)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    (line,) = [line for line in said.splitlines() if "would never start" in line]
    assert "it asked for 69-10:40:00, more than partition cpu gives; it now asks for 2-00:00:00" in line
