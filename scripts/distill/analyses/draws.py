"""Draws: several responses to one problem, what was spared, and how many are the same."""

from collections import Counter

from distill.analyses.section import Inputs, Section
from distill.runtime.files import read_json

NEEDS = ("repeats", "responses")
ORDER = 80
TEXT = (
    "Several draws of one problem: how many responses, how many until_correct spared against a fixed number, and how "
    "many say word for word what an earlier draw said. Short answers repeat; a whole draw that does had its seed "
    "twice.",
)


def analyse(inputs: Inputs) -> Section:
    """Return the section on models that answered several times."""
    spared: Counter[tuple[str, str]] = Counter()
    for manifest in map(read_json, inputs["responses"]):
        spared[manifest["identity"]["corpus"], manifest["identity"]["model_path"]] += manifest.get("saved", 0)
    rows = []
    for manifest in map(read_json, inputs["repeats"]):
        if manifest["pairs"]:
            place = manifest["identity"]["corpus"], manifest["identity"]["model_path"]
            draws = {draw for pair in manifest["pairs"] for draw in pair.split(", ")}
            rows.append({"corpus": place[0], "who": place[1], "draws": len(draws), "responses": manifest["rows"],
                         "spared by until_correct": spared[place],
                         "the same as in an earlier draw": manifest["repeated"]})  # fmt: skip
    return Section("Draws", TEXT, sorted(rows, key=lambda row: (row["corpus"], row["who"])))
