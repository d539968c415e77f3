"""The blocks of students: order, readings, what is folded, what links need; rows of the contrasts' tables by hand."""

import csv
from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made

from distill.analyses import contrast_rows
from distill.config import lineage
from distill.runtime.files import read_json
from distill.scores.numbers import parameters_text

Content = dict[str, Any]
GAP = {"study": "y", "gap": "g", "student": "s", "training": "t", "benchmark": "b", "n_problems": 4, "n_seeds": 2,
       "parity": "equal", "loss_token_ratio": 4.4, "plus": "hard", "minus": "easy", "family": "declared",
       "primary": "yes", "estimate": 0.5, "ci_low": 0.25, "ci_high": 0.75, "p_value": 0.0001, "p_holm": 0.04,
       "reading": "gain", "seed_sd": 0.01, "tipping_sd": None, "expected": None, "measure": "accuracy"}  # fmt: skip


def students(root: Path, benchmarks: tuple[str, ...] = ("b",), sizes: Any = None, **changes: Any) -> Content:
    """Return the section of a hand-made study."""
    files = hand_made.results(root, benchmarks)
    folder = hand_made.tabulated(root, files, sizes=sizes, benchmarks=list(benchmarks), **changes)
    return hand_made.section(root, "students", {**hand_made.csvs(folder), "scores": files["scores"]})


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """Return the block of the student of a study with one benchmark."""
    return students(tmp_path_factory.mktemp("one"))["blocks"][0]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """Return the block of the student of a study with two benchmarks."""
    return students(tmp_path_factory.mktemp("two"), ("b", "c"))["blocks"][0]


def shown(table: Content, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in table["rows"]]


def test_a_block_shows_the_untouched_student_its_arms_and_its_contrasts(one: Content) -> None:
    arms, contrasts = one["tables"]
    assert shown(arms, "trained on", "accuracy", "gain") == [
        ("untouched student", "0.0", None), ("hard", "75.0", "+75.0"), ("easy", "25.0", "+25.0"),
        ("mixed", "50.0", "+50.0"),
    ]  # fmt: skip
    assert {row["parity"] for row in arms["rows"][1:]} == {"equal but for the training"}
    assert [row["seeds (SD)"] for row in arms["rows"]] == [None, *["2 (SD 0.0)"] * 3]
    assert shown(contrasts, "contrast", "points", "loss tokens") == [
        ("gain: hard - base", "+75.0", ""), ("hard_gap: hard - easy", "+50.0", "1.00 : 1"),
        ("mix_gain: mixed - hard", "-25.0", "1.00 : 1"), ("mix_gain: mixed - easy", "+25.0", "1.00 : 1"),
        ("mix_gain: mixed - the best of hard, easy", "", ""),
    ]  # fmt: skip
    assert one["text"] == ["Points of accuracy, on b."]
    assert one["lead"] == "untouched 0.0 (0.0 to 49.0); arms over it: 3 \u00d7 undecided"
    assert [block["title"] for block in one["blocks"]] == [
        "Every seed, and what was not correct", "By level and subject",
    ]  # fmt: skip


def test_the_mean_over_benchmarks_comes_first_and_benchmarks_are_folded(two: Content) -> None:
    arms, contrasts = two["tables"]
    assert two["text"] == ["Points of accuracy, average of 2 benchmarks."]
    assert shown(arms, "trained on", "accuracy", "gain")[1:] == [
        ("hard", "87.5", "+87.5"), ("easy", "12.5", "+12.5"), ("mixed", "50.0", "+50.0"),
    ]  # fmt: skip
    assert shown(contrasts, "contrast", "points")[1] == ("hard_gap: hard - easy", "+75.0")
    folded = two["blocks"][0]
    assert (folded["title"], folded["open"]) == ("By benchmark", False)
    single, gaps = folded["tables"]
    assert shown(single, "benchmark", "trained on", "problems", "accuracy", "gain")[:6] == [
        ("b", "untouched student", 4, "0.0", None), ("c", "untouched student", 2, "0.0", None),
        ("b", "hard", 4, "75.0", "+75.0"), ("b", "easy", 4, "25.0", "+25.0"), ("b", "mixed", 4, "50.0", "+50.0"),
        ("c", "hard", 2, "100.0", "+100.0"),
    ]  # fmt: skip
    assert shown(gaps, "contrast", "benchmark", "points")[2:4] == [
        ("hard_gap: hard - easy", "b", "+50.0"), ("hard_gap: hard - easy", "c", "+100.0"),
    ]  # fmt: skip
    assert {row["reading"] for row in gaps["rows"]} == {""}


def test_every_seed_stands_with_the_shares_of_what_was_not_correct(one: Content) -> None:
    (table,) = one["blocks"][0]["tables"]
    assert table["columns"] == ["trained on", "seed", "benchmark", "problems", "samples", "accuracy", "95 % interval",
                                "no answer", "cut off", "loops", "errors", "lenient", "ungraded", "tokens"]  # fmt: skip
    assert [(row["trained on"], row["seed"]) for row in table["rows"]] == [
        ("untouched student", 0), *((name, seed) for name in ("hard", "easy", "mixed") for seed in (1, 2)),
    ]  # fmt: skip
    assert shown(table, "no answer", "cut off", "tokens")[1] == ("25.0", "12.5", 10)


def test_links_need_an_arm_and_a_mean_over_seeds_has_none(one: Content, tmp_path: Path) -> None:
    base, hard = one["tables"][0]["rows"][:2]
    assert (base["dataset"], base["seed"], base.get("versus")) == ("base", 0, None)
    assert (hard.get("dataset"), hard.get("seed"), hard["versus"]) == (None, None, "hard - base")
    single = {**hand_made.STUDY["arms"][0], "seeds": [2]}
    hard = students(tmp_path, arms=[single])["blocks"][0]["tables"][0]["rows"][1]
    assert (hard["dataset"], hard["seed"], hard["student"]) == ("hard", 2, "s")


def test_several_samples_and_the_papers_scoring_are_told(tmp_path: Path) -> None:
    files, half = hand_made.results(tmp_path), {"accuracy": 0.5, "ci_low": 0.1, "ci_high": 0.9}
    for path in files["scores"]:
        measures = {"pass_at_k": {"1": half, "2": {**half, "accuracy": 0.625}},
                    "maj_at_k": {"1": half, "2": {**half, "accuracy": 0.375}}}  # fmt: skip
        hand_made.change(path, n_samples=2, policy="paper_scoring", **measures)
    tables = hand_made.csvs(hand_made.tabulated(tmp_path, files))
    content = hand_made.section(tmp_path, "students", {**tables, "scores": files["scores"]})
    (seeds,) = content["blocks"][0]["blocks"][0]["tables"]
    assert set(shown(seeds, "pass@n", "maj@n")) == {("62.5", "37.5")}
    assert {"pass@n", "maj@n"} <= set(seeds["columns"])
    assert "defects of the paper's scorer" in content["text"][-1]
    assert content["blocks"][-1]["text"][-1].startswith("Of several samples")


# Students of made-up tables

MEAN = {"study": "y", "training": "t", "dataset": "d", "n_seeds": 1, "benchmark": "b", "n_benchmarks": 1,
        "n_problems": 4, "accuracy": 0.5, "seed_sd": "", "ci_low": 0.25, "ci_high": 0.75,
        "training_sd": ""}  # fmt: skip
SCORE = {"study": "y", "training": "base", "dataset": "base", "seed": 0, "benchmark": "b", "n_problems": 4,
         "n_samples": 1, "mean_tokens": 9.5, "pass_at_n": "", "maj_at_n": "", "golds": "given",
         **dict.fromkeys(("accuracy", "ci_low", "ci_high", "no_answer", "cut_off", "errors", "lenient", "ungraded",
                          "loops"), 0.5)}  # fmt: skip


def write(path: Path, rows: list[dict[str, Any]]) -> list[Path]:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return [path]


def made_up(root: Path, names: list[str], gaps: list[dict[str, Any]] = ()) -> Content:
    """Return the section of students that have a base arm and whose size is unknown."""
    base = [{**MEAN, "student": name, "training": "base", "dataset": "base", "parameters": ""} for name in names]
    files = {"means": write(root / "means.csv", base), "gaps": write(root / "gaps.csv", [*gaps, GAP]),
             "scores_csv": write(root / "scores.csv", [{**SCORE, "student": name} for name in names]),
             "breakdowns": write(root / "breakdowns.csv", [{**SCORE, "student": "", "measure": "tokens", "part": 3}]),
             "scores": []}  # fmt: skip
    return hand_made.section(root, "students", files)


@pytest.mark.parametrize(("count", "is_open"), [(4, True), (5, False)])
def test_the_blocks_of_many_students_are_folded(tmp_path: Path, count: int, is_open: bool) -> None:
    blocks = made_up(tmp_path, names := [f"s{number}" for number in range(count)])["blocks"]
    assert [block["title"] for block in blocks[:count]] == names  # without a size, which is unknown
    assert {block["open"] for block in blocks[:count]} == {is_open}
    assert {block["open"] for outer in blocks[:count] for block in outer["blocks"]} == {False}


def test_a_gap_between_gaps_has_a_block_of_its_own(tmp_path: Path) -> None:
    gap = {**GAP, "gap": "learnability_gap", "student": "s1 - s0", "plus": "g of s1", "minus": "g of s0"}
    of_one = {**gap, "benchmark": "c", "primary": "no", "reading": ""}
    content = made_up(tmp_path, ["s0", "s1"], [of_one, gap])
    between = next(block for block in content["blocks"] if block["title"] == "Between students")
    rows = between["tables"][0]["rows"]
    assert ("s1 - s0", "learnability_gap: g of s1 - g of s0") in [(row["student"], row["contrast"]) for row in rows]
    assert between["open"]
    assert [row["benchmark"] for row in between["blocks"][0]["tables"][0]["rows"]] == ["c"]


def test_students_stand_by_size_and_arms_as_the_study_names_them(tmp_path: Path) -> None:
    arms = [{**hand_made.STUDY["arms"][0], "datasets": ["mixed", "hard", "easy"]}]
    content = students(tmp_path, sizes={"s": 490_000_000}, arms=arms)
    assert content["blocks"][0]["title"] == "s, 490 million parameters"
    assert [row["trained on"] for row in content["blocks"][0]["tables"][0]["rows"]] == [
        "untouched student", "mixed", "hard", "easy",
    ]  # fmt: skip
    table = hand_made.rows_of(tmp_path / lineage.Contrasts().file("means.csv"))
    assert {row["parameters"] for row in table} == {"490000000"}


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, ""), (0, ""), (37_984, "38 thousand parameters"), (494e6, "490 million parameters"),
     (1.54e9, "1.5 billion parameters"), (72e9, "72 billion parameters"), (12, "12 parameters")],
)  # fmt: skip
def test_sizes_are_said_in_two_digits(count: float | None, text: str) -> None:
    assert parameters_text(count) == text


# Rows of contrasts


def test_contrasts_are_shown_in_points_and_marked_by_their_reading() -> None:
    unworded = {"reading": "these two models", "p_holm": None, "seed_sd": None}
    rows = [
        GAP,
        {**GAP, "parity": "not comparable: updates 668 vs 24", "p_holm": None, "reading": "not comparable"},
        {**GAP, "estimate": -0.5, "ci_low": -0.75, "ci_high": -0.25, "reading": "loss"},
        {**GAP, "ci_low": -0.1, "p_value": 0.5, "reading": "undecided"},
        {**GAP, **unworded, "tipping_sd": 0.052},
        {**GAP, **unworded, "tipping_sd": 0.0, "n_seeds": 1},
        {**GAP, "estimate": None, "seed_sd": None, "minus": "the best of a; b", "reading": "gain over all",
         "loss_token_ratio": None},
        {**GAP, "reading": "loss to the best"},
    ]  # fmt: skip
    table = contrast_rows.table("Title", rows)
    assert list(table.marks) == ["up", "", "down", "", "", "", "up", "down"]
    assert (table.marked, table.columns[:3]) == ("points", ("contrast", "points", "95 % interval"))
    assert [row["reading"] for row in table.rows] == [row["reading"] for row in rows]
    first = table.rows[0]
    assert (first["points"], first["95 % interval"], first["loss tokens"]) == ("+50.0", "+25.0 to +75.0", "4.40 : 1")
    assert (first["contrast"], first["benchmark"], first["problems"]) == ("g: hard - easy", "b", 4)
    assert (first["p (Holm)"], first["seeds (SD)"], first["parity"]) == ("<0.001 (0.040)", "2 (SD 1.0)", "equal")
    assert [row["seeds (SD)"] for row in table.rows][4:7] == ["2 (holds if SD < 5.2)", "1 (unknown)", "2"]
    assert (table.rows[6]["points"], table.rows[6]["loss tokens"]) == ("", "")
    assert table.rows[3]["p (Holm)"] == "0.500 (0.040)"
    assert table.rows[1]["parity"] == "not comparable: updates 668 vs 24"


def test_likelihoods_are_shown_in_nats(tmp_path: Path) -> None:
    rows = [
        {**GAP, "family": "declared, likelihood of the solutions", "measure": "solution"},
        {**GAP, "family": "gains over base, likelihood of the answers", "measure": "answer", "reading": "loss"},
        GAP,
    ]
    gaps, files = write(tmp_path / "gaps.csv", rows), hand_made.results(tmp_path)["likelihoods"]
    content = hand_made.section(tmp_path, "likelihoods", {"gaps": gaps, "likelihoods": files})
    first, second = content["rows"]
    assert (first["measure"], second["measure"]) == ("likelihood of the solutions", "likelihood of the answers")
    assert (first["nats per token"], first["95 % interval"]) == ("+0.500", "+0.250 to +0.750")
    assert (first["seeds (SD)"], content["marked"]) == ("2 (SD 0.010)", "nats per token")
    assert content["marks"] == ["up", "down"]
    assert not any("cannot read" in text for text in content["text"])
    hand_made.likelihood(tmp_path, "b", hand_made.ARMS[1], lost=1)
    content = hand_made.section(tmp_path, "likelihoods", {"gaps": gaps, "likelihoods": files})
    assert content["text"][-1] == "s cannot read 1 of 4 texts of b."
    content = hand_made.section(
        tmp_path, "likelihoods", {"gaps": write(tmp_path / "gaps.csv", [GAP]), "likelihoods": files}
    )
    assert (content["rows"], content["text"]) == ([], ["The studies ask for no likelihoods."])


# Answers


def test_no_gaps_are_said_to_be_none(tmp_path: Path) -> None:
    gaps = write(tmp_path / "gaps.csv", [{**GAP, "family": "gains over base", "gap": "gain_over_base"}])
    content = hand_made.section(tmp_path, "answers", {"gaps": gaps})
    assert (content["rows"], content["text"]) == ([], ["The studies name no gaps."])
    assert "nothing to show" in content["picture"]["svg"]


def test_of_many_students_a_contrast_has_one_sentence_and_theirs_are_folded(tmp_path: Path) -> None:
    rows = [{**GAP, "student": f"s{number}", "expected": "More."} for number in range(4)]
    few = [{**GAP, "gap": "h", "student": "s0"}]
    content = hand_made.section(tmp_path, "answers", {"gaps": write(tmp_path / "gaps.csv", [*rows, *few])})
    assert content["text"][1:] == ["expected of g: More."]
    assert len(content["rows"]) == 5
    top, each = content["blocks"]
    assert (top["title"], each["title"], each["open"]) == ("", "Each student", False)
    assert [(row["contrast"], row["student"]) for row in top["tables"][0]["rows"]] == [("g", "all"), ("h", "s0")]
    assert top["tables"][0]["rows"][0]["answer"].startswith("hard against easy, in points: of 4 students 4 gain (s0 ")
    assert [row["student"] for row in each["tables"][0]["rows"]] == ["s0", "s1", "s2", "s3"]
    content = hand_made.section(tmp_path, "answers", {"gaps": write(tmp_path / "gaps.csv", [*rows[:3], *few])})
    assert content["blocks"] == []
    assert read_json(tmp_path / lineage.Analysis("answers").file("section.json")) == content


def test_gains_over_the_untouched_student_stand_under_the_answers(tmp_path: Path) -> None:
    over = {**GAP, "family": "gains over base", "gap": "gain_over_base", "minus": "base"}
    content = hand_made.section(tmp_path, "answers", {"gaps": write(tmp_path / "gaps.csv", [GAP, over])})
    top, gained = content["blocks"]
    assert top["tables"][0]["rows"] == content["rows"]
    assert (gained["title"], gained["open"]) == ("Against no training", True)
    ((row,),) = [table["rows"] for table in gained["tables"]]
    assert row["student"] == "s"
    assert row["answer"].startswith("gains: hard +")
    many = [{**GAP, "student": f"s{number}"} for number in range(4)]
    content = hand_made.section(tmp_path, "answers", {"gaps": write(tmp_path / "gaps.csv", [*many, over])})
    assert [(block["title"], block["open"]) for block in content["blocks"][1:]] == [
        ("Each student", False), ("Against no training", False),
    ]  # fmt: skip
