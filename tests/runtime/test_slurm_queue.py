"""SLURM's queue before the first job, with clients that say what a real one says (tests/slurm has a real one)."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from distill.runtime import slurm, slurm_stuck
from distill.runtime.errors import InputError


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes a client of a shell script; each notes how it was called in `called`."""
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(slurm, "POLL_SECONDS", 0.01)
    (tmp_path / "bin").mkdir()

    def make(name: str, script: str) -> Path:
        path = tmp_path / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/called\n{script}\n')
        path.chmod(0o755)
        return tmp_path / "called"

    return make


def test_earlier_jobs_are_waited_for_and_those_that_have_not_begun_cancelled(
    client: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue = [f"7|RUNNING|None|cpu|1:00:00|{tmp_path}|rule_train_wildcards_a_1",
             f"8|PENDING|Resources|cpu|1:00:00|{tmp_path}|rule_mix_wildcards_b",
             f"9|RUNNING|None|cpu|1:00:00|{tmp_path}/other|rule_train_wildcards_c",
             f"10|RUNNING|None|cpu|1:00:00|{tmp_path}|my own"]  # fmt: skip
    (tmp_path / "queue").write_text("\n".join(queue) + "\n")
    # What runs ends after three looks, what was cancelled is gone at once.
    client(
        "squeue",
        f"""cat {tmp_path}/queue; echo >> {tmp_path}/looks
        if [ $(wc -l < {tmp_path}/looks) -eq 3 ]; then sed -i /^7/d {tmp_path}/queue; fi""",
    )
    called = client("scancel", f"sed -i /^8/d {tmp_path}/queue")
    caplog.set_level(logging.INFO)
    slurm.await_earlier(tmp_path)
    calls = called.read_text().splitlines()
    assert [call for call in calls if call.startswith("scancel")] == ["scancel --state=PENDING 8"]
    assert len([call for call in calls if call.startswith("squeue")]) == 4
    assert "waiting for them (7: train a_1, RUNNING)" in caplog.text
    assert "cancelled: 8" in caplog.text
    assert "at once: scancel 7" in caplog.text


def test_an_empty_queue_says_nothing(client: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    client("squeue", "true")
    caplog.set_level(logging.INFO)
    slurm.await_earlier(tmp_path)
    assert caplog.text == ""


def test_a_queue_that_is_silent_is_one_line(client: Any, tmp_path: Path) -> None:
    client("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1")
    with pytest.raises(InputError, match=r"^squeue: slurm_load_jobs error: Unable to contact slurm controller"):
        slurm.await_earlier(tmp_path)


def test_no_slurm_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no sbatch and no squeue and no srun on PATH") as raised:
        slurm.check_commands()
    assert "\n" not in str(raised.value)


def test_each_kind_of_job_is_shown_to_slurm_once_and_nothing_is_sent(client: Any) -> None:
    called = client("sbatch", "true")
    jobs = [("train", {"gpu": 2, "gpu_model": "h100", "mem_mb": 9000, "nodes": 1}, 4)] * 3
    jobs += [("mix", {"runtime": 60, "slurm_partition": "cpu", "slurm_account": "me", "constraint": "a&b",
                      "slurm_extra": "--signal=TERM@60 --comment='a b'"}, 1)]  # fmt: skip
    slurm.check_accepted(jobs, {"slurm_partition": "cpu,gpu", "qos": None, "reservation": "ours"})
    assert called.read_text().splitlines() == [
        "sbatch --test-only --partition=cpu,gpu --reservation=ours --nodes=1 --mem=9000 --gpus=h100:2 --cpus-per-task=4"
        " --wrap=true",
        "sbatch --test-only --partition=cpu --account=me --constraint=a&b --reservation=ours --time=60"
        " --cpus-per-task=1 --signal=TERM@60 --comment=a b --wrap=true",
    ]


@pytest.mark.parametrize(
    ("said", "is_refused"),
    [("allocation failure: Requested node configuration is not available", True),
     ("allocation failure: Invalid partition name specified", True),
     ("unrecognized option '--gibberish=1'", True),
     ("allocation failure: Required node not available (down, drained or reserved)", False)],
)  # fmt: skip
def test_what_no_waiting_changes_is_refused(client: Any, said: str, is_refused: bool) -> None:
    client("sbatch", f"""printf "sbatch: error: {said}\\nTry 'sbatch --help'\\n" >&2; exit 1""")
    jobs = [("train", {"gpu": 1}, 1)]
    if not is_refused:
        slurm.check_accepted(jobs, {})
        return
    with pytest.raises(InputError) as raised:
        slurm.check_accepted(jobs, {})
    assert str(raised.value) == f"SLURM would not run train: {said} (--gpus=1 --cpus-per-task=1)"


def test_further_options_that_are_no_command_line_are_refused(client: Any) -> None:
    client("sbatch", "true")
    with pytest.raises(InputError, match=r"^slurm_extra \"--comment='a\": No closing quotation$"):
        slurm.check_accepted([("train", {"slurm_extra": "--comment='a"}, 1)], {})


LIMITS = "printf 'short|8:00:00\\nmedium|2-00:00:00\\nlong|infinite\\nbroken|n/a\\n'"


@pytest.mark.parametrize(
    ("state", "reason", "partition", "lowered"),
    [("PENDING", "PartitionTimeLimit", "short", "8:00:00"),
     ("PENDING", "PartitionTimeLimit", "short,medium", "2-00:00:00"),
     ("PENDING", "PartitionTimeLimit", "broken", None),
     ("PENDING", "PartitionTimeLimit", "gone", None),
     ("PENDING", "QOSMaxWallDurationPerJobLimit", "short", None),
     ("PENDING", "JobHeldAdmin", "short", None),
     ("PENDING", "launch failed requeued held", "short", None),
     ("PENDING", "AssocMaxGRESPerJob", "short", None)],
)  # fmt: skip
def test_a_job_that_would_wait_for_ever_is_lowered_or_said_once(
    client: Any, tmp_path: Path, state: str, reason: str, partition: str, lowered: str | None
) -> None:
    client("squeue", f"echo '7|{state}|{reason}|{partition}|5-00:00:00|{tmp_path}|rule_train_wildcards_a'")
    client("sinfo", LIMITS)
    called = client("scontrol", "true")
    said: list[str] = []
    told: set[str] = set()
    slurm_stuck.look(tmp_path, said.append, told)
    slurm_stuck.look(tmp_path, said.append, told)
    (line,) = said
    assert "job 7 (train a)" in line
    updates = [call for call in called.read_text().splitlines() if call.startswith("scontrol")]
    if lowered:
        assert updates == [f"scontrol update JobId=7 TimeLimit={lowered}"]
        assert f"asked for 5-00:00:00, more than partition {partition} gives; it now asks for {lowered}" in line
    else:
        assert not updates
        assert f"as it is: {reason}; `scontrol show job 7`" in line


@pytest.mark.parametrize(
    "state_and_reason",
    ["PENDING|Resources", "PENDING|Priority", "PENDING|QOSMaxJobsPerUserLimit",
     "PENDING|ReqNodeNotAvail, UnavailableNodes:n1", "RUNNING|None"],
)  # fmt: skip
def test_a_job_that_waits_for_its_turn_is_left_alone(client: Any, tmp_path: Path, state_and_reason: str) -> None:
    called = client("squeue", f"echo '7|{state_and_reason}|short|8:00:00|{tmp_path}|rule_train_wildcards_a'")
    slurm_stuck.look(tmp_path, pytest.fail, set())
    assert called.read_text().count("\n") == 1


def test_a_limit_that_slurm_does_not_lower_is_said(client: Any, tmp_path: Path) -> None:
    client("squeue", f"echo '7|PENDING|PartitionTimeLimit|short|5-00:00:00|{tmp_path}|rule_train_wildcards_a'")
    client("sinfo", LIMITS)
    client("scontrol", "exit 1")
    said: list[str] = []
    slurm_stuck.look(tmp_path, said.append, set())
    assert len(said) == 1
    assert "as it is: PartitionTimeLimit" in said[0]
