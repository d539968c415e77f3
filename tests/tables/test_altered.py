"""Tables that were touched after they were made: no program reads on."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from distill import tables
from distill.runtime.errors import InputError
from distill.runtime.record import Record

ROWS = [
    {"problem_id": f"p{i}", "draw": 0, "verdict": "wrong", "method": "number", "matcher": "wrong", "lenient": "wrong"}
    for i in range(9)
]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A table of verdicts with its manifest, as a program leaves it."""
    path = tmp_path / "verdicts.parquet"
    record = Record(__file__, "{}", {}, tmp_path, {})
    digest = tables.write(path, tables.build(ROWS, tables.VERDICTS), tables.VERDICTS)
    record.write({"kind": "verdicts", "digest": digest})
    return path


def all_correct(path: Path) -> None:
    table = tables.build([{**row, "verdict": "correct"} for row in ROWS], tables.VERDICTS)
    tables.write(path, table, tables.VERDICTS)


def one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def rows_gone(path: Path) -> None:
    tables.write(path, tables.build(ROWS[:5], tables.VERDICTS), tables.VERDICTS)


def written_again(path: Path) -> None:
    pq.write_table(pq.read_table(path), path, compression="none")


@pytest.mark.parametrize("touch", [all_correct, one_bit, rows_gone, written_again])
@pytest.mark.parametrize("how", ["read", "stream", "columns"])
def test_a_table_that_was_touched_is_not_read(made: Path, touch: Callable[[Path], None], how: str) -> None:
    def read() -> int:
        if how == "stream":
            return sum(batch.num_rows for batch in tables.stream(made, tables.VERDICTS, ["problem_id"]))
        return tables.read(made, tables.VERDICTS, ["problem_id"] if how == "columns" else None).num_rows

    assert read() == len(ROWS)
    touch(made)
    with pytest.raises(InputError, match=r"verdicts\.parquet: not the table that its manifest\.json states: .*delete"):
        read()


def test_a_table_of_another_folder_is_not_read(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    path = other / "verdicts.parquet"
    tables.write(path, tables.build(ROWS[:3], tables.VERDICTS), tables.VERDICTS)
    made.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="not the table that its manifest"):
        tables.read(made, tables.VERDICTS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tables": 3}', '{"tables": {"other.parquet": "x"}}'])
def test_a_manifest_that_states_nothing_forbids_nothing(made: Path, text: str) -> None:
    made.with_name("manifest.json").write_text(text)
    all_correct(made)
    assert tables.read(made, tables.VERDICTS).num_rows == len(ROWS)


def test_all_tables_of_a_folder_are_stated(made: Path) -> None:
    tmp_path = made.parent
    tables.write(tmp_path / "ledger.parquet", tables.build([], tables.PROBLEMS_LEDGER), tables.PROBLEMS_LEDGER)
    Record(__file__, "{}", {}, tmp_path, {}).write({"kind": "verdicts", "tables": {"gone.parquet": "x"}})
    stated = json.loads((tmp_path / "manifest.json").read_text())["tables"]
    assert sorted(stated) == ["ledger.parquet", "verdicts.parquet"]
