"""Graders: what each of them would make of the scores."""

from distill.analyses.section import FIRST_SEEDS, Block, Inputs, Row, Section, Table, first_seeds
from distill.config.labels import Labels
from distill.config.lineage import Arm
from distill.runtime.errors import InputError
from distill.runtime.files import read_json
from distill.scores.golds import notes
from distill.scores.numbers import points

NEEDS = ("scores",)
ORDER = 25
LABELLED = True


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on graders. Raises InputError when the scores follow different policies."""
    scores = labels.by_size(map(read_json, inputs["scores"]), lambda manifest: manifest["identity"]["student"])
    policies = sorted({manifest["policy"] for manifest in scores})
    if len(policies) != 1:
        raise InputError(f"the scores follow different policies ({', '.join(policies)}); make them again under one")
    rows = []
    for manifest in scores:
        shares = manifest["by_grader"]
        row: Row = {"arm": Arm.of(manifest["identity"]).path, "benchmark": manifest["identity"]["corpus"],
                    "rule": shares["rule"]}  # fmt: skip
        for name, share in shares.items():
            if name != "rule":
                row |= {name: share, f"{name} against rule": share - shares["rule"]}
        rows.append(row)
    text = (
        "The accuracy under each grader in points, and what the choice costs or gives. The string matcher knows no "
        "algebra; a judge, where there is one, looks again at what the rule rejected. Policy of the scores: "
        f"{policies[0]}.",
    )
    shown = list(map(_shown, rows))
    few = first_seeds(shown)
    tables = few or ((Table("Graders", shown, list(shown[0])),) if shown else ())
    block = Block("", text=(FIRST_SEEDS,) if few else (), tables=tables)
    return Section("Graders", (*text, *notes(scores)), rows, blocks=(block,))


def _shown(row: Row) -> Row:
    """Return a row as a person reads it: shares in points, differences with their sign."""
    figures = {name: points(value, "+" if name.endswith("against rule") else "") for name, value in row.items()
               if isinstance(value, float)}  # fmt: skip
    return {**row, **figures}
