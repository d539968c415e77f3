"""Selection, pairing and mixing: hand-checked cases, and the invariants that make a sweep over alpha controlled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill.datasets import mixing
from distill.datasets.mixing import Draw
from distill.runtime.errors import InputError
from distill.tables.words import Outcome

IDS = st.lists(st.integers(0, 60).map(str), unique=True, min_size=2, max_size=40)


def correct(problem_id: str, draw: int = 0) -> Draw:
    return Draw(problem_id, draw, Outcome.CORRECT)


def dataset(hard: list[str], easy: list[str], alpha: float, pairing: str, seed: int = 0) -> dict[str, str]:
    candidate = mixing.candidates({"hard": hard, "easy": easy}, pairing, seed)
    rows = mixing.budget(candidate, None, "test")
    return mixing.assign(candidate, mixing.share_counts(rows, [alpha, 1 - alpha]))


def test_outcome_of_a_problem_is_its_best_draw() -> None:
    draws = [
        Draw("a", 0, Outcome.NOT_CORRECT),
        Draw("a", 1, Outcome.CORRECT),
        Draw("b", 0, Outcome.NOT_STOPPED),
        Draw("c", 0, Outcome.NOT_ANSWERED),
        Draw("d", 0, Outcome.NOT_GENERATED),
    ]
    available = mixing.select_draws("abcde", draws, "both_correct")
    assert available.outcome == {
        "a": "correct",
        "b": "not_stopped",
        "c": "not_answered",
        "d": "not_generated",
        "e": "not_generated",
    }
    assert available.usable == {"a": 1}


def test_first_correct_draw_is_selected_whatever_the_order_of_rows() -> None:
    draws = [correct("a", 3), correct("a", 1), Draw("a", 0, Outcome.NOT_CORRECT), Draw("b", 0, Outcome.NOT_STOPPED)]
    assert mixing.select_draws("ab", draws, "both_correct").usable == {"a": 1}
    assert mixing.select_draws("ab", draws, "unfiltered").usable == {"a": 0, "b": 0}


def test_the_preferred_draw_is_selected_and_rejected_ones_never() -> None:
    draws = [
        Draw("a", 0, Outcome.CORRECT, preference=(9, 0)),
        Draw("a", 1, Outcome.CORRECT, preference=(2, 1)),
        Draw("a", 2, Outcome.CORRECT, "too_short", preference=(1, 2)),
        Draw("b", 1, Outcome.CORRECT, "too_long"),
        Draw("b", 0, Outcome.CORRECT, "repetitive"),
        Draw("c", 0, Outcome.NOT_CORRECT, "too_long"),
    ]
    available = mixing.select_draws("abc", draws, "own_correct")
    assert available.usable == {"a": 1}
    assert available.rejected_draws == {"b": "repetitive"}  # of several reasons that of the first draw
    assert available.outcome == {"a": "correct", "b": "correct", "c": "not_correct"}
    assert mixing.select_draws("abc", draws, "unfiltered").rejected_draws == {"b": "repetitive", "c": "too_long"}


def test_what_was_not_generated_is_never_used_nor_rejected() -> None:
    draws = [Draw("a", 0, Outcome.NOT_GENERATED), Draw("b", 0, Outcome.NOT_GENERATED, "too_short"),
             Draw("c", 0, Outcome.NOT_STOPPED)]  # fmt: skip
    available = mixing.select_draws("abc", draws, "unfiltered")
    assert (available.usable, available.rejected_draws) == ({"c": 0}, {})


def test_share_counts_round_half_up_and_sum() -> None:
    assert mixing.share_counts(10, [0.2, 0.8]) == [2, 8]
    assert mixing.share_counts(5, [0.1, 0.9]) == [1, 4]  # 0.5 rounds up
    assert mixing.share_counts(5383, [0.2, 0.8]) == [1077, 4306]  # the paper's Mix-Long, 1076.6 rounded
    assert mixing.share_counts(7, [0.5, 0.25, 0.25]) == [4, 1, 2]


def test_both_correct_pairs_the_intersection() -> None:
    candidate = mixing.candidates({"x": "abc", "y": "bcd"}, "both_correct", 0)
    assert sorted(candidate["x"]) == sorted(candidate["y"]) == ["b", "c"]


def test_budget_names_the_source_that_cannot_fill_it() -> None:
    with pytest.raises(InputError, match=r"d: rows 3, but y has only 1 usable"):
        mixing.budget({"x": ["a", "b", "c"], "y": ["a"]}, 3, "d")
    with pytest.raises(InputError, match="no problem is left for y"):
        mixing.budget({"x": ["a"], "y": []}, None, "d")


def test_lost_reasons_account_for_every_problem() -> None:
    outcome = {**dict.fromkeys("abcefg", "correct"), "d": "not_correct", "h": "not_correct"}
    available = mixing.Availability(outcome, dict.fromkeys("abcef", 0), {"g": "too_long"})
    excluded = {"f": "contaminated", "g": "contaminated", "h": "near_duplicate"}
    lost = mixing.lost_reasons(available, excluded, ["a", "b", "c"], {"a": "s", "b": "t"}, "s")
    assert lost == {"b": "other_source", "c": "over_budget", "d": "not_correct", "e": "not_paired",
                    "f": "contaminated", "g": "too_long", "h": "not_correct"}  # fmt: skip


PAIRINGS = st.sampled_from(["both_correct", "own_correct", "unfiltered"])


def overlapping(hard: list[str], easy: list[str], pairing: str) -> bool:
    return bool(hard and easy) if pairing != "both_correct" else bool(set(hard) & set(easy))


@given(IDS, IDS, PAIRINGS, st.integers(0, 3))
def test_alpha_0_and_1_are_the_single_sources(hard: list[str], easy: list[str], pairing: str, seed: int) -> None:
    if not overlapping(hard, easy, pairing):
        return
    candidate = mixing.candidates({"hard": hard, "easy": easy}, pairing, seed)
    rows = mixing.budget(candidate, None, "test")
    for alpha, teacher in ((1.0, "hard"), (0.0, "easy")):
        alone = mixing.assign({teacher: candidate[teacher]}, [rows])
        assert dataset(hard, easy, alpha, pairing, seed) == alone


@given(IDS, IDS, PAIRINGS, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_alpha_only_swaps_rows(hard: list[str], easy: list[str], pairing: str, a: float, b: float) -> None:
    if not overlapping(hard, easy, pairing):
        return
    less, more = (dataset(hard, easy, alpha, pairing) for alpha in sorted((a, b)))
    assert len(less) == len(more)
    hard_less, hard_more = ({i for i, s in d.items() if s == "hard"} for d in (less, more))
    easy_less, easy_more = ({i for i, s in d.items() if s == "easy"} for d in (less, more))
    assert hard_less <= hard_more
    assert easy_more <= easy_less
    if pairing == "both_correct":
        assert set(less) == set(more)


@given(st.integers(1, 500), st.lists(st.integers(0, 10), min_size=1, max_size=5).filter(any))
def test_share_counts_never_differ_from_the_share_by_a_row(rows: int, weights: list[int]) -> None:
    shares = [w / sum(weights) for w in weights]
    counts = mixing.share_counts(rows, shares)
    assert sum(counts) == rows
    assert all(abs(c - rows * s) <= 1 + 1e-9 for c, s in zip(counts, shares, strict=True))


def test_the_order_of_problems_depends_on_the_seed_alone() -> None:
    ids = [str(i) for i in range(50)]
    one, again = (mixing.candidates({"x": order}, "own_correct", 1)["x"] for order in (ids, ids[::-1]))
    assert one == again
    assert one != mixing.candidates({"x": ids}, "own_correct", 2)["x"]
