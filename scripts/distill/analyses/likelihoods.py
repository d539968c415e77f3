"""Likelihoods of gold solutions and answers: what a small student's accuracy, at the floor, does not show."""

from collections.abc import Iterable, Mapping
from typing import Any

from distill.analyses import contrast_rows
from distill.analyses.section import Inputs, Section
from distill.runtime.files import read_json
from distill.scores.csvs import read_csv
from distill.scores.measures import ACCURACY

NEEDS = ("gaps", "likelihoods")
ORDER = 17
TEXT = (
    "How likely each arm finds the solutions of the problems, and the gold answers after them, in nats per token of "
    "the student, from one reading of each; the mean over problems. A difference of 0.1 nats makes each token 1.1 "
    "times as likely. More is better, so a gain means that the plus arm finds them likelier.",
    "Contrasts, intervals and readings are those of the gaps and of the gains over the untouched student, with p "
    "corrected in families of their own. Compared are the problems that all arms of a study can read. Who was trained "
    "on texts in another style may find these less likely and answer better: beside accuracy, not in its place. "
    "Students with different tokenizers have different tokens, which a gap between their gaps does not know.",
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on likelihoods, from gaps.csv and the manifests; nothing where no study asks for them."""
    rows = [row for row in read_csv(*inputs["gaps"]) if row["measure"] != ACCURACY.name]
    if not rows:
        return Section("Likelihoods", ("The studies ask for no likelihoods.",), [])
    table = contrast_rows.table("Likelihoods", rows, "measure", "student", "benchmark")
    shown = [{column: row[column] for column in table.columns} for row in table.rows]
    text = (*TEXT, *unread(map(read_json, inputs["likelihoods"])))
    return Section("Likelihoods", text, shown, None, table.marked, tuple(table.marks), dense=True)


def unread(manifests: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each student and benchmark of which some texts cannot be read."""
    lines = {}
    for facts in manifests:
        lost = facts["rows"] - max(facts["solutions"], facts["answers"])
        if lost:
            who = facts["identity"]["student"], facts["identity"]["corpus"]
            lines[who] = f"{who[0]} cannot read {lost} of {facts['rows']} texts of {who[1]}."
    return list(lines.values())
