"""Rows of gaps.csv as tables of the report: with what a reader needs beside each number."""

import re
from collections.abc import Sequence
from typing import Any

from distill.analyses.section import Row, Table
from distill.scores.readings import ESTIMATE, HOLM, cells, measure_of, side

ALWAYS = ("95 % interval", "reading", "p (Holm)", "seeds (SD)", "loss tokens", "parity")


def table(title: str, gaps: Sequence[Any], *further: str) -> Table:
    """Return rows as a table; `further` columns (measure, student, benchmark) stand before the figures."""
    unit = measure_of(gaps[0]).shown if gaps else ""
    columns = ("contrast", *further, unit, *ALWAYS)
    return Table(title, list(map(row, gaps)), columns, unit, marks(gaps))


def row(gap: Any) -> Row:
    """Return a row of gaps.csv as a person reads it; figures that belong together share a column."""
    shown = cells(gap)
    return {
        "contrast": f"{gap['gap']}: {shown['arms']}",
        "measure": measure_of(gap).title,
        "student": shown["student"],
        "benchmark": shown["benchmark"],
        "problems": gap["n_problems"],
        measure_of(gap).shown: shown[ESTIMATE],
        "95 % interval": shown["95 % interval"],
        "reading": shown["reading"],
        "p (Holm)": with_more(shown["p"], shown[HOLM]),
        "seeds (SD)": with_more(str(gap["n_seeds"]), shown["training noise"]),
        "loss tokens": shown["loss tokens"],
        "parity": short_figures(shown["parity"]),
    }


def short_figures(text: str) -> str:
    """Return a text whose figures of four decimals and more have two; of small ones two digits are left."""

    def short(found: re.Match[str]) -> str:
        figure = float(found[0])
        return f"{figure:.2f}" if figure >= 0.1 else f"{figure:.2g}"

    return re.sub(r"(?<![\w.])\d+\.\d{4,}(?![\w.])", short, text)


def with_more(text: str, more: str) -> str:
    """Return a text, and what is said beside it in brackets."""
    return f"{text} ({more})" if more else text


def marks(gaps: Sequence[Any]) -> tuple[str, ...]:
    """Return which rows are a gain (`up`) or a loss (`down`) by their reading."""
    return tuple({1: "up", -1: "down"}.get(side(gap), "") for gap in gaps)
