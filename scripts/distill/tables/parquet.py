"""Tables read, streamed and written as Parquet, checked against their contracts.

A table holds its contract's columns in their order, sorted by key, keys unique; more columns may follow. Columns of
words hold no others, on writing as on reading. Files are zstd-compressed Parquet with an explicit schema, so equal
rows make equal bytes.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from distill.runtime.errors import InputError, first_line
from distill.runtime.files import check_manifest, file_digest, replacing
from distill.tables.schemas import Contract

ROW_GROUP = 2000
_WHOLE: set[tuple[str, int, int, str]] = set()  # tables whose bytes were looked at: path, time, size, digest


def read(path: Path, contract: Contract, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table and check it against its contract; `columns` limits what is read.

    Raises InputError when the file is no Parquet file, lacks a column, or holds another type or a word not allowed.
    """
    _check(path, contract)
    try:
        table = pq.read_table(path, columns=columns, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({first_line(error)})") from None
    _check_words(path, contract, table)
    return table


def footer(path: Path) -> pq.FileMetaData:
    """Return a file's footer: number of rows, schema. Raises InputError when it is no Parquet file."""
    try:
        return pq.read_metadata(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({first_line(error)})") from None


def check_bytes(path: Path) -> None:
    """Raise InputError unless a table's bytes are those that the manifest beside it states, if one does.

    A table is read once for it in a process, unless it changes.
    """
    manifest = path.with_name("manifest.json")
    check_manifest(manifest)
    try:
        stated = json.loads(manifest.read_bytes())["tables"][path.name]
        state = path.stat()
    except (OSError, ValueError, KeyError, TypeError):
        return
    seen = str(path.absolute()), state.st_mtime_ns, state.st_size, stated
    if seen in _WHOLE:
        return
    if file_digest(path) != stated:
        raise InputError(
            f"{path}: not the table that its manifest.json states: it was altered or cut short; delete the file and "
            "run again"
        )
    _WHOLE.add(seen)


def _check(path: Path, contract: Contract) -> None:
    """Check a file's bytes against its manifest, and its columns and their types against the contract."""
    check_bytes(path)
    schema = footer(path).schema.to_arrow_schema()
    for field in contract.schema:
        if field.name not in schema.names:
            raise InputError(f"{path}: column {field.name!r} of {contract.name} is missing; it has {schema.names}")
        if schema.field(field.name).type != field.type:
            kind = schema.field(field.name).type
            raise InputError(f"{path}: column {field.name!r} is {kind}, {contract.name} wants {field.type}")


def _check_words(path: Path, contract: Contract, rows: pa.Table | pa.RecordBatch) -> None:
    """Check that each column of words, as far as it was read, holds only those of its contract."""
    for name, words in contract.words.items():
        if name not in rows.schema.names:
            continue
        allowed = [word.value for word in words]
        null = [None] if contract.schema.field(name).nullable else []
        held = pc.unique(rows.column(name)).to_pylist()
        if alien := [word for word in held if word not in [*allowed, *null]]:
            shown = "null" if alien[0] is None else repr(alien[0][:80])
            raise InputError(
                f"{path}: column {name!r} of {contract.name} holds {shown}; allowed are {', '.join(allowed)}"
            )


def build(rows: Sequence[dict[str, Any]], contract: Contract, extra: Sequence[pa.Field] = ()) -> pa.Table:
    """Make a sorted table from rows (dicts); `extra` fields follow the contract's columns.

    Lone surrogates, which models do write and Parquet cannot hold, become `?`.
    """
    schema = pa.schema([*contract.schema, *extra])
    columns = [pa.array((_clean(row.get(f.name)) for row in rows), type=f.type) for f in schema]
    return pa.table(columns, schema=schema).sort_by([(k, "ascending") for k in contract.key])


def check_row(row: Any, contract: Contract, where: Path) -> None:
    """Raise InputError unless a row (a dict, read back from elsewhere) is one that a table of the contract can hold."""
    if not isinstance(row, dict):
        raise InputError(f"{where}: a {type(row).__name__} is no row of {contract.name}")
    for field in contract.schema:
        value = row.get(field.name)
        if value is None and not field.nullable:
            raise InputError(f"{where}: no {field.name!r} for {contract.name}")
        try:
            kept = pa.array([_clean(value)], type=field.type)[0].as_py()
        except (pa.ArrowException, TypeError, OverflowError):
            kept = None
        # Arrow cuts the fraction off a number, and takes True for 1.
        spoilt = isinstance(value, (bool, float)) and (type(kept) is not type(value) or kept != value)
        if value is not None and (kept is None or spoilt):
            raise InputError(f"{where}: {field.name!r} of {contract.name} cannot hold {value!r:.80}")
    table = build([row], contract)
    _check_words(where, contract, table)


def _clean(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


class Writer:
    """Writes a table piece by piece, in the order of its key, so that memory does not grow with its rows.

    A context manager; the file takes its place when the block ends well, and `digest` then is that of its rows. The
    bytes do not depend on the size of the pieces.
    """

    def __init__(self, path: Path, contract: Contract, extra: Sequence[pa.Field] = ()):
        self._path, self._contract, self._group = path, contract, contract.row_group or ROW_GROUP
        self.schema = pa.schema([*contract.schema, *extra])
        self._waiting: list[pa.Table] = []
        self._last: tuple[Any, ...] | None = None
        self._hasher = hashlib.sha256(str(self.schema).encode())
        self.rows = 0
        self.digest = ""

    def __enter__(self) -> "Writer":
        self._replacing = replacing(self._path)
        temporary = self._replacing.__enter__()
        self._file = pq.ParquetWriter(temporary, self.schema, compression="zstd", compression_level=3)
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            if error[0] is None:
                self._flush(0)
            self._file.close()
        except BaseException:
            self._replacing.__exit__(*sys.exc_info())
            raise
        self._replacing.__exit__(*error)
        self.digest = self._hasher.hexdigest()

    def write(self, piece: pa.Table) -> None:
        """Add rows; they follow those before in the order of the key.

        Raises InputError when a required value is null, a word is not allowed, a key repeats or is out of order, or the
        columns differ.
        """
        if piece.schema.names != self.schema.names:
            raise InputError(f"{self._path}: columns {piece.schema.names}, expected {self.schema.names}")
        for field in self._contract.schema:
            if not field.nullable and piece[field.name].null_count:
                raise InputError(f"{self._path}: column {field.name!r} of {self._contract.name} holds null")
        _check_words(self._path, self._contract, piece)
        for key in zip(*(piece[k].to_pylist() for k in self._contract.key), strict=True):
            if self._last is not None and key <= self._last:
                what = "repeats the key" if key == self._last else "is not sorted at"
                raise InputError(f"{self._path}: {self._contract.name} {what} {', '.join(map(str, key))}")
            self._last = key
        self._waiting.append(piece.cast(self.schema))
        self._flush(self._group)

    def _flush(self, least: int) -> None:
        """Write what waits in row groups of one size, as long as `least` rows (0: any) are there."""
        if sum(t.num_rows for t in self._waiting) < max(least, 1):
            return
        waiting = pa.concat_tables(self._waiting).combine_chunks()
        whole = waiting.num_rows - (waiting.num_rows % self._group if least else 0)
        for start in range(0, whole, self._group):
            batch = _row_group(waiting, start, min(self._group, whole - start))
            self._hasher.update(batch.serialize())
            self._file.write_batch(batch)
        self.rows += whole
        self._waiting = [waiting.slice(whole)] if whole < waiting.num_rows else []


def _row_group(table: pa.Table, start: int, rows: int) -> pa.RecordBatch:
    """Return rows of a table, copied: a slice serialises otherwise than the same rows on their own."""
    (batch,) = table.take(pa.array(range(start, start + rows), pa.int64())).combine_chunks().to_batches()
    return batch


def write(path: Path, table: pa.Table, contract: Contract) -> str:
    """Write a table atomically and return the digest of its rows.

    Raises InputError when a required value is null, a word is not allowed, a key repeats, or the columns are not the
    contract's.
    """
    extra = [f for f in table.schema.remove_metadata() if f.name not in contract.schema.names]
    with Writer(path, contract, extra) as writer:
        writer.write(table)
    return writer.digest


def stream(path: Path, contract: Contract, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield a table's columns in pieces of some thousand rows (`Contract.row_group`), checked like `read`."""
    _check(path, contract)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=contract.row_group or ROW_GROUP, columns=list(columns)):
                _check_words(path, contract, batch)
                yield batch
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({first_line(error)})") from None
