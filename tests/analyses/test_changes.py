"""Changed answers, counted by hand."""

from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made

from distill import analyses
from distill.analyses import changes

Row = dict[str, Any]


def section(root: Path, files: hand_made.Files, **study: Any) -> Row:
    files = {**files, **hand_made.csvs(hand_made.tabulated(root, files, **study))}
    return hand_made.section(root, "changes", {kind: files[kind] for kind in analyses.load("changes").NEEDS})


def counts(rows: list[Row]) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    return {(row["trained on"], row["against"], row["seed"]): tuple(row[name] for name in (*changes.COUNTS, "p"))
            for row in rows}  # fmt: skip


def test_problems_that_turned(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    place = next(path for path in files["scores"] if "hard/seed-1" in str(path))
    hand_made.items(place, ["0", "1", "2", "3"], [0, 1, 1, 1])  # easy has [1, 0, 0, 0], mixed [1, 1, 0, 0]
    found = counts(section(tmp_path, files)["rows"])
    base = "untouched student"
    assert found == {
        ("hard", "easy", 1): (4, 3, 1, 0, 0, "0.625"), ("hard", "easy", 2): (4, 2, 0, 1, 1, "0.500"),
        ("mixed", "hard", 1): (4, 1, 2, 1, 0, "1.000"), ("mixed", "hard", 2): (4, 0, 1, 2, 1, "1.000"),
        ("mixed", "easy", 1): (4, 1, 0, 1, 2, "1.000"), ("mixed", "easy", 2): (4, 1, 0, 1, 2, "1.000"),
        ("hard", base, 1): (4, 3, 0, 0, 1, "0.250"), ("hard", base, 2): (4, 3, 0, 0, 1, "0.250"),
        ("easy", base, 1): (4, 1, 0, 0, 3, "1.000"), ("easy", base, 2): (4, 1, 0, 0, 3, "1.000"),
        ("mixed", base, 1): (4, 2, 0, 0, 2, "0.500"), ("mixed", base, 2): (4, 2, 0, 0, 2, "0.500"),
    }  # fmt: skip


@pytest.mark.parametrize(("gained", "lost", "p"), [(0, 0, 1), (1, 0, 1), (0, 5, 0.0625), (7, 1, 18 / 256), (3, 3, 1)])
def test_exact_p(gained: int, lost: int, p: float) -> None:
    assert changes.mcnemar(gained, lost) == pytest.approx(p)


def test_arms_without_parity_are_left_out(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    for path in files["models"]:
        if "/hard/" in str(path):
            hand_made.change(path, recipe={"global_batch": 8, "packing": False, "lr": 0.1})
    rows = section(tmp_path, files)["rows"]
    assert {(row["trained on"], row["against"]) for row in rows if row["against"] != "untouched student"} == {
        ("mixed", "easy")}  # fmt: skip


def test_many_rows_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = hand_made.results(tmp_path, ("b", "c"))
    short = section(tmp_path, files, benchmarks=["b", "c"])
    (untouched, between) = (block["tables"][0]["rows"] for block in short["blocks"])
    assert [(row["arm"], row["other"], row["pairs"]["turned right"]) for row in between[:1]] == [
        ("s/t/hard/seed-1", "s/t/easy/seed-1", "first")]  # fmt: skip
    assert {row["other"] for row in untouched} == {"s/base"}
    monkeypatch.setattr(changes, "MOST", 3)
    content = section(tmp_path, files, benchmarks=["b", "c"])
    rows = content["blocks"][1]["tables"][0]["rows"]
    assert [(row["trained on"], row["against"], row["benchmark"], row["problems"], row["turned right"],
             row["turned wrong"], row["p"]) for row in rows] == [
        ("hard", "easy", "all 2", 6, 4, 0, "0.125"), ("mixed", "hard", "all 2", 6, 0, 2, "0.500"),
        ("mixed", "easy", "all 2", 6, 2, 0, "0.500")]  # fmt: skip
    assert len(content["rows"]) == len(short["rows"]) == 24
    assert changes.SUMMED in content["text"]
    assert not any("pairs" in row for row in rows)
