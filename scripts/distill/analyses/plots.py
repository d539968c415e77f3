"""What the report's pictures share: SVG texts that come out the same for the same numbers, colours, panels."""

import io
import math
import re
import textwrap
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from distill.analyses.arm_names import arm_names
from distill.analyses.looks import GREY, UNTOUCHED_LINE, Looks
from distill.analyses.section import NOTHING
from distill.config.labels import UNTOUCHED

STYLE = {
    "svg.hashsalt": "mixdistill",
    "svg.fonttype": "none",  # a letter as a path takes twenty times the bytes of the letter
    "font.sans-serif": ["DejaVu Sans"],
    "text.parse_math": False,  # levels and names are text; `$` begins no formula
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
FONT = "font-family: 'DejaVu Sans', sans-serif; "  # as a text of an SVG has it
LONGEST_LABEL = 32  # letters; longer ones leave a picture no place
FAMILIES = ("-", "-.", ":", (0, (6, 2)), (0, (1, 4)))  # of lines; dashed ones are the untouched student's
NAME, TITLE = 24, 44  # characters in a line of a legend or tick, and of a panel's title
PANELS = 3  # in a row: more would be too small to read on a page


class Drawn(NamedTuple):
    """An SVG, how it is read (with n and method), and what it shows for who cannot see it."""

    svg: str
    caption: str
    alt: str


def drawn(size: tuple[float, float], panels: int, draw: Callable[[list[Any]], None], rows: int = 1) -> str:
    """Draw panels side by side, in so many rows, and return one SVG; with no panels, a line that says so."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context(STYLE):
        columns = max(math.ceil(panels / rows), 1)
        figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        for axis in axes.flat[panels:]:
            axis.set_axis_off()
        if panels:
            draw(list(axes.flat[:panels]))
            _fold_long_names(axes.flat[:panels])
            if panels < axes.size and (legend := axes.flat[panels - 1].get_legend()):
                _move(legend, axes.flat[panels])
        else:
            axes[0][0].text(0.5, 0.5, NOTHING, ha="center", va="center")
            axes[0][0].set_axis_off()
        text = io.StringIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # whoever shows the picture has fonts of its own
            figure.savefig(text, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return rounded(text.getvalue())


def folded(text: str, width: int) -> str:
    """Return a text in lines of at most so many characters; one that has lines already keeps these."""
    return "\n".join(part for line in text.split("\n") for part in textwrap.wrap(line, width) or [line])


def _fold_long_names(axes: Iterable[Any]) -> None:
    """Fold long titles and legends of panels: beside a legend in one long line a panel would have no room."""
    for axis in axes:
        axis.title.set_text(folded(axis.get_title(), TITLE))
        legend = axis.get_legend()
        for text in legend.get_texts() if legend else ():
            text.set_text(folded(text.get_text(), NAME))


def _move(legend: Any, axis: Any) -> None:
    """Put the legend beside the last panel into a free one: beside a panel it would keep all rows from that room."""
    names = [text.get_text() for text in legend.get_texts()]
    axis.legend(legend.legend_handles, names, fontsize=8, loc="center left")
    legend.remove()


def rounded(svg: str) -> str:
    """Return an SVG whose coordinates have two decimals, a hundredth of a point; words stay as they are.

    What says nothing goes, a fourth of it: white space between elements, names of groups, turns by no angle, and the
    font of each text, which is that of the picture.
    """
    short = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), svg)
    short = re.sub(r">\s+<", "><", short)
    short = re.sub(r'(<g) id="[^"]*"|( transform="rotate\(-?0 [^"]*")(?=[^<]*>)', r"\1", short)
    short = short.replace(FONT, "")
    return short.replace("<svg ", '<svg font-family="DejaVu Sans, sans-serif" ', 1)


def rows_of_panels(panels: int) -> int:
    """Return in how many rows so many panels stand."""
    return max(math.ceil(panels / PANELS), 1)


def by_student(curves: Iterable[Any]) -> dict[str, list[Any]]:
    """Return the curves of each panel, by its title: the student, of several studies with its study before it."""
    curves = list(curves)
    panels: dict[str, list[Any]] = {}
    has_studies = len({curve.study for curve in curves}) > 1
    for curve in curves:
        panels.setdefault(f"{curve.study}: {curve.student}" if has_studies else curve.student, []).append(curve)
    return panels


def told_apart(names: Iterable[str]) -> dict[str, str]:
    """Return name -> how a picture shows a text of a data set: on one line, cut short, without what no SVG may hold.

    Each is another: where two would be alike, the later have a number.
    """
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        plain = re.sub(r"[^\S ]+", " ", name)
        plain = "".join("\ufffd" if _is_unseen(letter) else letter for letter in plain)
        short = plain if len(plain) <= LONGEST_LABEL else plain[: LONGEST_LABEL - 1] + "…"
        number = 2
        while short in found.values():
            short = f"{plain[: LONGEST_LABEL - 6]}… ({number})"
            number += 1
        found[name] = short
    return found


def _is_unseen(letter: str) -> bool:
    """Whether a letter is a control sign, turns the direction of a text, or is none; joiners are parts of letters."""
    return unicodedata.category(letter)[0] == "C" and letter not in "\u200c\u200d"


def logarithmic(axis: Any, which: str = "y") -> None:
    """Make an axis logarithmic, with plain numbers: powers of ten would be formulas, which are not drawn."""
    getattr(axis, f"set_{which}scale")("log")
    low, high = getattr(axis, f"get_{which}lim")()
    part = getattr(axis, f"{which}axis")
    part.set_major_formatter(lambda value, _: f"{value:g}")

    def minor(value: float, _: Any) -> str:
        is_shown = high < 10 * low or (high < 1000 * low and f"{value:e}"[0] in "25")
        return f"{value:g}" if is_shown else ""

    part.set_minor_formatter(minor)


def with_intervals(axis: Any, x: Sequence[Any], rows: Sequence[Mapping[str, Any]], how: Mapping[str, str]) -> Any:
    """Draw the accuracies of rows in points as a line with their intervals; return the line. Three elements in all."""
    ends = [(100 * row["ci_low"], 100 * row["ci_high"], math.nan) for row in rows]
    axis.plot([place for place in x for _ in range(3)], [end for three in ends for end in three],
              color=how["color"], linewidth=0.8)  # fmt: skip
    (line,) = axis.plot(x, [100 * row["accuracy"] for row in rows], markersize=4, linewidth=1, **how)
    return line


def family(place: int) -> dict[str, Any]:
    """Return how the line through arms of a family is drawn: grey, for colours are those of its arms."""
    return {"color": GREY, "linewidth": 1, "linestyle": FAMILIES[place % len(FAMILIES)]}


def marks(
    axis: Any, points: Sequence[Any], looks: Looks, names: Mapping[Any, str], bars: bool = False
) -> dict[str, Any]:
    """Draw a mark for each arm of a curve (its place, its row of means.csv), with its interval where there are bars.

    Return name -> mark for the legend; `names` is (dataset, training) -> name.
    """
    found = {}
    for place, row in points:
        pair = row["dataset"], row["training"]
        how = {**looks.arm(*pair), "linestyle": "none"}
        if bars:
            found[names[pair]] = with_intervals(axis, [place], [row], how)
        else:
            (found[names[pair]],) = axis.plot([place], [100 * row["accuracy"]], markersize=4, **how)
    return found


def panels_of_curves(
    curves: Sequence[Any],
    looks: Looks,
    panel_width: float,
    line: Callable[[Any, Any], dict[str, Any]],
    dress: Callable[[Any], None],
    bars: bool = False,
) -> tuple[str, str, int]:
    """Draw curves of accuracies, a panel per student, over the line of the untouched student and with a mark per arm.

    `line` draws a curve on an axis and returns its name and line for the legend (or nothing); `dress` sets the limits
    and the label of an axis. Return the SVG, words for the problems and seeds of its arms, and how many panels it has.
    """
    panels: dict[str, list[Any]] = by_student(curves)
    arms = [row for curve in curves for _, row in curve.points]
    names = arm_names((row["dataset"], row["training"]) for row in arms)

    def draw(axes: list[Any]) -> None:
        shown: dict[str, Any] = {}
        for axis, (title, own) in zip(axes, panels.items(), strict=True):
            shown[UNTOUCHED] = axis.axhline(100 * own[0].untouched["accuracy"], **UNTOUCHED_LINE)
            for curve in own:
                shown |= line(axis, curve)
            for curve in own:
                shown |= marks(axis, curve.points, looks, names, bars)
            dress(axis)
            axis.set_title(title, fontsize=10)
        axes[0].set_ylabel("accuracy, points")
        axes[-1].legend(shown.values(), shown, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    rows = rows_of_panels(len(panels))
    columns = math.ceil(max(len(panels), 1) / rows)
    svg = drawn((panel_width * columns + 2.3, 3.2 * rows), len(panels), draw, rows)
    problems, seeds = (span(row[name] for row in arms) if arms else "0" for name in ("n_problems", "n_seeds"))
    return svg, f"n = {problems} problems and {seeds} seeds of an arm", len(panels)


def span(numbers: Iterable[int]) -> str:
    """Return the least and the most of numbers, `30 to 5000`, or the one that all are."""
    least, most = min(found := list(numbers)), max(found)
    return str(least) if least == most else f"{least} to {most}"
