"""Verdicts: how the teachers' responses were graded."""

from distill.analyses.section import Inputs, Section
from distill.analyses.teachers import summed
from distill.runtime.files import read_json
from distill.scores.golds import notes

NEEDS = ("verdicts",)
ORDER = 60


def analyse(inputs: Inputs) -> Section:
    """Return the section on verdicts, per corpus and teacher."""
    from distill.tables.words import UNANSWERED, Verdict

    rows = []
    for (corpus, teacher, _), counts in summed(inputs["verdicts"], lambda manifest: {"": manifest["verdicts"]}).items():
        unanswered = sum(counts[word] for word in UNANSWERED)
        shown = counts[Verdict.CORRECT] + counts[Verdict.WRONG] + unanswered
        rows.append({"corpus": corpus, "teacher": teacher, "responses": counts.total(),
                     "correct": counts[Verdict.CORRECT], "wrong": counts[Verdict.WRONG], "no answer": unanswered,
                     "other": counts.total() - shown})  # fmt: skip
    said = notes(map(read_json, inputs["verdicts"]))
    return Section("Verdicts", ("How the teachers' responses were graded.", *said), rows)
