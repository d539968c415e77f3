"""compare_runs.py on two small runs: every kind of difference is told, and nothing where there is none."""

import shutil
from pathlib import Path
from typing import Any

import compare_runs
import pytest
from helpers import manifest

from distill import tables
from distill.audit.runs import keys_changed, runs, scored
from distill.config.lineage import Arm, Contrasts, Score, TrainedModel
from distill.runtime.errors import InputError
from distill.runtime.files import read_json, write_json
from distill.scores.csvs import csv_text

ARM = Arm("s", "t", "d", 1)
MODEL = TrainedModel("s", "t", "d", 1)
SCORE = Score("b", ARM.model_path, "greedy")
STAGES = ("contrasts", "models", "scores")
CORRECT = {"p0": 1, "p1": 0, "p2": 2, "p3": 1}


def put(root: Path, place: Any, program: str, facts: dict[str, Any], **outputs: str) -> Path:
    path = root / place.manifest
    write_json(path, {**facts, "identity": place.identity})
    write_json(path.with_name("provenance.json"), {
        "program": f"{program}.py", "recipe": {"lr": 0.1, "lora": {"rank": 4}}, "code": "c0", "inputs": {"x": "i0"},
        "versions": {"torch": "2.0"}, "hardware": {"cores": 2}, "outputs": {**outputs, "manifest.json": "m"},
    })  # fmt: skip
    return path


def items(folder: Path, correct: dict[str, int], samples: int = 2) -> None:
    rows = [{"problem_id": i, "n_samples": samples, "n_correct": c, "n_no_answer": 0, "n_cut_off": 0, "n_errors": 0,
             "n_ungraded": 0, "n_lenient": c, "response_tokens": 9} for i, c in correct.items()]  # fmt: skip
    tables.write(folder / "items.parquet", tables.build(rows, tables.ITEMS), tables.ITEMS)


def gap(**keys: Any) -> dict[str, Any]:
    return {"study": "y", "gap": "g", "student": "s", "training": "t", "benchmark": "b", "measure": "accuracy",
            "plus": "d", "minus": "e", "family": "declared", "estimate": 0.1, "ci_low": 0.05, "ci_high": 0.15,
            "reading": "gain", **keys}  # fmt: skip


def gaps(root: Path, *rows: dict[str, Any]) -> None:
    (root / Contrasts().folder / "gaps.csv").write_text(csv_text(rows, list(rows[0])))


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs that are the same."""
    before = tmp_path / "before"
    put(before, MODEL, "train", {}, **{"weights/model.safetensors": "w0", "train_log.parquet": "l0"})
    items(put(before, SCORE, "score", {"accuracy": 0.5}, **{"items.parquet": "t0"}).parent, CORRECT)
    put(before, Contrasts(), "contrast", {}, **{"gaps.csv": "g0"})
    gaps(before, gap())
    shutil.copytree(before, tmp_path / "after")
    return before, tmp_path / "after"


def told(two: tuple[Path, Path], capsys: Any) -> dict[str, list[str]]:
    """Return title -> lines of what is said of two runs."""
    compare_runs.main(list(map(str, two)))
    found: dict[str, list[str]] = {}
    title = ""
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("  "):
            found.setdefault(title, []).append(line.strip())
        else:
            title = line
    return found


def change(root: Path, place: Any, **keys: Any) -> None:
    path = root / place.file("provenance.json")
    data = read_json(path)
    write_json(path, {**data, **{k: {**data[k], **v} if isinstance(v, dict) else v for k, v in keys.items()}})


def test_runs_that_are_the_same(two: tuple[Path, Path], capsys: Any) -> None:
    change(two[1], MODEL, outputs={"train_log.parquet": "l1", "manifest.json": "m1"})  # both hold times
    found = told(two, capsys)
    assert set(found) == {"Artefacts", "Scores that differ"}
    assert found["Scores that differ"] == ["none"]
    assert [line.split() for line in found["Artefacts"][1:]] == [[kind, "1", "1"] for kind in STAGES]


@pytest.mark.parametrize(
    ("keys", "title", "lines"),
    [
        ({"recipe": {"lr": 0.2}}, "Keys of recipes", [f"train.py lr: 0.1 -> 0.2 ({MODEL.folder[8:]})"]),
        ({"recipe": {"lora": {"rank": 8}}}, "Keys of recipes",
         [f"train.py lora.rank: 4 -> 8 ({MODEL.folder[8:]})"]),
        ({"recipe": {"new": True}}, "Keys of recipes", [f"train.py new: - -> true ({MODEL.folder[8:]})"]),
        ({"code": "c1"}, "Code", ["train.py c0 -> c1 (1)"]),
        ({"versions": {"torch": "2.1"}}, "Versions and hardware", ["torch 2.0 -> 2.0 / 2.1"]),
        ({"hardware": {"gpus": ["H100"]}}, "Versions and hardware", ["gpus - -> H100"]),
        ({"outputs": {"weights/model.safetensors": "w1"}}, "Other bytes for no recorded reason", [MODEL.folder[8:]]),
    ],
)  # fmt: skip
def test_what_an_artefact_was_made_by_and_from(
    two: tuple[Path, Path], capsys: Any, keys: dict[str, Any], title: str, lines: list[str]
) -> None:
    change(two[1], MODEL, **keys)
    found = told(two, capsys)
    assert found[title] == lines
    assert set(found) <= {"Artefacts", title, "Scores that differ"}


def test_other_bytes_of_another_input_have_a_reason(two: tuple[Path, Path], capsys: Any) -> None:
    change(two[1], MODEL, inputs={"x": "i1"}, outputs={"weights/model.safetensors": "w1"})
    (pair,) = (p for p in runs(*two).pairs if p.before.kind == "models")
    assert (pair.causes, pair.is_same, pair.is_unexplained) == (("inputs",), False, False)
    assert "Other bytes for no recorded reason" not in told(two, capsys)


def test_what_one_run_lacks_is_counted(two: tuple[Path, Path], capsys: Any) -> None:
    shutil.rmtree(two[0] / MODEL.folder)
    shutil.rmtree(two[1] / SCORE.folder)
    rows = [line.split() for line in told(two, capsys)["Artefacts"]]
    assert rows[0][:7] == ["stage", "only", "before", "only", "after", "both", "same"]
    assert rows[1:] == [["contrasts", "1", "1"], ["models", "1"], ["scores", "1"]]
    found = runs(*two)
    assert ([a.kind for a in found.before], [a.kind for a in found.after]) == (["scores"], ["models"])


def test_scores_and_the_problems_that_turned(two: tuple[Path, Path], capsys: Any) -> None:
    folder = two[1] / SCORE.folder
    write_json(folder / "manifest.json", {**manifest(folder / "items.parquet"), "accuracy": 0.625})
    items(folder, {"p0": 0, "p1": 2, "p2": 2, "p3": 2})
    assert [each.turned for each in scored(runs(*two).pairs)] == [(2, 1)]
    assert [line.split() for line in told(two, capsys)["Scores that differ"]] == [
        ["arm", "benchmark", "decoding", "before", "after", "difference", "turned"],
        [ARM.model_path, "b", "greedy", "50.0", "62.5", "+12.5", "2,", "1"]]  # fmt: skip
    items(folder, {**CORRECT, "p9": 1})
    assert [each.turned for each in scored(runs(*two).pairs)] == [None]
    items(folder, CORRECT, samples=3)
    assert "other problems or samples" in told(two, capsys)["Scores that differ"][1]


def test_contrasts_of_another_reading_and_of_one_run(two: tuple[Path, Path], capsys: Any) -> None:
    gaps(two[1], gap(estimate=0.02, ci_low=-0.01, reading="undecided"), gap(gap="h", measure="solution"))
    lines = told(two, capsys)["Contrasts that differ"]
    assert len(lines) == 3
    assert "+10 (5 to 15) gain" in lines[1]
    assert "+2 (-1 to 15) undecided" in lines[1]
    assert lines[2].split()[:2] == ["y", "h"]
    assert lines[2].endswith("+0.1 (0.05 to 0.15) gain")


def test_a_folder_without_a_run_is_one_line(two: tuple[Path, Path], tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError, match="no artefacts of a run"):
            compare_runs.main([str(folder / "x"), str(two[0])])
    assert runs(two[0] / "results", two[1]).pairs  # its results/ do as well


def test_keys_within_keys() -> None:
    before, after = {"a": {"b": 1, "c": [1]}, "d": None}, {"a": {"b": 1, "c": [2]}, "e": "x"}
    assert list(keys_changed(before, after)) == [("a.c", "[1]", "[2]"), ("d", "null", "-"), ("e", "-", '"x"')]
