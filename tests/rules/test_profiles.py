"""The profiles as they come together: all cores on one machine, no cap from it on a cluster, what a site adds."""

import os
import re
from pathlib import Path

import pytest
import yaml
from dry_runs import dry_run
from helpers import REPOSITORY
from study import CATALOGUE, GUARD_SECONDS, Study

from distill.config.demands import LONGEST

TRAINED = "results/models/toy-m/toy-sft/toy-mix-long/seed-1/manifest.json"
DOCUMENTED = re.compile(r"^# (default-resources:|set-resources:|  \w+: )", re.MULTILINE)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The toy study with a training that is cut up and a teacher on four GPUs."""
    study = Study.whole(tmp_path_factory.mktemp("profiles") / "study")
    study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"threads": None}})
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": {"engine": "vllm", "vllm": {"tensor_parallel": 4}}})
    return study


def planned(study: Study, *options: str, **variables: str) -> dict[str, dict[str, str]]:
    """Return what jobs would ask for by their rule (the last of each), as a dry run without `--cores` shows it."""
    env = {n: v for n, v in study.environment().items() if not n.startswith("SNAKEMAKE")} | variables
    done = dry_run(["--dry-run", *options, "--", TRAINED], study.folder, env, GUARD_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for block in re.split(r"^ *(?:local)?rule ", done.stdout + done.stderr, flags=re.MULTILINE)[1:]:
        rule, rest = block.split(":", 1)
        resources = re.search(r"^ +resources: (.*)$", rest, re.MULTILINE)[1]
        threads = re.search(r"^ +threads: (\d+)$", rest, re.MULTILINE)
        words = dict(word.split("=", 1) for word in resources.split(", "))
        name = f"{rule}/long" if rule == "generate" and "teachers/toy-long" in rest else rule
        found[name] = {"threads": threads[1] if threads else "1", **words}
    return found


def test_on_one_machine_a_job_may_have_all_cores_and_there_is_a_cluster_for_none(study: Study) -> None:
    jobs = planned(study)
    assert jobs["train"]["threads"] == str(len(os.sched_getaffinity(0)))
    assert jobs["generate"]["threads"] == jobs["verify"]["threads"] == "1"
    assert {jobs[rule].get("slurm_extra") for rule in jobs} == {None}
    assert (jobs["generate/long"]["gpu"], jobs["generate"]["gpu"]) == ("4", "1")
    own = planned(study, "--profile", "profiles/local")
    assert own["verify"]["threads"] == str(min(4, len(os.sched_getaffinity(0))))
    assert own["generate/long"]["gpu"] == "1"  # as many as the profile says there are


def test_a_cluster_is_asked_for_more_than_this_machine_has(study: Study, tmp_path: Path) -> None:
    jobs = planned(study, "--profile", "profiles/slurm")
    assert jobs["verify"]["threads"] == "8"
    assert (jobs["generate/long"]["threads"], jobs["generate/long"]["gpu"]) == ("16", "4")
    assert jobs["train"]["threads"] == "4"
    assert {rule for rule, job in jobs.items() if "gpu" in job} == {"generate", "generate/long", "train"}
    for rule in ("generate", "train"):
        assert jobs[rule]["slurm_extra"] == "--signal=TERM@60"
        assert jobs[rule]["nodes"] == "1"
        assert 8000 < int(jobs[rule]["mem_mb"]) < 8100
        # A part of one job is given less time to start its model than a job of its own.
        assert (30 if rule == "train" else 5) < int(jobs[rule]["runtime"]) < LONGEST
    assert int(jobs["generate"]["runtime"]) < 30
    assert (jobs["mix"]["mem_mb"], jobs["mix"]["runtime"]) == ("4000", "60")
    second = planned(study, "--profile", "profiles/slurm", "--attempt", "2")
    assert int(second["train"]["mem_mb"]) == 2 * int(jobs["train"]["mem_mb"])
    assert int(second["train"]["runtime"]) == 2 * int(jobs["train"]["runtime"])
    assert (second["mix"]["mem_mb"], second["mix"]["runtime"]) == ("8000", "120")
    # By its name, as the README has it.
    (tmp_path / "snakemake").mkdir()
    (tmp_path / "snakemake/slurm").symlink_to(study.folder / "profiles/slurm")
    assert planned(study, "--profile", "slurm", XDG_CONFIG_HOME=str(tmp_path)) == jobs


def test_the_example_of_a_site_says_what_it_shows(study: Study) -> None:
    path = study.folder / "profiles/site-example/profile.v9+.yaml"
    text = DOCUMENTED.sub(r"\1", path.read_text())
    path.write_text(text)
    assert yaml.safe_load(text).keys() == {"slurm-partition-config", "default-resources", "set-resources"}
    jobs = planned(study, "--profile", "profiles/slurm", "--profile", "profiles/site-example")
    assert {job["slurm_account"] for rule, job in jobs.items() if not rule.startswith("fetch")} == {"my-project"}
    assert {rule: job["gpu_model"] for rule, job in jobs.items() if "gpu_model" in job} == {
        "generate": "h100", "generate/long": "h100", "train": "h100",
    }  # fmt: skip
    assert (jobs["train"]["gpu"], jobs["train"]["runtime"]) == ("4", "720")
    assert jobs["mix"]["constraint"] == "nvme"
    partitions = yaml.safe_load((REPOSITORY / "profiles/site-example/partitions.yaml").read_text())["partitions"]
    assert {name for name, limits in partitions.items() if "max_gpu" in limits} == {"gpu"}


@pytest.mark.parametrize("rule", ["generate", "judge", "train", "train_on_policy"])
def test_what_can_go_on_is_told_before_its_limit(rule: str) -> None:
    profile = yaml.safe_load((REPOSITORY / "profiles/slurm/profile.v9+.yaml").read_text())
    assert profile["set-resources"][rule] == {"slurm_extra": "'--signal=TERM@60'"}
