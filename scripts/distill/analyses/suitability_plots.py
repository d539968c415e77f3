"""The picture of suitability against gain."""

import math
from collections.abc import Sequence
from typing import Any

from distill.analyses.plots import COLOURS, Drawn, drawn, rows_of_panels, span
from distill.analyses.suitability_tables import Gain, Rated
from distill.scores.measures import ACCURACY

Point = tuple[Rated, Gain]
SIGNAL = "rank_surprisal"


def suitability(pairs: Sequence[Point]) -> Drawn:
    """Return the picture of datasets: a panel per student and training, a point per dataset with its name."""
    known = [(each, gain) for each, gain in pairs if gain.measure == ACCURACY.name]
    studies = {gain.study for _, gain in known}
    panels: dict[str, list[Point]] = {}
    for each, gain in known:
        before = f"{gain.study}: " if len(studies) > 1 else ""
        panels.setdefault(f"{before}{each.student}, {each.training}", []).append((each, gain))

    def draw(axes: list[Any]) -> None:
        for axis, (title, own) in zip(axes, panels.items(), strict=True):
            axis.axhline(0, color=COLOURS[7], linestyle="--", linewidth=1)
            for each, gain in own:
                _point(axis, each, gain)
            axis.set_title(title, fontsize=10)
            axis.set_xlabel("rank-surprisal ratio before training")
            axis.margins(x=0.25)
        axes[0].set_ylabel("gain over the untouched student, points")

    rows = rows_of_panels(len(panels))
    columns = math.ceil(max(len(panels), 1) / rows)
    svg = drawn((4.4 * columns + 0.4, 3.6 * rows), len(panels), draw, rows)
    rated = span(each.rows for each, _ in known) if known else "0"
    asked = span(gain.row["n_problems"] for _, gain in known) if known else "0"
    caption = (
        "Gain in accuracy over the untouched student by the rank-surprisal ratio of a dataset before training (less "
        f"suits better), a point per dataset with the 95 % intervals of both; n = {len(known)} datasets of {rated} "
        f"rows, {asked} problems of a gain. So few points show no rule."
    )
    return Drawn(svg, caption, f"Suitability against gain, {len(known)} datasets in {len(panels)} panels")


def _point(axis: Any, each: Rated, gain: Gain) -> None:
    figure, row = each.figures[SIGNAL], gain.row
    x, y = figure.estimate, 100 * row["estimate"]
    axis.plot([x, x], [100 * row["ci_low"], 100 * row["ci_high"]], color=COLOURS[0], linewidth=0.8)
    if not math.isnan(figure.low):
        axis.plot([figure.low, figure.high], [y, y], color=COLOURS[0], linewidth=0.8)
    axis.plot([x], [y], color=COLOURS[0], marker="o", markersize=5, linestyle="none")
    axis.annotate(each.dataset, (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
