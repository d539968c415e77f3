"""The words of the contracts: what other people call the end of a response."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distill import tables
from distill.runtime.errors import InputError
from distill.tables.words import FINISH_SYNONYMS, FinishReason, finish_reason_of


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("STOP", "stop"),
        ("end_turn", "stop"),
        (" EOS ", "stop"),
        ("stop-sequence", "stop"),
        ("MAX_TOKENS", "length"),
        ("max tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("content-filter", "error"),
        ("network_error", "error"),
        ("tool_calls", None),
        ("", None),
    ],
)
def test_a_finish_reason_is_known_by_its_synonyms(word: str, reason: str | None) -> None:
    assert finish_reason_of(word) == reason


def test_every_finish_reason_is_a_synonym_of_itself() -> None:
    assert {reason: FINISH_SYNONYMS[reason] for reason in FinishReason} == {r: r for r in FinishReason}


def test_a_column_of_words_holds_null_only_where_it_may(tmp_path: Path) -> None:
    agreed = {"problem_id": "p", "answer": "7", "votes": 2, "voters": 2, "classes": 1, "reason": None}
    pq.write_table(tables.build([agreed], tables.AGREEMENT), tmp_path / "a.parquet")
    assert tables.read(tmp_path / "a.parquet", tables.AGREEMENT)["reason"].to_pylist() == [None]
    pq.write_table(tables.build([{**agreed, "reason": "none"}], tables.AGREEMENT), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="'reason' of agreement holds 'none'; allowed are too_few, tie, no_majority"):
        tables.read(tmp_path / "a.parquet", tables.AGREEMENT)
    row = {"problem_id": "p", "draw": 0, "response": "", "finish_reason": None}
    plain = pa.schema([pa.field(f.name, f.type) for f in tables.RESPONSES.schema])  # as others write it
    pq.write_table(tables.build([row], tables.RESPONSES).cast(plain), tmp_path / "r.parquet")
    with pytest.raises(InputError, match="'finish_reason' of responses holds null; allowed are stop, length, error"):
        tables.read(tmp_path / "r.parquet", tables.RESPONSES)
