"""Gold answers that cannot be graded against."""

from distill.analyses.section import Inputs, Section
from distill.runtime.files import read_json
from distill.scores.golds import notes

NEEDS = ("golds",)
ORDER = 100
TEXT = (
    "Gold answers that cannot be graded against: an answer is correct there only where it repeats the gold's text.",
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on the corpora that have such gold answers."""
    rows, manifests = [], [read_json(path) for path in inputs["golds"]]
    for manifest in manifests:
        if manifest["unverifiable"]:
            shown = "; ".join(f"{i}: {answer}" for i, answer in list(manifest["examples"].items())[:3])
            rows.append({"corpus": manifest["identity"]["corpus"], "problems": manifest["rows"],
                         "unverifiable": manifest["unverifiable"], "for example": shown})  # fmt: skip
    return Section("Gold answers", (*TEXT, *notes(manifests)), rows)
