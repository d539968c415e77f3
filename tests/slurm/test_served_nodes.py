"""A server over two nodes of a real SLURM: each node runs its part, and the loss of one ends and restarts both.

What stands for the Python that has vLLM writes down how it was started; on the first node it answers as a server does.
tests/with_vllm/test_several_nodes.py has a real vLLM.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, wait_until, why_not
from helpers import REPOSITORY
from study import CATALOGUE
from test_served import ROWS, servers
from troubled import TEACHER, SlurmStudy

RECORDER = """#!{python}
import json, os, sys, time
if sys.argv[1] == "-c":  # whether vLLM is installed
    sys.exit(0)
words, node = sys.argv[1:], os.environ["SLURMD_NODENAME"]
part = dict(words=words, node=node, process=os.getpid(), bound=os.environ.get("SLURM_CPU_BIND_TYPE"))
with open({folder!r} + f"/parts-{{node}}.jsonl", "a") as file:
    file.write(json.dumps(part) + chr(10))
if "--headless" in words:
    time.sleep(3600)
said = dict(zip(words, words[1:]))
os.execv(sys.executable, [sys.executable, {server!r}, "--host", said["--host"], "--port", said["--port"], "--name",
         said["--served-model-name"], "--folder", {folder!r}, "--seconds", "0.3"])
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if reason := why_not():
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("nodes"), nodes=2)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def recorder(folder: Path) -> Path:
    """Write the program that stands for vLLM's Python."""
    path = folder / "recorder"
    server = str(REPOSITORY / "tests/served_program.py")
    path.write_text(RECORDER.format(python=sys.executable, folder=str(folder), server=server))
    path.chmod(0o755)
    return path


def parts(study: SlurmStudy, node: str) -> list[dict[str, Any]]:
    """Return how the part of a node was started, each time."""
    file = study.folder / f"parts-{node}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def said(part: dict[str, Any], option: str) -> str:
    return part["words"][part["words"].index(option) + 1]


def test_each_node_runs_its_part_and_the_loss_of_one_restarts_both(
    nodes: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    study = SlurmStudy.make(tmp_path_factory.mktemp("served") / "study")
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-train": {"stop": ROWS, "shards": 1}})
    serve = {"python": str(recorder(study.folder)), "nodes": 2, "tensor_parallel": 2}
    served = {"engine": "openai", "serve": serve, "server": {"concurrency": 2}}
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": served})
    snakemake = study.on(nodes).begin(f"results/{TEACHER}/manifest.json")
    asked = study.folder / "asked.txt"

    def is_asked() -> bool:
        assert snakemake.poll() is None, study.said()[-5000:]
        return asked.exists() and len(asked.read_text().splitlines()) > 10

    wait_until(is_asked, "nobody asks", 180)
    ((number, _),) = servers(nodes)
    assert "TresPerNode=gres:gpu:1" in nodes.ask("scontrol", "show", "job", number)
    os.kill(parts(study, "node1")[0]["process"], signal.SIGKILL)
    assert snakemake.wait(300) == 0, study.said()[-5000:]

    first, second = parts(study, "node0"), parts(study, "node1")
    assert (len(first), len(second)) == (2, 2)  # both were started, ended and started again
    for head, other in zip(first, second, strict=True):
        assert other["words"] == [*head["words"][:-1], "1", "--headless"]
        assert head["words"][-2:] == ["--node-rank", "0"]
        assert said(head, "--nnodes") == "2"
        assert said(head, "--master-addr") == nodes.host
        assert said(head, "--master-port") != said(head, "--port")
        assert {head["bound"], other["bound"]} == {"none"}  # else srun may give each part a single core
    assert study.provenance(TEACHER)["asked"] == ROWS
    every = [Path(f"/proc/{part['process']}") for part in first + second]
    wait_until(lambda: not any(path.exists() for path in every), "a part stays", 60)
