"""The toy study through Snakemake with each engine: equal greedy texts, and as many right answers as the default has.

Snakemake and all other programs run in the environment of `make demo`; generate.py runs in this one, as `--sdm conda`
would have it. `VLLM_STUDY=whole` runs all of the study with each engine (an hour on two cores).
"""

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers import REPOSITORY, TOY, z_score
from study import CATALOGUE, Study
from vllm_server import serve

from distill import tables

PYTHON = os.environ.get("SNAKEMAKE_PYTHON", str(REPOSITORY / ".venv/bin/python"))
VLLM = {"engine": "vllm", "vllm": {"gpu_memory_utilization": 0.1, "enforce_eager": True}}
TEACHERS = ("toy-long", "toy-short", "toy-large", "toy-small")
STUDENTS = ("toy-xs", "toy-m")
WHOLE = os.environ.get("VLLM_STUDY") == "whole"
HOUR = 3600
ALMOST_NEVER = 4  # z; one of 16,000 honest comparisons is beyond it


def behind(url: str, name: str) -> dict[str, Any]:
    """Return the keys of a teacher that a server has."""
    return {"engine": "openai", "server": {"url": url}, "model": {"served": name}}


class Mixed(Study):
    """A study whose programs run in two environments."""

    python = PYTHON

    def environment(self) -> dict[str, str]:
        """Return an environment whose `python` runs generate.py here and all else beside Snakemake."""
        shim = self.folder / "bin/python"
        shim.parent.mkdir(exist_ok=True)
        here, there = shlex.quote(sys.executable), shlex.quote(PYTHON)
        shim.write_text(f'#!/bin/sh\ncase "$1" in */scripts/generate.py) exec {here} "$@" ;; esac\nexec {there} "$@"\n')
        shim.chmod(0o755)
        return {**os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}"}


@dataclass
class Answers:
    """All responses of one model_path, by problem and draw."""

    rows: dict[tuple[str, int], tuple[str, str]]
    verdicts: dict[tuple[str, int], str]
    engines: set[str]

    @property
    def correct(self) -> int:
        return sum(word == "correct" for word in self.verdicts.values())


def answers(study: Study, model_path: str) -> Answers:
    """Read what a model_path (`toy-train/teachers/toy-long`) said and how it was graded."""
    found = Answers({}, {}, set())
    for path in sorted((study.folder / "results/responses" / model_path).glob("*/*/*/responses.parquet")):
        graded = study.folder / "results/verdicts" / path.parent.relative_to(study.folder / "results/responses")
        for row in tables.read(path, tables.RESPONSES).to_pylist():
            found.rows[row["problem_id"], row["draw"]] = (row["response"], row["finish_reason"])
            found.engines.add(row["engine"])
        for row in tables.read(graded / "verdicts.parquet", tables.VERDICTS).to_pylist():
            found.verdicts[row["problem_id"], row["draw"]] = row["verdict"]
    assert found.rows.keys() == found.verdicts.keys() != set()
    return found


def compare_sampled(before: Answers, after: Answers, engine: str, name: str) -> None:
    assert before.rows.keys() == after.rows.keys()
    assert all(word.startswith(engine) for word in after.engines), after.engines
    z = z_score(before.correct, after.correct, len(before.rows))
    print(f"{name}: {before.correct} of {len(before.rows)} correct with transformers, {after.correct} with {engine}, "
          f"z {z:.2f}")  # fmt: skip
    assert z < ALMOST_NEVER


def compare_greedy(before: Answers, after: Answers, name: str) -> None:
    assert before.rows.keys() == after.rows.keys()
    assert all(word.startswith("vllm") for word in after.engines), after.engines
    same = sum(before.rows[key] == after.rows[key] for key in before.rows) / len(before.rows)
    print(f"{name}: {same:.2%} of the greedy texts are equal, {before.correct} and {after.correct} correct")
    assert same >= 0.99


@pytest.mark.skipif(WHOLE, reason="the whole study holds it")
def test_one_study_with_three_engines(served: str, tmp_path: Path) -> None:
    study = Mixed.small(tmp_path / "study")
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-train": {"stop": 400, "shards": 1}})
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": 1}})
    study.run("datasets")
    engines = {"toy-train/teachers/toy-long": "openai", "toy-train/teachers/toy-short": "vllm"}
    before = {name: answers(study, name) for name in engines}
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": behind(served, "toy-long"), "toy-short": VLLM})
    study.run("datasets")
    for name, engine in engines.items():
        compare_sampled(before[name], answers(study, name), engine, name)
    assert study.planned("datasets") == set()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    """The toy study as it is, finished with transformers."""
    study = Mixed.whole(tmp_path_factory.mktemp("whole") / "study")
    study.run(seconds=HOUR)
    return study


def model_paths(study: Study, kind: str) -> list[str]:
    root = study.folder / "results/responses"
    depth = {"teachers": "toy-train/teachers/*", "students": "toy-test/students/*/base"}[kind]
    trained = [*root.glob("toy-test/students/*/toy-sft/*/seed-*")] if kind == "students" else []
    return sorted(str(path.relative_to(root)) for path in [*root.glob(depth), *trained])


def gaps(study: Study) -> str:
    return (study.folder / "results/report/gaps.txt").read_text()


@pytest.mark.skipif(not WHOLE, reason="an hour; VLLM_STUDY=whole runs it")
def test_students_answer_in_vllm_as_in_transformers(whole: Mixed, tmp_path: Path) -> None:
    study = whole.copy(tmp_path / "study")
    study.edit(CATALOGUE + "students.yaml", **dict.fromkeys(STUDENTS, VLLM))
    study.run(seconds=HOUR)
    names = model_paths(study, "students")
    assert len(names) == 14
    for name in names:
        compare_greedy(answers(whole, name), answers(study, name), name)
    print(gaps(whole), gaps(study), sep="\n")


@pytest.mark.skipif(not WHOLE, reason="an hour; VLLM_STUDY=whole runs it")
@pytest.mark.parametrize("engine", ["vllm", "openai"])
def test_teachers_are_as_often_right(whole: Mixed, tmp_path: Path, engine: str) -> None:
    study = whole.copy(tmp_path / "study")
    with teachers_with(study, engine):
        study.run(seconds=HOUR)
        assert study.planned() == set()
    names = model_paths(study, "teachers")
    assert len(names) == len(TEACHERS)
    for name in names:
        compare_sampled(answers(whole, name), answers(study, name), engine, name)
    print(gaps(whole), gaps(study), sep="\n")
    assert json.loads((study.folder / "results/datasets/toy-mix-long/manifest.json").read_text())["rows"] > 1000


@contextlib.contextmanager
def teachers_with(study: Mixed, engine: str) -> Iterator[None]:
    """Let an engine run the teachers; with `openai` each has a server."""
    with contextlib.ExitStack() as servers:
        for name in TEACHERS:
            if engine == "openai":
                folder = TOY / f"teacher-{name.removeprefix('toy-')}"
                url = servers.enter_context(serve(folder, name, study.folder / f"{name}.log", 0.05))
                study.edit(CATALOGUE + "teachers.yaml", **{name: behind(url, name)})
            else:
                study.edit(CATALOGUE + "teachers.yaml", **{name: VLLM})
        yield
