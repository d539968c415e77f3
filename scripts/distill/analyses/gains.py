"""Gains over the untouched student: what each training did to it."""

from distill.analyses import gaps
from distill.analyses.section import Inputs, Section
from distill.config.contrasts import GAINS
from distill.scores.csvs import read_csv

NEEDS = ("gaps",)
ORDER = 15
TEXT = (
    "Each arm against the student before training, on the same problems; what a gap compares with it already stands "
    "there. Columns and readings are those of the gaps; p is corrected for all rows here of one study.",
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on gains over base, from gaps.csv."""
    rows = [row for row in read_csv(*inputs["gaps"]) if row["family"] == GAINS]
    shown = [
        {name: cell for name, cell in row.items() if name not in ("gap", "loss tokens")} for row in gaps.table(rows)
    ]
    return Section("Gains over the untouched student", TEXT, shown, None, "points", gaps.marks(rows), dense=True)
