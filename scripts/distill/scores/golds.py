"""What stands behind a figure in place of a corpus's own gold answers, in words for tables and pages."""

from collections.abc import Iterable, Mapping
from typing import Any

GIVEN = "given"
JUDGED = "a judge decides"
MISSING = "none"


def described(golds: Mapping[str, Any] | None) -> str:
    """Return a few words on the `golds` that a manifest states; `given` where it states none."""
    if golds is None:
        return GIVEN
    if golds["origin"] != "agreement":
        return JUDGED if golds["origin"] == "judge" else MISSING
    return f"agreement of {', '.join(golds['teachers'])} on {golds['agreed']} of {golds['problems']} problems"


def notes(manifests: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return a line for each corpus or dataset of these manifests whose gold answers are not given ones."""
    lines: dict[str, None] = {}
    for manifest in manifests:
        if golds := manifest.get("golds"):
            lines[f"{_subject(manifest['identity'])}: {_said(golds)}"] = None
    return tuple(lines)


def _subject(identity: Mapping[str, Any]) -> str:
    return f"Dataset {identity['dataset']}" if identity["kind"] == "datasets" else f"Corpus {identity['corpus']}"


def _said(golds: Mapping[str, Any]) -> str:
    if golds["origin"] == "judge":
        return "no gold answers; what is correct is what the judge says."
    if golds["origin"] == "none":
        return "no gold answers; no response counts as correct or wrong."
    return (
        f"the gold answers are no given ones but the {described(golds)} (each draw has a vote; at least "
        f"{golds['at_least']} votes and more than {golds['share']} of a problem's). The other problems count as not "
        "answered right, and these teachers are graded against their own votes."
    )
