"""Pictures: levels and names are drawn as the text that they are, and equal numbers make equal bytes."""

import re
from collections import Counter
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


def look(**changes: Any) -> tuple[str, bool]:
    return plots._look({"parity": "equal", "p_holm": 0.01, "reading": "gain", **changes})


def test_a_dot_is_filled_and_coloured_by_its_reading() -> None:
    blue, grey, black = plots.COLOURS[0], plots.COLOURS[6], plots.COLOURS[7]
    assert look() == look(reading="loss to the best") == look(reading="gain, smaller than 3.0 points") == (blue, True)
    assert look(reading="undecided") == look(reading="smaller than 3.0 points") == (blue, False)
    assert look(reading="these two models", p_holm=None) == (black, False)
    assert look(parity="not comparable: rows 3 vs 4", reading="not comparable", p_holm=None) == (grey, False)


def test_gaps_say_their_reading_seeds_and_fairness_in_points() -> None:
    row = {"gap": "g", "student": "s", "benchmark": "b", "plus": "x", "minus": "y", "estimate": 0.145, "ci_low": 0.1,
           "ci_high": 0.19, "p_holm": None, "reading": "these two models", "parity": "equal", "n_seeds": 1,
           "loss_token_ratio": 4.36}  # fmt: skip
    best = {**row, "estimate": None, "minus": "the best of y, z", "n_seeds": 3, "loss_token_ratio": None}
    drawn = re.findall(r"<!-- (.*?) -->", plots.gap_by_student([row, best, {**row, "gap": "h"}]))
    labels = ("s over y", "these two models, 1 seed", "equal, loss tokens 4.4 : 1", "s over the best",
              "points of accuracy", "these two models, 3 seeds", "equal")  # fmt: skip
    text = " ".join(drawn)
    assert [label for label in labels if label not in text] == []
    svg = plots.gap_by_student([best])
    assert svg.count("<use") < plots.gap_by_student([row]).count("<use")  # no dot


def test_an_interval_is_drawn_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    seen: list[tuple[float, float]] = []
    drawn = Axes.errorbar

    def errorbar(self: Any, x: Any, y: Any, xerr: Any, **keys: Any) -> Any:
        seen.append((x[0] - xerr, x[0] + xerr))
        return drawn(self, x, y, xerr=xerr, **keys)

    monkeypatch.setattr(Axes, "errorbar", errorbar)
    plots.gap_by_student([{"gap": "g", "student": "s", "minus": "y", "estimate": 0.2, "ci_low": 0.1, "ci_high": 0.4,
                           "p_holm": 0.01, "reading": "gain", "parity": "equal", "n_seeds": 2,
                           "loss_token_ratio": None}])  # fmt: skip
    assert seen == [(pytest.approx(10), pytest.approx(40))]


def test_layers_draw_each_box_once_and_a_line_for_each_link() -> None:
    columns = {"first": ["a"], "second": ["b", "c"], "third": []}
    labels = {"a": "<A> $x_", "b": "B", "c": "C"}
    drawn = re.findall(r"<!-- (.*?) -->", svg := plots.layers(columns, [("a", "b"), ("a", "c")], labels))
    assert sorted(drawn) == sorted(["&lt;A&gt; $x_", "B", "C", "first", "second", "third"])
    strokes = Counter(re.findall(r"stroke: (#[0-9a-f]{6})", svg.lower()))
    assert strokes[plots.COLOURS[0].lower()] == 2  # lines have the colour of the box that they leave
    assert (strokes["#333333"], strokes["#bbbbbb"]) == (1, 2)  # `a` is shared
    assert "nothing to show" in plots.layers({"first": []}, [], {})
