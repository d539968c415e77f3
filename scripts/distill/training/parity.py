"""Parity: what the arms of a contrast must share besides the data."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from distill.config.lineage import Arm
from distill.runtime.files import read_json

# What must agree between the arms of a gap; the first that differs is named.
PARITY = ("updates", "rows", "global_batch", "cutoff", "packing", "schedule", "lr", "warmup", "weight_decay",
          "precision", "method")  # fmt: skip


def parity_facts(models: Iterable[Path], rendered: Iterable[Path]) -> dict[Arm, dict[str, Any]]:
    """Return, per trained arm, the values of PARITY, its rows, tokens, loss tokens and final loss.

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
        seen = {name: manifest[name] for name in ("rows", "tokens", "loss_tokens", "final_loss")}
        facts[arm] = {**manifest["parity"], **seen, "cutoff": cutoff}
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
