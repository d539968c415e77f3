"""The picture of trainings: their loss by update, and that of problems that were held out."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from distill.analyses.arm_names import arm_names
from distill.analyses.looks import GREY, Looks
from distill.analyses.plots import Drawn, drawn, logarithmic, rows_of_panels, span
from distill.config.lineage import Arm

HELD_OUT = "held-out problems"
MARKS = 4  # of a line
WINDOW, POINTS = 9, 60  # updates of a running mean; of a line at most so many points are drawn
Log = Mapping[str, Sequence[float]]
Curve = list[tuple[float, float, float, float]]  # update, mean over seeds, least, most


def training_curves(logs: Mapping[Arm, Log], looks: Looks) -> Drawn:
    """Return a picture with a panel per student: loss by update on a logarithmic axis, a line per dataset and training.

    `logs` is arm -> columns `update`, `loss` and `held_out_loss` of its log, in the order of panels and lines; the loss
    is drawn as a running mean, the loss of held-out problems dashed. Seeds are a line, their mean, and a band from the
    least to the most.
    """
    groups: dict[tuple[str, str, str], list[Log]] = {}
    for arm, log in logs.items():
        groups.setdefault((arm.student, arm.dataset, arm.training), []).append(log)
    students = list(dict.fromkeys(student for student, _, _ in groups))
    names = arm_names((dataset, training) for _, dataset, training in groups)

    def draw(axes: list[Any]) -> None:
        shown: dict[str, Any] = {}
        for axis, student in zip(axes, students, strict=True):
            for (owner, dataset, training), seeds in groups.items():
                if owner == student:
                    how = looks.arm(dataset, training)
                    shown.setdefault(names[dataset, training], _line(axis, curve(seeds, "loss"), how))
                    if held_out := curve(seeds, "held_out_loss"):
                        _line(axis, held_out, {**how, "linestyle": "--"})
                        shown.setdefault(HELD_OUT, axis.plot([], [], color=GREY, linestyle="--")[0])
            axis.set_title(student, fontsize=10)
            axis.set_xlabel("update")
            logarithmic(axis)
        axes[0].set_ylabel("loss, nats per token")
        axes[-1].legend(shown.values(), shown, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    rows = rows_of_panels(len(students))
    columns = math.ceil(max(len(students), 1) / rows)
    svg = drawn((3.6 * columns + 2.6, 3.2 * rows), len(students), draw, rows)
    seeds = span(map(len, groups.values())) if groups else "0"
    caption = (
        f"Loss of each update on a logarithmic axis, as a running mean of {WINDOW}; of several seeds (n = {seeds}) the "
        "mean, and a band from the least to the most. Where a training holds problems out, their loss is dashed."
    )
    return Drawn(svg, caption, f"Training loss by update of {len(groups)} arms, a panel per student")


def _line(axis: Any, points: Curve, how: Mapping[str, Any]) -> Any:
    """Draw the mean of the seeds with a few marks and, where they differ, their band; return the line."""
    updates, means, least, most = zip(*points, strict=True)
    every = max(1, len(points) // MARKS)
    (line,) = axis.plot(updates, means, linewidth=1.2, markersize=3, markevery=every, **how)
    if least != most:
        axis.fill_between(updates, least, most, color=how["color"], alpha=0.25, linewidth=0)
    return line


def curve(seeds: Sequence[Log], column: str) -> Curve:
    """Return the updates that all seeds have, thinned out, with mean, least and most of the seeds."""
    found: dict[float, list[float]] = {}
    for log in seeds:
        pairs = [pair for pair in zip(log["update"], log[column], strict=True) if pair[1] is not None]
        smooth = _smooth([loss for _, loss in pairs]) if column == "loss" else [loss for _, loss in pairs]
        for (update, _), loss in zip(pairs, smooth, strict=True):
            found.setdefault(update, []).append(loss)
    whole = [(update, own) for update, own in sorted(found.items()) if len(own) == len(seeds)]
    step = math.ceil(len(whole) / POINTS)
    kept = [pair for place, pair in enumerate(whole) if place % step == 0 or place == len(whole) - 1]
    return [(update, sum(own) / len(own), min(own), max(own)) for update, own in kept]


def _smooth(values: Sequence[float]) -> list[float]:
    """Return the running mean over the last `WINDOW` values."""
    starts = [max(0, i - WINDOW + 1) for i in range(len(values))]
    return [sum(values[start : i + 1]) / (i + 1 - start) for i, start in enumerate(starts)]
