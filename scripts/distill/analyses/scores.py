"""Scores: the accuracy of every arm on every benchmark."""

from collections.abc import Mapping
from typing import Any

from distill.analyses.section import Inputs, Picture, Row, Section
from distill.runtime.files import read_json
from distill.scores.csvs import read_csv
from distill.scores.golds import notes
from distill.scores.numbers import interval, points

NEEDS = ("scores_csv", "scores")
ORDER = 20
TEXT = (
    "Accuracy is the share of responses whose last box equals the gold answer, in points of a hundred like all shares"
    " here, with Wilson's interval on the number of independent samples that they are worth. No answer and cut off "
    "are shares of all responses; a model that does not stop is seen here, not mistaken for one that cannot reason. A"
    " cut-off response is not correct, whatever stands in it. Loops are responses that end in one passage said again "
    "and again. Errors are responses that the engine did not give; they count as not correct. Lenient is the accuracy"
    " where an answer counts that stands in no box, too (the last announced answer or number): base models need it, "
    "and some of it is luck; intervals, gaps and datasets never use it. Ungraded are responses of which the grader "
    "cannot say whether they are right (time limit, unreadable gold answer); they count as not correct. Dataset base "
    "is the student before training.",
)
SAMPLED = (
    "Of several samples: pass@n is the share of problems with a correct one among all n, maj@n that of problems whose "
    "most frequent answer is correct. The grader says which answers are equal; a tie counts by the share of it that is "
    "right. breakdowns.csv has both for fewer samples."
)
PAPER = (
    "The scores follow paper_scoring, which repeats the defects of the paper's scorer: for comparing with its tables."
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on scores, from scores.csv."""
    from distill.analyses import plots

    scores = read_csv(*inputs["scores_csv"])
    manifests = [read_json(path) for path in inputs["scores"]]
    said = notes(manifests)
    sampled = any(row["pass_at_n"] is not None for row in scores)
    rows = [shown(row, sampled, bool(said)) for row in scores]
    text = [*TEXT, *([SAMPLED] if sampled else []), *said]
    text += [PAPER] if any(manifest["policy"] == "paper_scoring" for manifest in manifests) else []
    return Section("Scores", tuple(text), rows, Picture("score_by_arm", plots.score_by_arm(scores)))


def shown(row: Mapping[str, Any], sampled: bool, with_golds: bool) -> Row:
    """Return a row of scores.csv as the page shows it."""
    several = {"pass@n": points(row["pass_at_n"]), "maj@n": points(row["maj_at_n"])} if sampled else {}
    return {
        **{name: row[name] for name in ("student", "training", "dataset", "seed", "benchmark")},
        "problems": row["n_problems"],
        "samples": row["n_samples"],
        "accuracy": points(row["accuracy"]),
        "95 % interval": interval(row),
        **several,
        "no answer": points(row["no_answer"]),
        "cut off": points(row["cut_off"]),
        "loops": points(row["loops"]),
        "errors": points(row["errors"]),
        "lenient": points(row["lenient"]),
        "ungraded": points(row["ungraded"]),
        "tokens": None if row["mean_tokens"] is None else round(row["mean_tokens"]),
        "decoding": row["decoding"],
        **({"golds": row["golds"]} if with_golds else {}),  # else all are given
    }
