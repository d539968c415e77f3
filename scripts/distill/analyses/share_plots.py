"""The picture of mix shares."""

import math
from collections.abc import Sequence
from typing import Any

from distill.analyses.arm_names import arm_names
from distill.analyses.looks import GREY, UNTOUCHED_LINE, Looks
from distill.analyses.plots import Drawn, by_student, drawn, family, marks, rows_of_panels, span
from distill.analyses.shares import Curve
from distill.config.labels import UNTOUCHED


def mix_shares(curves: Sequence[Curve], looks: Looks) -> Drawn:
    """Return the picture of curves: a panel per student, a grey line per mix and training, its band the 95 % intervals.

    Marks are the arms, in the colours that their datasets have in all pictures.
    """
    panels: dict[str, list[Curve]] = by_student(curves)
    trainings = {curve.training for curve in curves}
    arms = [row for curve in curves for _, row in curve.points]
    names = arm_names((row["dataset"], row["training"]) for row in arms)

    def label(curve: Curve) -> str:
        return f"{curve.name} ({curve.training})" if len(trainings) > 1 else curve.name

    places = {name: place for place, name in enumerate(dict.fromkeys(map(label, curves)))}

    def draw(axes: list[Any]) -> None:
        shown: dict[str, Any] = {}
        for axis, (title, own) in zip(axes, panels.items(), strict=True):
            base = 100 * own[0].untouched["accuracy"]
            shown[UNTOUCHED] = axis.axhline(base, **UNTOUCHED_LINE)
            for curve in own:
                shown[label(curve)] = _line(axis, curve, places[label(curve)])
            for curve in own:
                shown |= marks(axis, curve.points, looks, names)
            axis.set_xlim(-0.03, 1.03)
            axis.set_ylim(0, 102)
            axis.set_title(title, fontsize=10)
            axis.set_xlabel("share of the first teacher")
        axes[0].set_ylabel("accuracy, points")
        axes[-1].legend(shown.values(), shown, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    rows = rows_of_panels(len(panels))
    columns = math.ceil(max(len(panels), 1) / rows)
    svg = drawn((3.6 * columns + 2.2, 3.2 * rows), len(panels), draw, rows)
    problems, seeds = (span(row[name] for row in arms) if arms else "0" for name in ("n_problems", "n_seeds"))
    caption = (
        "Accuracy by the share of the first teacher of two, a line per mix with its 95 % intervals as a band, a mark "
        f"per dataset; n = {problems} problems and {seeds} seeds of an arm. Dashed: the untouched student."
    )
    return Drawn(svg, caption, f"Accuracy by mix share, {len(curves)} curves of {len(panels)} students")


def _line(axis: Any, curve: Curve, place: int) -> Any:
    shares = [share for share, _ in curve.points]
    low, high, middle = ([100 * row[key] for _, row in curve.points] for key in ("ci_low", "ci_high", "accuracy"))
    axis.fill_between(shares, low, high, color=GREY, alpha=0.15, linewidth=0)
    (line,) = axis.plot(shares, middle, **family(place))
    return line
