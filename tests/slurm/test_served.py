"""A server that the workflow starts is a job with a GPU; those that ask it have none. Cancelled, it comes back."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from cluster import Cluster, wait_until
from helpers import REPOSITORY
from study import CATALOGUE
from troubled import COMMENTS, TEACHER, SlurmStudy

NAME = "mixdistill-serve-teachers-toy-long"
ROWS = 60


def servers(cluster: Cluster) -> list[tuple[str, str]]:
    """Return number and state of the servers' jobs, in the order they were sent."""
    asked = cluster.ask("squeue", "-h", "-t", "all", "-S", "i", "-n", NAME, "-o", "%i %T")
    return [tuple(line.split()) for line in asked.splitlines()]  # type: ignore[misc]


def gpus(cluster: Cluster, number: str) -> str:
    """Return the GPUs that a job asks for, in SLURM's words."""
    told = re.search(r"TresPerJob=(\S+)", cluster.ask("scontrol", "show", "job", number))
    return told[1] if told else ""


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_server_is_a_job_of_its_own(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, cancelled: bool
) -> None:
    study = SlurmStudy.make(tmp_path_factory.mktemp("served") / "study")
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-train": {"stop": ROWS, "shards": 2}})
    command = [sys.executable, str(REPOSITORY / "tests/served_program.py"), "--host", "{host}", "--port", "{port}",
               "--name", "{name}", "--folder", str(study.folder), "--seconds", "0.3"]  # fmt: skip
    served = {"engine": "openai", "serve": {"command": command}, "server": {"concurrency": 2}}
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": served})
    study.on(cluster)
    before = len(servers(cluster))
    place = TEACHER.removesuffix("/00-of-01")
    targets = [f"results/{place}/0{shard}-of-02/manifest.json" for shard in (0, 1)]
    with open(study.folder / "log", "wb") as log:
        job = subprocess.Popen(
            study.command(*targets), cwd=study.folder, env=study.environment(), stdout=log, stderr=log
        )
    asked = study.folder / "asked.txt"
    wait_until(lambda: asked.exists() and len(asked.read_text().splitlines()) > 10, "nobody asks", 180)
    if cancelled:
        cluster.tell("scancel", servers(cluster)[before][0])
    assert job.wait(300) == 0, (study.folder / "log").read_text()
    own = servers(cluster)[before:]
    assert len(own) == 1 + cancelled
    assert {gpus(cluster, number) for number, _ in own} == {"gres:gpu:1"}
    assert {gpus(cluster, number) for number, _ in cluster.jobs(COMMENTS[TEACHER])} == {""}
    rows = sum(study.provenance(f"{place}/0{shard}-of-02")["asked"] for shard in (0, 1))
    assert rows == ROWS
    assert len(asked.read_text().splitlines()) <= ROWS + 2 * cancelled
    wait_until(lambda: servers(cluster)[-1][1] == "COMPLETED", "the server stays", 60)
    children = [Path(f"/proc/{line.split()[0]}") for line in (study.folder / "processes.txt").read_text().splitlines()]
    assert not any(path.exists() for path in children)
