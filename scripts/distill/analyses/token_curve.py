"""The token curve: accuracy by the loss tokens that were trained on, of arms that differ in their budget alone."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from distill.analyses.looks import Looks
from distill.analyses.section import Inputs, Picture, Row, Section
from distill.analyses.shares import primary_rows, recipes
from distill.config.labels import Labels
from distill.config.lineage import BASE, Arm
from distill.runtime.files import read_json
from distill.scores.csvs import read_csv
from distill.scores.numbers import interval, points

NEEDS = ("means", "datasets", "dataset_recipes", "models")
ORDER = 34
LABELLED = True
LEAST = 2  # budgets of a curve
OF_DATASETS = ("rows", "tokens", "characters")  # the keys of budgets: arms of a curve may differ in these alone
OF_TRAININGS = ("epochs", "max_updates", "global_batch", "batch_unit")
TEXT = (
    "Accuracy in points by the loss tokens that an arm was trained on, for arms of one student whose datasets differ "
    "in their budget alone and whose trainings differ in length and batch alone, where there are at least two budgets. "
    "Fewer tokens may be fewer rows, fewer updates, or both; what differs stands with parity.",
)


@dataclass(frozen=True)
class Curve:
    """Arms of a student by their loss tokens, the fewest first: loss tokens and the row of means.csv of each."""

    study: str
    student: str
    points: tuple[tuple[float, Mapping[str, Any]], ...]
    untouched: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the datasets of the curve."""
        return ", ".join(dict.fromkeys(row["dataset"] for _, row in self.points))


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on the token curve, from means.csv, the models' manifests and the datasets' recipes."""
    from distill.analyses import token_plots

    found = curves(read_csv(*inputs["means"]), recipes(inputs["dataset_recipes"]), map(read_json, inputs["models"]))
    rows: list[Row] = [
        {"study": curve.study, "student": curve.student, "curve": curve.name, "dataset": row["dataset"],
         "training": row["training"], "loss tokens": round(tokens), "accuracy": points(row["accuracy"]),
         "95 % interval": interval(row), "seeds": row["n_seeds"]}
        for curve in found for tokens, row in curve.points
    ]  # fmt: skip
    shown = [
        replace(curve, student=labels.said("students", curve.student),
                points=tuple((tokens, labels.row(row)) for tokens, row in curve.points))
        for curve in found
    ]  # fmt: skip
    return Section("Token curve", TEXT, rows, Picture("token_curve", *token_plots.token_curve(shown, Looks.of(labels))))


def curves(
    means: Sequence[Mapping[str, Any]], made: Mapping[str, Mapping[str, Any]], models: Iterable[Mapping[str, Any]]
) -> list[Curve]:
    """Return the curves of all students, in the order of the means; of several benchmarks that of their mean."""
    seeds: dict[tuple[str, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for model in models:
        arm = Arm.of(model["identity"])
        seeds[arm.student, arm.dataset, arm.training].append(model)
    found: dict[tuple[Any, ...], list[tuple[float, Mapping[str, Any]]]] = defaultdict(list)
    untouched: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in primary_rows(means):
        who = row["study"], row["student"]
        own = seeds.get((row["student"], row["dataset"], row["training"]), [])
        if row["dataset"] == BASE:
            untouched[who] = row
        elif row["dataset"] in made and own:
            same = _but(made[row["dataset"]], OF_DATASETS), _but(own[0]["recipe"], OF_TRAININGS)
            found[*who, *same].append((fmean(model["loss_tokens"] for model in own), row))
    return [
        Curve(*key[:2], tuple(sorted(arms, key=lambda arm: arm[0])), untouched[key[:2]])
        for key, arms in found.items()
        if len({tokens for tokens, _ in arms}) >= LEAST
    ]


def _but(recipe: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return a recipe without some keys, as text."""
    return json.dumps({key: value for key, value in recipe.items() if key not in keys}, sort_keys=True)
