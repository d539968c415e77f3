"""Which draw stands for a problem, pairing, and the reasons of what is lost: hand-checked cases."""

from distill.datasets import mixing
from distill.datasets.mixing import Draw
from distill.tables.words import Outcome


def correct(problem_id: str, draw: int = 0) -> Draw:
    return Draw(problem_id, draw, Outcome.CORRECT)


def used(available: mixing.Availability) -> dict[str, int]:
    return {problem_id: draw.draw for problem_id, draw in available.usable.items()}


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
    assert used(available) == {"a": 1}


def test_first_correct_draw_is_selected_whatever_the_order_of_rows() -> None:
    draws = [correct("a", 3), correct("a", 1), Draw("a", 0, Outcome.NOT_CORRECT), Draw("b", 0, Outcome.NOT_STOPPED)]
    assert used(mixing.select_draws("ab", draws, "both_correct")) == {"a": 1}
    assert used(mixing.select_draws("ab", draws, "unfiltered")) == {"a": 0, "b": 0}


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
    assert used(available) == {"a": 1}
    assert available.rejected_draws == {"b": "repetitive"}  # of several reasons that of the first draw
    assert available.outcome == {"a": "correct", "b": "correct", "c": "not_correct"}
    assert mixing.select_draws("abc", draws, "unfiltered").rejected_draws == {"b": "repetitive", "c": "too_long"}


def test_what_was_not_generated_is_never_used_nor_rejected() -> None:
    draws = [Draw("a", 0, Outcome.NOT_GENERATED), Draw("b", 0, Outcome.NOT_GENERATED, "too_short"),
             Draw("c", 0, Outcome.NOT_STOPPED)]  # fmt: skip
    available = mixing.select_draws("abc", draws, "unfiltered")
    assert (used(available), available.rejected_draws) == ({"c": 0}, {})


def test_both_correct_pairs_the_intersection() -> None:
    candidate = mixing.candidates({"x": "abc", "y": "bcd"}, "both_correct", 0)
    assert sorted(candidate["x"]) == sorted(candidate["y"]) == ["b", "c"]


def test_lost_reasons_account_for_every_problem() -> None:
    outcome = {**dict.fromkeys("abcefg", "correct"), "d": "not_correct", "h": "not_correct"}
    available = mixing.Availability(outcome, {i: correct(i) for i in "abcef"}, {"g": "too_long"})
    excluded = {"f": "contaminated", "g": "contaminated", "h": "near_duplicate"}
    lost = mixing.lost_reasons(available, excluded, ["a", "b", "c"], {"a": "s", "b": "t"}, "s")
    assert lost == {"b": "other_source", "c": "over_budget", "d": "not_correct", "e": "not_paired",
                    "f": "contaminated", "g": "too_long", "h": "not_correct"}  # fmt: skip


def test_the_order_of_problems_depends_on_the_seed_alone() -> None:
    ids = [str(i) for i in range(50)]
    one, again = (mixing.candidates({"x": order}, "own_correct", 1)["x"] for order in (ids, ids[::-1]))
    assert one == again
    assert one != mixing.candidates({"x": ids}, "own_correct", 2)["x"]


def test_teachers_stand_in_the_order_of_names_however_they_are_written() -> None:
    usable = {"b": ["x", "y"], "a": ["y"], "c": ["x"]}
    assert list(mixing.candidates(usable, "own_correct", 0)) == ["a", "b", "c"]
