"""The picture of accuracy by tokens trained on."""

from collections.abc import Sequence
from typing import Any

from distill.analyses.looks import Looks
from distill.analyses.plots import Drawn, family, logarithmic, panels_of_curves
from distill.analyses.token_curve import Curve


def token_curve(curves: Sequence[Curve], looks: Looks) -> Drawn:
    """Return the picture of curves: a panel per student, a grey line per curve, all on the same axes.

    Marks are the arms, in the colours that their datasets have in all pictures.
    """
    places = {name: place for place, name in enumerate(dict.fromkeys(curve.name for curve in curves))}
    tokens = [place for curve in curves for place, _ in curve.points]
    is_wide = bool(tokens) and max(tokens) >= 10 * min(tokens)
    highest = max((row["ci_high"] for curve in curves for _, row in curve.points), default=1)
    top = min(102.0, 125 * max([highest, *(curve.untouched["accuracy"] for curve in curves)]))

    def line(axis: Any, curve: Curve) -> dict[str, Any]:
        heights = [100 * row["accuracy"] for _, row in curve.points]
        axis.plot([place for place, _ in curve.points], heights, **family(places[curve.name]))
        return {}  # its name would be those of its marks

    def dress(axis: Any) -> None:
        axis.set_xlim(0.9 * min(tokens), 1.1 * max(tokens))
        axis.set_ylim(0, top)
        if is_wide:
            logarithmic(axis, "x")
        else:  # few enough that figures of millions stand beside each other
            axis.locator_params(axis="x", nbins=4)
            axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.tick_params(axis="x", which="both", labelsize=8)
        axis.set_xlabel("loss tokens trained on")

    svg, counts, panels = panels_of_curves(curves, looks, 3.8, line, dress, bars=True)
    caption = (
        "Accuracy by the loss tokens that an arm was trained on, a line through datasets that differ in their budget "
        f"alone, a mark per dataset with its 95 % interval; {counts}. Dashed: the untouched student."
    )
    return Drawn(svg, caption, f"Accuracy by tokens trained on, {len(curves)} curves of {panels} students")
