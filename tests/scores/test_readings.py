"""Words and figures of contrasts, row by row."""

from typing import Any

import pytest

from distill.scores.numbers import points
from distill.scores.readings import amount, holm, interval, noise, p_text, read_all, reading, side

ROW = {"family": "declared", "primary": "yes", "unknown": False, "parity": "equal", "estimate": 0.05, "ci_low": 0.01,
       "ci_high": 0.09, "p_value": 0.03, "n_arms": 2, "seed_sd": 0.01, "tipping_sd": None,
       "measure": "accuracy"}  # fmt: skip
DOWN = {"estimate": -0.05, "ci_low": -0.09, "ci_high": -0.01}


@pytest.mark.parametrize(
    ("changes", "p_holm", "smallest", "words"),
    [
        ({}, 0.03, None, "gain"),
        (DOWN, 0.03, None, "loss"),
        ({}, 0.06, None, "undecided"),  # not after correction
        ({}, 0.03, 0.1, "gain, smaller than 10.0 points"),
        ({}, 0.06, 0.1, "smaller than 10.0 points"),
        (DOWN, 0.06, 0.1, "smaller than 10.0 points"),
        ({}, 0.06, 0.09, "undecided"),  # the end of the interval is no smaller
        ({"ci_low": -0.2}, 0.06, 0.1, "undecided"),
        ({"estimate": None}, 0.03, None, "gain over all"),
        ({**DOWN, "estimate": None}, 0.03, None, "loss to the best"),
        ({"unknown": True}, None, 0.1, "these two models"),
        ({"unknown": True, "n_arms": 4}, None, None, "these models"),
        ({"primary": "no"}, None, 0.1, ""),
        ({"parity": "not comparable: rows 3 vs 4"}, None, 0.1, "not comparable"),
        ({"parity": "not comparable: rows 3 vs 4", "primary": "no"}, None, None, "not comparable"),
    ],
)
def test_a_word(changes: dict[str, Any], p_holm: float | None, smallest: float | None, words: str) -> None:
    row = {**ROW, **changes}
    assert reading(row, p_holm, smallest) == words
    assert side({"reading": words}) == {"g": 1, "l": -1}.get(words[:1], 0)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_families_are_corrected_each_by_itself_and_only_over_rows_with_a_word() -> None:
    others = [{"primary": "no"}, {"unknown": True}, {"parity": "not comparable: rows 3 vs 4"}]
    rows = [ROW, ROW, *({**ROW, **each} for each in others), {**ROW, "family": "gains over base"}]
    found = [row["p_holm"] for row in read_all(rows, None)]
    assert found == [pytest.approx(0.06), pytest.approx(0.06), None, None, None, pytest.approx(0.03)]


def test_figures_are_in_points_with_one_decimal() -> None:
    shown = [amount({**ROW, "estimate": x}) for x in (0.145, -0.1, 0.0004, -0.0004, None)]
    assert shown == ["+14.5", "-10.0", "0.0", "0.0", ""]
    assert [points(x) for x in (0.145, -0.0004, None)] == ["14.5", "0.0", None]
    assert interval(ROW) == "+1.0 to +9.0"
    nats = {**ROW, "measure": "solution"}
    assert (amount(nats), interval(nats)) == ("+0.050", "+0.010 to +0.090")
    assert (amount({**nats, "estimate": -0.0004}), noise(nats)) == ("0.000", "SD 0.010")
    assert [p_text(p) for p in (0.0004, 0.0437, None)] == ["<0.001", "0.044", ""]
    assert noise(ROW) == "SD 1.0"
    assert noise({**ROW, "seed_sd": None, "tipping_sd": 0.05}) == "holds if SD < 5.0"
    assert noise({**ROW, "tipping_sd": 0.05}) == "SD 1.0, holds if SD < 5.0"
    assert noise({**ROW, "seed_sd": None, "tipping_sd": 0.0}) == "unknown"
    assert noise({**ROW, "estimate": None, "seed_sd": None}) == ""
