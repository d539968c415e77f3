"""Lengths by correctness: how many tokens the right, the wrong and the cut-off responses of an arm have."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from distill.analyses.arm_names import arm_names
from distill.analyses.section import Block, Inputs, Picture, Row, Section, Table
from distill.config.labels import Labels
from distill.config.lineage import Arm
from distill.runtime.files import read_json

NEEDS = ("scores",)
ORDER = 32
LABELLED = True
MOST = 100  # rows of the table of the page
KINDS = ("right", "wrong", "cut off")
TEXT = (
    "Tokens of the responses of each arm by what became of them: the median, and in brackets the quartiles. One "
    "that was cut off is not right, whatever stands in it; wrong are the others, those without an answer too, and "
    "errors are none of them. Right and wrong are of different problems: that wrong ones are longer does not say that "
    "length makes them wrong. Where an arm has several samples of a problem, its responses count as one of their mean "
    "length, if all of them are of one kind. Mixed are the problems that are left, those with errors too.",
)
SUMMED = (
    "Here is the first seed of each arm on all benchmarks together; table.csv of this analysis has every seed and "
    "benchmark."
)


@dataclass(frozen=True)
class Lengths:
    """The lengths of the responses of an arm to benchmarks, by kind, and how many problems are mixed."""

    arm: Arm
    name: str
    benchmark: str
    tokens: Mapping[str, Any]
    mixed: int


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on lengths, from the items of the scores; models without token counts are left out."""
    from distill.analyses import length_plots

    found = labels.by_size(read_lengths(inputs["scores"]), lambda each: each.arm.student)
    rows, whole = list(map(row, found)), first_seeds(found)
    is_short = len(rows) <= MOST
    table = Table("Tokens by correctness", rows if is_short else list(map(row, whole)), list(rows[0]) if rows else ())
    shown = [replace(each, arm=labels.arm(each.arm), name=labels.cell("trained on", each.name)) for each in whole]
    picture = Picture("lengths", *length_plots.lengths(shown))
    text = (*TEXT, *([] if is_short else [SUMMED]))
    return Section("Lengths by correctness", text, rows, picture, blocks=(Block("", tables=(table,)),))


def read_lengths(manifests: Iterable[Path]) -> list[Lengths]:
    """Return the lengths of every arm on every benchmark, arm by arm."""
    facts = {path: read_json(path) for path in manifests}
    arms = {path: Arm.of(each["identity"]) for path, each in facts.items() if each["mean_tokens"] is not None}
    names = arm_names((arm.dataset, arm.training) for arm in sorted(arms.values()))
    found = [
        Lengths(arm, names[arm.dataset, arm.training],
                facts[path]["identity"]["corpus"], *by_kind(path.with_name("items.parquet")))
        for path, arm in arms.items()
    ]  # fmt: skip
    return sorted(found, key=lambda each: (each.arm.student, each.arm.is_trained, each.arm, each.benchmark))


def by_kind(items: Path) -> tuple[dict[str, Any], int]:
    """Return kind -> mean tokens of the responses to each problem whose samples are all of it; how many are mixed."""
    from distill import tables

    columns = ["n_samples", "n_correct", "n_cut_off", "n_errors", "response_tokens"]
    table = tables.read(items, tables.ITEMS, columns)
    samples, right, cut, errors, tokens = (table[name].to_numpy() for name in columns)
    kinds = {
        "right": right == samples,
        "wrong": (right == 0) & (cut == 0) & (errors == 0),
        "cut off": (cut == samples) & (right == 0),
    }
    lengths = {kind: tokens[chosen] / samples[chosen] for kind, chosen in kinds.items()}
    return lengths, len(samples) - sum(map(len, lengths.values()))


def first_seeds(found: Iterable[Lengths]) -> list[Lengths]:
    """Return the lengths of the first seed of each arm, on all benchmarks together."""
    import numpy as np

    arms: dict[tuple[str, str, str], dict[int, list[Lengths]]] = defaultdict(lambda: defaultdict(list))
    for each in found:
        arms[each.arm.student, each.arm.dataset, each.arm.training][each.arm.seed].append(each)
    firsts = [seeds[min(seeds)] for seeds in arms.values()]
    return [
        Lengths(own[0].arm, own[0].name, f"all {len(own)}" if len(own) > 1 else own[0].benchmark,
                {kind: np.concatenate([each.tokens[kind] for each in own]) for kind in KINDS},
                sum(each.mixed for each in own))
        for own in firsts
    ]  # fmt: skip


def row(lengths: Lengths) -> Row:
    """Return the row of an arm on a benchmark."""
    cells: Row = {"student": lengths.arm.student, "trained on": lengths.name, "seed": lengths.arm.seed,
                  "benchmark": lengths.benchmark}  # fmt: skip
    for kind in KINDS:
        cells |= {kind: len(lengths.tokens[kind]), f"tokens {kind}": shown(lengths.tokens[kind])}
    return {**cells, "mixed": lengths.mixed}


def shown(tokens: Any) -> str:
    """Return median and quartiles in whole tokens, `120 (90 to 200)`; nothing of nothing."""
    if not len(tokens):
        return ""
    low, middle, high = percentiles(tokens, 25, 50, 75)
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"


def percentiles(tokens: Any, *which: float) -> list[float]:
    """Return percentiles, between two values by their distance."""
    import numpy as np

    return [float(value) for value in np.percentile(tokens, which)]
