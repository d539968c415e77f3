"""Budgets: accuracy if responses longer than so many tokens counted as not correct."""

from distill.analyses.section import FIRST_SEEDS, Block, Inputs, Row, Section, first_seeds
from distill.config.labels import Labels
from distill.config.lineage import Arm
from distill.scores.csvs import read_csv
from distill.scores.numbers import points

NEEDS = ("breakdowns",)
ORDER = 35
LABELLED = True
TEXT = (
    "Accuracy in points if a response longer than so many tokens counted as not correct, from the same responses: what "
    "an arm is worth where tokens are short. The last budget holds every response. breakdowns.csv has the intervals.",
)


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on token budgets, from breakdowns.csv; models without token counts are left out."""
    parts = [row for row in read_csv(*inputs["breakdowns"]) if row["measure"] == "tokens"]
    parts = labels.by_size(parts, lambda part: part["student"])
    budgets = sorted({int(row["part"]) for row in parts})
    rows: dict[tuple[str, ...], Row] = {}
    for part in parts:
        arm = Arm(part["student"], part["training"], part["dataset"], part["seed"])
        row = rows.setdefault(
            (part["study"], part["benchmark"], arm.path),
            {"benchmark": part["benchmark"], "arm": arm.path, **{f"{budget:,}": None for budget in budgets}},
        )
        row[f"{int(part['part']):,}"] = points(part["accuracy"])
    few = first_seeds(list(rows.values()))
    blocks = (Block("", text=(FIRST_SEEDS,), tables=few),) if few else ()
    return Section("Token budgets", TEXT, list(rows.values()), dense=True, blocks=blocks)
