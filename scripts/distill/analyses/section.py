"""A section of the report: a title, some text, a table and perhaps a picture, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Inputs = Mapping[str, Sequence[Path]]  # kind -> files


@dataclass(frozen=True)
class Picture:
    """A picture's name (its file beside the page is NAME.svg) and its SVG."""

    name: str
    svg: str


@dataclass(frozen=True)
class Section:
    """What an analysis says.

    text: paragraphs; rows: the table, column -> value (text, number or None), the same columns in each; marks: `up` or
    `down` per row, colours the column `marked`; dense: many columns.
    """

    title: str
    text: tuple[str, ...]
    rows: list[Row]
    picture: Picture | None = None
    marked: str | None = None
    marks: tuple[str, ...] = ()
    dense: bool = False

    @property
    def columns(self) -> list[str]:
        """Return the names of the table's columns, in their order; JSON objects have none."""
        return list(self.rows[0]) if self.rows else []

    def content(self) -> dict[str, Any]:
        """Return the section as plain data for JSON."""
        return {**asdict(self), "columns": self.columns}
