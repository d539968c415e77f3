"""The picture of mix shares."""

from collections.abc import Sequence
from typing import Any

from distill.analyses.looks import GREY, Looks
from distill.analyses.plots import Drawn, family, panels_of_curves
from distill.analyses.shares import Curve


def mix_shares(curves: Sequence[Curve], looks: Looks) -> Drawn:
    """Return the picture of curves: a panel per student, a grey line per mix and training, its band the 95 % intervals.

    Marks are the arms, in the colours that their datasets have in all pictures.
    """
    trainings = {curve.training for curve in curves}

    def label(curve: Curve) -> str:
        return f"{curve.name} ({curve.training})" if len(trainings) > 1 else curve.name

    places = {name: place for place, name in enumerate(dict.fromkeys(map(label, curves)))}

    def line(axis: Any, curve: Curve) -> dict[str, Any]:
        shares = [share for share, _ in curve.points]
        low, high, middle = ([100 * row[key] for _, row in curve.points] for key in ("ci_low", "ci_high", "accuracy"))
        axis.fill_between(shares, low, high, color=GREY, alpha=0.15, linewidth=0)
        (drawn,) = axis.plot(shares, middle, **family(places[label(curve)]))
        return {label(curve): drawn}

    def dress(axis: Any) -> None:
        axis.set_xlim(-0.03, 1.03)
        axis.set_ylim(0, 102)
        axis.set_xlabel("share of the first teacher")

    svg, counts, panels = panels_of_curves(curves, looks, 3.6, line, dress)
    caption = (
        "Accuracy by the share of the first teacher of two, a line per mix with its 95 % intervals as a band, a mark "
        f"per dataset; {counts}. Dashed: the untouched student."
    )
    return Drawn(svg, caption, f"Accuracy by mix share, {len(curves)} curves of {panels} students")
