"""Each job runs in the conda environment of its stage, a generation in that of its engine; what another one re-makes.

Conda is a stand-in that builds empty environments: what is in them is tested in tests/test_locks.py.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from study import CATALOGUE, Study

CONDA = """#!/bin/sh
case "$*" in
*info*) echo '{"conda_version": "25.1.1", "conda_prefix": "FOLDER", "platform": "linux-64", "envs": []}';;
*config*) echo '{"get": {"channel_priority": "strict"}}';;
*create*) while [ "$1" != --prefix ]; do shift; done; mkdir -p "$2";;
*) echo "conda 25.1.1";;
esac
"""
ANSWERED = "toy-test/students/toy-xs/base/toy-greedy/draw-0/00-of-01"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A small study, and a conda that is found."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/conda").write_text(CONDA.replace("FOLDER", str(tmp_path)))
    (tmp_path / "bin/conda").chmod(0o755)
    (tmp_path / "bin/activate").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return Study.small(tmp_path / "study")


@pytest.mark.parametrize("torch", ["cuda", "cpu"])
@pytest.mark.parametrize(
    ("keys", "vllm"),
    [
        ({"engine": "transformers"}, False),
        ({"engine": "vllm"}, True),
        ({"engine": "openai", "serve": {}}, True),
        ({"engine": "openai", "serve": {"command": ["llama-server", "{port}"]}}, False),
    ],
    ids=["transformers", "vllm", "serve", "command"],
)
def test_the_environment_follows_from_the_engine_and_the_build_of_torch(
    small: Study, keys: dict[str, Any], vllm: bool, torch: str
) -> None:
    small.edit(CATALOGUE + "teachers.yaml", **{"toy-long": keys})
    done = small.snakemake("--dry-run", "--sdm", "conda", "--config", f"torch={torch}")
    assert done.returncode == 0, done.stdout + done.stderr
    named = {
        p.stem
        for p in (small.folder / "envs").glob("*.yaml")
        if f"environment envs/{p.name} " in done.stdout + done.stderr
    }
    of_torch = {"generate", "train"} | ({"vllm"} if vllm else set())
    assert named == {"data", "report"} | {f"{stage}-{torch}" for stage in of_torch}


def test_another_environment_of_the_report_asks_no_model_again(small: Study) -> None:
    small.run(f"results/responses/{ANSWERED}/manifest.json", "--sdm", "conda")

    def remade(name: str) -> set[str]:
        """What a changed environment re-makes of what is there."""
        path = small.folder / f"envs/{name}.yaml"
        before = path.read_text()
        path.write_text(before + "      - further==1.0\n")
        planned = small.planned("--sdm", "conda")
        path.write_text(before)
        return planned - missing

    missing = small.planned("--sdm", "conda")
    assert "render_page" in missing
    assert f"generate/{ANSWERED}" not in missing
    assert remade("report") == set()
    assert remade("generate-cuda") == {f"generate/{ANSWERED}"}
