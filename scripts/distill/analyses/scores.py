"""Scores: the accuracy of every arm on every benchmark."""

from distill.analyses.section import Inputs, Picture, Section
from distill.runtime.files import read_json
from distill.scores.csvs import read_csv
from distill.scores.golds import notes

NEEDS = ("scores_csv", "scores")
ORDER = 20
TEXT = (
    "Accuracy is the share of responses whose last box equals the gold answer (Wilson interval). No answer and cut off "
    "are shares of all responses; a model that does not stop is seen here, not mistaken for one that cannot reason. "
    "A cut-off response is not correct, whatever stands in it. Errors are responses that the engine did not give; they "
    "count as not correct. Lenient is the accuracy where an answer counts that stands in no box, too (the last "
    "announced answer or number): base models need it, and some of it is luck; intervals, gaps and datasets never use "
    "it. Ungraded are responses of which the grader cannot say whether they are right (time limit, unreadable gold "
    "answer); they count as not correct. "
    "Dataset base is the student before training.",
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on scores, from scores.csv."""
    from distill.analyses import plots

    scores = read_csv(*inputs["scores_csv"])
    said = notes(map(read_json, inputs["scores"]))
    left_out = ("study",) if said else ("study", "golds")  # all are given
    rows = [{name: value for name, value in row.items() if name not in left_out} for row in scores]
    return Section("Scores", (*TEXT, *said), rows, Picture("score_by_arm", plots.score_by_arm(scores)))
