"""Loops: what counts as one, by hand, and against a search through every length of a passage."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.responses.repeats import LONGEST_PASSAGE, SHORTEST_LOOP, TIMES, ends_in_loop

PASSAGE = "Wait, let me check this again because I am not sure. "


@pytest.mark.parametrize(
    ("text", "is_loop"),
    [
        ("So it is 4. " + PASSAGE * 4, True),
        ("So it is 4. " + PASSAGE * 3, False),
        ("So it is 4. " + PASSAGE * 4 + "Wait, let", True),  # cut off within a round
        (PASSAGE * 9 + "So it is \\boxed{4}.", False),  # it found out of the loop
        ("x" * 100, True),
        ("x" * 99, False),
        ("ab" * 60 + " \n", True),
        (" \n" * 200, False),
        ("The sum is 10000000000.", False),
        ("", False),
        ("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27", False),
    ],
)
def test_loops_by_hand(text: str, is_loop: bool) -> None:
    assert ends_in_loop(text) is is_loop


def test_a_passage_may_be_long_but_not_longer() -> None:
    passage = "".join(f"{number} " for number in range(1000))
    assert ends_in_loop("So: " + passage[:LONGEST_PASSAGE] * TIMES)
    assert not ends_in_loop(passage[: LONGEST_PASSAGE + 1] * TIMES)


def searched(text: str) -> bool:
    end = text.rstrip()
    for length in range(1, min(LONGEST_PASSAGE, len(end)) + 1):
        said = max(TIMES * length, SHORTEST_LOOP)
        if said <= len(end) and all(end[-i] == end[-i - length] for i in range(1, said - length + 1)):
            return True
    return False


@given(st.text("ab ", max_size=40), st.text("ab", min_size=1, max_size=50), st.integers(1, 7), st.integers(0, 50))
@settings(max_examples=300)
def test_it_is_what_a_search_through_all_lengths_finds(before: str, passage: str, times: int, cut: int) -> None:
    text = before + passage * times + passage[:cut]
    assert ends_in_loop(text) == searched(text)
