"""In a locale that knows ASCII only, programs and Snakemake read, write, find and print what is beyond it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers import REPOSITORY, jsonl
from study import Study

ROWS = [{"problem": f"Combien font {i}+1 à l'école ?", "answer": str(i + 1), "source": "été"} for i in range(3)]
CORPUS = {"path": "données/où.jsonl", "where": {"source": "été"},
          "rewrites": [{"pattern": "à l'école", "replacement": "à Zürich"}]}  # fmt: skip
ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "données").mkdir()
    jsonl(tmp_path / "données/où.jsonl", ROWS)
    return tmp_path


def fetch(folder: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    recipe = json.dumps(CORPUS, ensure_ascii=False)
    program = str(REPOSITORY / "scripts/fetch_problems.py")
    return subprocess.run([sys.executable, program, "--recipe", recipe, *options], cwd=folder, capture_output=True,
                          env={**os.environ, **ASCII})  # fmt: skip


def test_a_program_in_a_locale_of_ascii(folder: Path) -> None:
    shown = fetch(folder, "--preview", "1")
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert "à Zürich" in shown.stdout.decode()
    made = fetch(folder, "--output", "données/œuvre.parquet")
    assert made.returncode == 0, made.stderr.decode()
    assert pq.read_table(folder / "données/œuvre.parquet")["problem"][0].as_py() == "Combien font 0+1 à Zürich ?"
    (folder / "données/où.jsonl").unlink()
    assert "données/où.jsonl: no such file" in fetch(folder, "--preview", "1").stderr.decode()


class AsciiStudy(Study):
    """A study in a locale that knows ASCII only."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **ASCII}


def test_snakemake_in_a_locale_of_ascii(tmp_path: Path) -> None:
    study = AsciiStudy.whole(tmp_path)
    (tmp_path / "données").mkdir()
    jsonl(tmp_path / "données/où.jsonl", ROWS)
    study.edit("config/catalogue/corpora.yaml", own={**CORPUS, "licence": "mit"})
    table = "results/problems/own/problems.parquet"
    ran = subprocess.run(study.command(table), cwd=tmp_path, env=study.environment(), capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    assert pq.read_table(tmp_path / table)["origin"][0].as_py() == "où.jsonl"
    assert "à Zürich" in (tmp_path / table).with_name("provenance.json").read_text(encoding="utf-8")
