"""CSV tables come back as they were written: numbers in columns of numbers, and any text, also of digits, in others."""

from pathlib import Path

import pytest

from distill.report.tabled import typed
from distill.scores.csvs import csv_text, read_csv

COLUMNS = ("student", "part", "n_problems", "accuracy")


@pytest.mark.parametrize(
    "text",
    ["007", "1e5", "nan", "inf", "2.50", "1_000", "+1", " 5", "\u0663", "9" * 5000, "1e400", "a\rb", "Level 5\r",
     "a\r\nb", "a\nb", 'a,"b"', "=1+1", "\t", "\u2028", "\u202e", "null", "True", "-"],
    ids=lambda text: repr(text[:20]),
)  # fmt: skip
def test_a_text_comes_back(tmp_path: Path, text: str) -> None:
    rows = [{"student": text, "part": text, "n_problems": 3, "accuracy": 0.5}] * 2
    written = csv_text(rows, COLUMNS)
    (tmp_path / "table.csv").write_text(written, encoding="utf-8", newline="")
    assert read_csv(tmp_path / "table.csv") == rows
    assert typed(written).to_pylist() == rows


def test_what_is_empty_is_none(tmp_path: Path) -> None:
    row = {"student": None, "part": "", "n_problems": None, "accuracy": None}
    (tmp_path / "table.csv").write_text(csv_text([row], COLUMNS), encoding="utf-8", newline="")
    assert read_csv(tmp_path / "table.csv") == [dict.fromkeys(COLUMNS)]
