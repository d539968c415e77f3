"""The picture of suitability against gain."""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from distill.analyses.looks import UNTOUCHED_LINE, Looks
from distill.analyses.plots import Drawn, drawn, rows_of_panels, span
from distill.analyses.suitability_tables import Gain, Rated
from distill.scores.measures import ACCURACY

Point = tuple[Rated, Gain]
SIGNAL = "rank_surprisal"
STEP = 0.055  # of a panel's height, between two names


def suitability(pairs: Sequence[Point], looks: Looks) -> Drawn:
    """Return the picture of datasets: a panel per student and training, a point per dataset with its name."""
    known = [(each, gain) for each, gain in pairs if gain.measure == ACCURACY.name]
    studies = {gain.study for _, gain in known}
    panels: dict[str, list[Point]] = {}
    for each, gain in known:
        before = f"{gain.study}: " if len(studies) > 1 else ""
        panels.setdefault(f"{before}{each.student}, {each.training}", []).append((each, gain))

    def draw(axes: list[Any]) -> None:
        for axis, (title, own) in zip(axes, panels.items(), strict=True):
            axis.axhline(0, **UNTOUCHED_LINE)
            for each, gain in own:
                _point(axis, each, gain, looks.arm(each.dataset, each.training))
            axis.set_title(title, fontsize=10)
            axis.set_xlabel("rank-surprisal ratio before training")
        _on_one_scale(axes)
        for axis, own in zip(axes, panels.values(), strict=True):
            _names(axis, own)
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


def _point(axis: Any, each: Rated, gain: Gain, how: dict[str, Any]) -> None:
    figure, row = each.figures[SIGNAL], gain.row
    x, y = figure.estimate, 100 * row["estimate"]
    axis.plot([x, x], [100 * row["ci_low"], 100 * row["ci_high"]], color=how["color"], linewidth=0.8)
    if not math.isnan(figure.low):
        axis.plot([figure.low, figure.high], [y, y], color=how["color"], linewidth=0.8)
    axis.plot([x], [y], **{**how, "markersize": 5, "linestyle": "none"})


def _on_one_scale(axes: Sequence[Any]) -> None:
    """Give all panels the same axes, with room for names on the right."""
    (left, right), (low, high) = ([end(values) for end, values in zip((min, max), zip(*ends, strict=True), strict=True)]
                                  for ends in ([a.get_xlim() for a in axes], [a.get_ylim() for a in axes]))  # fmt: skip
    for axis in axes:
        axis.set_xlim(left, right + 0.45 * (right - left))
        axis.set_ylim(low, high)


def _names(axis: Any, own: Sequence[Point]) -> None:
    """Write the names of the points on the right, each at the height of its own or as near as the others let it."""
    low, high = axis.get_ylim()
    step, right = STEP * (high - low), axis.get_xlim()[1]
    heights: list[float] = []
    points = [(each, 100 * gain.row["estimate"]) for each, gain in own]
    points.sort(key=lambda point: point[1])
    for _, gain in points:
        heights.append(max(gain, heights[-1] + step if heights else -math.inf))
    lift = fmean(height - gain for height, (_, gain) in zip(heights, points, strict=True))
    down = max(lift, heights[-1] + step / 2 - high)
    how = {"fontsize": 7, "ha": "right", "va": "center", "arrowprops": {"arrowstyle": "-", "linewidth": 0.3},
           "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.4}}  # fmt: skip
    for (each, gain), height in zip(points, heights, strict=True):
        axis.annotate(each.dataset, (each.figures[SIGNAL].estimate, gain), (right, height - down), **how)
