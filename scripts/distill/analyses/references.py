"""References: what others have published of the same arms, beside ours."""

import csv
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from distill.analyses.section import Inputs, Row, Section
from distill.runtime.errors import InputError
from distill.scores.csvs import read_csv
from distill.scores.numbers import interval, points

NEEDS = ("means", "references")
ORDER = 27
TITLE = "Published numbers"
TEXT = (
    "Accuracy in points as it was published, and ours for the same student, dataset and benchmarks: the mean over our "
    "seeds, with its interval (see Students). A mean over benchmarks stands only beside a mean over the same ones, all "
    "weighted alike. The published number has a noise of its own that it does not state; its prompt, decoding and "
    "grader need not be ours.",
)
COLUMNS = ("student", "dataset", "benchmarks", "points", "source")


class Reference(NamedTuple):
    """A published accuracy in points (0 to 100) of a student on a dataset, `base` without training; and who says so."""

    student: str
    dataset: str
    benchmarks: frozenset[str]
    points: float
    source: str


def analyse(inputs: Inputs) -> Section:
    """Return the section on published numbers: a row for each, and for each of our trainings of that arm.

    Raises InputError for a table that is none, or a number that is no accuracy.
    """
    if not inputs["references"]:
        return Section(TITLE, ("The studies name no published numbers.",), [])
    ours = _by_arm(read_csv(*inputs["means"]))
    rows: list[Row] = []
    counts = []
    for path in inputs["references"]:
        references = list(read_references(path))
        found = [(reference, mean) for reference in references for mean in ours.get(reference[:3], ())]
        rows += [_row(reference, mean) for reference, mean in found]
        known = len({reference for reference, _ in found})
        counts.append(f"{path}: {known} of its {len(references)} numbers are of arms and benchmarks of this report.")
    return Section(TITLE, (*TEXT, *counts), rows, dense=True)


def read_references(path: Path) -> Iterator[Reference]:
    """Yield the rows of a table of published numbers. Raises InputError with the line that is wrong."""
    with open(path, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        try:
            if missing := [name for name in COLUMNS if name not in (table.fieldnames or ())]:
                raise InputError(f"{path}: no column `{missing[0]}`; it needs {', '.join(COLUMNS)}")
            for row in table:
                yield _reference(row, f"{path}:{table.line_num}")
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not a CSV table in UTF-8 ({error})") from None


def _reference(row: dict[str, str | None], where: str) -> Reference:
    cells = {name: (row[name] or "").strip() for name in COLUMNS}
    if empty := [name for name, cell in cells.items() if not cell]:
        raise InputError(f"{where}: no {empty[0]}")
    try:
        figure = float(cells["points"])
    except ValueError:
        figure = math.nan
    if not 0 <= figure <= 100:
        raise InputError(f"{where}: points {cells['points']!r} are no number from 0 to 100")
    return Reference(
        cells["student"], cells["dataset"], frozenset(cells["benchmarks"].split()), figure, cells["source"]
    )


def _by_arm(means: Iterable[Row]) -> dict[Any, list[Row]]:
    """Return (student, dataset, benchmarks) -> the rows of means of it, one for each study and training."""
    from distill.scores.gaps import AVERAGE  # loads scipy

    arms: dict[tuple[str, ...], list[Row]] = {}
    for row in means:
        arms.setdefault((row["study"], row["student"], row["training"], row["dataset"]), []).append(row)
    found: dict[Any, list[Row]] = {}
    for (_, student, _, dataset), rows in arms.items():
        single = [row for row in rows if row["n_benchmarks"] == 1 and not row["benchmark"].startswith(AVERAGE)]
        means = [(frozenset((row["benchmark"],)), row) for row in single]
        every = frozenset(row["benchmark"] for row in single)
        means += [(every, row) for row in rows if row["benchmark"] == AVERAGE]
        for benchmarks, row in means:
            found.setdefault((student, dataset, benchmarks), []).append(row)
    return found


def _row(reference: Reference, mean: Row) -> Row:
    return {
        **{name: mean[name] for name in ("student", "training", "dataset", "benchmark")},
        "seeds": mean["n_seeds"],
        "published": f"{reference.points:.1f}",
        "ours": points(mean["accuracy"]),
        "95 % interval": interval(mean),
        "ours less published": points(mean["accuracy"] - reference.points / 100, "+"),
        "source": reference.source,
    }
