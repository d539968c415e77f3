"""What a corpus would say, known before anything runs: digests of its statements per shard, and of its texts.

A generation depends on statements and not on gold answers, and Snakemake decides what to make before the first job
starts: a table that comes out the same still re-makes what reads it. So the rules read the rows of a local file while
they plan, and a job that reads statements alone has their digest as a parameter in place of the problems table. Rows of
the hub stand still at their commit: their recipe takes the place of the digest.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distill.config.recipes import CorpusRecipe
from distill.config.shards import in_shard, parse_shard, shard_names
from distill.runtime.errors import InputError
from distill.runtime.files import text_digest


@dataclass(frozen=True)
class Fingerprint:
    """shards: name -> digest of its ids and statements; texts: digest of all statements and solutions."""

    shards: dict[str, str]
    texts: str


def fingerprint(recipe: CorpusRecipe, code: str, cache: Path) -> Fingerprint:
    """Return the digests of a corpus as its rows are now. `code` is the hash of the program that maps them.

    `cache` is a file that spares reading unchanged rows again. Rows that cannot be read have a digest of their own:
    the program that fetches them says what is wrong.
    """
    names = shard_names(recipe.shards)
    if recipe.path is None:
        known = text_digest(recipe.canonical() + code)
        return Fingerprint(dict.fromkeys(names, known), known)
    key = text_digest(json.dumps([recipe.canonical(), recipe.shards, code, _stamp(Path(recipe.path))]))
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(cache.read_text())
        if kept["key"] == key:
            return Fingerprint(kept["shards"], kept["texts"])
    try:
        from distill.problems.mapping import read_corpus

        found = fingerprint_rows(read_corpus(recipe).rows, names)
    except InputError:
        return Fingerprint(dict.fromkeys(names, "unreadable"), "unreadable")
    _keep(cache, {"key": key, **asdict(found)})
    return found


def fingerprint_rows(rows: Iterable[dict[str, Any]], names: Iterable[str]) -> Fingerprint:
    """Return the digests of rows with problem_id, problem and solution; their order does not matter."""
    ordered = sorted(rows, key=lambda row: row["problem_id"])
    shards = {}
    for name in names:
        index, count = parse_shard(name)
        own = (row for row in ordered if in_shard(row["problem_id"], index, count))
        shards[name] = _digest([row["problem_id"], row["problem"]] for row in own)
    return Fingerprint(shards, _digest([row["problem"], row["solution"]] for row in ordered))


def _digest(texts: Iterable[list[str | None]]) -> str:
    hasher = hashlib.sha256()
    for row in texts:
        hasher.update(json.dumps(row).encode() + b"\n")
    return hasher.hexdigest()


def _stamp(path: Path) -> list[Any]:
    """Return what tells a file from an earlier state of itself."""
    try:
        state = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), state.st_size, state.st_mtime_ns]


def _keep(cache: Path, facts: dict[str, Any]) -> None:
    """Replace the cache; nothing depends on it, and several jobs may write it at once."""
    temporary = cache.with_name(f".{cache.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        cache.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(facts))
        os.replace(temporary, cache)
