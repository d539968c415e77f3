"""Accuracy by difficulty, where problems have a level."""

import re
from typing import Any

from distill.analyses.section import Inputs, Picture, Section
from distill.config.lineage import Arm
from distill.runtime.files import read_json
from distill.scores.golds import notes

NEEDS = ("scores",)
ORDER = 30
MOST = 40  # levels that a picture can show; more are no levels but ids


def analyse(inputs: Inputs) -> Section:
    """Return the section on levels, from the scores' manifests."""
    from distill.analyses import plots

    scores = sorted(
        map(_ordered, map(read_json, inputs["scores"])), key=lambda m: (m["identity"]["corpus"], Arm.of(m["identity"]))
    )
    rows = [
        {"benchmark": m["identity"]["corpus"], "arm": Arm.of(m["identity"]).path, "level": level,
         "problems": facts["n_problems"], "accuracy": facts["accuracy"]}
        for m in scores
        for level, facts in m["by_level"].items()
    ]  # fmt: skip
    crowded = sorted({m["identity"]["corpus"] for m in scores if len(m["by_level"]) > MOST})
    text = ["Accuracy by the level of the problems, of the first seed of each arm in the picture.", *notes(scores)]
    if crowded:
        text.append(f"Not shown, because their problems have more than {MOST} levels: {', '.join(crowded)}.")
    shown = [m for m in scores if m["identity"]["corpus"] not in crowded]
    kept = [row for row in rows if row["benchmark"] not in crowded]
    return Section("Levels", tuple(text), kept, Picture("accuracy_by_level", plots.accuracy_by_level(shown)))


def _ordered(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a score's manifest with its levels in a reader's order: level 10 comes after level 2."""
    levels = manifest["by_level"]
    return {**manifest, "by_level": {level: levels[level] for level in sorted(levels, key=_natural)}}


def _natural(level: str) -> list[tuple[bool, int, str]]:
    return [
        (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", level) if part
    ]
