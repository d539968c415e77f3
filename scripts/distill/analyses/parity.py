"""Parity: what the arms of a gap must have in common, what each saw, and what a chat template added to it."""

import json
from collections.abc import Mapping
from typing import Any

from distill.analyses.section import Block, Inputs, Row, Section, Table
from distill.config.labels import Labels
from distill.config.lineage import place_of
from distill.config.recipes import COMPARED
from distill.runtime.files import read_json
from distill.training.parity import short, shown_rows, trained_facts

NEEDS = ("models", "rendered")
ORDER = 120
LABELLED = True
TEXT = (
    "What each arm took and saw, and of its training what not all arms have in common; the next line says what they "
    "have. Equal rows do not mean equal tokens."
)
ALWAYS = ("updates", "epochs", "rows", "tokens", "loss_tokens", "final_loss")
ADDED = (
    "Chat templates added tokens to responses: they are in the loss, and no teacher wrote them. Per arm: the fewest "
    "and the most in a row, the sum over the rows within the cutoff, and the commonest text that was added."
)
CALLED = {"base": "untouched weights"}  # facts that the page calls by another name than files do
LONGEST = 80  # characters of an added text that are shown


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on parity, per trained arm."""
    facts = trained_facts(inputs["models"], inputs["rendered"])
    names = [n for n in COMPARED if len({str(fact.get(n)) for fact in facts.values()}) > 1 and n not in ALWAYS]
    first = next(iter(facts.values()), {})
    shared = [f"{CALLED.get(n, n)} {short(first[n])}" for n in COMPARED if n in first and n not in (*ALWAYS, *names)]
    added = {place_of(m["identity"]): m["added_by_template"] for m in map(read_json, inputs["rendered"])}
    is_added = any(counts["max"] for counts in added.values())
    rows: list[Row] = []
    for arm in labels.by_size(sorted(facts), lambda arm: arm.student):
        row = {"arm": arm.path, **{name: facts[arm].get(name) for name in ALWAYS}}
        row |= {name: short(facts[arm].get(name)) for name in names}
        rows.append(row | (_added_row(added[shown_rows(facts[arm])]) if is_added else {}))
    text = (TEXT, *([f"In all arms: {', '.join(shared)}."] if shared else []), *([ADDED] if is_added else []))
    shown = [{CALLED.get(name, name): value for name, value in row.items()} for row in rows]
    table = Table("Parity", shown, list(shown[0]) if shown else ())
    return Section("Parity", text, rows, dense=True, blocks=(Block("", tables=(table,)),))


def _added_row(counts: Mapping[str, Any]) -> Row:
    """Return the cells on what a template added; its text in JSON's quotes, so that white space is seen."""
    texts = counts["texts"]
    text = max(sorted(texts), key=texts.__getitem__, default=None)
    quoted = None if text is None else json.dumps(text, ensure_ascii=False)
    if quoted and len(quoted) > LONGEST:
        quoted = quoted[: LONGEST - 1] + "…"
    span = f"{counts['min']} to {counts['max']}"
    return {"added by template": span, "added tokens": counts["total"], "commonest addition": quoted}
