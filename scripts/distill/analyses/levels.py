"""Accuracy by difficulty and by subject, where problems have them."""

import re
from typing import Any

from distill.analyses.section import Inputs, Picture, Section
from distill.config.lineage import Arm
from distill.runtime.files import read_json
from distill.scores.golds import notes
from distill.scores.numbers import interval, points

NEEDS = ("scores",)
ORDER = 30
MOST = 40  # levels that a picture can show; more are no levels but ids
GROUPS = {"level": "by_level", "subject": "by_subject"}


def analyse(inputs: Inputs) -> Section:
    """Return the section on levels and subjects, from the scores' manifests."""
    from distill.analyses import plots

    scores = sorted(
        map(_ordered, map(read_json, inputs["scores"])), key=lambda m: (m["identity"]["corpus"], Arm.of(m["identity"]))
    )
    crowded = {
        group: sorted({m["identity"]["corpus"] for m in scores if len(m[key]) > MOST}) for group, key in GROUPS.items()
    }
    rows = [
        {"benchmark": m["identity"]["corpus"], "arm": Arm.of(m["identity"]).path, "by": group, "group": name,
         "problems": facts["n_problems"], "accuracy": points(facts["accuracy"]), "95 % interval": interval(facts)}
        for m in scores
        for group, key in GROUPS.items()
        if m["identity"]["corpus"] not in crowded[group]
        for name, facts in m[key].items()
    ]  # fmt: skip
    text = ["Accuracy in points by the level and the subject of the problems; in the picture by level, of the first "
            "seed of each arm, with 95 % intervals.", *notes(scores)]  # fmt: skip
    for group, names in crowded.items():
        if names:
            text.append(f"Not shown, because their problems have more than {MOST} {group}s: {', '.join(names)}.")
    shown = [m for m in scores if m["identity"]["corpus"] not in crowded["level"]]
    return Section("Levels", tuple(text), rows, Picture("accuracy_by_level", plots.accuracy_by_level(shown)))


def _ordered(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a score's manifest with its levels and subjects in a reader's order: level 10 comes after level 2."""
    groups = {key: {name: manifest[key][name] for name in sorted(manifest[key], key=_natural)}
              for key in GROUPS.values()}  # fmt: skip
    return {**manifest, **groups}


def _natural(level: str) -> list[tuple[bool, int, str]]:
    return [
        (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", level) if part
    ]
