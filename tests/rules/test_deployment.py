"""The workflow used from elsewhere: as a module with an overridden rule, with --directory, with another config file."""

import json
import re
import shutil
from functools import cache
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY
from study import Study

MODULE = f"""
configfile: "config/config.yaml"


module mixdistill:
    snakefile:
        "{REPOSITORY}/workflow/Snakefile"
    config:
        config


use rule * from mixdistill as mx_*


use rule train from mixdistill as mx_train with:
    resources:
        gpu=3,


rule limits:
    output:
        "limits.txt",
    shell:
        "echo $LRU_CACHE_CAPACITY $ONEDNN_PRIMITIVE_CACHE_CAPACITY $MALLOC_TRIM_THRESHOLD_ >{{output}}"
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with a configuration and the toy's files, and nothing else of the project."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/toy").symlink_to(REPOSITORY / "resources/toy")
    return tmp_path


def snakemake(folder: Path, *options: str) -> str:
    """Run Snakemake from a folder; it must succeed."""
    done = Study(folder).snakemake(*options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def jobs(said: str) -> int:
    return int(re.findall(r"^total +(\d+)", said, re.MULTILINE)[0])


@cache
def expected() -> int:
    return jobs(snakemake(REPOSITORY, "--dry-run", "--quiet", "rules", "--forceall"))


def test_as_a_module_with_a_resource_overridden(elsewhere: Path) -> None:
    (elsewhere / "workflow").mkdir()
    (elsewhere / "workflow/Snakefile").write_text(MODULE)
    planned = snakemake(elsewhere, "--dry-run")
    assert jobs(planned) == expected()
    assert planned.count("gpu=3") == 20  # each training
    target = "results/problems/toy-test/statements/00-of-01/manifest.json"
    snakemake(elsewhere, target, "limits.txt")
    assert json.loads((elsewhere / target).read_text())["rows"] == 400
    kept = "" if Path("/proc/driver/nvidia").exists() else str(2**35)  # memory that the C library does not give back
    # The others are what torch keeps per shape of a step.
    assert (elsewhere / "limits.txt").read_text().split() == ["32", "32", *kept.split()]
    assert "Nothing to be done" in snakemake(elsewhere, target)


def test_in_another_directory(elsewhere: Path) -> None:
    (elsewhere / "from-here").mkdir()
    options = ["--snakefile", str(REPOSITORY / "workflow/Snakefile"), "--directory", str(elsewhere)]
    assert jobs(snakemake(elsewhere / "from-here", *options, "--dry-run", "--quiet", "rules")) == expected()
    target = "results/models/toy-xs/base/manifest.json"
    snakemake(elsewhere / "from-here", *options, target)
    assert (elsewhere / target).exists()
    assert not list((elsewhere / "from-here").iterdir())


def test_results_stay_when_the_workflow_moves(elsewhere: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = "results/problems/toy-test/statements/00-of-01/manifest.json"
    first, second = (Study.whole(tmp_path_factory.mktemp("project") / name) for name in ("first", "second"))
    for study in (first, second):
        options = ["--snakefile", str(study.folder / "workflow/Snakefile"), "--directory", str(elsewhere)]
        said = snakemake(elsewhere, *options, target)
    assert "Nothing to be done" in said


def test_a_config_file_of_ones_own_and_a_folder_of_ones_own(elsewhere: Path) -> None:
    (elsewhere / "config").rename(elsewhere / "mine")
    study = yaml.safe_load((elsewhere / "mine/studies/toy.yaml").read_text())
    study["arms"] = [{**study["arms"][0], "students": ["toy-xs"], "datasets": ["toy-long-arm"]}]
    study["gaps"] = study["contrasts"] = {}
    (elsewhere / "mine/studies/small.yaml").write_text(yaml.safe_dump(study))
    (elsewhere / "mine/own.yaml").write_text("studies: [small]\nfolder: mine\n")
    options = ["--snakefile", str(REPOSITORY / "workflow/Snakefile"), "--directory", str(elsewhere)]
    planned = snakemake(elsewhere, *options, "--configfile", str(elsewhere / "mine/own.yaml"), "--dry-run")
    assert "mine/prompts/plain.jinja" in planned
    assert set(re.findall(r"logs/train/(\S+)\.log", planned)) == {"toy-xs/toy-sft/toy-long-arm/seed-1"}
