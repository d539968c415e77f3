"""Two runs side by side: which artefacts differ, in what they were made from and in what came out, and their scores.

Read are records alone (`manifest.json`, `provenance.json`) and the items of scores, no other table and no weights.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from distill.config.lineage import ROOT, Score, parse
from distill.runtime.errors import InputError
from distill.runtime.files import read_object
from distill.runtime.record import TIMED

INSIDE = {"kept", "refused", "state", "weights", "data", "serving"}  # folders within an artefact
CAUSES = ("recipe", "code", "inputs", "versions")
Record = Mapping[str, Any]
_ABSENT = object()


@dataclass(frozen=True)
class Artefact:
    """What the records of an artefact say. folder: below `results/`, from the kind on."""

    folder: str
    path: Path
    manifest: Record
    provenance: Record

    @property
    def kind(self) -> str:
        """Return the first part of its folder, which is that of its stage."""
        return self.folder.split("/")[0]

    @property
    def outputs(self) -> dict[str, str]:
        """Return file -> digest of what was made, but for files that hold times, of which no two are equal."""
        made = self.provenance.get("outputs", {})
        return {name: digest for name, digest in made.items() if name not in ("manifest.json", *TIMED)}


@dataclass(frozen=True)
class Pair:
    """An artefact as two runs have it."""

    before: Artefact
    after: Artefact

    @cached_property
    def causes(self) -> tuple[str, ...]:
        """Return which of CAUSES differ: what it was made by, from, and with."""
        one, other = self.before.provenance, self.after.provenance
        return tuple(cause for cause in CAUSES if one.get(cause) != other.get(cause))

    @property
    def is_same(self) -> bool:
        """Whether the same bytes came out."""
        return self.before.outputs == self.after.outputs

    @property
    def is_unexplained(self) -> bool:
        """Whether other bytes came out of the same recipe, code, inputs and versions."""
        return not self.is_same and not self.causes


@dataclass(frozen=True)
class Runs:
    """Two runs: artefacts of one alone, and pairs of those of both, in the order of their folders."""

    before: list[Artefact]
    after: list[Artefact]
    pairs: list[Pair]


@dataclass(frozen=True)
class Scored:
    """Accuracies of an arm on a benchmark in two runs, and how many problems it got right more and less often.

    turned: (better, worse); None where the runs have other problems or samples.
    """

    place: Score
    accuracies: tuple[float, float]
    turned: tuple[int, int] | None


def runs(before: Path, after: Path) -> Runs:
    """Return two runs, each a folder that the workflow ran in or its `results/`. Raises InputError for neither."""
    one, other = ({each.folder: each for each in _artefacts(folder)} for folder in (before, after))
    return Runs(
        [one[name] for name in sorted(one.keys() - other.keys())],
        [other[name] for name in sorted(other.keys() - one.keys())],
        [Pair(one[name], other[name]) for name in sorted(one.keys() & other.keys())],
    )


def _artefacts(folder: Path) -> Iterator[Artefact]:
    root = folder / ROOT if (folder / ROOT).is_dir() else folder
    found = False
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in INSIDE)
        if "provenance.json" in names:
            path, found = Path(parent), True
            manifest = read_object(path / "manifest.json") if "manifest.json" in names else {}
            yield Artefact(path.relative_to(root).as_posix(), path, manifest, read_object(path / "provenance.json"))
    if not found:
        raise InputError(f"{folder}: no artefacts of a run; name a folder with {ROOT}/ in it")


def keys_changed(before: Any, after: Any, name: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (key, value before, value after) of two recipes, keys within keys as `a.b`; `-` for one that is absent."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            inner = f"{name}.{key}" if name else key
            yield from keys_changed(before.get(key, _ABSENT), after.get(key, _ABSENT), inner)
    elif before != after:
        yield name, _told(before), _told(after)


def _told(value: Any) -> str:
    return "-" if value is _ABSENT else json.dumps(value, sort_keys=True, ensure_ascii=False)


def scored(pairs: list[Pair]) -> list[Scored]:
    """Return the scores of both runs."""
    found = []
    for pair in pairs:
        if pair.before.kind != Score.KIND:
            continue
        place = parse(f"{ROOT}/{pair.before.folder}")
        accuracies = pair.before.manifest["accuracy"], pair.after.manifest["accuracy"]
        found.append(Scored(place, accuracies, _turned(pair)))
    return found


def _turned(pair: Pair) -> tuple[int, int] | None:
    from distill import tables

    one, other = (
        {row["problem_id"]: row for row in tables.read(each.path / "items.parquet", tables.ITEMS,
                                                       ["problem_id", "n_samples", "n_correct"]).to_pylist()}
        for each in (pair.before, pair.after)
    )  # fmt: skip
    if {i: row["n_samples"] for i, row in one.items()} != {i: row["n_samples"] for i, row in other.items()}:
        return None
    more = [other[identity]["n_correct"] - row["n_correct"] for identity, row in one.items()]
    return sum(each > 0 for each in more), sum(each < 0 for each in more)
