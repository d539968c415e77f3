"""Tables of the results: as CSV, written with fixed precision and read back with their numbers, and for a terminal."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def csv_text(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV with fixed precision."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = [row[c] for c in columns]
        writer.writerow([f"{v:.6f}" if isinstance(v, float) else v for v in values])
    return buffer.getvalue()


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines whose columns stand under each other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def read_csv(path: Path) -> list[dict[str, Any]]:
    """Return the rows of such a table; whole numbers, numbers and empty cells (None) as such."""
    with open(path, encoding="utf-8", newline="") as file:
        return [{name: _value(text) for name, text in row.items()} for row in csv.DictReader(file)]


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None
