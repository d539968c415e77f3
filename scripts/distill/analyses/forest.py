"""The forest plot: every declared contrast with its interval, on one scale."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from distill.analyses.looks import GREY, KINDS
from distill.analyses.plots import Drawn, drawn, span
from distill.scores.readings import amount, interval, ratio, side
from distill.training.parity import NOT_COMPARABLE

ROW, WIDTH = 0.23, 11.0  # inches
MINUS = "\u2212"
Row = Mapping[str, Any]


class Look(NamedTuple):
    """How a contrast is drawn, and what the legend says of it. Shapes differ as well as colours."""

    colour: str
    marker: str
    filled: bool
    said: str


SURE = Look(*KINDS[0], True, "a gain or a loss")
OPEN = Look(*KINDS[0], False, "undecided, or smaller than what matters")
MODELS = Look(*KINDS[1], False, "these models only: no second seed says how noisy trainings are")
UNFAIR = Look(GREY, "X", True, f"{NOT_COMPARABLE}: the arms differ in more than their data")
BEST = Look(GREY, "|", False, "against the best of several: an interval without an estimate")


def forest(gaps: Sequence[Row]) -> Drawn:
    """Return the picture of rows of gaps.csv: estimate and interval of each in points, grouped by contrast."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for gap in gaps:
        groups.setdefault((gap["gap"], gap["plus"], gap["minus"] or ""), []).append(gap)
    lines: list[Row | str] = []  # from the top, a heading before the rows of a group
    for (name, plus, minus), rows in groups.items():
        lines += [f"{name}: {plus}" + (f" {MINUS} {minus}" if minus else ""), *rows]

    def draw(axes: list[Any]) -> None:
        (axis,) = axes
        for place, line in enumerate(lines):
            if isinstance(line, str):
                axis.text(0, place, line, transform=axis.get_yaxis_transform(), fontsize=8.5, fontweight="bold",
                          va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})  # fmt: skip
            else:
                _contrast(axis, place, line)
        _frame(axis, lines)

    height = ROW * len(lines) + 1.2
    svg = drawn((WIDTH, height), 1 if lines else 0, draw)
    return Drawn(svg, _caption(gaps), f"Forest plot of {len(gaps)} contrasts, each with its 95 % interval")


def look_of(row: Row) -> Look:
    """Return how a contrast is drawn: by its fairness, by whether the noise of trainings is known, by its reading."""
    if row["parity"].startswith(NOT_COMPARABLE):
        return UNFAIR
    if row["p_holm"] is None:
        return MODELS
    return SURE if side(row) else OPEN


def _contrast(axis: Any, place: int, row: Row) -> None:
    """Draw the interval of a contrast, its estimate where it has one, and its figures on the right."""
    look = look_of(row)
    low, high = 100 * row["ci_low"], 100 * row["ci_high"]
    dashed = {"linestyle": (0, (4, 2))} if look is UNFAIR else {}
    axis.plot([low, high], [place, place], color=look.colour, linewidth=1.4, **dashed)
    if row["estimate"] is None:
        axis.plot([low, high], [place, place], BEST.marker, color=look.colour, markersize=7)
    else:
        axis.plot([100 * row["estimate"]], [place], look.marker, color=look.colour, markersize=6,
                  mfc=look.colour if look.filled else "white")  # fmt: skip
    axis.text(1.01, place, _figures(row), transform=axis.get_yaxis_transform(), fontsize=7.5, va="center")


def _figures(row: Row) -> str:
    """Return a contrast's figures: points, interval, reading, seeds, parity where it is not equal, loss tokens."""
    seeds = f"{row['n_seeds']} seed{'s' * (row['n_seeds'] != 1)}"
    tokens = f"loss tokens {ratio(row)}" if ratio(row) else ""
    fair = row["parity"].split(":")[0]
    unlike = fair if fair not in ("equal", "base", NOT_COMPARABLE) else ""
    facts = ", ".join(filter(None, (row["reading"], seeds, unlike, tokens)))
    return f"{amount(row)} ({interval(row)})  {facts}".strip()


def _frame(axis: Any, lines: Sequence[Row | str]) -> None:
    """Set the scale, the names of the students, the line at zero, and a legend of what occurs."""
    rows = [(place, line) for place, line in enumerate(lines) if not isinstance(line, str)]
    ends = [0.0, *(100 * row[end] for _, row in rows for end in ("ci_low", "ci_high"))]
    margin = 0.04 * (max(ends) - min(ends)) or 5
    axis.set_xlim(min(ends) - margin, max(ends) + margin)
    axis.set_ylim(len(lines) - 0.4, -0.6)
    axis.set_yticks([place for place, _ in rows], [row["student"] for _, row in rows], fontsize=8)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
    axis.axvline(0, color="#333333", linewidth=1, zorder=0)
    axis.set_xlabel("points of accuracy")
    _legend(axis, [row for _, row in rows])


def _legend(axis: Any, rows: Sequence[Row]) -> None:
    from matplotlib.lines import Line2D

    looks = [look_of(row) for row in rows if row["estimate"] is not None]
    looks += [BEST] if len(looks) < len(rows) else []
    shown = [look for look in (SURE, OPEN, MODELS, UNFAIR, BEST) if look in looks]
    marks = [Line2D([], [], color=look.colour, marker=look.marker, mfc=look.colour if look.filled else "white")
             for look in shown]  # fmt: skip
    axis.figure.legend(marks, [look.said for look in shown], fontsize=8, loc="outside lower left", ncols=2)


def _caption(gaps: Sequence[Row]) -> str:
    if not gaps:
        return "The studies name no gaps."
    return (
        "Differences in points of accuracy with 95 % intervals, all on one scale; n = "
        f"{span(gap['n_problems'] for gap in gaps)} problems that both arms answered, and the seeds of the arm that "
        "has fewest. Intervals are t intervals of paired differences, with the noise of trainings where seeds tell it. "
        "Loss tokens are those of the first arm over those of the second."
    )
