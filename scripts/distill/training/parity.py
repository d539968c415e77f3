"""Parity: what the arms of a contrast must share besides the data."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from distill.config.lineage import Arm
from distill.config.recipes import EXECUTION, FineTuning
from distill.runtime.files import read_json

# What the arms of a contrast must share, else they are not comparable; the first that differs is named. The recipe's
# keys are taken from the recipe, so that a new one is compared from its first day.
RECIPE = tuple(name for name, field in FineTuning.model_fields.items() if field.json_schema_extra != EXECUTION)
PARITY = ("updates", "epochs", "rows", "cutoff", "base_digest", "code", *RECIPE)
RATIOS = ("tokens", "loss_tokens")


def parity_facts(models: Iterable[Path], rendered: Iterable[Path]) -> dict[Arm, dict[str, Any]]:
    """Return, per trained arm, the values of PARITY, its tokens, loss tokens and final loss.

    `models` and `rendered` are manifests of trained models and of rendered datasets.
    """
    cutoffs = {}
    for manifest in map(read_json, rendered):
        identity = manifest["identity"]
        cutoffs[identity["student"], identity["training"], identity["dataset"]] = manifest["cutoff"]
    facts = {}
    for manifest in map(read_json, models):
        arm = Arm.of(manifest["identity"])
        cutoff = cutoffs.get((arm.student, arm.training, arm.dataset))
        facts[arm] = {**manifest, **manifest["recipe"], "cutoff": cutoff}
    return facts


def parity(arms: Sequence[Arm], facts: Mapping[Arm, Mapping[str, Any]]) -> str:
    """Return `equal`, or what differs between trained arms, e.g. `updates 252 vs 236`."""
    known = [facts[a] for a in arms if a in facts]
    if len(known) < len(arms):
        return "base"
    differing = []
    for name in PARITY:
        values = list(dict.fromkeys(str(k.get(name)) for k in known))
        if len(values) > 1:
            differing.append(f"{name} {' vs '.join(values)}")
    return "; ".join(differing) or "equal"
