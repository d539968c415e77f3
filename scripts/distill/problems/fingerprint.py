"""Digests of the ids and statements of a corpus, per shard, known before any job runs.

A generation depends on statements and not on gold answers, and Snakemake decides what to make before the first job
starts: a table that comes out the same still re-makes what reads it. So the rules read the rows of a local file while
they plan, and the job that takes the statements out has their digest as a parameter. Rows of the hub stand still at
their commit: their recipe takes the place of the digest.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from distill.config.recipes import CorpusRecipe
from distill.config.shards import in_shard, parse_shard, shard_names
from distill.runtime.errors import InputError
from distill.runtime.files import text_digest


def fingerprint(recipe: CorpusRecipe, code: str, cache: Path) -> dict[str, str]:
    """Return shard -> digest of its statements as the rows are now. `code` is the hash of the program that maps them.

    `cache` is a file that spares reading unchanged rows again. Rows that cannot be read have a digest of their own:
    the program that fetches them says what is wrong.
    """
    names = shard_names(recipe.shards)
    if recipe.path is None:
        return dict.fromkeys(names, text_digest(recipe.canonical() + code))
    key = text_digest(json.dumps([recipe.canonical(), recipe.shards, code, *map(_stamp, recipe.local_files())]))
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(cache.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return kept["shards"]
    try:
        from distill.problems.mapping import read_corpus

        digests = fingerprint_rows(read_corpus(recipe).rows, names)
    except InputError:
        return dict.fromkeys(names, "unreadable")
    _keep(cache, {"key": key, "shards": digests})
    return digests


def fingerprint_rows(rows: Iterable[dict[str, Any]], names: Iterable[str]) -> dict[str, str]:
    """Return shard -> digest of rows with problem_id and problem; their order does not matter."""
    ordered = sorted(rows, key=lambda row: row["problem_id"])
    digests = {}
    for name in names:
        index, count = parse_shard(name)
        shard = (row for row in ordered if in_shard(row["problem_id"], index, count))
        digests[name] = _digest([row["problem_id"], row["problem"]] for row in shard)
    return digests


def _digest(texts: Iterable[list[str]]) -> str:
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
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        os.replace(temporary, cache)
