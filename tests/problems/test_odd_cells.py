"""Cells that a file cannot say exactly, or no table can keep: refused, or what was written."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import jsonl

from distill.config.recipes import CorpusRecipe, PublishedRecipe, Rows
from distill.problems.mapping import gold_answer, read_corpus
from distill.problems.readers import read_rows
from distill.problems.traces import read_traces
from distill.runtime.errors import InputError


@pytest.mark.parametrize(
    ("kind", "cell", "path"),
    [(pa.float32(), 0.1, "x"),
     (pa.float16(), 0.1, "x"),
     (pa.list_(pa.float32()), [0.5, 0.1], "x.1"),
     (pa.large_list(pa.float32()), [0.1], "x.0"),
     (pa.list_(pa.float32(), 1), [0.1], "x"),
     (pa.struct([("a", pa.float32()), ("b", pa.string())]), {"a": 0.1, "b": "t"}, "x.a"),
     (pa.list_(pa.struct([("a", pa.float32())])), [{"a": 0.1}], "x.0.a"),
     (pa.float64(), 0.1, "x")],
    ids=str,
)  # fmt: skip
def test_narrow_floats_are_what_was_written(tmp_path: Path, kind: pa.DataType, cell: Any, path: str) -> None:
    array = pa.array([cell, None], kind) if kind != pa.float16() else pa.array([0.1, None], pa.float32()).cast(kind)
    pq.write_table(pa.table({"x": array}), tmp_path / "a.parquet")
    first, second = read_rows(Rows(path=str(tmp_path / "a.parquet")), [path])
    assert (first.text(path), second.text(path)) == ("0.1", "")


def test_a_narrow_float_that_is_no_number_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": pa.array([float("nan")], pa.float32())}), tmp_path / "a.parquet")
    (row,) = read_rows(Rows(path=str(tmp_path / "a.parquet")), ["x"])
    with pytest.raises(InputError, match="holds nan, which is no number"):
        row.text("x")


@pytest.mark.parametrize("column", ["problem", "answer"])
def test_half_of_a_character_is_refused(tmp_path: Path, column: str) -> None:
    row = {"problem": "a?", "answer": "1", column: "x \ud83d y"}
    with pytest.raises(InputError, match=rf"row 0, column '{column}' holds half of a character"):
        read_corpus(CorpusRecipe(path=str(jsonl(tmp_path / "a.jsonl", [row]))))


def test_a_whole_character_outside_the_basic_plane_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"problem": "\U0001f600?", "answer": "1"}))  # as two escapes
    assert read_corpus(CorpusRecipe(path=str(tmp_path / "a.jsonl"))).rows[0]["problem"] == "\U0001f600?"


def test_a_damaged_gzip_file_ends_in_one_line(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b'{"problem": "x", "answer": 1}\n' * 1000))
    packed[20:25] = b"zzzzz"
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    with pytest.raises(InputError, match=r"a\.jsonl\.gz: not a readable text file"):
        read_rows(Rows(path=str(tmp_path / "a.jsonl.gz")), ["problem"])


def test_a_null_in_place_of_a_list_of_draws_holds_none(tmp_path: Path) -> None:
    rows = [{"id": "a", "response": None}, {"id": "b", "response": []}, {"id": "c", "response": ["x", "y"]}]
    recipe = PublishedRecipe.model_validate(
        {"path": str(jsonl(tmp_path / "a.jsonl", rows)), "columns": {"problem_id": "id"}, "draws_in_lists": True}
    )
    assert [(t.key, t.response) for t in read_traces(recipe).traces] == [("c", "x"), ("c", "y")]


@pytest.mark.parametrize(
    ("text", "gold"), [("$5$", "5"), ("$$5$$", "5"), ("$5$ and $6$", "$5$ and $6$"), ("5", "5"), ("$", "$")]
)
def test_dollars_are_taken_off_only_where_they_are_a_pair(text: str, gold: str) -> None:
    assert gold_answer(text, "bare") == gold
