"""Parity: what the arms of a gap must have in common, and what each saw."""

from distill.analyses.section import Inputs, Section
from distill.training.parity import PARITY, parity_facts

NEEDS = ("models", "rendered")
ORDER = 120
TEXT = ("What the arms of a gap must have in common, and what each saw. Equal rows do not mean equal tokens.",)


def analyse(inputs: Inputs) -> Section:
    """Return the section on parity, per trained arm."""
    facts = parity_facts(inputs["models"], inputs["rendered"])
    shown = (*PARITY, "tokens", "loss_tokens", "final_loss")
    rows = [{"arm": arm.path, **{name: facts[arm].get(name) for name in shown}} for arm in sorted(facts)]
    return Section("Parity", TEXT, rows)
