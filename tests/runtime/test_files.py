"""Atomic writes, digests, ledgers, and the column contracts of tables."""

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill import tables
from distill.runtime.errors import InputError
from distill.runtime.files import read_json, replacing, replacing_folder, write_json
from distill.runtime.record import Ledger
from distill.tables import parquet

ROW = {"problem_id": "a", "problem": "1+1", "answer": "2", "origin": "s"}


def test_replacing_leaves_the_old_file_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        write_half()
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_replacing_folder_replaces_a_whole_folder(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.mkdir()
    (path / "old").touch()
    with replacing_folder(path) as temporary:
        (temporary / "new").touch()
    assert [p.name for p in path.iterdir()] == ["new"]


def test_a_torn_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"a": ')
    with pytest.raises(InputError, match=r"manifest\.json: not JSON"):
        read_json(tmp_path / "manifest.json")


def test_ledger_must_add_up() -> None:
    assert Ledger(5, 3, {"wrong": 2, "none": 0}).check("x")["lost"] == {"wrong": 2}
    with pytest.raises(RuntimeError, match="does not add up"):
        Ledger(5, 3, {"wrong": 1}).check("x")


def test_equal_rows_make_equal_bytes_and_digests_whatever_their_order(tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "problem_id": "b"}]
    one, two = (tables.build(r, tables.PROBLEMS) for r in (rows, rows[::-1]))
    assert tables.write(tmp_path / "1", one, tables.PROBLEMS) == tables.write(tmp_path / "2", two, tables.PROBLEMS)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@given(st.lists(st.text(max_size=8), min_size=1, max_size=40), st.integers(1, 12))
def test_bytes_and_digest_do_not_depend_on_the_size_of_the_pieces(texts: list[str], size: int) -> None:
    rows = [{**ROW, "problem_id": f"{i:02d}", "problem": t} for i, t in enumerate(texts)]
    found = []
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP", 8)  # whole bytes of validity bits, like the real one
        for path, step in ((Path(folder, "pieces"), size), (Path(folder, "whole"), len(rows))):
            with tables.Writer(path, tables.PROBLEMS) as writer:
                for start in range(0, len(rows), step):
                    writer.write(tables.build(rows[start : start + step], tables.PROBLEMS))
            found.append((writer.digest, path.read_bytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW, ROW], "repeats the key a"),
        ([{**ROW, "answer": None}], "'answer' of problems holds null"),
    ],
)
def test_bad_tables_are_not_written(tmp_path: Path, rows: list[dict[str, str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tables.write(tmp_path / "x", tables.build(rows, tables.PROBLEMS), tables.PROBLEMS)
    assert not list(tmp_path.iterdir())


def test_reading_checks_file_columns_and_types(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with pytest.raises(InputError, match="no such file"):
        tables.read(path, tables.PROBLEMS)
    path.write_bytes(b"PAR1 torn")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        tables.read(path, tables.PROBLEMS)
    pq.write_table(pa.table({"problem_id": ["a"]}), path)
    with pytest.raises(InputError, match="column 'problem' of problems is missing"):
        tables.read(path, tables.PROBLEMS)
    table = tables.build([ROW], tables.PROBLEMS)
    pq.write_table(table.set_column(2, "answer", pa.array([2])), path)
    with pytest.raises(InputError, match="'answer' is int64, problems wants string"):
        tables.read(path, tables.PROBLEMS)


def test_lone_surrogates_and_null_bytes_survive_writing(tmp_path: Path) -> None:
    table = tables.build([{**ROW, "problem": "a\ud800b\x00"}], tables.PROBLEMS)
    tables.write(tmp_path / "x", table, tables.PROBLEMS)
    assert tables.read(tmp_path / "x", tables.PROBLEMS)["problem"].to_pylist() == ["a?b\x00"]
