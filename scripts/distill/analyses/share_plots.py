"""The picture of mix shares."""

import math
from collections.abc import Sequence
from typing import Any

from distill.analyses.plots import COLOURS, Drawn, by_student, drawn, look, rows_of_panels, span
from distill.analyses.shares import Curve


def mix_shares(curves: Sequence[Curve]) -> Drawn:
    """Return the picture of curves: a panel per student, a line per mix and training, its band the 95 % intervals."""
    panels: dict[str, list[Curve]] = by_student(curves)
    trainings = {curve.training for curve in curves}

    def label(curve: Curve) -> str:
        return f"{curve.name} ({curve.training})" if len(trainings) > 1 else curve.name

    places = {name: place for place, name in enumerate(dict.fromkeys(map(label, curves)))}

    def draw(axes: list[Any]) -> None:
        shown: dict[str, Any] = {}
        for axis, (title, own) in zip(axes, panels.items(), strict=True):
            base = 100 * own[0].untouched["accuracy"]
            shown["untouched student"] = axis.axhline(base, color=COLOURS[7], linestyle="--", linewidth=1)
            for curve in own:
                shown[label(curve)] = _line(axis, curve, look(places[label(curve)]))
            axis.set_xlim(-0.03, 1.03)
            axis.set_ylim(0, 102)
            axis.set_title(title, fontsize=10)
            axis.set_xlabel("share of the first teacher")
        axes[0].set_ylabel("accuracy, points")
        axes[-1].legend(shown.values(), shown, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    rows, arms = rows_of_panels(len(panels)), [row for curve in curves for _, row in curve.points]
    columns = math.ceil(max(len(panels), 1) / rows)
    svg = drawn((3.6 * columns + 2.2, 3.2 * rows), len(panels), draw, rows)
    problems, seeds = (span(row[name] for row in arms) if arms else "0" for name in ("n_problems", "n_seeds"))
    caption = (
        "Accuracy by the share of the first teacher of two, a line per mix with its 95 % intervals as a band; "
        f"n = {problems} problems and {seeds} seeds of an arm. Dashed: the untouched student."
    )
    return Drawn(svg, caption, f"Accuracy by mix share, {len(curves)} curves of {len(panels)} students")


def _line(axis: Any, curve: Curve, how: dict[str, str]) -> Any:
    shares = [share for share, _ in curve.points]
    low, high, middle = ([100 * row[key] for _, row in curve.points] for key in ("ci_low", "ci_high", "accuracy"))
    axis.fill_between(shares, low, high, color=how["color"], alpha=0.15, linewidth=0)
    (line,) = axis.plot(shares, middle, markersize=4, linewidth=1, **how)
    return line
