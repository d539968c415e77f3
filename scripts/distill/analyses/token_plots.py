"""The picture of accuracy by tokens trained on."""

import math
from collections.abc import Sequence
from typing import Any

from distill.analyses.arm_names import arm_names
from distill.analyses.looks import UNTOUCHED_LINE, Looks
from distill.analyses.plots import (
    Drawn,
    by_student,
    drawn,
    family,
    logarithmic,
    marks,
    rows_of_panels,
    span,
)
from distill.analyses.token_curve import Curve
from distill.config.labels import UNTOUCHED


def token_curve(curves: Sequence[Curve], looks: Looks) -> Drawn:
    """Return the picture of curves: a panel per student, a grey line per curve, all on the same axes.

    Marks are the arms, in the colours that their datasets have in all pictures.
    """
    panels: dict[str, list[Curve]] = by_student(curves)
    places = {name: place for place, name in enumerate(dict.fromkeys(curve.name for curve in curves))}
    tokens = [place for curve in curves for place, _ in curve.points]
    arms = [row for curve in curves for _, row in curve.points]
    names = arm_names((row["dataset"], row["training"]) for row in arms)
    is_wide = bool(tokens) and max(tokens) >= 10 * min(tokens)
    highest = max((row["ci_high"] for curve in curves for _, row in curve.points), default=1)
    top = min(102.0, 125 * max([highest, *(curve.untouched["accuracy"] for curve in curves)]))

    def draw(axes: list[Any]) -> None:
        shown: dict[str, Any] = {}
        for axis, (title, own) in zip(axes, panels.items(), strict=True):
            base = 100 * own[0].untouched["accuracy"]
            shown[UNTOUCHED] = axis.axhline(base, **UNTOUCHED_LINE)
            for curve in own:
                heights = [100 * row["accuracy"] for _, row in curve.points]
                axis.plot([place for place, _ in curve.points], heights, **family(places[curve.name]))
                shown |= marks(axis, curve.points, looks, names, bars=True)
            axis.set_xlim(0.9 * min(tokens), 1.1 * max(tokens))
            axis.set_ylim(0, top)
            if is_wide:
                logarithmic(axis, "x")
            else:  # few enough that figures of millions stand beside each other
                axis.locator_params(axis="x", nbins=4)
                axis.xaxis.set_major_formatter("{x:,.0f}")
            axis.tick_params(axis="x", which="both", labelsize=8)
            axis.set_title(title, fontsize=10)
            axis.set_xlabel("loss tokens trained on")
        axes[0].set_ylabel("accuracy, points")
        axes[-1].legend(shown.values(), shown, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    rows = rows_of_panels(len(panels))
    columns = math.ceil(max(len(panels), 1) / rows)
    svg = drawn((3.8 * columns + 2.4, 3.2 * rows), len(panels), draw, rows)
    problems, seeds = (span(row[name] for row in arms) if arms else "0" for name in ("n_problems", "n_seeds"))
    caption = (
        "Accuracy by the loss tokens that an arm was trained on, a line through datasets that differ in their budget "
        f"alone, a mark per dataset with its 95 % interval; n = {problems} problems and {seeds} seeds of an arm. "
        "Dashed: the untouched student."
    )
    return Drawn(svg, caption, f"Accuracy by tokens trained on, {len(curves)} curves of {len(panels)} students")
