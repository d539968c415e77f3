"""Lengths of right, wrong and cut-off responses, by hand."""

from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made

from distill import tables
from distill.analyses import length_plots, lengths
from distill.config.lineage import Arm

KEYS = ("n_samples", "n_correct", "n_cut_off", "n_errors", "response_tokens")


def put(path: Path, *rows: tuple[int, ...]) -> None:
    made = [{"problem_id": f"p{n}", "n_no_answer": 0, "n_ungraded": 0, "n_lenient": 0,
             **dict(zip(KEYS, row, strict=True))} for n, row in enumerate(rows)]  # fmt: skip
    tables.write(path.with_name("items.parquet"), tables.build(made, tables.ITEMS), tables.ITEMS)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Return two scores: of a trained arm with a sample of each problem, and of the untouched student with two."""
    arm, base = Arm("s", "t", "hard", 1), Arm.base("s")
    paths = [hand_made.score(tmp_path, "b", arm)]
    paths.append(hand_made.score(tmp_path, "b", base))
    put(paths[0], (1, 1, 0, 0, 10), (1, 1, 0, 0, 20), (1, 1, 0, 0, 40), (1, 0, 0, 0, 100), (1, 0, 1, 0, 999),
        (1, 0, 0, 1, 7), (1, 1, 0, 0, 50))  # fmt: skip
    put(paths[1], (2, 2, 0, 0, 10), (2, 1, 0, 0, 20), (2, 0, 0, 0, 300), (2, 0, 2, 0, 900), (2, 0, 1, 0, 500))
    return paths


def test_lengths_by_kind(tmp_path: Path, files: list[Path]) -> None:
    rows = hand_made.section(tmp_path, "lengths", {"scores": files})["rows"]
    base = {"student": "s", "trained on": "untouched student", "seed": 0, "benchmark": "b", "right": 1,
            "tokens right": "5 (5 to 5)", "wrong": 1, "tokens wrong": "150 (150 to 150)", "cut off": 1,
            "tokens cut off": "450 (450 to 450)", "mixed": 2}  # fmt: skip
    hard = {"student": "s", "trained on": "hard", "seed": 1, "benchmark": "b", "right": 4,
            "tokens right": "30 (18 to 42)", "wrong": 1, "tokens wrong": "100 (100 to 100)", "cut off": 1,
            "tokens cut off": "999 (999 to 999)", "mixed": 1}  # fmt: skip
    assert rows == [base, hard]


def test_a_model_without_token_counts_is_left_out(tmp_path: Path, files: list[Path]) -> None:
    hand_made.change(files[0], mean_tokens=None)
    rows = hand_made.section(tmp_path, "lengths", {"scores": files})["rows"]
    assert [row["trained on"] for row in rows] == ["untouched student"]


def test_many_rows_become_first_seeds_on_all_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = hand_made.results(tmp_path, ("b", "c"))["scores"]
    monkeypatch.setattr(lengths, "MOST", 3)
    content = hand_made.section(tmp_path, "lengths", {"scores": files})
    (table,) = content["blocks"][0]["tables"]
    names = ("trained on", "seed", "benchmark", "right", "wrong")
    assert [tuple(row[name] for name in names) for row in table["rows"]] == [
        ("untouched student", 0, "all 2", 0, 6), ("easy", 1, "all 2", 1, 5), ("hard", 1, "all 2", 5, 1),
        ("mixed", 1, "all 2", 3, 3)]  # fmt: skip
    assert len(content["rows"]) == 14
    assert lengths.SUMMED in content["text"]


def test_the_panels_share_their_scale_and_marks_are_medians(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    marks: list[Any] = []
    plot = Axes.plot

    def recording(axis: Any, x: Any, y: Any, **keys: Any) -> Any:
        if keys.get("linestyle") == "none":
            marks.append((axis, list(x), keys["marker"]))
        return plot(axis, x, y, **keys)

    monkeypatch.setattr(Axes, "plot", recording)
    found = lengths.first_seeds(lengths.read_lengths(files))
    other = lengths.Lengths(Arm.base("z"), "untouched student", "b", {**found[0].tokens, "right": [4000]}, 0)
    picture = length_plots.lengths([*found, other])
    assert [(x, marker) for _, x, marker in marks] == [
        ([5, 30], "o"), ([150, 100], "s"), ([450, 999], "D"), ([4000], "o"), ([150], "s"), ([450], "D")]  # fmt: skip
    assert len({axis.get_xlim() for axis, _, _ in marks}) == 1
    assert "n = 6 right, 3 wrong, 3 cut off" in picture.caption
