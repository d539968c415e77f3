"""The words of the contracts: what other people call the end of a response."""

import pytest

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
