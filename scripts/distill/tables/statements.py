"""The statements of a corpus, read from the statements tables of its shards."""

from pathlib import Path

from distill import tables
from distill.config.shards import in_shard, parse_shard
from distill.runtime.errors import InputError


def statements(*paths: Path) -> dict[str, str]:
    """Return problem_id -> statement of statements tables, all shards of a corpus or one.

    Raises InputError when two tables hold the same problem.
    """
    by_id: dict[str, str] = {}
    for path in paths:
        table = tables.read(path, tables.STATEMENTS, ["problem_id", "problem"])
        shard = dict(zip(table["problem_id"].to_pylist(), table["problem"].to_pylist(), strict=True))
        if repeated := by_id.keys() & shard.keys():
            raise InputError(f"{path}: problem {min(repeated)!r} stands in another table too; give each shard once")
        by_id |= shard
    return by_id


def statements_of_shard(path: Path, shard: str) -> dict[str, str]:
    """Return problem_id -> problem of a shard."""
    index, count = parse_shard(shard)
    return {i: text for i, text in statements(path).items() if in_shard(i, index, count)}
