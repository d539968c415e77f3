"""The picture of lengths by correctness."""

import math
from collections.abc import Sequence
from typing import Any

from distill.analyses import looks
from distill.analyses.lengths import KINDS, Lengths, percentiles
from distill.analyses.plots import NAME, Drawn, drawn, folded, logarithmic, rows_of_panels

LOOKS = dict(zip(KINDS, looks.KINDS, strict=True))
STEP = 0.24  # between the bars of one arm


def lengths(found: Sequence[Lengths]) -> Drawn:
    """Return the picture of arms: a panel per student, all on one axis; per arm a bar for each kind of response."""
    panels: dict[str, list[Lengths]] = {}
    for each in found:
        panels.setdefault(each.arm.student, []).append(each)
    kinds = [kind for kind in KINDS if any(len(each.tokens[kind]) for each in found)]
    tallest = max(map(len, panels.values()), default=0)

    def draw(axes: list[Any]) -> None:
        shown: dict[str, Any] = {}
        for axis, (student, own) in zip(axes, panels.items(), strict=True):
            for place, kind in enumerate(kinds):
                if line := _bars(axis, own, kind, STEP * (place - (len(kinds) - 1) / 2)):
                    shown.setdefault(kind, line)
            axis.set_yticks(range(len(own)), [folded(each.name, NAME) for each in own], fontsize=8)
            axis.set_ylim(len(own) - 0.5, -0.5)
            axis.set_title(student, fontsize=10)
            axis.set_xlabel("tokens of a response")
        ends = [axis.get_xlim() for axis in axes]
        for axis in axes:
            axis.set_xlim(max(min(low for low, _ in ends), 1), max(high for _, high in ends))
            logarithmic(axis, "x")
            axis.tick_params(axis="x", which="both", labelsize=8)
        axes[-1].legend(shown.values(), shown, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    rows = rows_of_panels(len(panels))
    columns = math.ceil(max(len(panels), 1) / rows)
    svg = drawn((4.2 * columns + 1.2, (0.9 + 0.42 * tallest) * rows), len(panels), draw, rows)
    counts = ", ".join(f"{sum(len(each.tokens[kind]) for each in found)} {kind}" for kind in kinds) or "none"
    caption = (
        "Tokens of responses on one logarithmic axis, of the first seed of each arm on all benchmarks together: the "
        f"mark is the median, the bar reaches from quartile to quartile, the line holds the middle 90 %; n = {counts}."
    )
    return Drawn(svg, caption, f"Lengths of right and wrong responses of {len(found)} arms, a panel per student")


def _bars(axis: Any, own: Sequence[Lengths], kind: str, shift: float) -> Any:
    """Draw one kind of response of all arms of a panel, three elements in all; return its marks, None without any."""
    colour, marker = LOOKS[kind]
    places = [(place + shift, each.tokens[kind]) for place, each in enumerate(own) if len(each.tokens[kind])]
    if not places:
        return None
    found = [(place, *(max(value, 1) for value in percentiles(tokens, 5, 25, 50, 75, 95))) for place, tokens in places]
    for (first, last), width in (((1, 5), 0.8), ((2, 4), 4)):
        ends = [end for each in found for end in (each[first], each[last], math.nan)]
        axis.plot(ends, [each[0] for each in found for _ in range(3)], color=colour, linewidth=width,
                  solid_capstyle="butt")  # fmt: skip
    (line,) = axis.plot([each[3] for each in found], [each[0] for each in found], linestyle="none", color=colour,
                        marker=marker, markersize=5, markeredgecolor="#ffffff")  # fmt: skip
    return line
