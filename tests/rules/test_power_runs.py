"""`snakemake power`, and the line of a dry run on what a design cannot see."""

from pathlib import Path

import pytest
from study import CATALOGUE, Study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study.small(tmp_path_factory.mktemp("power") / "study")


def test_the_target_says_what_can_be_seen_and_makes_nothing(study: Study) -> None:
    done = study.snakemake("power")
    assert done.returncode == 0, done.stdout + done.stderr
    header, *rows = (line for line in done.stdout.splitlines() if line.startswith(("study ", "toy ")))
    assert header.split()[:4] == ["study", "contrast", "student", "arms"]
    assert {row.split()[1] for row in rows} == {"long_cot_gap", "mix_long_gain"}
    assert all(" 60 " in row and "assumed" in row for row in rows)
    assert not (study.folder / "results").exists()


def test_a_dry_run_says_so_in_a_line(study: Study) -> None:
    done = study.snakemake("--dry-run")
    lines = [
        line for line in done.stderr.splitlines() if line.startswith("study toy: its design cannot see 3.0 points")
    ]
    assert len(lines) == 1
    assert done.returncode == 0
    study.edit("config/studies/toy.yaml", power={"problems": {"toy-test": 2_000_000}, "seed_sd": 0})
    assert "cannot see" not in study.snakemake("--dry-run").stderr


def test_problems_that_cannot_be_counted_are_said_to_be(tmp_path: Path) -> None:
    study = Study.small(tmp_path / "study")
    hub = {"hub": "a/b", "revision": "abc123" + "0" * 34, "benchmark": True}
    study.edit(CATALOGUE + "corpora.yaml", far=hub)
    study.edit("config/studies/toy.yaml", **{"power": {}})
    study.replace("config/studies/toy.yaml", "benchmarks:\n- toy-test", "benchmarks:\n- far")
    done = study.snakemake("power")
    assert done.returncode != 0
    assert "far: its problems cannot be counted before the run" in done.stdout + done.stderr + study_log(study)
    dry = study.snakemake("--dry-run")
    assert dry.returncode == 0
    assert "power: far: its problems cannot be counted before the run" in dry.stderr


def study_log(study: Study) -> str:
    return (study.folder / "logs/power.log").read_text()
