"""Signals: what is known of problems and responses that datasets may leave out or choose by."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from distill.analyses.section import Inputs, Row, Section
from distill.runtime.files import read_json
from distill.scores.numbers import percent

Facts = Mapping[str, Any]

NEEDS = ("signals",)
ORDER = 90
TEXT = ("What the signals say; datasets leave out or choose by it only where their recipes ask for it.",)


def analyse(inputs: Inputs) -> Section:
    """Return the section on signals: repeated problems, and how likely responses are to a student."""
    rows: list[Row] = []
    rated: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    suits: dict[tuple[str, str, str], list[Facts]] = defaultdict(list)
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
        elif manifest["kind"] == "suitability":
            key = corpus, identity["model_path"].removeprefix("teachers/"), identity["student"]
            suits[key].append(manifest)
        elif manifest["tokens"]:
            nats = math.log(manifest["perplexity"]) * manifest["tokens"]
            key = corpus, identity["model_path"].removeprefix("teachers/"), identity["student"]
            rated[key].update(tokens=manifest["tokens"], nats=nats)
    for (corpus, teacher, student), sums in sorted(rated.items()):
        perplexity = f"perplexity {math.exp(sums['nats'] / sums['tokens']):.3g} to {student}"
        rows.append({"corpus": corpus, "what": f"responses of {teacher}", "found": perplexity})
    rows += [{"corpus": key[0], "what": f"responses of {key[1]}", "found": f"{suitability(own)} to {key[2]}"}
             for key, own in sorted(suits.items()) if any(facts["rated"] for facts in own)]  # fmt: skip
    return Section("Signals", TEXT, rows)


def suitability(manifests: Sequence[Facts]) -> str:
    """Return in words how well all responses of a teacher suit a student, each counting alike."""
    rated = [facts for facts in manifests if facts["rated"]]
    count = sum(facts["rated"] for facts in rated)
    nats, rank, local, first, ten = (
        sum(facts["rated"] * facts[name] for facts in rated) / count
        for name in ("surprisal", "rank", "local_naturalness", "overlap_1", "overlap_10")
    )
    return (
        f"perplexity {math.exp(nats):.3g}, rank-surprisal ratio {rank / nats:.3g}, local naturalness {local:.3g}, "
        f"overlap {percent(first)} and {percent(ten)} of {count} responses"
    )
