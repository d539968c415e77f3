"""The ledger: rows lost on the way, with reasons."""

from distill.analyses.section import Inputs, Section
from distill.config import lineage
from distill.runtime.files import read_json

NEEDS = ("problems", "agreements", "datasets", "rendered", "models")
ORDER = 110
TEXT = ("Rows lost, with reasons; the ids stand in the ledger.parquet beside each artefact.",)


def analyse(inputs: Inputs) -> Section:
    """Return the section on every ledger that lost a row."""
    rows = []
    for kind in NEEDS:
        for manifest in map(read_json, inputs[kind]):
            ledger = manifest.get("ledger")
            if ledger and ledger["lost"]:
                lost = ", ".join(f"{reason} {n}" for reason, n in ledger["lost"].items())
                artefact = lineage.place_of(manifest["identity"]).folder.partition("/")[2]
                rows.append({"artefact": artefact, "in": ledger["rows_in"], "out": ledger["rows_out"], "lost": lost})
    return Section("Lost rows", TEXT, rows)
