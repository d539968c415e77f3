"""`snakemake plan`, before a run and after it, and its line in a dry run."""

import re
import shutil
from pathlib import Path

import pytest
from helpers import REPOSITORY
from study import Study


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study.small(tmp_path_factory.mktemp("plan") / "study")


def said(study: Study, *options: str) -> str:
    done = study.snakemake("plan", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_target_says_what_is_missing_and_makes_nothing(new: Study) -> None:
    lines = said(new).splitlines()
    jobs = {line.split()[0]: int(line.split()[1]) for line in lines if re.match(r"\w+ +\d+ ", line)}
    assert jobs["train"] == 4
    assert jobs["generate"] == 2 * 2 * 2 + 6  # two teachers, draws and shards; four arms and two bases
    assert any(line.startswith("Wall time: ") and line.endswith("with 2 cores.") for line in lines)
    assert not (new.folder / "results").exists()


def test_gpus_and_prices_are_those_of_the_command_line(new: Study) -> None:
    text = said(new, "--resources", "gpu=4", "--config", "prices={gpu_hour: 2.5}", "budget=0.001")
    assert "with 2 cores and 4 GPUs." in text
    assert "GPU hours" in text
    assert "adds, dollars" in text
    assert "budget 0.001" in text
    assert "does not fit" in text


def test_a_clusters_caps_are_those_of_its_profile(new: Study) -> None:
    cluster = ("--profile", str(REPOSITORY / "profiles/slurm"), "--jobs", "7", "--config", "prices={gpu_hour: 2.5}")
    dry = new.snakemake("--dry-run", *cluster)
    line = next(line for line in dry.stderr.splitlines() if line.startswith("plan: "))
    assert "with 7 jobs at once" in line
    assert "GPU hours, " in line
    assert " $, " in line
    assert "with 7 jobs at once." in said(new, *cluster)  # nothing is sent to a cluster, so it need not be there


def test_a_dry_run_says_it_in_a_line(new: Study) -> None:
    done = new.snakemake("--dry-run")
    lines = [line for line in done.stderr.splitlines() if line.startswith("plan: ")]
    assert len(lines) == 1
    planned = len(re.findall(r"^ +log: logs/", done.stdout + done.stderr, re.MULTILINE))
    assert int(lines[0].split()[1]) == planned
    assert "with 2 cores" in lines[0]
    (new.folder / "resources/speeds.csv").unlink()  # a link
    dry = new.snakemake("--dry-run")
    assert dry.returncode == 0
    assert "plan: " in dry.stderr
    assert "no table of speeds" in dry.stderr
    failed = new.snakemake("plan")
    assert failed.returncode != 0
    assert "no table of speeds" in Path(new.folder / "logs/plan.log").read_text()


def test_after_a_run_it_says_what_was_planned_and_taken(study: Study) -> None:
    text = said(study)
    assert "Still missing\nNothing is missing." in text
    assert "plan: nothing is missing" in study.snakemake("--dry-run").stderr
    taken = text.split("planned against taken\n")[1]
    rows = {line.split()[0]: line.split()[1] for line in taken.split("\n\n")[0].splitlines()}
    assert (rows["train"], rows["generate"], rows["mix"]) == ("4", "14", "3")
    asked = text.split("against used\n")[1].split("\n\n")[0]
    assert re.search(r"^train +4 +8 GB +\d.* [GM]B +31 min", asked, re.MULTILINE)
    shutil.rmtree(study.folder / "results/models/toy-m/toy-sft/toy-short-arm")
    again = said(study).split("\n\n")[0]
    assert re.search(r"^train +1 .*measured$", again, re.MULTILINE)
    assert re.search(r"^generate +1 +1 .*measured$", again, re.MULTILINE)
