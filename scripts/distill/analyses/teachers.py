"""Counts of manifests added up over the draws and shards of each teacher."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from distill.runtime.files import read_json

Counts = Mapping[str, Mapping[str, int]]


def summed(
    manifests: Iterable[Path], counts: Callable[[dict[str, Any]], Counts]
) -> dict[tuple[str, str, str], Counter[str]]:
    """Return (corpus, teacher, name of the count) -> its sum, sorted."""
    total: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for manifest in map(read_json, manifests):
        corpus, teacher = manifest["identity"]["corpus"], manifest["identity"]["model_path"].removeprefix("teachers/")
        for name, addends in counts(manifest).items():
            total[corpus, teacher, name].update(addends)
    return dict(sorted(total.items()))
