"""Snakemake counts GPUs, locks say which: no job of one or two Snakemakes runs on another's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY
from study import Study

# Logs what it has while it has it; the lines of all programs stand in the order in which they were written.
JOB = """
import os, signal, sys, time
from pathlib import Path
from distill.runtime import devices
signal.alarm(120)  # what waits for ever ends its test
gpus, name, log, use_all = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4] == "all"
taken = devices.take(gpus, folder=log.parent / "locks")
assert os.environ["CUDA_VISIBLE_DEVICES"] == ",".join(taken)
def say(word):
    with open(log, "a") as file:
        file.write(f"{word} {name} {','.join(taken)}\\n")
say("start")
while use_all and len({i for line in log.read_text().splitlines() for i in line.split()[2].split(",")}) < 4:
    time.sleep(0.05)
time.sleep(0.1)
say("end")
"""
SNAKEFILE = """
rule all:
    input: expand("done/{i}", i=range(12))
rule use:
    output: "done/{i}"
    resources: gpu=lambda wildcards: 2 if int(wildcards.i) % 3 == 0 else 1
    shell: "python ../job.py {resources.gpu} {wildcards.i} ../log USE && touch {output}"
"""


def folder_of(tmp_path: Path, name: str, gpus: int, use: str) -> Path:
    """Make a folder with the Snakefile and the project's profiles, the number of GPUs set in that of a workstation."""
    folder = tmp_path / name
    for profile in ("default", "local"):
        (folder / "profiles" / profile).mkdir(parents=True)
        source = f"profiles/{profile}/profile.v9+.yaml"
        keys = yaml.safe_load((REPOSITORY / source).read_text())
        if profile == "local":
            assert keys.pop("set-threads").keys() == {"check_golds", "verify"}, "rules that this Snakefile lacks"
            keys["resources"]["gpu"] = gpus
        else:
            keys["cores"] = 12  # as on a machine with enough of them
        (folder / source).write_text(yaml.safe_dump(keys))
    (folder / "Snakefile").write_text(SNAKEFILE.replace("USE", use))
    (tmp_path / "job.py").write_text(JOB)
    return folder


def begin(folder: Path) -> subprocess.Popen[str]:
    """Start Snakemake with the profile of a workstation, on a machine of four GPUs."""
    own = {n: v for n, v in os.environ.items() if not n.startswith(("CUDA", "SLURM"))}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"CUDA_VISIBLE_DEVICES": "0,1,2,3", "PYTHONPATH": str(REPOSITORY / "scripts"), "PATH": path}
    return subprocess.Popen(["snakemake", "--profile", "profiles/local", "--quiet", "all"], cwd=folder, text=True,
                            env=own | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip


def check(log: Path, jobs: int) -> None:
    """Read the log line by line: a GPU that a job takes is not in use, and each job has as many as it asked for."""
    used: dict[str, str] = {}
    ended, seen = 0, set()
    for line in log.read_text().splitlines():
        word, name, text = line.split()
        ids = text.split(",")
        assert len(set(ids)) == (2 if int(name) % 3 == 0 else 1)
        if word == "start":
            assert not used.keys() & set(ids), f"{line}, while in use: {used}"
            used |= dict.fromkeys(ids, name)
            seen |= set(ids)
        else:
            assert {used.pop(i) for i in ids} == {name}
            ended += 1
    assert ended == jobs
    assert seen == {"0", "1", "2", "3"}


def test_jobs_use_all_gpus_and_never_share_one(tmp_path: Path) -> None:
    snakemake = begin(folder_of(tmp_path, "one", 4, "all"))
    output, _ = snakemake.communicate(timeout=300)
    assert snakemake.returncode == 0, output
    check(tmp_path / "log", 12)


@pytest.mark.parametrize("gpus", [4, 8], ids=["counted-rightly", "more-than-there-are"])
def test_two_snakemakes_do_not_share_a_gpu(tmp_path: Path, gpus: int) -> None:
    both = [begin(folder_of(tmp_path, name, gpus, "some")) for name in ("one", "two")]
    outputs = [snakemake.communicate(timeout=300)[0] for snakemake in both]
    assert [snakemake.returncode for snakemake in both] == [0, 0], outputs
    check(tmp_path / "log", 24)


def test_planning_asks_once_which_gpus_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study.small(tmp_path / "study")
    study.replace("config/catalogue/trainings.yaml", "  threads: 1\n", "")  # as many as there are GPUs for
    asked, program = tmp_path / "asked", tmp_path / "bin/nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho x >> {asked}\necho 'GPU 0: NVIDIA H100 (UUID: GPU-1)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert len([job for job in study.planned() if job.startswith("train/")]) == 4
    assert asked.read_text().split() == ["x"]
