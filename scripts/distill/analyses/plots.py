"""The report's pictures, as SVG texts that come out the same for the same numbers."""

import io
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from distill.config.lineage import BASE, Arm
from distill.scores.readings import side
from distill.training.parity import NOT_COMPARABLE

# Okabe and Ito's palette, told apart by colour-blind readers too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666", "#000000")
STYLE = {
    "svg.hashsalt": "mixdistill",
    "svg.fonttype": "path",
    "text.parse_math": False,  # levels and names are text; `$` begins no formula
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
}


MOST_GAPS = 3  # panels in a row: more would be too small to read on a page


def _draw(size: tuple[float, float], panels: int, draw: Callable[[list[Any]], None], rows: int = 1) -> str:
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
        else:
            axes[0][0].text(0.5, 0.5, "nothing to show in this study", ha="center", va="center")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    return text.getvalue()


def gap_by_student(gaps: Sequence[Mapping[str, Any]]) -> str:
    """Return an SVG with one panel per gap on one scale: its estimate and interval by student, in points, zero marked.

    A filled dot is a gain or a loss by its reading; blue has a reading, black is about the models only, grey is not
    comparable. Against the best of several there is an interval without a dot.
    """
    names = list(dict.fromkeys(g["gap"] for g in gaps))
    ends = [0.0, *(100 * g["ci_low"] for g in gaps), *(100 * g["ci_high"] for g in gaps)]
    margin = 0.05 * (max(ends) - min(ends)) or 5
    tallest = max((sum(g["gap"] == n for g in gaps) for n in names), default=1)

    def draw(axes: list[Any]) -> None:
        for axis, name in zip(axes, names, strict=True):
            rows = [g for g in gaps if g["gap"] == name]
            for place, row in enumerate(rows):
                colour, filled = _look(row)
                low, high = 100 * row["ci_low"], 100 * row["ci_high"]
                axis.errorbar([(low + high) / 2], [place], xerr=(high - low) / 2, fmt="none", capsize=4, ecolor=colour)
                if row["estimate"] is not None:
                    axis.plot([100 * row["estimate"]], [place], "o", color=colour, mfc=colour if filled else "white")
            axis.axvline(0, color="#333333", linewidth=1)
            axis.set_yticks(range(len(rows)), [_label(row, rows) for row in rows], fontsize=8)
            axis.set_ylim(tallest - 0.5, -0.5)
            axis.set_xlim(min(ends) - margin, max(ends) + margin)
            axis.set_title(name, fontsize=10)
            axis.set_xlabel("points of accuracy")

    rows = max(math.ceil(len(names) / MOST_GAPS), 1)
    return _draw((4.4 * min(max(len(names), 1), MOST_GAPS), rows * (1.2 + 0.7 * tallest)), len(names), draw, rows)


def _look(row: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the colour of a gap and whether its dot is filled."""
    if row["parity"].startswith(NOT_COMPARABLE):
        return COLOURS[6], False
    return (COLOURS[7], False) if row["p_holm"] is None else (COLOURS[0], side(row) != 0)


def _label(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a gap's student, what it is compared with where that is not one arm, its reading and its fairness."""
    several = len({each["minus"] for each in rows if each["student"] == row["student"]}) > 1
    versus = f" over {row['minus'].split(' of ')[0]}" if several else ""
    seeds = f"{row['n_seeds']} seed{'s' * (row['n_seeds'] != 1)}"
    return f"{row['student']}{versus}\n{row['reading']}, {seeds}\n{_fairness(row)}"


def _fairness(gap: Mapping[str, Any]) -> str:
    """Return parity and ratio of loss tokens in a few words."""
    ratio = gap["loss_token_ratio"]
    return gap["parity"].split(":")[0] + ("" if ratio is None else f", loss tokens {ratio:.1f} : 1")


def _names(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return (dataset, training) -> its name: the dataset, and the training where a dataset has several of them."""
    unique = list(dict.fromkeys(pairs))
    trainings = Counter(dataset for dataset, _ in unique)
    return {(dataset, training): f"{dataset} ({training})" if trainings[dataset] > 1 else dataset
            for dataset, training in unique}  # fmt: skip


def score_by_arm(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return an SVG with one panel per student: accuracy of each dataset with its interval; the base is a line.

    A dataset has a column per training of it, in which all seeds stand.
    """
    names = _names((r["dataset"], r["training"]) for r in rows)
    students = list(dict.fromkeys(r["student"] for r in rows))
    benchmarks = list(dict.fromkeys(r["benchmark"] for r in rows))

    def draw(axes: list[Any]) -> None:
        for axis, student in zip(axes, students, strict=True):
            student_rows = [r for r in rows if r["student"] == student]
            columns = list(dict.fromkeys(names[r["dataset"], r["training"]] for r in student_rows))
            for row in student_rows:
                place = columns.index(names[row["dataset"], row["training"]])
                colour = COLOURS[benchmarks.index(row["benchmark"]) % len(COLOURS)]
                spread = [[row["accuracy"] - row["ci_low"]], [row["ci_high"] - row["accuracy"]]]
                shift = 0.25 * (benchmarks.index(row["benchmark"]) / len(benchmarks))
                axis.errorbar([place + shift], [row["accuracy"]], yerr=spread, fmt="o",
                              capsize=3, color=colour)  # fmt: skip
                if row["dataset"] == BASE:
                    axis.axhline(row["accuracy"], color=colour, linewidth=0.8, linestyle="--")
            axis.set_xticks(range(len(columns)), columns, rotation=40, ha="right")
            axis.set_ylim(0, 1)
            axis.set_title(student, fontsize=10)
        axes[0].set_ylabel("accuracy")

    return _draw((4.6 * max(len(students), 1), 3.6), len(students), draw)


def accuracy_by_level(scores: Sequence[Mapping[str, Any]]) -> str:
    """Return an SVG with a panel per student and benchmark: accuracy by level, a line per dataset and training.

    `scores` are the manifests of scores; the first seed is shown.
    """
    names = _names((score["identity"]["dataset"], score["identity"]["training"]) for score in scores)
    shown: dict[str, dict[str, Mapping[str, Any]]] = {}
    for score in scores:
        if score["by_level"]:
            panel = f"{score['identity']['student']}, {score['identity']['corpus']}"
            name = names[score["identity"]["dataset"], score["identity"]["training"]]
            shown.setdefault(panel, {}).setdefault(name, score["by_level"])

    def draw(axes: list[Any]) -> None:
        for axis, (name, by_dataset) in zip(axes, shown.items(), strict=True):
            for place, (dataset, levels) in enumerate(by_dataset.items()):
                style = "--" if dataset == BASE else "-"
                heights = [level["accuracy"] for level in levels.values()]
                below = [level["accuracy"] - level["ci_low"] for level in levels.values()]
                above = [level["ci_high"] - level["accuracy"] for level in levels.values()]
                colour = COLOURS[place % len(COLOURS)]
                axis.errorbar(list(levels), heights, yerr=[below, above], linestyle=style, marker="o", markersize=4,
                              capsize=2, elinewidth=0.7, color=colour, label=dataset)  # fmt: skip
            axis.set_ylim(0, 1.02)
            axis.set_title(name, fontsize=10)
            axis.set_xlabel("level")
        axes[0].set_ylabel("accuracy")
        axes[-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    return _draw((4.2 * max(len(shown), 1) + 1.6, 3.4), len(shown), draw)


def training_curves(logs: Mapping[Arm, Mapping[str, Sequence[float]]]) -> str:
    """Return an SVG with one panel per student: loss by update, a line per arm.

    `logs` is arm -> columns `update`, `loss` and `held_out_loss` of its log; the loss is drawn as a running mean, the
    loss of held-out problems dashed. Seeds of a dataset and training share a colour and a name.
    """
    students = list(dict.fromkeys(arm.student for arm in sorted(logs)))
    known = _names((arm.dataset, arm.training) for arm in sorted(logs))
    names = {arm: known[arm.dataset, arm.training] for arm in sorted(logs)}
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(dict.fromkeys(names.values()))}

    def draw(axes: list[Any]) -> None:
        shown: dict[str, Any] = {}
        for axis, student in zip(axes, students, strict=True):
            for arm in (arm for arm in names if arm.student == student):
                log, colour = logs[arm], colours[names[arm]]
                (line,) = axis.plot(log["update"], _smooth(log["loss"]), color=colour, linewidth=1.2)
                shown.setdefault(names[arm], line)
                held_out = [
                    pair for pair in zip(log["update"], log["held_out_loss"], strict=True) if pair[1] is not None
                ]
                if held_out:
                    (line,) = axis.plot(*zip(*held_out, strict=True), color=colour, linewidth=1.2, linestyle="--")
                    shown.setdefault("held-out problems", line)
            axis.set_title(student, fontsize=10)
            axis.set_xlabel("update")
            axis.set_ylim(bottom=0)
        axes[0].set_ylabel("training loss")
        axes[-1].legend(shown.values(), shown, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    return _draw((4.2 * max(len(students), 1) + 2.6, 3.2), len(students), draw)


def _smooth(values: Sequence[float], window: int = 9) -> list[float]:
    """Return the running mean over the last `window` values."""
    return [sum(values[max(0, i - window + 1) : i + 1]) / (i + 1 - max(0, i - window + 1)) for i in range(len(values))]


def layers(columns: Mapping[str, Sequence[str]], links: Iterable[tuple[str, str]], labels: Mapping[str, str]) -> str:
    """Return an SVG with a column of named boxes for each layer, and a line for each link of two boxes.

    `columns` is title -> keys of its boxes from top to bottom, `labels` key -> what stands in a box. A box with more
    than one line to its right is shared and has a darker frame; lines have the colour of the box that they leave.
    """
    links = list(links)
    tallest = max((len(keys) for keys in columns.values()), default=0)
    spots = {
        key: (column, (tallest - len(keys)) / 2 + row)
        for column, keys in enumerate(columns.values())
        for row, key in enumerate(keys)
    }
    leaving = Counter(start for start, _ in links)
    colours = {key: COLOURS[row % len(COLOURS)] for keys in columns.values() for row, key in enumerate(keys)}

    def draw(axes: list[Any]) -> None:
        (axis,) = axes
        for start, end in links:
            xs, ys = zip(spots[start], spots[end], strict=True)
            axis.plot(xs, ys, color=colours[start], linewidth=1.1, alpha=0.7, zorder=1)
        for key, (x, y) in spots.items():
            frame = {"boxstyle": "round,pad=0.35", "fc": "white", "ec": "#333333" if leaving[key] > 1 else "#bbbbbb"}
            axis.text(x, y, labels[key], ha="center", va="center", fontsize=8, bbox=frame, zorder=2)
        for column, title in enumerate(columns):
            axis.text(column, -0.9, title, ha="center", va="center", fontsize=10, weight="bold")
        axis.set_xlim(-0.45, len(columns) - 0.55)
        axis.set_ylim(tallest - 0.4, -1.4)
        axis.set_axis_off()

    return _draw((3.1 * len(columns), 0.42 * tallest + 0.9), 1 if tallest else 0, draw)
