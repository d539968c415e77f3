"""Pictures of scores: by the size of students, and by the level of problems."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from distill.analyses.arm_names import arm_names
from distill.analyses.looks import Looks
from distill.analyses.plots import (
    NAME,
    Drawn,
    drawn,
    folded,
    rows_of_panels,
    span,
    told_apart,
    with_intervals,
)  # fmt: skip
from distill.config.labels import is_untouched
from distill.scores.numbers import parameters_text

Row = Mapping[str, Any]


def score_by_size(means: Sequence[Row], looks: Looks) -> Drawn:
    """Return the picture of rows of means.csv, one per arm: a panel per study, a line per dataset over the students.

    Students stand by the logarithm of their parameters, or side by side where one has none that are known.
    """
    studies = list(dict.fromkeys(row["study"] for row in means))
    names = arm_names((row["dataset"], row["training"]) for row in means)
    places = {name: place for place, name in enumerate(n for pair, n in names.items() if not is_untouched(pair[0]))}
    jitter = {name: place - len(places) / 2 for name, place in places.items()}

    def draw(axes: list[Any]) -> None:
        shown: dict[str, Any] = {}
        for axis, study in zip(axes, studies, strict=True):
            rows = [row for row in means if row["study"] == study]
            at = _places(rows)
            step = 0.008 * (max(at.values()) - min(at.values()) or 1)
            for pair, name in names.items():
                own = [row for row in rows if (row["dataset"], row["training"]) == pair]
                where = [at[row["student"]] + step * jitter.get(name, 0) for row in own]
                shown[name] = with_intervals(axis, where, own, looks.arm(*pair))
            sizes = {row["student"]: parameters_text(row["parameters"]) for row in rows}
            axis.set_xticks(list(at.values()), [f"{folded(name, NAME)}\n{sizes[name]}" for name in at], fontsize=8,
                            rotation=0 if len(at) < 5 else 40, ha="center" if len(at) < 5 else "right")  # fmt: skip
            axis.set_ylim(0, 100)
            axis.set_title(study if len(studies) > 1 else "", fontsize=10)
        axes[0].set_ylabel("accuracy, points")
        axes[-1].legend(shown.values(), shown, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    svg = drawn((7.2 * max(len(studies), 1) + 2, 4.2), len(studies), draw)
    problems, seeds = (span(row[name] for row in means) if means else "0" for name in ("n_problems", "n_seeds"))
    caption = (
        "Accuracy by the size of the student, a line per dataset with 95 % intervals, side by side where they would "
        f"hide each other; n = {problems} problems and {seeds} seeds of an arm. Where all sizes are known they stand "
        "on a logarithmic axis."
    )
    return Drawn(svg, caption, f"Accuracy by size of the student, of {len(places)} arms and the untouched student")


def _places(rows: Sequence[Row]) -> dict[str, float]:
    """Return student -> its place on the axis."""
    sizes = {row["student"]: row["parameters"] for row in rows}
    if all(sizes.values()) and len(set(sizes.values())) == len(sizes):
        return {name: math.log10(size) for name, size in sizes.items()}
    return {name: float(place) for place, name in enumerate(sizes)}


def accuracy_by_level(scores: Sequence[Row], looks: Looks) -> Drawn:
    """Return a picture with a panel per student and benchmark: accuracy by level, a line per dataset and training.

    `scores` are the manifests of scores; the first seed is shown.
    """
    names = arm_names((score["identity"]["dataset"], score["identity"]["training"]) for score in scores)
    shown: dict[str, dict[tuple[str, str], Row]] = {}
    for score in scores:
        if score["by_level"]:
            panel = f"{score['identity']['student']}, {score['identity']['corpus']}"
            pair = score["identity"]["dataset"], score["identity"]["training"]
            shown.setdefault(panel, {}).setdefault(pair, score["by_level"])

    def draw(axes: list[Any]) -> None:
        found: dict[str, Any] = {}
        for axis, (title, by_arm) in zip(axes, shown.items(), strict=True):
            named = told_apart(level for levels in by_arm.values() for level in levels)
            for pair, levels in by_arm.items():
                written = [named[level] for level in levels]
                found[names[pair]] = with_intervals(axis, written, list(levels.values()), looks.arm(*pair))
            axis.set_ylim(0, 102)
            axis.set_title(title, fontsize=10)
            axis.set_xlabel("level")
        axes[0].set_ylabel("accuracy, points")
        axes[-1].legend(found.values(), found, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    rows, sizes = rows_of_panels(len(shown)), [part["n_problems"] for each in shown.values() for levels in each.values()
                                               for part in levels.values()]  # fmt: skip
    columns = math.ceil(max(len(shown), 1) / rows)
    svg = drawn((3.6 * columns + 1.8, 3.0 * rows), len(shown), draw, rows)
    count = f"; n = {span(sizes)} problems of a level" if sizes else ""
    caption = f"Accuracy by level, of the first seed of each arm, with Wilson's 95 % intervals{count}."
    return Drawn(svg, caption, f"Accuracy by level in {len(shown)} panels, a line per arm")
