"""The section on suitability on the hand-made tree: signals, orders and correlations by hand; the picture."""

import html
import math
import re
from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made

from distill import analyses
from distill.analyses import suitability_plots, suitability_tables
from distill.analyses.looks import Looks
from distill.analyses.suitability_tables import Gain, Rated
from distill.config import lineage
from distill.runtime.files import read_json
from distill.scores.accuracy import Interval

NEEDS = analyses.load("suitability").NEEDS


def section(root: Path, files: hand_made.Files) -> dict[str, Any]:
    return hand_made.section(root, "suitability", {kind: files[kind] for kind in NEEDS})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, hand_made.Files]:
    root = tmp_path_factory.mktemp("suited")
    made = hand_made.results(root)
    return root, made | hand_made.csvs(hand_made.tabulated(root, made, likelihoods=["solution"]))


@pytest.fixture(scope="module")
def content(files: tuple[Path, hand_made.Files]) -> dict[str, Any]:
    return section(*files)


def rows_of(content: dict[str, Any], block: int) -> list[dict[str, Any]]:
    (table,) = content["blocks"][block]["tables"]
    return table["rows"]


# p2 is in every dataset, and rendered in none.
EXPECTED = {
    ("hard", "perplexity"): math.exp(2.5), ("easy", "perplexity"): math.exp(1), ("mixed", "perplexity"): math.exp(1.5),
    ("hard", "rank_surprisal"): 4.5 / 2.5, ("easy", "rank_surprisal"): 1.75 / 1, ("mixed", "rank_surprisal"): 2.5 / 1.5,
    ("hard", "local_naturalness"): -3, ("easy", "local_naturalness"): -1, ("mixed", "local_naturalness"): -1.5,
    ("hard", "overlap_1"): 0.125, ("easy", "overlap_1"): 0.625, ("mixed", "overlap_1"): 0.375,
    ("hard", "overlap_10"): 0.625, ("easy", "overlap_10"): 1.0, ("mixed", "overlap_10"): 0.875,
}  # fmt: skip


def test_signals_are_of_the_draws_that_a_dataset_took_and_rendered(content: dict[str, Any]) -> None:
    found = {(row["dataset"], row["signal"]): row for row in content["rows"]}
    assert found.keys() == EXPECTED.keys()
    for key, row in found.items():
        assert row["value"] == pytest.approx(EXPECTED[key]), key
        assert row["rows"] == 2
        assert row["ci_low"] <= row["value"] <= row["ci_high"]
    shown = {row["dataset"]: row for row in rows_of(content, 1)}
    assert shown["hard"]["rank-surprisal ratio"].startswith("1.800 (")
    assert shown["easy"]["perplexity"] == "2.718 (2.718 to 2.718)"  # two equal rows


def test_what_suits_best_comes_first(content: dict[str, Any]) -> None:
    found = {row["dataset"]: row for row in rows_of(content, 2)}
    assert [found[name]["perplexity"] for name in ("easy", "mixed", "hard")] == [1, 2, 3]
    assert [found[name]["rank-surprisal ratio"] for name in ("mixed", "easy", "hard")] == [1, 2, 3]
    for signal in ("local naturalness", "overlap, first", "overlap, first ten"):
        assert [found[name][signal] for name in ("easy", "mixed", "hard")] == [1, 2, 3]
    assert found["hard"]["gain, accuracy"].startswith("+75.0 (")
    assert {row["place"] for row in content["rows"]} == {1, 2, 3}


def test_a_correlation_is_positive_where_what_suits_better_gained_more(content: dict[str, Any]) -> None:
    found = {(row["gain in"], row["signal"]): row for row in rows_of(content, 0)}
    # Gains of accuracy are 75, 50 and 25 points for hard, mixed and easy: the other way round than most signals.
    for signal in ("perplexity", "local naturalness", "overlap, first", "overlap, first ten"):
        row = found["accuracy", signal]
        assert (row["Spearman"], row["p"], row["datasets"], row["orders"]) == ("-1.00", "0.333", 3, "all")
    ratio = found["accuracy", "rank-surprisal ratio"]
    assert (ratio["Spearman"], ratio["p"]) == ("-0.50", "1.000")
    assert found["likelihood of the solutions", "perplexity"]["Spearman"] == "-1.00"
    (text,) = content["blocks"][0]["text"]
    assert text.startswith("Few datasets: 3 of a student and training. The least p that 3 can give is 0.33; ")
    assert "Of these 10 correlations 0 have a p of at most 0.05." in text


def test_two_datasets_are_no_order(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    files |= hand_made.csvs(hand_made.tabulated(tmp_path, files))
    for kind in ("rendered", "unrendered"):
        files[kind] = files[kind][:2]
    found = section(tmp_path, files)
    assert found["blocks"][0]["tables"] == []
    assert found["blocks"][0]["text"] == [
        "No student and training has gains of 3 datasets that were rated: no order can be judged."
    ]
    assert len(rows_of(found, 1)) == 2


def test_without_ratings_there_is_a_line_and_no_picture(tmp_path: Path, files: tuple[Path, hand_made.Files]) -> None:
    found = section(tmp_path, files[1] | {"suitability": [], "suitability_tables": []})
    assert (found["text"], found["rows"], found["picture"]) == (["The studies ask for no suitability."], [], None)


def test_a_dataset_whose_student_has_rated_nothing_is_left_out(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    files |= hand_made.csvs(hand_made.tabulated(tmp_path, files))
    for path in files["suitability"]:
        other = {**read_json(path)["identity"], "student": "other"}
        hand_made.change(path, identity=other)
    found = section(tmp_path, files)
    assert found["rows"] == []
    assert [block["tables"] for block in found["blocks"]] == [[], [], []]


def test_gains_are_named_by_dataset_and_training() -> None:
    row = {"study": "y", "student": "s", "training": "t", "measure": "accuracy", "minus": "base", "primary": "yes",
           "estimate": 0.5}  # fmt: skip
    rows = [{**row, "plus": "a (t)"}, {**row, "plus": "b"}, {**row, "plus": "b"}, {**row, "plus": "c", "primary": "no"},
            {**row, "plus": "d", "minus": "b"}, {**row, "plus": "e", "estimate": None}]  # fmt: skip
    found = suitability_tables.gains(rows)
    assert {key: len(own) for key, own in found.items()} == {("s", "t", "a"): 1, ("s", "t", "b"): 1}


def test_the_last_numbers_of_a_study_of_many_datasets() -> None:
    rows = [{"datasets": 9, "p": "0.049"}, {"datasets": 4, "p": "0.750"}]
    (text,) = suitability_tables.said(rows)
    assert text.startswith("Few datasets: 4 to 9 of a student and training. The least p that 9 can give is 6e-06; ")
    assert text.endswith("Of these 2 correlations 1 has a p of at most 0.05.")


# The picture


def point(dataset: str, ratio: float, gain: float, student: str = "s", **keys: Any) -> suitability_plots.Point:
    figure = Interval(ratio, ratio - 0.25, ratio + 0.5)
    row = {"estimate": gain, "ci_low": gain - 0.1, "ci_high": gain + 0.2, "n_problems": 30}
    gained = Gain(keys.get("study", "y"), keys.get("measure", "accuracy"), row)
    return Rated(student, "t", dataset, 7, {"rank_surprisal": figure}), gained


def test_a_dataset_lies_at_its_ratio_and_gain_with_both_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    drawn, plot = [], Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda axis, x, y, **keys: drawn.append((x, y)) or plot(axis, x, y, **keys))
    suitability_plots.suitability([point("d", 2.0, 0.3)], Looks(()))
    assert drawn == [([2.0, 2.0], pytest.approx([20, 50])), ([1.75, 2.5], pytest.approx([30, 30])),
                     ([2.0], pytest.approx([30]))]  # fmt: skip


def test_points_are_named_and_other_measures_are_not_drawn() -> None:
    pairs = [point("one", 2.0, 0.3), point("two$", 3.0, 0.1), point("one", 2.5, 0.2, student="m"),
             point("three", 1.0, 0.1, measure="answer")]  # fmt: skip
    found = suitability_plots.suitability(pairs, Looks(()))
    words = {html.unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", found.svg)}
    assert {"one", "two$", "s, t", "m, t", "rank-surprisal ratio before training"} <= words
    assert "three" not in words
    assert found.alt == "Suitability against gain, 3 datasets in 2 panels"
    assert "n = 3 datasets of 7 rows, 30 problems of a gain. So few points show no rule." in found.caption
    assert found == suitability_plots.suitability(pairs, Looks(()))
    several = suitability_plots.suitability([*pairs, point("one", 2.0, 0.3, study="z")], Looks(()))
    assert ">z: s, t<" in several.svg
    assert "nothing to show" in suitability_plots.suitability([], Looks(())).svg


def test_the_tree_of_the_tests_stands_where_the_rules_put_it(files: tuple[Path, hand_made.Files]) -> None:
    root, made = files
    for path in made["suitability"]:
        place = lineage.find(path.parent)
        assert root / place.manifest == path
