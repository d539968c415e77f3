"""Means and contrasts as LaTeX tables (packages booktabs and longtable): tables.tex, to be read by `\\input`."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from distill.config.labels import NO_LABELS, Labels
from distill.scores.numbers import interval, points
from distill.scores.readings import ESTIMATE, Row, cells, measure_of, title

HEAD = "% By Mixdistill. In the preamble: \\usepackage{booktabs,longtable}"
SIGNS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
         ">": r"\textgreater{}", "|": r"\textbar{}", "\u2212": r"$-$", "\u00d7": r"$\times$", "\u2013": "--",
         "[": "{[}", "*": "{*}",  # which `\\` before them would take for its own
         **{sign: f"\\{sign}" for sign in "&%$#_{}"}}  # fmt: skip
_SIGN = re.compile("|".join(map(re.escape, SIGNS)))
_NUMBER = re.compile(r"(?<![\w.])-(?=\d)")  # a hyphen before a number is a minus


def tables_tex(
    means: Sequence[Row], gaps: Sequence[Row], studies: Mapping[str, Any], labels: Labels = NO_LABELS
) -> str:
    """Return the tables: per study the accuracy of each arm, then its contrasts, a table per family.

    `means` are the rows of means.csv, `gaps` those of gaps.csv, `studies` their recipes by name; `labels` stand for
    names.
    """
    means, gaps = labels.rows(means), labels.rows(gaps)
    parts = [HEAD]
    for name in studies:
        arms = [_arm(row) for row in means if row["study"] == name]
        parts += [_table(f"{name}: accuracy in points", list(arms[0]), [list(arm.values()) for arm in arms])] * bool(
            arms
        )
        own = [row for row in gaps if row["study"] == name]
        for family in dict.fromkeys(row["family"] for row in own):
            rows = [row for row in own if row["family"] == family]
            headings = [measure_of(rows[0]).shown if column == ESTIMATE else column for column in cells(rows[0])]
            parts.append(_table(f"{name}: {title(rows[0])}", headings, [list(cells(row).values()) for row in rows]))
    return "\n\n".join(parts) + "\n"


def _arm(row: Row) -> dict[str, str]:
    return {"student": row["student"], "trained on": row["dataset"], "training": row["training"],
            "benchmark": row["benchmark"], "seeds": str(row["n_seeds"]), "problems": str(row["n_problems"]),
            "accuracy": points(row["accuracy"]) or "", "95 % interval": interval(row)}  # fmt: skip


def _table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    begin = [f"\\begin{{longtable}}{{{'l' * len(headings)}}}", f"\\caption{{{escaped(caption)}}} \\\\"]
    body = [r"\toprule", _line(headings), r"\midrule", r"\endhead", *map(_line, rows), r"\bottomrule"]
    return "\n".join([*begin, *body, r"\end{longtable}"])


def _line(values: Sequence[str]) -> str:
    return " & ".join(map(escaped, values)) + r" \\"


def escaped(text: str) -> str:
    """Return a text that LaTeX sets as it is, with a minus for a hyphen before a number."""
    return _SIGN.sub(lambda sign: SIGNS[sign[0]], _NUMBER.sub("\u2212", text))
