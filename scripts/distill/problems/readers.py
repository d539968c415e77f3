"""Rows from outside: local Parquet and JSONL files, and datasets of the Hugging Face hub."""

import difflib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from distill.config.recipes import Rows
from distill.models.hub import snapshot
from distill.runtime.errors import InputError, first_line


def read_rows(recipe: Rows, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return all rows with the given columns, in the order of the source.

    Raises InputError when the source cannot be read or lacks a column.
    """
    if recipe.hub is not None:
        return _hub_rows(recipe, columns)
    path = Path(recipe.path or "")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.suffix == ".parquet":
        return _parquet_rows(path, columns)
    if path.suffix in (".jsonl", ".json"):
        return _jsonl_rows(path, columns)
    raise InputError(f"{path}: expected a .parquet or .jsonl file")


def origin_name(recipe: Rows) -> str:
    """Return the name that the column `source` of a corpus gets: hub id, or the file's name."""
    return recipe.hub or Path(recipe.path or "").name


def _check_columns(where: str, wanted: Iterable[str], found: Sequence[str]) -> None:
    for name in wanted:
        if name not in found:
            near = difflib.get_close_matches(name, found, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"{where}: no column {name!r}; it has {', '.join(found)}{hint}")


def _parquet_rows(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    try:
        _check_columns(str(path), columns, pq.read_schema(path).names)
        return pq.read_table(path, columns=list(columns), partitioning=None).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({first_line(error)})") from None


def _jsonl_rows(path: Path, columns: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("not an object")
            except ValueError as error:
                raise InputError(f"{path}: line {number} is no JSON object ({error})") from None
            _check_columns(f"{path}: line {number}", columns, list(row))
            rows.append({name: row[name] for name in columns})
    return rows


def _hub_rows(recipe: Rows, columns: Sequence[str]) -> list[dict[str, Any]]:
    import datasets

    where = f"hub dataset {recipe.hub} at {recipe.revision}"
    folder = snapshot("dataset", str(recipe.hub), str(recipe.revision), recipe.files or None)
    try:
        # By its folder, not by its name: `datasets` without a network takes whatever version it loaded last.
        found = datasets.load_dataset(str(folder), recipe.subset, split=recipe.split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise InputError(f"{where}: cannot be loaded ({first_line(error)})") from None
    _check_columns(where, columns, found.column_names)
    return found.select_columns(list(columns)).to_list()


def as_text(value: Any) -> str:
    """Return a cell as text: whole floats without `.0` (AMC's 27.0), a list of one as its element, None as ''."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return as_text(value[0])
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
