"""Pictures: levels and names are drawn as the text that they are, and equal numbers make equal bytes."""

import re
from typing import Any

import pytest

from distill.analyses import plots
from distill.config.lineage import Arm, Score


def score_of(*levels: str) -> dict[str, Any]:
    by_level = {level: {"n_problems": 1, "accuracy": 0.5, "ci_low": 0.25, "ci_high": 0.75} for level in levels}
    return {"identity": Score("b", Arm.base("s").model_path, "greedy").identity, "by_level": by_level}


@pytest.mark.parametrize("level", [r"$\foo$", "$x_", r"\$5", "100 %", "{", "<b>"])
def test_a_level_is_text_and_no_formula(level: str) -> None:
    drawn = re.findall(r"<!-- (.*?) -->", plots.accuracy_by_level([score_of(level, "2")]))
    assert level.replace("<", "&lt;").replace(">", "&gt;") in drawn
    assert {"s, b", "base", "level"} <= set(drawn)


def test_the_same_numbers_make_the_same_picture() -> None:
    one, other = (plots.accuracy_by_level([score_of("1", "2")]) for _ in range(2))
    assert one == other


def test_a_picture_of_nothing_says_so() -> None:
    for svg in (plots.accuracy_by_level([]), plots.gap_by_student([]), plots.training_curves({})):
        assert "nothing to show in this study" in svg
