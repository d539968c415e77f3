"""A section of the report: a title, some text, tables and perhaps a picture, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
NOTHING = "nothing to show in this study"  # what a picture of nothing says
Inputs = Mapping[str, Sequence[Path]]  # kind -> files


@dataclass(frozen=True)
class Picture:
    """A picture's name (its file beside the page is NAME.svg) and its SVG.

    caption: how it is read, n and method; alt: what it shows, for who cannot see it.
    """

    name: str
    svg: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Table:
    """A table: rows, column -> value (text, number or None), of which `columns` are shown; links know the others, too.

    marks: `up` or `down` per row, colours the column `marked`; dense: many columns.
    """

    title: str
    rows: Sequence[Row]
    columns: Sequence[str]
    marked: str | None = None
    marks: Sequence[str] = ()
    dense: bool = True


@dataclass(frozen=True)
class Block:
    """A part of a section: a title, a lead that is seen when the block is folded, text, tables, and further blocks."""

    title: str
    lead: str = ""
    text: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    blocks: tuple["Block", ...] = ()
    open: bool = False


MOST = 200  # rows of arms and benchmarks that the page shows one by one
FIRST_SEEDS = "Here is the first seed of each arm; table.csv of this analysis has every seed."


def first_seeds(rows: Sequence[Row]) -> tuple[Table, ...]:
    """Return a table of the rows of each arm's first seed; none where the page shows all. Rows name their `arm`."""
    if len(rows) <= MOST:
        return ()
    parts = [(arm, int(seed or 0)) for arm, _, seed in (row["arm"].partition("/seed-") for row in rows)]
    least: dict[str, int] = {}
    for arm, seed in parts:
        least[arm] = min(seed, least.get(arm, seed))
    shown = [row for row, (arm, seed) in zip(rows, parts, strict=True) if seed == least[arm]]
    return (Table("First seeds", shown, list(rows[0])),)


@dataclass(frozen=True)
class Section:
    """What an analysis says.

    text: paragraphs; rows: the table, column -> value (text, number or None), the same columns in each; marks: `up` or
    `down` per row, colours the column `marked`; dense: many columns; blocks: what the page shows in place of the table;
    open: what a reader sees before anything is unfolded.
    """

    title: str
    text: tuple[str, ...]
    rows: list[Row]
    picture: Picture | None = None
    marked: str | None = None
    marks: tuple[str, ...] = ()
    dense: bool = False
    blocks: tuple[Block, ...] = ()
    open: bool = False

    @property
    def columns(self) -> list[str]:
        """Return the names of the table's columns, in their order; JSON objects have none."""
        return list(self.rows[0]) if self.rows else []

    def content(self) -> dict[str, Any]:
        """Return the section as plain data for JSON."""
        return {**asdict(self), "columns": self.columns}
