"""Signals: what is known of problems and responses that datasets may leave out or choose by."""

import math
from collections import Counter, defaultdict

from distill.analyses.section import Inputs, Row, Section
from distill.runtime.files import read_json

NEEDS = ("signals",)
ORDER = 90
TEXT = ("What the signals say; datasets leave out or choose by it only where their recipes ask for it.",)


def analyse(inputs: Inputs) -> Section:
    """Return the section on signals: repeated problems, and how likely responses are to a student."""
    rows: list[Row] = []
    rated: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for manifest in map(read_json, inputs["signals"]):
        identity = manifest["identity"]
        corpus = identity["corpus"]
        if manifest["kind"] == "contamination":
            for name, hits in manifest["benchmarks"].items():
                count = f"{hits['exact']} word for word, {hits['overlap']} in their n-grams"
                rows.append({"corpus": corpus, "what": f"repeats a problem of {name}", "found": count})
        elif manifest["kind"] == "duplicates":
            count = f"{manifest['rows']} of {manifest['problems']} problems"
            rows.append({"corpus": corpus, "what": "nearly the same as an earlier problem", "found": count})
        elif manifest["tokens"]:
            nats = math.log(manifest["perplexity"]) * manifest["tokens"]
            key = corpus, identity["model_path"].removeprefix("teachers/"), identity["student"]
            rated[key].update(tokens=manifest["tokens"], nats=nats)
    for (corpus, teacher, student), sums in sorted(rated.items()):
        perplexity = f"perplexity {math.exp(sums['nats'] / sums['tokens']):.3g} to {student}"
        rows.append({"corpus": corpus, "what": f"responses of {teacher}", "found": perplexity})
    return Section("Signals", TEXT, rows)
