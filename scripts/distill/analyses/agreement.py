"""Agreement: how often two graders say the same of what is correct."""

from distill.analyses.section import Inputs, Section
from distill.analyses.teachers import summed
from distill.scores.numbers import percent

NEEDS = ("verdicts",)
ORDER = 70
TEXT = (
    "How the graders agree on what is correct: the rule, a plain string matcher, and the publisher's labels where "
    "there are some. They agree on so many percent of the responses; the others are counted.",
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on agreement, per corpus, teacher and pair of graders."""
    rows = []
    for (corpus, teacher, pair), counts in summed(inputs["verdicts"], lambda m: m["agreement"]).items():
        one, other = pair.split(", ")
        rows.append({"corpus": corpus, "teacher": teacher, "graders": pair,
                     "responses": counts["rows"], "agree": percent(counts["agree"], counts["rows"]),
                     "only the first": counts[f"{one}_only"],
                     "only the second": counts[f"{other}_only"]})  # fmt: skip
    return Section("Agreement of graders", TEXT, rows)
