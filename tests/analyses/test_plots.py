"""Pictures: names are drawn as the text that they are, equal numbers make equal bytes, marks lie where they should."""

import html
import math
import re
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from distill.analyses import (
    forest,
    funnel_plots,
    graph,
    length_plots,
    loss_plots,
    plots,
    score_plots,
    section,
    share_plots,
    token_curve,
    token_plots,
)
from distill.analyses.looks import BLACK, COLOURS, KINDS, TEACHERS, Looks
from distill.analyses.shares import Curve
from distill.config.labels import Labels
from distill.config.lineage import Arm, Score
from distill.runtime.files import write_json

ROW = {"gap": "g", "student": "s", "benchmark": "b", "plus": "x", "minus": "y", "estimate": 0.145, "ci_low": 0.1,
       "ci_high": 0.19, "p_holm": None, "reading": "these two models", "parity": "equal", "n_seeds": 1,
       "loss_token_ratio": 4.36, "n_problems": 400, "measure": "accuracy"}  # fmt: skip
FAIR = {"p_holm": 0.01, "reading": "gain"}
MEAN = {"study": "y", "student": "small", "dataset": "d", "training": "t", "accuracy": 0.5, "ci_low": 0.4,
        "ci_high": 0.7, "n_problems": 400, "n_seeds": 1, "parameters": 1e6}  # fmt: skip


def score_of(*levels: str) -> dict[str, Any]:
    by_level = {level: {"n_problems": 1, "accuracy": 0.5, "ci_low": 0.25, "ci_high": 0.75} for level in levels}
    return {"identity": Score("b", Arm.base("s").model_path, "greedy").identity, "by_level": by_level}


def words(drawn: Any) -> list[str]:
    """Return the texts of a picture."""
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", drawn.svg)]


class Seen:
    """Records the lines that are drawn: x, y, and how."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        from matplotlib.axes import Axes

        self.lines: list[tuple[list[float], list[float], dict[str, Any]]] = []
        self.bands: list[tuple[list[float], ...]] = []
        for name, record in (("plot", self._plot), ("fill_between", self._band)):
            monkeypatch.setattr(Axes, name, self._recording(getattr(Axes, name), record))

    @staticmethod
    def _recording(drawn: Callable[..., Any], record: Callable[..., None]) -> Callable[..., Any]:
        def draw(axis: Any, *values: Any, **keys: Any) -> Any:
            record(*values, **keys)
            return drawn(axis, *values, **keys)

        return draw

    def _plot(self, x: Any, y: Any, marker: str = "", **keys: Any) -> None:
        self.lines.append((list(x), list(y), {"marker": marker, **keys}))

    def _band(self, *values: Any, **_: Any) -> None:
        self.bands.append(tuple(map(list, values)))


@pytest.mark.parametrize("level", [r"$\foo$", "$x_", r"\$5", "100 %", "{", "<b>"])
def test_a_level_is_text_and_no_formula(level: str) -> None:
    found = words(score_plots.accuracy_by_level([score_of(level, "2")], Looks(())))
    assert {level, "s, b", "untouched student", "level"} <= set(found)


@pytest.mark.parametrize(
    "level",
    ["²", "①", "a\x01b", "a\0b", "\x1b[31m", "\u202eabc", "\uffff", "a\tb", "a\nb" * 30, "x" * 5000, "word " * 1000,
     "e" + "\u0301" * 90, "9" * 5000, "\u96be\u5ea6", "\U0001f469\u200d\U0001f467"],
    ids=repr,
)  # fmt: skip
def test_a_level_may_be_any_text(tmp_path: Path, level: str) -> None:
    """It comes from a data set; the picture stays a picture, in which two levels are two."""
    from distill.analyses import levels

    write_json(tmp_path / "manifest.json", {**score_of(level, level + "!", "2"), "by_subject": {}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = levels.analyse({"scores": [tmp_path / "manifest.json"]}, Labels()).picture
    assert picture is not None
    ElementTree.fromstring(picture.svg[picture.svg.index("<svg") :])
    shown = [text for text in words(picture) if text != "level"]
    assert len(set(shown)) == len(shown)
    assert all(len(text) <= plots.LONGEST_LABEL for text in shown)


def test_ordinary_labels_stay_as_they_are() -> None:
    names = ["Level 5", "$x^2$", "难度", "5.5", "Precalculus", "\U0001f600"]
    assert plots.told_apart(names) == dict(zip(names, names, strict=True))
    assert list(plots.told_apart(["y" * 40, "y" * 41, "y" * 42]).values()) == [
        "y" * 31 + "…", "y" * 26 + "… (2)", "y" * 26 + "… (3)"
    ]  # fmt: skip


def test_the_same_numbers_make_the_same_picture() -> None:
    for draw, facts in ((score_plots.accuracy_by_level, ([score_of("1", "2")], Looks(()))), (forest.forest, ([ROW],))):
        assert draw(*facts) == draw(*facts)


def test_coordinates_are_short_and_words_stay() -> None:
    assert (
        plots.rounded('<path d="M 1.23456 -0.98765 L 12 3.4"/>0.921348') == '<path d="M 1.23 -0.98 L 12 3.4"/>0.921348'
    )
    drawn = forest.forest([{**ROW, "student": "s 1.23456"}])
    assert "s 1.23456" in words(drawn)
    assert not re.search(r'="[^"]*\d\.\d{3}', drawn.svg)


def test_a_picture_of_nothing_says_so() -> None:
    looks = Looks(())
    nothing = (score_plots.accuracy_by_level([], looks), score_plots.score_by_size([], looks), forest.forest([]),
               loss_plots.training_curves({}, looks), share_plots.mix_shares([], looks), length_plots.lengths([]),
               funnel_plots.funnel([]), token_plots.token_curve([], looks))  # fmt: skip
    for drawn in nothing:
        assert "nothing to show in this study" in drawn.svg
        assert drawn.caption


# The forest plot


def test_shape_colour_and_filling_tell_fair_unfair_and_one_seed_apart() -> None:
    looks = [
        forest.look_of({**ROW, **FAIR}),
        forest.look_of({**ROW, **FAIR, "reading": "undecided"}),
        forest.look_of(ROW),
        forest.look_of({**ROW, **FAIR, "parity": "not comparable: rows 3 vs 4", "reading": "not comparable"}),
    ]
    assert looks == [forest.SURE, forest.OPEN, forest.MODELS, forest.UNFAIR]
    assert len({look.marker for look in looks}) == 3
    assert forest.SURE.filled != forest.OPEN.filled
    assert forest.look_of({**ROW, **FAIR, "reading": "loss to the best"}) == forest.SURE
    assert forest.look_of({**ROW, **FAIR, "reading": "smaller than 3.0 points"}) == forest.OPEN


def test_a_contrast_lies_where_its_figures_say(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    best = {**ROW, "estimate": None, "minus": "the best of y, z", "ci_low": -0.05}
    forest.forest([{**ROW, **FAIR}, best, {**ROW, "student": "l", "estimate": -0.5, "ci_low": -0.6, "ci_high": -0.4}])
    intervals = [(x, y) for x, y, how in seen.lines if not how["marker"]]
    approx = pytest.approx
    # A heading stands above the rows of one plus and minus: places 0 and 3.
    assert intervals == [([approx(10), approx(19)], [1, 1]), ([approx(-60), approx(-40)], [2, 2]),
                         ([approx(-5), approx(19)], [4, 4])]  # fmt: skip
    dots = [(x, y, how["marker"]) for x, y, how in seen.lines if how["marker"] in ("o", "s", "X")]
    assert dots == [([approx(14.5)], [1], "o"), ([approx(-50)], [2], "s")]  # none against the best of several


def test_contrasts_say_their_reading_seeds_and_fairness_in_points() -> None:
    best = {**ROW, "estimate": None, "minus": "the best of y, z", "n_seeds": 3, "loss_token_ratio": None}
    unlike = {**ROW, "gap": "h", "parity": "as declared: epochs 1 vs 2", "n_problems": 30}
    unfair = {**ROW, "gap": "u", "parity": "not comparable: rows 3 vs 4", "reading": "not comparable"}
    drawn = forest.forest([ROW, best, unlike, unfair])
    wanted = ["g: x \u2212 y", "s", "+14.5 (+10.0 to +19.0)  these two models, 1 seed, loss tokens 4.36 : 1",
              "g: x \u2212 the best of y, z", "(+10.0 to +19.0)  these two models, 3 seeds", "points of accuracy",
              "+14.5 (+10.0 to +19.0)  these two models, 1 seed, as declared, loss tokens 4.36 : 1",
              "+14.5 (+10.0 to +19.0)  not comparable, 1 seed, loss tokens 4.36 : 1",
              forest.MODELS.said, forest.UNFAIR.said, forest.BEST.said]  # fmt: skip
    assert [text for text in wanted if text not in words(drawn)] == []
    assert forest.SURE.said not in words(drawn)  # the legend explains what occurs
    assert "n = 30 to 400 problems" in drawn.caption
    assert "4 contrasts" in drawn.alt


# Scores by size


def test_students_stand_by_the_logarithm_of_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    base = {"dataset": "base", "training": "base"}
    rows = [{**MEAN, **base}, MEAN, {**MEAN, **base, "student": "big", "parameters": 1e8, "accuracy": 0.6},
            {**MEAN, "student": "big", "parameters": 1e8, "accuracy": 0.25, "ci_low": 0.2}]  # fmt: skip
    drawn = score_plots.score_by_size(rows, Looks(()))
    (places, ends, _), (x, y, untouched), _, (_, heights, arm) = seen.lines
    assert (x, y, untouched["linestyle"], untouched["color"]) == ([6.0, 8.0], [50.0, 60.0], "--", "#000000")
    assert (heights, arm["color"]) == ([50.0, 25.0], COLOURS[0])
    assert places == [6.0] * 3 + [8.0] * 3
    assert ends == pytest.approx([40, 70, math.nan, 40, 70, math.nan], nan_ok=True)
    assert {"small", "1 million parameters", "untouched student", "d"} <= set(words(drawn))
    seen.lines.clear()
    score_plots.score_by_size([{**row, "parameters": None} for row in rows], Looks(()))
    assert seen.lines[1][0] == [0.0, 1.0]


# Losses


def log(*losses: float, **columns: Any) -> dict[str, list[Any]]:
    return {"update": list(range(1, len(losses) + 1)), "loss": list(losses),
            "held_out_loss": [None] * len(losses), **columns}  # fmt: skip


def test_seeds_are_a_line_with_a_band(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    arms = [Arm("s", "t", "d", seed) for seed in (1, 2)]
    drawn = loss_plots.training_curves({arms[0]: log(1.0, 3.0), arms[1]: log(3.0, 5.0, 9.0)}, Looks(()))
    ((updates, means, _),) = seen.lines
    assert (updates, means) == ([1, 2], [2.0, 3.0])  # running means 1, 2 and 3, 4; one seed alone has a third update
    assert seen.bands == [([1, 2], [1.0, 2.0], [3.0, 4.0])]
    assert "n = 2" in drawn.caption
    seen.bands.clear()
    loss_plots.training_curves({arms[0]: log(1.0, 3.0)}, Looks(()))
    assert seen.bands == []


def test_held_out_losses_are_dashed_and_not_smoothed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    loss_plots.training_curves({Arm("s", "t", "d", 1): log(1.0, 3.0, 5.0, held_out_loss=[None, 4.0, 1.0])}, Looks(()))
    (_, _, first), (updates, losses, second) = [line for line in seen.lines if line[0]]
    assert (first.get("linestyle"), second["linestyle"]) == (None, "--")
    assert (updates, losses) == ([2, 3], [4.0, 1.0])


@pytest.mark.parametrize(("losses", "labels"), [((8.0, 0.05), {"0.1", "1"}), ((0.9, 0.3), {"0.3", "0.4", "0.9"})])
def test_losses_are_labelled_with_plain_numbers(losses: tuple[float, ...], labels: set[str]) -> None:
    """A picture draws no formulas, so a power of ten would stand there as its source."""
    many = [loss for loss in losses for _ in range(2 * loss_plots.WINDOW)]  # as the running mean sees both
    found = words(loss_plots.training_curves({Arm("s", "t", "d", 1): log(*many)}, Looks(())))
    assert labels <= set(found)
    assert [text for text in found if "$" in text or "\\" in text] == []


def test_a_long_log_is_thinned_out_and_keeps_its_end() -> None:
    found = loss_plots.curve([log(*[1.0] * 1000)], "loss")
    assert (found[0][0], found[-1][0]) == (1, 1000)
    assert len(found) <= loss_plots.POINTS + 1


def test_layers_draw_each_box_once_and_a_line_for_each_link() -> None:
    columns = {"first": ["a"], "second": ["b", "c"], "third": []}
    labels = {"a": "<A> $x_", "b": "B", "c": "C"}
    svg = graph.layers(columns, [("a", "b"), ("a", "c")], labels, {"a": COLOURS[0]})
    assert sorted(words(plots.Drawn(svg, "", ""))) == sorted(["<A> $x_", "B", "C", "first", "second", "third"])
    strokes = Counter(re.findall(r"stroke: (#[0-9a-f]{6})", svg.lower()))
    assert strokes[COLOURS[0].lower()] == 2
    assert (strokes["#333333"], strokes["#bbbbbb"]) == (1, 2)  # `a` is shared
    assert "nothing to show" in graph.layers({"first": []}, [], {}, {})


# Mix shares


def curve(student: str = "s", training: str = "t", study: str = "a", **accuracies: float) -> Curve:
    points = tuple((float(share[1:]) / 10, {"dataset": f"mix-{share}", "training": training, "accuracy": value,
                                            "ci_low": value - 0.1, "ci_high": value + 0.2, "n_problems": 30,
                                            "n_seeds": 1})
                   for share, value in accuracies.items())  # fmt: skip
    return Curve(study, student, training, ("long", "short"), points, {"accuracy": 0.5})


def test_a_mix_lies_at_its_share_with_its_interval_as_a_band(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch)
    share_plots.mix_shares([curve(s0=0.2, s2=0.4, s10=0.3)], Looks(()))
    approx = pytest.approx
    line, *marks = [(x, y) for x, y, _ in seen.lines]
    assert line == ([0.0, 0.2, 1.0], approx([20, 40, 30]))
    assert marks == [([0.0], [approx(20)]), ([0.2], [approx(40)]), ([1.0], [approx(30)])]
    assert seen.bands == [([0.0, 0.2, 1.0], approx([10, 30, 20]), approx([40, 60, 50]))]


def test_curves_name_their_mix_and_what_tells_them_apart() -> None:
    one = share_plots.mix_shares([curve(s0=0.2, s10=0.3)], Looks(()))
    assert {"s", "long in short", "untouched student", "share of the first teacher"} <= set(words(one))
    two = share_plots.mix_shares([curve(s0=0.2), curve(s0=0.2, training="u"), curve(s0=0.1, study="b")], Looks(()))
    assert {"a: s", "b: s", "long in short (t)", "long in short (u)"} <= set(words(two))
    assert "3 curves of 2 students" in two.alt


def test_tokens_have_few_figures_that_stand_apart() -> None:
    row = {
        "dataset": "d",
        "training": "t",
        "accuracy": 0.5,
        "ci_low": 0.4,
        "ci_high": 0.6,
        "n_problems": 9,
        "n_seeds": 1,
    }
    points = ((113_000, row), (496_000, row))
    picture = token_plots.token_curve([token_curve.Curve("a", "s", points, {"accuracy": 0.8})], Looks(()))
    tokens = [word for word in words(picture) if re.fullmatch("[0-9,.e+]{5,}", word)]
    assert "200,000" in tokens
    assert len(tokens) <= 5


# Funnel


def test_a_bar_is_as_long_as_its_step_and_arms_have_least_and_most(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    bars: list[Any] = []
    barh = Axes.barh

    def recording(axis: Any, y: Any, width: Any, *rest: Any, **keys: Any) -> Any:
        bars.append((axis.get_title(), list(width), keys["color"]))
        return barh(axis, y, width, *rest, **keys)

    monkeypatch.setattr(Axes, "barh", recording)
    steps = [{"problems": 1200, "paired": 70, "trained on": seen} for seen in (50, 60, None)]
    rows = [("d", {"arm": str(n), "teacher": "long", **each}) for n, each in enumerate(steps)]
    rows += [("e", {"arm": "3", "teacher": "short", **steps[0]}), ("e", {"arm": "3", "teacher": "long", **steps[2]})]
    picture = funnel_plots.funnel(rows)
    assert [width for _, width, _ in bars] == [[1200, 70, 50], [1200, 70, 50], [1200, 70, 0]]
    assert bars[0][2] == bars[2][2] != bars[1][2]  # a teacher keeps its colour
    found = [text.strip() for text in words(picture)]
    assert Counter(found)["1,200"] == 3
    assert Counter(found) >= Counter(["50 to 60", "50", "unknown", "d", "e", "long", "short", "problems", "trained on"])


def test_a_legend_stands_in_a_free_panel_and_takes_no_room_from_the_others() -> None:
    def drawn(panels: int) -> str:
        def draw(axes: list[Any]) -> None:
            for axis in axes:
                axis.plot([0, 1], [0, 1], label="a line of a long name")
            axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))

        return plots.drawn((9, 6), panels, draw, 2)

    def places(svg: str) -> list[float]:
        return sorted({float(x) for x in re.findall(r'<clipPath[^>]*><rect x="([\d.]+)"', svg)})

    free, full = places(drawn(5)), places(drawn(6))
    assert len(free) == len(full) == 3
    assert free[1] - free[0] == pytest.approx(free[2] - free[1], abs=2)  # no gap beside the fifth
    assert "a line of a long name" in drawn(5)


def test_long_names_are_folded() -> None:
    assert plots.folded("one two three", 8) == "one two\nthree"
    assert plots.folded("short\nline", 40) == "short\nline"
    assert plots.folded("", 5) == ""


def test_the_page_has_the_first_seeds_of_many_rows() -> None:
    rows = [{"arm": f"s/t/d{n}/seed-{seed}", "n": n} for n in range(section.MOST) for seed in (10, 9)]
    (table,) = section.first_seeds([{"arm": "s/base", "n": 0}, *rows])
    assert {row["arm"] for row in table.rows} == {"s/base", *(f"s/t/d{n}/seed-9" for n in range(section.MOST))}
    assert section.first_seeds(rows[: section.MOST]) == ()


# Colours


def test_arms_are_told_apart_and_none_looks_like_the_untouched_student() -> None:
    arms = [(f"d{n}", f"t{t}") for n in range(20) for t in range(2)]
    looks = Looks(arms)
    found = [looks.arm(*arm) for arm in arms]
    assert len({(each["color"], each["marker"]) for each in found}) == len(arms)
    assert [found[2 * n]["color"] for n in range(20)] == [found[2 * n + 1]["color"] for n in range(20)]  # a dataset's
    assert BLACK == looks.arm("base", "base")["color"] not in {each["color"] for each in found}
    assert looks.dataset("d3") == looks.arm("d3", "t0")
    assert looks.arm("new", "t0") not in found


def test_many_trainings_of_a_dataset_have_a_colour_each() -> None:
    looks = Looks([("d", f"t{n}") for n in range(5)])
    assert len({looks.arm("d", f"t{n}")["color"] for n in range(5)}) == 5


def test_what_is_no_arm_has_a_colour_of_no_arm() -> None:
    readings = {look.colour for look in (forest.SURE, forest.OPEN, forest.MODELS, forest.UNFAIR, forest.BEST)}
    others = readings | {colour for colour, _ in (*KINDS, *TEACHERS)}
    assert others.isdisjoint({*COLOURS, BLACK})
