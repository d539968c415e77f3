"""Statements of a corpus: problem_id and text."""

from pathlib import Path

from distill import tables


def statements(path: Path) -> dict[str, str]:
    """Return problem_id -> statement of a problems table."""
    table = tables.read(path, tables.PROBLEMS, ["problem_id", "problem"])
    return dict(zip(table["problem_id"].to_pylist(), table["problem"].to_pylist(), strict=True))
