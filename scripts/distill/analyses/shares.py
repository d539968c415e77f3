"""Mix shares: accuracy by the share of one teacher, of arms whose datasets differ in nothing but it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distill.analyses.looks import Looks
from distill.analyses.section import Inputs, Picture, Row, Section
from distill.analyses.student_tables import primary
from distill.config.labels import Labels
from distill.config.lineage import BASE, identity
from distill.runtime.files import read_json
from distill.scores.csvs import read_csv
from distill.scores.numbers import interval, points

NEEDS = ("means", "datasets", "dataset_recipes")
ORDER = 33
LABELLED = True
LEAST = 3  # shares of a curve: two are a contrast, which stands with the student
TEXT = (
    "Accuracy in points by the share of the first of two teachers, the rest being the other's, for arms of one student "
    "and training whose datasets differ in nothing else, where there are at least three shares. The best share of a "
    "curve is picked on the problems that it is judged on, so it looks better than it is; whether a mix is better than "
    "both of its ends says a contrast.",
)


@dataclass(frozen=True)
class Curve:
    """Arms of a student by the share of the first teacher: rows of means.csv, the smallest share first."""

    study: str
    student: str
    training: str
    teachers: tuple[str, str]
    points: tuple[tuple[float, Mapping[str, Any]], ...]
    untouched: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return what is mixed into what."""
        return f"{self.teachers[0]} in {self.teachers[1]}"


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on mix shares, from means.csv and the recipes of the datasets."""
    from distill.analyses import share_plots

    found = curves(read_csv(*inputs["means"]), recipes(inputs["dataset_recipes"]))
    rows: list[Row] = [
        {"study": curve.study, "student": curve.student, "training": curve.training, "mix": curve.name, "share": share,
         "accuracy": points(row["accuracy"]), "95 % interval": interval(row), "seeds": row["n_seeds"]}
        for curve in found for share, row in curve.points
    ]  # fmt: skip
    said = labels.said
    shown = [
        replace(curve, student=said("students", curve.student), training=said("trainings", curve.training),
                teachers=tuple(said("teachers", name) for name in curve.teachers),
                points=tuple((share, labels.row(row)) for share, row in curve.points))
        for curve in found
    ]  # fmt: skip
    return Section("Mix shares", TEXT, rows, Picture("mix_shares", *share_plots.mix_shares(shown, Looks.of(labels))))


def recipes(provenances: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return dataset -> the recipe that it was made by."""
    made = {identity(path.parent)["dataset"]: read_json(path).get("recipe") for path in provenances}
    return {dataset: recipe for dataset, recipe in made.items() if recipe}


def curves(means: Sequence[Mapping[str, Any]], made: Mapping[str, Mapping[str, Any]]) -> list[Curve]:
    """Return the curves of all students, in the order of the means; of several benchmarks that of their mean."""
    found: dict[tuple[Any, ...], dict[float, Mapping[str, Any]]] = defaultdict(dict)
    untouched: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in primary_rows(means):
        who = row["study"], row["student"]
        if row["dataset"] == BASE:
            untouched[who] = row
        elif len((recipe := made.get(row["dataset"], {})).get("teachers", ())) == 2:
            rest = json.dumps({key: value for key, value in recipe.items() if key != "shares"}, sort_keys=True)
            found[*who, row["training"], tuple(recipe["teachers"]), rest][recipe["shares"][0]] = row
    return [
        Curve(*key[:4], tuple(sorted(shares.items())), untouched[key[:2]])
        for key, shares in found.items()
        if len(shares) >= LEAST
    ]


def primary_rows(means: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows that stand for the arms, of each student of each study."""
    own: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in means:
        own[row["study"], row["student"]].append(row)
    named = {who: primary(rows) for who, rows in own.items()}
    return [row for who, rows in own.items() for row in rows if row["benchmark"] == named[who]]
