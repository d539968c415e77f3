"""What the rows of a contrast come to in a sentence: no more than their reading says, how sure and how fair it is."""

from typing import Any

import pytest

from distill.scores.answers import answers, over_untouched, summaries
from distill.scores.gaps import by_size

ROW = {"family": "declared", "study": "y", "gap": "g", "student": "s", "training": "t", "measure": "accuracy",
       "primary": "yes", "reading": "gain", "parity": "equal", "plus": "a", "minus": "b", "estimate": 0.05,
       "ci_low": 0.01, "ci_high": 0.09, "n_seeds": 1, "tipping_sd": None, "loss_token_ratio": None}  # fmt: skip
DOWN = {"estimate": -0.05, "ci_low": -0.09, "ci_high": -0.01}
BEST = {"estimate": None, "minus": "the best of b, c"}
NATS = {"measure": "solution", "family": "declared, likelihood of the solutions",
        "estimate": 0.0321, "ci_low": 0.01, "ci_high": 0.05}  # fmt: skip


def said(**changes: Any) -> str:
    (found,) = answers([{**ROW, **changes}])
    assert (found["contrast"], found["student"]) == ("g", changes.get("student", "s"))
    return found["answer"].removesuffix(".")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "s gains 5.0 points when trained on a instead of b (95 %: +1.0 to +9.0)"),
        ({"n_seeds": 3}, "s gains 5.0 points when trained on a instead of b (95 %: +1.0 to +9.0, 3 seeds)"),
        ({**DOWN, "reading": "loss"}, "s loses 5.0 points when trained on a instead of b (95 %: -9.0 to -1.0)"),
        ({"minus": "base"}, "s gains 5.0 points when trained on a over the untouched student (95 %: +1.0 to +9.0)"),
        ({"reading": "gain, smaller than 10.0 points"}, "s gains 5.0 points when trained on a instead of b"),
        ({"reading": "undecided"},
         "whether s does better on a than on b is undecided (+5.0 points, 95 %: +1.0 to +9.0)"),
        ({"reading": "undecided", "minus": "base"}, "whether s does better on a than the untouched student is undec"),
        ({"reading": "smaller than 10.0 points"},
         "for s the difference of a and b is smaller than 10.0 points (+5.0 points, 95 %: +1.0 to +9.0)"),
        ({"reading": "these two models"},
         "s had 5.0 points more on a than on b (95 %: +1.0 to +9.0; other trainings may come out otherwise)"),
        ({**DOWN, "reading": "these two models", "tipping_sd": 0.012},
         "s had 5.0 points less on a than on b (95 %: -9.0 to -1.0; it holds of other trainings if their SD is below"
         " 1.2)"),
        ({"reading": "not comparable", "parity": "not comparable: rows 3 vs 4"},
         "s: a and b are not comparable: rows 3 vs 4"),
        ({**BEST, "reading": "gain over all"}, "s does better on a than on each of b, c (+1.0 to +9.0)"),
        ({**BEST, **{k: v for k, v in DOWN.items() if k != "estimate"}, "reading": "loss to the best"},
         "s does worse on a than on one of b, c (-9.0 to -1.0)"),
        ({**BEST, "reading": "undecided"}, "whether a beats the best of b, c is undecided (+1.0 to +9.0)"),
        ({**BEST, "reading": "these models"},
         "against the best of b, c, of these models alone (+1.0 to +9.0)"),
        ({**BEST, "reading": "smaller than 9.5 points"},
         "a and the best of b, c lie apart by smaller than 9.5 points (+1.0 to +9.0)"),
        ({"student": "l - s", "plus": "h of l", "minus": "h of s"},
         "h of l is 5.0 points more than h of s, gain (95 %: +1.0 to +9.0)"),
        ({"student": "l - s", "plus": "h of l", "minus": "h of s", "reading": "these models"},
         "h of l is 5.0 points more than h of s, of these models (95 %: +1.0 to +9.0; other trainings may"),
        ({"plus": "slope over a at 0, b at 1", "minus": "", "reading": "undecided"},
         "s: slope over a at 0, b at 1, +5.0 points per unit, undecided (95 %: +1.0 to +9.0)"),
        (NATS, "s gains 0.032 nats of log-likelihood per token of the solutions when trained on a instead of b "
         "(95 %: +0.010 to +0.050)"),
    ],
)  # fmt: skip
def test_a_sentence_says_what_the_reading_says(changes: dict[str, Any], words: str) -> None:
    assert said(**changes).startswith(words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"loss_token_ratio": 1.04}, "; with as many loss tokens"),
        ({"loss_token_ratio": 4.358}, "; with 4.36 times the loss tokens"),
        ({"loss_token_ratio": 0.5}, "; with 0.50 times the loss tokens"),
        ({"parity": "as declared: epochs 1.0 vs 2.0"}, "; the arms differ, as the study says, in epochs 1.0 vs 2.0"),
    ],
)
def test_how_fair_it_was_stands_in_the_sentence(changes: dict[str, Any], words: str) -> None:
    assert said(**changes) == said() + words


def test_a_sentence_for_each_contrast_and_student_in_the_order_of_the_rows() -> None:
    other = {**ROW, "minus": "c", "loss_token_ratio": 2.0}
    rows = [{**ROW, "gap": "z", "loss_token_ratio": 0.5}, {**other, "gap": "z"}, {**ROW, "primary": "no"},
            {**ROW, "family": "gains over base"}, {**ROW, "student": "u"}, ROW]  # fmt: skip
    found = answers(rows)
    assert [(each["contrast"], each["student"]) for each in found] == [("z", "s"), ("g", "u"), ("g", "s")]
    first = found[0]["answer"]
    assert first.startswith("s gains 5.0 points when trained on a instead of b (95 %: +1.0 to +9.0); s gains ")
    assert first.endswith("; with 0.50 times the loss tokens of b and 2.00 times the loss tokens of c.")


def test_a_sentence_for_all_students_counts_them_by_their_readings() -> None:
    models = {"reading": "these two models", "loss_token_ratio": 4.0}
    rows = [{**ROW, "student": "a", "loss_token_ratio": 2.0}, {**ROW, **DOWN, "student": "b", "reading": "loss"},
            {**ROW, **models, "student": "c"}, {**ROW, **DOWN, **models, "student": "d"},
            {**ROW, "student": "e", "reading": "not comparable", "parity": "not comparable: rows 3 vs 4"},
            {**ROW, "primary": "no"}]  # fmt: skip
    (found,) = summaries(rows)
    assert found == {"contrast": "g", "answer": (
        "a against b, in points: of 5 students 1 gain (a +5.0), 1 lose (b -5.0), 1 had more, as these models are "
        "(c +5.0), 1 had less, as these models are (d -5.0), 1 are not comparable (e +5.0), with 2.00 to 4.00 times "
        "the loss tokens."
    )}  # fmt: skip


def test_students_of_a_contrast_stand_by_size_and_contrasts_as_they_were() -> None:
    rows = [{**ROW, "gap": gap, "student": student} for gap in ("z", "g") for student in ("large", "unknown", "small")]
    found = by_size(rows, {"small": 10, "large": 20, "unknown": None})
    assert [(row["gap"], row["student"]) for row in found] == [
        (gap, student) for gap in ("z", "g") for student in ("small", "large", "unknown")
    ]


def test_what_trainings_gained_over_the_untouched_student_stands_in_one_sentence() -> None:
    over = {**ROW, "family": "gains over base", "gap": "gain_over_base", "minus": "base"}
    rows = [
        {**over, "plus": "x"},
        {**over, "plus": "y", **DOWN, "reading": "loss, smaller than 6.0 points"},
        {**over, "plus": "z", "estimate": 0.001, "reading": "undecided"},
        {**over, "plus": "w", "estimate": 0.1},
        {**over, "plus": "v", "student": "t", "reading": "these two models"},
        {**over, "plus": "u", "primary": ""},  # a benchmark under a mean
        {**over, "plus": "u", "measure": "solution", "family": "gains over base, likelihood of the solutions"},
        ROW,
    ]
    assert over_untouched(rows) == [
        {"student": "s", "answer": "gains: x +5.0, w +10.0; loses: y -5.0; undecided: z +0.1."},
        {"student": "t", "answer": "these models alone: v +5.0."},
    ]
    assert over_untouched([ROW]) == []
