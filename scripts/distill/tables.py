"""The column contract of every Parquet table, checked on read and on write.

A table holds its contract's columns in their order, sorted by key, keys unique; more columns may follow. Files are
zstd-compressed Parquet with an explicit schema, so equal rows make equal bytes.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from distill.artefacts import replacing
from distill.errors import InputError

ROW_GROUP = 2000


@dataclass(frozen=True)
class Contract:
    """A table's name, its columns, and the columns that make a row unique and order the file."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]


def _contract(name: str, key: str, required: str, **columns: pa.DataType) -> Contract:
    """Build a contract; `key` and `required` are space-separated column names that may not be null."""
    never_null = set((key + " " + required).split())
    fields = [pa.field(n, t, nullable=n not in never_null) for n, t in columns.items()]
    return Contract(name, pa.schema(fields), tuple(key.split()))


_TEXT, _INT, _LONG, _REAL = pa.string(), pa.int32(), pa.int64(), pa.float64()
_MESSAGE = pa.struct([pa.field("role", _TEXT, nullable=False), pa.field("content", _TEXT, nullable=False)])
_WORDS = {"problem_id": _TEXT, "draw": _INT}

PROBLEMS = _contract(
    "problems", "problem_id", "problem answer source",
    problem_id=_TEXT, problem=_TEXT, answer=_TEXT, solution=_TEXT, source=_TEXT, subject=_TEXT, level=_TEXT,
)  # fmt: skip
RESPONSES = _contract(
    "responses", "problem_id draw", "response finish_reason",
    **_WORDS, response=_TEXT, finish_reason=_TEXT, prompt_tokens=_INT, response_tokens=_INT, seed=_LONG,
    error=_TEXT,
)  # fmt: skip
VERDICTS = _contract(
    "verdicts", "problem_id draw", "verdict method", **_WORDS, verdict=_TEXT, extracted=_TEXT, method=_TEXT
)
TRAIN = _contract(
    "train", "problem_id", "messages source teacher draw",
    problem_id=_TEXT, messages=pa.list_(_MESSAGE), source=_TEXT, teacher=_TEXT, draw=_INT,
)  # fmt: skip
LEDGER = _contract("ledger", "source problem_id", "reason", source=_TEXT, problem_id=_TEXT, reason=_TEXT)
RENDERED = _contract(
    "rendered", "problem_id", "input_ids loss_mask length",
    problem_id=_TEXT, input_ids=pa.list_(_INT), loss_mask=pa.list_(pa.int8()), length=_INT,
)  # fmt: skip
ITEMS = _contract(
    "items", "problem_id", "n_samples n_correct n_no_answer n_cut_off response_tokens",
    problem_id=_TEXT, subject=_TEXT, level=_TEXT, n_samples=_INT, n_correct=_INT, n_no_answer=_INT,
    n_cut_off=_INT, response_tokens=_LONG,
)  # fmt: skip
TRAIN_LOG = _contract(
    "train_log", "update", "epoch loss lr",
    update=_INT, epoch=_REAL, loss=_REAL, lr=_REAL, grad_norm=_REAL, tokens=_LONG, tokens_per_second=_REAL,
)  # fmt: skip


def read(path: Path, contract: Contract, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table and check it against its contract; `columns` limits what is read.

    Raises InputError when the file is no Parquet file, lacks a column, or holds another type.
    """
    try:
        table = pq.read_table(path, columns=columns, partitioning=None)
        found = pq.read_schema(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({first_line(error)})") from None
    for field in contract.schema:
        if field.name not in found.names:
            raise InputError(f"{path}: column {field.name!r} of {contract.name} is missing; it has {found.names}")
        if found.field(field.name).type != field.type:
            kind = found.field(field.name).type
            raise InputError(f"{path}: column {field.name!r} is {kind}, {contract.name} wants {field.type}")
    return table


def read_all(paths: Sequence[Path], contract: Contract, columns: Sequence[str] | None = None) -> pa.Table:
    """Read several files of one table (shards, draws) as one table, in the order given."""
    return pa.concat_tables([read(path, contract, columns) for path in paths])


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, without its file name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def build(rows: Sequence[dict[str, Any]], contract: Contract, extra: Sequence[pa.Field] = ()) -> pa.Table:
    """Make a sorted table from rows (dicts); `extra` fields follow the contract's columns.

    Lone surrogates, which models do write and Parquet cannot hold, become `?`.
    """
    schema = pa.schema([*contract.schema, *extra])
    columns = [pa.array((_clean(row.get(f.name)) for row in rows), type=f.type) for f in schema]
    return pa.table(columns, schema=schema).sort_by([(k, "ascending") for k in contract.key])


def _clean(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def write(path: Path, table: pa.Table, contract: Contract) -> str:
    """Write a table atomically and return the digest of its rows.

    Raises InputError when a required value is null, a key repeats, or the columns are not the contract's.
    """
    names = table.schema.names[: len(contract.schema)]
    if names != contract.schema.names:
        raise InputError(f"{path}: columns {names}, the contract of {contract.name} is {contract.schema.names}")
    for field in contract.schema:
        if not field.nullable and table[field.name].null_count:
            raise InputError(f"{path}: column {field.name!r} of {contract.name} holds null")
    repeated = duplicate_keys(table, contract.key)
    if repeated:
        raise InputError(f"{path}: {contract.name} repeats the key {', '.join(map(str, repeated[:5]))}")
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", compression_level=3, row_group_size=ROW_GROUP)
    return digest(table)


def duplicate_keys(table: pa.Table, key: Sequence[str]) -> list[Any]:
    """Return the keys that occur more than once, sorted (tuples for a key of several columns)."""
    counts = table.group_by(list(key)).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1)).select(list(key)).to_pylist()
    return sorted(tuple(r.values()) if len(key) > 1 else next(iter(r.values())) for r in repeated)


def digest(table: pa.Table) -> str:
    """Return the sha256 of a table's rows: schema and values, not how the file is laid out."""
    hasher = hashlib.sha256(str(table.schema.remove_metadata()).encode())
    for batch in batches(table):
        hasher.update(batch.serialize())
    return hasher.hexdigest()


def batches(table: pa.Table, rows: int = 1024) -> Iterator[pa.RecordBatch]:
    """Yield a table in batches of a fixed number of rows, whatever its chunks are."""
    yield from table.combine_chunks().to_batches(max_chunksize=rows)
