"""The study on a real SLURM that gives it trouble: the results are those of a local run, and nothing is made twice."""

import os
import re
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cluster import Cluster, wait_until
from troubled import COMMENTS, OTHER_TEACHER, STUDENT, TEACHER, TRAINING, SlurmStudy, Stopped

GUARD_SECONDS = 1800  # against a hang, however busy the machine is


@dataclass
class Troubles:
    """A study that has come through, and what was seen on the way."""

    study: SlurmStudy
    refused: str = ""  # what a second Snakemake said
    readings: list[list[dict[str, Any]]] = field(default_factory=list)  # of the training when Snakemake was killed


@pytest.fixture(scope="module")
def troubles(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Troubles:
    """The whole study with a trouble of each kind."""
    study = SlurmStudy.make(tmp_path_factory.mktemp("troubled") / "study")
    site = {"slurm-partition-config": "profiles/site-example/partitions.yaml"}
    seen = Troubles(study.on(cluster, {"compare_plans": {"mem_mb": "100 if attempt == 1 else 4000"}}, **site))
    stopped = Stopped(study, TEACHER, OTHER_TEACHER, STUDENT, TRAINING)
    snakemake = study.begin()
    troubles = {
        TEACHER: lambda number: cluster.tell("scancel", number),
        OTHER_TEACHER: lambda number: cluster.tell("scontrol", "requeue", number),
        STUDENT: lambda number: lose_node_and_controller(cluster, number),
    }
    try:
        for _ in troubles:
            place, _ = stopped.next(GUARD_SECONDS)
            troubles[place](job_of(cluster, place))
        done = study.snakemake()
        seen.refused = done.stdout + done.stderr
        assert done.returncode != 0
        meet_time_limit(cluster, study, stopped)
    finally:
        stopped.end()
        snakemake.send_signal(signal.SIGKILL)
        snakemake.wait()
    seen.readings = study.readings(TRAINING)
    study.run("--unlock")
    assert study.begin().wait(GUARD_SECONDS) == 0, study.said()[-5000:]
    return seen


def job_of(cluster: Cluster, place: str) -> str:
    """Return the number of the running job that makes a place."""
    (number,) = [number for number, at in cluster.jobs(COMMENTS[place]) if at == "RUNNING"]
    return number


def lose_node_and_controller(cluster: Cluster, number: str) -> None:
    """Drain the node under a generation, kill the controller, and put the job back into the queue of a new one."""
    begun, saved = time.time(), cluster.folder / "state/node_state"
    cluster.tell("scontrol", "update", f"nodename={cluster.host}", "state=drain", "reason=test")
    wait_until(
        lambda: saved.exists() and saved.stat().st_mtime > begun, "the controller does not save the node's state"
    )
    cluster.stop_controller()  # killed earlier, it would forget that the node is drained
    time.sleep(3)  # Snakemake asks every second
    cluster.start_controller()
    wait_until(lambda: "UP" in cluster.ask("scontrol", "ping"), "the controller does not come back")
    cluster.tell("scontrol", "requeue", number)
    wait_until(lambda: (number, "PENDING") in cluster.jobs(COMMENTS[STUDENT]), "it does not go back into the queue")
    cluster.tell("scontrol", "update", f"nodename={cluster.host}", "state=resume")


def meet_time_limit(cluster: Cluster, study: SlurmStudy, stopped: Stopped) -> None:
    """Let the training meet its limit, and its next attempt begin."""
    place, program = stopped.next(GUARD_SECONDS)
    first = job_of(cluster, place)
    cluster.tell("scontrol", "update", f"jobid={first}", "timelimit=1")
    wait_until(lambda: was_told(program), "it is not told", GUARD_SECONDS)
    with suppress(ProcessLookupError):
        os.kill(program, signal.SIGCONT)
    wait_until(lambda: (first, "RUNNING") not in cluster.jobs(COMMENTS[TRAINING]), "it runs on", GUARD_SECONDS)
    attempts = len(study.readings(TRAINING))
    wait_until(lambda: len(study.readings(TRAINING)) > attempts, "there is no next attempt", GUARD_SECONDS)
    wait_until(lambda: study.readings(TRAINING)[-1], "the next attempt does not begin", GUARD_SECONDS)


@pytest.mark.parametrize("place", [TEACHER, OTHER_TEACHER, STUDENT])
def test_a_generation_goes_on_with_what_it_has(troubles: Troubles, place: str) -> None:
    facts = troubles.study.provenance(place)
    assert facts["resumed"] > 0
    assert facts["resumed"] + facts["asked"] == 100
    assert facts["reused"] == 0
    assert len(troubles.study.readings(place)) == 2, "the log of the first attempt is there"


def test_a_training_goes_on_where_its_limit_ended_it(troubles: Troubles) -> None:
    first, second = troubles.readings
    (log,) = troubles.study.logs(TRAINING)[:1]
    saved = int(re.search(r"SIGTERM ended the training after update (\d+) of", log.read_text())[1])
    assert first[0]["done"] == 0
    assert second[0]["done"] == saved > 0


def test_nothing_is_made_twice(troubles: Troubles, cluster: Cluster) -> None:
    """The killed Snakemake's training is the last one: the new one takes it over."""
    assert "has left jobs; waiting for them" in troubles.study.said()
    sent = {place: [state for _, state in cluster.jobs(comment)] for place, comment in COMMENTS.items()}
    # Told before its limit, the training may leave before SLURM counts that as reached.
    assert sent[TRAINING][0] in ("FAILED", "TIMEOUT")
    sent[TRAINING][0] = "limit"
    assert sent == {TEACHER: ["CANCELLED", "COMPLETED"], OTHER_TEACHER: ["COMPLETED"], STUDENT: ["COMPLETED"],
                    TRAINING: ["limit", "COMPLETED", "COMPLETED"]}  # fmt: skip
    assert "reused_from" in troubles.study.provenance(TRAINING)


@pytest.mark.usefixtures("troubles")
def test_a_limit_of_memory_is_raised(cluster: Cluster) -> None:
    states = [state for _, state in cluster.jobs("rule_compare_plans")]
    assert states[0] != "COMPLETED"
    assert states[1:] == ["COMPLETED"]


def test_a_second_snakemake_in_one_checkout_is_refused(troubles: Troubles) -> None:
    assert "Directory cannot be locked. Please make sure that no other Snakemake process" in troubles.refused


@pytest.mark.usefixtures("troubles")
def test_only_models_go_to_the_partition_with_gpus(cluster: Cluster) -> None:
    models = ("rule_answers", "rule_train")
    assert {c.startswith(models) for c in cluster.comments("gpu")} == {True}
    assert {c.startswith(models) for c in cluster.comments("cpu")} == {False}


@pytest.mark.usefixtures("troubles")
def test_short_jobs_in_a_group_ask_for_two_at_a_time(cluster: Cluster) -> None:
    asked = cluster.ask("squeue", "-h", "-t", "all", "-o", "%k %C %m").splitlines()
    grouped = {
        line.split()[0]: tuple(line.split()[1:])
        for line in asked
        if line.startswith(("rule_report_analyse", "rule_scores"))
    }
    assert set(grouped.values()) == {("2", "8000M")}
    assert len(grouped) == 2


def was_told(program: int) -> bool:
    """Whether SIGTERM waits for a process that is stopped, or SLURM has let it go on, and it has ended."""
    try:
        lines = Path(f"/proc/{program}/status").read_text().splitlines()
    except OSError:
        return True
    pending = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (signal.SIGTERM - 1) & 1 for mask in pending)


def test_the_results_are_those_of_a_local_run(troubles: Troubles, local: SlurmStudy) -> None:
    one, two = local.contents(), troubles.study.contents()
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
