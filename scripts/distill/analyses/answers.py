"""The answers: a sentence for each declared contrast and student."""

from distill.analyses.section import Inputs, Section
from distill.scores.answers import answers
from distill.scores.csvs import read_csv

NEEDS = ("gaps",)
ORDER = 5
TEXT = "A sentence says what the reading of its contrast says, and no more; the figures stand under Gaps."
NONE = "The studies name no gaps."


def analyse(inputs: Inputs) -> Section:
    """Return the section of sentences, from gaps.csv."""
    said = answers(read_csv(*inputs["gaps"]))
    return Section("Answers", (TEXT,) if said else (NONE,), [*said])
