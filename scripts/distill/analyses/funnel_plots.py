"""The picture of the funnel: how many rows of each teacher are left after each step to a dataset."""

import math
from collections.abc import Sequence
from typing import Any

from distill.analyses.looks import teachers as looks_of
from distill.analyses.plots import Drawn, drawn, rows_of_panels
from distill.analyses.section import Row

NOT_STEPS = ("arm", "teacher")


def funnel(rows: Sequence[tuple[str, Row]]) -> Drawn:
    """Return the picture of the funnel's rows, each with its dataset: a panel per dataset, a bar per step and teacher.

    Steps that are of arms (rows within the cutoff, rows trained on) have the least of all arms of the dataset as their
    bar, and the least and the most as their figure.
    """
    panels: dict[str, dict[str, list[Row]]] = {}
    for dataset, row in rows:
        panels.setdefault(dataset, {}).setdefault(row["teacher"], []).append(row)
    steps = [name for name in rows[0][1] if name not in NOT_STEPS] if rows else []
    looks = looks_of(row["teacher"] for _, row in rows)
    most = max((row[step] or 0 for _, row in rows for step in steps), default=1)

    def draw(axes: list[Any]) -> None:
        shown: dict[str, Any] = {}
        for axis, (dataset, teachers) in zip(axes, panels.items(), strict=True):
            height = 0.8 / len(teachers)
            for number, (teacher, own) in enumerate(teachers.items()):
                shift = height * (number - (len(teachers) - 1) / 2)
                shown[teacher] = _bars(axis, [_ends(own, step) for step in steps], shift, height, looks[teacher])
            axis.set_yticks(range(len(steps)), steps, fontsize=8)
            axis.set_ylim(len(steps) - 0.5, -0.5)
            axis.set_xlim(0, 1.25 * most)
            axis.set_title(dataset, fontsize=10)
            axis.grid(visible=False, axis="y")
        axes[-1].legend(shown.values(), shown, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    lines = rows_of_panels(len(panels))
    columns = math.ceil(max(len(panels), 1) / lines)
    tall = max((len(teachers) for teachers in panels.values()), default=1)
    svg = drawn((4.2 * columns + 1.6, (0.8 + 0.1 * len(steps) * (1.2 + tall)) * lines), len(panels), draw, lines)
    caption = (
        "Rows that are left after each step, from the problems of the corpus to the rows that an update has seen, a "
        "panel per dataset and a bar per teacher, all on one axis. The last two steps are of arms: the bar is the "
        f"least of them, the figures are the least and the most; n = {len(rows)} arms and teachers."
    )
    return Drawn(svg, caption, f"Rows left after each step to {len(panels)} datasets, a bar per teacher")


def _ends(rows: Sequence[Row], step: str) -> tuple[int, str]:
    """Return the least of the rows' counts, and what stands at its bar: the most too, where it is another."""
    counts = [row[step] for row in rows if row[step] is not None]
    if not counts:
        return 0, "unknown"
    least, most = min(counts), max(counts)
    return least, f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _bars(axis: Any, ends: Sequence[tuple[int, str]], shift: float, height: float, look: tuple[str, str]) -> Any:
    """Draw the bars of a teacher with their figures; return one of them, for the legend."""
    where = [step + shift for step in range(len(ends))]
    colour, hatch = look
    drawn_bars = axis.barh(where, [least for least, _ in ends], 0.9 * height, color=colour, hatch=hatch,
                           edgecolor="#ffffff", linewidth=0)  # fmt: skip
    for y, (least, text) in zip(where, ends, strict=True):
        axis.text(least, y, f" {text}", va="center", fontsize=7)
    return drawn_bars
