"""Rows from outside: local files (Parquet, JSON lines, JSON, CSV; also gzipped), and datasets of the hub."""

import csv
import difflib
import gzip
import itertools
import os
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from distill.config.recipes import Rows
from distill.models.hub import snapshot
from distill.problems.cells import Row, matches, selected
from distill.problems.columns import Column, parse_column, parsed_json
from distill.runtime.errors import InputError, first_line

ENDINGS = ".parquet, .jsonl, .json or .csv (the last three also with .gz)"
Source = tuple[str, Sequence[str] | None, Iterator[dict[str, Any]]]


def read_rows(recipe: Rows, columns: Sequence[str], start: int = 0, stop: int | None = None) -> list[Row]:
    """Return the rows from `start` to `stop` of the source that match `where`, with the given columns, in its order.

    Rows are counted from 0 through all files. Raises InputError when the source cannot be read, or no row has a column.
    """
    wanted = list(dict.fromkeys([*columns, *recipe.where]))
    rows, number, present, names = [], 0, set(), {}
    taken = False
    for place, known, source in _sources(recipe, wanted):
        paths: dict[str, Column] = {}
        for source_row in source:
            if not paths or known is None:
                names |= dict.fromkeys(known or source_row)
                paths = {path: parse_column(path, known or source_row) for path in wanted}
            number += 1
            if number <= start:
                continue
            if stop is not None and number > stop:
                break
            at, taken = f"{place}: row {number - 1}", True
            try:
                cells, there = selected(source_row, paths)
            except InputError as error:
                raise InputError(f"{at}: {error}") from None
            present |= there
            conditions = recipe.where.items()
            if all(matches(cells[c], _values(value), f"{at}, column {c!r}", c) for c, value in conditions):
                rows.append(Row(at, number - 1, {name: cells[name] for name in columns}))
    _check_present(origin_name(recipe), [name for name in wanted if name not in present], list(names), taken)
    return rows


def _values(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def origin_name(recipe: Rows) -> str:
    """Return the name that the column `origin` of a corpus gets: hub id, or the name of the file or its pattern."""
    return recipe.hub or Path(recipe.paths()[0]).name


def _check_single(where: str, heads: Sequence[str], names: Sequence[str]) -> None:
    """Raise InputError for a column that stands twice in a source: nobody knows which is meant."""
    if twice := [head for head in heads if names.count(head) > 1]:
        raise InputError(f"{where}: column {twice[0]!r} stands {names.count(twice[0])} times; rename all but one")


def _check_present(where: str, missing: Sequence[str], names: Sequence[str], has_rows: bool) -> None:
    """Raise InputError for columns that no row has; a source without rows may lack all."""
    for name in missing if has_rows else ():
        head = parse_column(name).name
        if head in names and head != name:
            raise InputError(f"{where}: no row has {name!r} in its column {head!r}")
        near = difflib.get_close_matches(head, names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"{where}: no column {head!r}; it has {', '.join(names)}{hint}")


def _sources(recipe: Rows, wanted: Sequence[str]) -> Iterator[Source]:
    """Yield (place, names of all columns where they are known before the rows, rows) of each file or the hub."""
    if recipe.hub is not None:
        yield _hub_rows(recipe, wanted)
        return
    seen: set[str] = set()
    for pattern in recipe.paths():
        files = recipe.files_of(pattern)
        if not files:
            raise InputError(f"{pattern}: no file has such a name")
        for path in files:
            real = os.path.realpath(path)
            if real in seen:
                raise InputError(f"{path}: `path` names it twice, so its rows would count twice")
            seen.add(real)
            yield _file_rows(path, wanted)


def _file_rows(path: Path, wanted: Sequence[str]) -> Source:
    if not path.is_file():
        kind = "is a folder; name its files" if path.is_dir() else "is no file that can be read twice"
        raise InputError(f"{path}: {kind if path.exists() else 'no such file'}")
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    kind = "".join(suffixes if suffixes[-1:] == [".gz"] else suffixes[-1:])
    if kind == ".parquet":
        return _parquet_rows(path, wanted)
    if kind.removesuffix(".gz") in (".jsonl", ".json", ".ndjson"):
        return str(path), None, _json_rows(path)
    if kind.removesuffix(".gz") == ".csv":
        return str(path), None, _csv_rows(path)
    raise InputError(f"{path}: expected a {ENDINGS} file")


def _parquet_rows(path: Path, wanted: Sequence[str]) -> Source:
    """Read only the columns that are wanted, a row group at a time."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({first_line(error)})") from None
    names = file.schema_arrow.names
    heads = list(dict.fromkeys(parse_column(name, names).name for name in wanted))
    _check_present(str(path), [head for head in heads if head not in names], names, True)
    _check_single(str(path), heads, names)
    types = _narrow(file.schema_arrow, heads)

    def rows() -> Iterator[dict[str, Any]]:
        try:
            for batch in file.iter_batches(1024, columns=heads):
                yield from (_exact(row, types) for row in batch.to_pylist(maps_as_pydicts="strict"))
        except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
            raise InputError(f"{path}: not a readable Parquet file ({first_line(error)})") from None

    return str(path), names, rows()


def _narrow(schema: pa.Schema, heads: Sequence[str]) -> dict[str, pa.DataType]:
    """Return the columns that hold floats of 16 or 32 bits, at any depth."""
    return {head: schema.field(head).type for head in heads if re.search("float", str(schema.field(head).type))}


def _exact(row: dict[str, Any], types: dict[str, pa.DataType]) -> dict[str, Any]:
    """Return a row with its narrow floats as they were written: 0.1, not the 0.10000000149011612 of 32 bits."""
    return row | {name: _shortest(row[name], kind) for name, kind in types.items()} if types else row


def _shortest(cell: Any, kind: pa.DataType) -> Any:
    if cell is None:
        return None
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return float(str(kind.to_pandas_dtype()(cell)))
    if pa.types.is_struct(kind):
        return {field.name: _shortest(cell[field.name], field.type) for field in kind}
    if pa.types.is_map(kind):
        return {key: _shortest(part, kind.item_type) for key, part in cell.items()}
    if any(is_list(kind) for is_list in _LISTS):
        return [_shortest(part, kind.value_type) for part in cell]
    return cell


_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_list_view,
          pa.types.is_large_list_view)  # fmt: skip


@contextmanager
def _opened(path: Path, newline: str | None = None) -> Iterator[TextIO]:
    """Open a text file, be it gzipped, with or without a byte order mark; what is no text ends in one line."""
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline=newline) as file:
            yield file
    except (UnicodeDecodeError, EOFError, zlib.error, OSError) as error:
        raise InputError(f"{path}: not a readable text file in UTF-8 ({first_line(error)})") from None


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines, or of one JSON array."""
    with _opened(path) as file:
        head = file.read(1)
        while head.isspace():
            head = file.read(1)
        if head == "[":
            yield from _array_rows(path, "[" + file.read())
            return
        rest = file.readline()
        for number, line in enumerate(itertools.chain([head + rest] if head else [], file), 1):
            if line.strip():
                yield _object(line, f"{path}: line {number} is no JSON object")


def _object(line: str, complaint: str) -> dict[str, Any]:
    try:
        row = parsed_json(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{complaint} ({first_line(error)})") from None
    if not isinstance(row, dict):
        raise InputError(f"{complaint} (it is a {type(row).__name__})")
    return row


def _array_rows(path: Path, text: str) -> Iterator[dict[str, Any]]:
    try:
        rows = parsed_json(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a JSON array ({first_line(error)})") from None
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise InputError(f"{path}: element {number} is no JSON object (it is a {type(row).__name__})")
        yield row


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a CSV file with a header; an empty cell is null. An index, which has no name, is left out."""
    csv.field_size_limit(sys.maxsize)
    with _opened(path, newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            named = [name for name in header if name]
            if len(set(named)) < len(named) or (header and not named):
                raise InputError(f"{path}: the first line is no header: a name stands twice, or all are empty")
            if len(header) == 1 and (mark := re.search(r"\w([;\t|])\w", header[0])):
                raise InputError(f"{path}: columns are separated by {mark[1]!r}; write the file again with commas")
            for cells in reader:
                if len(cells) != len(header) and cells:
                    place = f"{path}: line {reader.line_num}"
                    raise InputError(f"{place} has {len(cells)} cells, the header has {len(header)}")
                if cells:
                    yield {name: cell or None for name, cell in zip(header, cells, strict=True) if name}
        except csv.Error as error:
            raise InputError(f"{path}: line {reader.line_num} is no CSV ({error})") from None


def _hub_rows(recipe: Rows, wanted: Iterable[str]) -> Source:
    import datasets

    where = f"hub dataset {recipe.hub} at {recipe.revision}"
    folder = snapshot("dataset", str(recipe.hub), str(recipe.revision), recipe.files or None)
    try:
        # By its folder, not by its name: `datasets` without a network takes whatever version it loaded last.
        rows = datasets.load_dataset(str(folder), recipe.subset, split=recipe.split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise InputError(f"{where}: cannot be loaded ({first_line(error)})") from None
    names = rows.column_names
    heads = list(dict.fromkeys(parse_column(name, names).name for name in wanted))
    _check_present(where, [head for head in heads if head not in names], names, True)
    types = _narrow(rows.features.arrow_schema, heads)
    return where, names, (_exact(row, types) for row in rows.select_columns(heads))
