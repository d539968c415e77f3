"""Accuracy by difficulty, where problems have levels."""

import re
from typing import Any

from distill.analyses.looks import Looks
from distill.analyses.section import Inputs, Picture, Section
from distill.config.labels import Labels
from distill.config.lineage import Arm
from distill.runtime.files import read_json
from distill.scores.golds import notes

NEEDS = ("scores",)
ORDER = 30
LABELLED = True
MOST_DIGITS = 400
MOST = 40  # levels that can be shown; more are no levels but ids
GROUPS = {"level": "by_level", "subject": "by_subject"}


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on levels, from the scores' manifests; the figures stand with the students."""
    from distill.analyses import score_plots

    scores = sorted(
        map(_ordered, map(read_json, inputs["scores"])), key=lambda m: (m["identity"]["corpus"], Arm.of(m["identity"]))
    )
    scores = labels.by_size(scores, lambda manifest: manifest["identity"]["student"])
    crowded = {
        group: sorted({m["identity"]["corpus"] for m in scores if len(m[key]) > MOST}) for group, key in GROUPS.items()
    }
    text = ["The figures, those of subjects too, stand with the students.", *notes(scores)]
    for group, names in crowded.items():
        if names:
            text.append(
                f"Not shown, because their problems have more than {MOST} {group}s: "
                f"{', '.join(labels.said('corpora', name) for name in names)}."
            )
    shown = [
        {**m, "identity": labels.row(m["identity"])} for m in scores if m["identity"]["corpus"] not in crowded["level"]
    ]
    picture = Picture("accuracy_by_level", *score_plots.accuracy_by_level(shown, Looks.of(labels)))
    return Section("Levels", tuple(text), [], picture)


def _ordered(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a score's manifest with its levels in a reader's order: level 10 comes after level 2."""
    levels = manifest["by_level"]
    return {**manifest, "by_level": {name: levels[name] for name in sorted(levels, key=natural)}}


def natural(level: str) -> list[tuple[bool, int, str]]:
    """Return what sorts names as a reader does, by the numbers in them."""
    parts = [part for part in re.split(r"(\d+)", level) if part]
    # A superscript is a digit, and no number; nor is what has more digits than Python reads.
    numbers = [part.isdecimal() and len(part) <= MOST_DIGITS for part in parts]
    return [
        (not is_number, int(part) if is_number else 0, part) for is_number, part in zip(numbers, parts, strict=True)
    ]
