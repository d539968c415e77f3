"""How wide a table must be to show all its columns: below that its rows stand as cards, so that nothing is cut off."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STEP = 4  # rem; so many widths share a rule of the page's style
FULL = 72  # rem; what a page of 1200 pixels has
FONT, DENSE_FONT = 0.88, 0.76  # rem
# In the size of the font, in the widest of the fonts that systems have for pages (DejaVu Sans).
LETTER, BOLD_LETTER, PADDING, DENSE_PADDING = 0.62, 0.7, 0.82, 0.62


@dataclass(frozen=True)
class Width:
    """The least width of a table in rem, in whole steps, and whether its font is the small one."""

    rem: int
    dense: bool


def shown(value: Any) -> str:
    """Return a value as the page shows it."""
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def pieces(text: str) -> list[str]:
    """Return what a browser may put on lines of their own: it breaks behind spaces, hyphens, `/` and `_`."""
    return re.findall(r"[^\s/_-]*[/_-]?", text)


def width_of(rows: Sequence[Mapping[str, Any]], dense: bool) -> Width:
    """Return the width that a table needs; it is `dense` if it must be, to fit the page."""
    columns = list(rows[0]) if rows else []
    letters = sum(_letters(column, [row[column] for row in rows]) for column in columns)
    dense = dense or (letters + len(columns) * PADDING) * FONT > FULL
    font, padding = (DENSE_FONT, DENSE_PADDING) if dense else (FONT, PADDING)
    return Width(-int(-(letters + len(columns) * padding) * font // STEP) * STEP, dense)


def _letters(column: str, values: Sequence[Any]) -> float:
    """Return the least width of a column in font sizes. Numbers are not broken, texts and heads where `pieces` says."""
    whole = [shown(value) for value in values if isinstance(value, (int, float))]
    broken = [piece for value in values for piece in pieces(shown(value))]
    head = max(map(len, pieces(column)))
    return max(max(map(len, [*whole, *broken])) * LETTER, head * BOLD_LETTER)
