"""Tables of the results: as CSV, written with fixed precision and read back with their numbers, and for a terminal."""

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# Columns that hold whole numbers, and those that hold numbers; what stands in others is text: names may be digits.
WHOLE = ("seed", "n_problems", "n_samples", "n_seeds", "n_benchmarks", "parameters")
NUMBERS = (
    "accuracy", "ci_low", "ci_high", "no_answer", "cut_off", "errors", "mean_tokens", "lenient", "ungraded", "loops",
    "pass_at_n", "maj_at_n", "solution_nats", "answer_nats", "seed_sd", "training_sd", "estimate", "p_value",
    "loss_token_ratio", "p_holm", "df", "tipping_sd", "problem_se", "correlation",
)  # fmt: skip


def csv_text(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV with fixed precision."""
    values = ([row[column] for column in columns] for row in rows)
    return "".join(map(_line, [columns, *([f"{v:.6f}" if isinstance(v, float) else v for v in row] for row in values)]))


def _line(values: Sequence[Any]) -> str:
    """Return a line of CSV; a cell with either sign of a new line stands in quotes."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(values)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines whose columns stand under each other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def read_csv(path: Path) -> list[dict[str, Any]]:
    """Return the rows of such a table; numbers as such in columns of numbers, empty cells as None."""
    with open(path, encoding="utf-8", newline="") as file:
        return [{name: _value(name, text) for name, text in row.items()} for row in csv.DictReader(file)]


def _value(name: str, text: str) -> Any:
    for kind in (int, float) if name in (*WHOLE, *NUMBERS) else ():
        with suppress(ValueError):
            return kind(text)
    return text or None
