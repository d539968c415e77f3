"""Columns of words hold no others, written or read; the enums are the words that programs have always written."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import responses_table, verdicts_table

from distill import tables
from distill.runtime.errors import InputError
from distill.tables.words import FUNNEL, REJECTED, UNANSWERED, FinishReason, Judgement, Outcome, Verdict

KEY = {"problem_id": "a", "draw": 0}
# One valid row of every table with words, and the column -> its enum.
ROWS: list[tuple[tables.Contract, dict[str, Any], dict[str, type[StrEnum]]]] = [
    (tables.RESPONSES, {**KEY, "response": "r", "finish_reason": "stop"}, {"finish_reason": FinishReason}),
    (tables.VERDICTS, {**KEY, "verdict": "wrong", "method": "text", "matcher": "correct"},
     {"verdict": Verdict, "matcher": Verdict}),
    (tables.JUDGEMENTS, {**KEY, "judgement": "equal", "reply": "True"}, {"judgement": Judgement}),
]  # fmt: skip
COLUMNS = [(contract, row, column) for contract, row, enums in ROWS for column in enums]


def test_the_words_are_those_of_the_design() -> None:
    assert list(Verdict) == ["correct", "wrong", "no_answer", "cut_off", "timeout", "error", "unverifiable"]
    assert list(FinishReason) == ["stop", "length", "error"]
    assert list(Judgement) == ["equal", "different", "unclear"]
    assert list(Outcome) == ["not_generated", "not_stopped", "not_answered", "not_correct", "correct"]
    assert [outcome.rank for outcome in Outcome] == [0, 1, 2, 3, 4]
    assert FUNNEL == ("problems", "generated", "stopped", "answered", "correct", "curated", "paired")
    assert {*REJECTED, *UNANSWERED, Verdict.CORRECT} == {*Verdict}
    assert len(REJECTED) + len(UNANSWERED) + 1 == len(Verdict)


@pytest.mark.parametrize(("contract", "row", "enums"), ROWS, ids=lambda x: getattr(x, "name", ""))
def test_a_contract_names_the_enum_of_each_column_and_every_word_passes(
    tmp_path: Path, contract: tables.Contract, row: dict[str, Any], enums: dict[str, type[StrEnum]]
) -> None:
    assert contract.words == enums
    for column, enum in enums.items():
        rows = [{**row, "draw": n, column: word} for n, word in enumerate(enum)]
        tables.write(tmp_path / "x", tables.build(rows, contract), contract)
        assert tables.read(tmp_path / "x", contract)[column].to_pylist() == [word.value for word in enum]


@pytest.mark.parametrize(("contract", "row", "column"), COLUMNS, ids=[c for *_, c in COLUMNS])
@pytest.mark.parametrize("word", ["Correct", "", None])
def test_another_word_is_neither_written_nor_read(
    tmp_path: Path, contract: tables.Contract, row: dict[str, Any], column: str, word: str | None
) -> None:
    good, bad = row, {**row, "draw": 1, column: word}
    table = tables.build([good, bad], contract)
    shown = "null" if word is None else repr(word)
    with pytest.raises(InputError, match=rf"x: column '{column}' of {contract.name} holds {shown}"):
        tables.write(tmp_path / "x", table, contract)
    assert not (tmp_path / "x").exists()
    pq.write_table(table.cast(pa.schema([field.with_nullable(True) for field in table.schema])), tmp_path / "x")
    message = rf"x: column '{column}' of {contract.name} holds {shown}; allowed are .*, .*, "
    with pytest.raises(InputError, match=message):
        tables.read(tmp_path / "x", contract)
    with pytest.raises(InputError, match=message):
        list(tables.stream(tmp_path / "x", contract, ["problem_id", column]))
    assert tables.read(tmp_path / "x", contract, ["problem_id"]).num_rows == 2  # what is not read is not checked


def test_a_bad_word_far_down_in_a_stream_is_found(tmp_path: Path) -> None:
    rows = 2 * tables.ROW_GROUP + 1
    words = ["correct"] * (rows - 1) + ["corect"]
    table = pa.table({"problem_id": ["a"] * rows, "draw": pa.array(range(rows), pa.int32()), "verdict": words,
                      "extracted": pa.nulls(rows, pa.string()), "method": words,
                      "matcher": ["wrong"] * rows})  # fmt: skip
    pq.write_table(table, tmp_path / "x")
    pieces = tables.stream(tmp_path / "x", tables.VERDICTS, ["verdict"])
    assert next(pieces).num_rows == tables.ROW_GROUP
    with pytest.raises(InputError, match="'verdict' of verdicts holds 'corect'; allowed are correct, wrong, no_answer"):
        list(pieces)


def test_a_member_is_written_as_its_text(tmp_path: Path) -> None:
    rows = [{"problem_id": "a", "finish_reason": "stop"}]
    plain = responses_table(tmp_path / "1", rows)
    member = responses_table(tmp_path / "2", [{**rows[0], "finish_reason": FinishReason.STOP}])
    assert plain.read_bytes() == member.read_bytes()
    assert (
        verdicts_table(tmp_path / "3", {"a": "wrong"}).read_bytes()
        == verdicts_table(tmp_path / "4", {"a": Verdict.WRONG}).read_bytes()
    )
    counts = {Outcome.NOT_CORRECT: Verdict.WRONG, "over_budget": Judgement.EQUAL}
    text = json.dumps(counts, sort_keys=True, indent=2, ensure_ascii=False)
    assert text == json.dumps({"not_correct": "wrong", "over_budget": "equal"}, indent=2)
