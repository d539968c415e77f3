"""Each job runs in the conda environment of its stage; a generation in that of its engine."""

import os
from pathlib import Path
from typing import Any

import pytest
from study import CATALOGUE, Study

# Enough of conda for a dry run, which asks for its version and settings and names the environments it would build.
CONDA = """#!/bin/sh
case "$*" in
*info*) echo '{"conda_version": "25.1.1", "conda_prefix": "/", "platform": "linux-64", "envs": []}';;
*config*) echo '{"get": {"channel_priority": "strict"}}';;
*) echo "conda 25.1.1";;
esac
"""


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
def test_the_environment_follows_from_the_engine(
    tmp_path: Path, keys: dict[str, Any], vllm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/conda").write_text(CONDA)
    (tmp_path / "bin/conda").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    study = Study.small(tmp_path / "study")
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": keys})
    done = study.snakemake("--dry-run", "--sdm", "conda")
    assert done.returncode == 0, done.stdout + done.stderr
    named = {
        p.stem
        for p in (study.folder / "envs").glob("*.yaml")
        if f"environment envs/{p.name} " in done.stdout + done.stderr
    }
    assert named == {"data", "generate", "train", "report"} | ({"vllm"} if vllm else set())
