"""contrast.py on hand-made scores: scores, gaps, parity, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from analyses import hand_made
from helpers import manifest
from scipy import stats

from distill.config.catalogue import arms_of
from distill.config.lineage import Arm, Contrasts
from distill.config.recipes import StudyRecipe
from distill.runtime.errors import InputError
from distill.runtime.files import read_json
from distill.scores.gaps import Score, gap_rows

BLOCK = {"students": ["s"], "datasets": list(hand_made.DATASETS), "training": "t", "seeds": [1, 2]}
HARD_GAP = {"gaps": {"hard_gap": hand_made.STUDY["gaps"]["hard_gap"]}}


def test_scores_and_gaps_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = hand_made.tabulated(tmp_path, hand_made.results(tmp_path))
    gain, hard, mix, over_easy, over_best, *gains = hand_made.rows_of(folder / "gaps.csv")
    assert (hard["gap"], hard["estimate"], hard["reading"]) == ("hard_gap", "0.500000", "undecided")
    assert (hard["n_problems"], hard["n_seeds"], hard["parity"], hard["df"]) == ("4", "2", "equal", "5.000000")
    # Two problems differ, by 1, and so does the pseudo pair; both seeds answer alike.
    variance = ((2 + 2) / 6 - (2 / 6) ** 2) / 6
    assert float(hard["problem_se"]) == pytest.approx(variance**0.5, abs=1e-6)
    assert float(hard["p_value"]) == pytest.approx(2 * stats.t.sf(0.5 / variance**0.5, 5), abs=1e-6)
    assert float(hard["ci_low"]) == pytest.approx(0.5 - stats.t.ppf(0.975, 5) * variance**0.5, abs=1e-6)
    assert (hard["ci_high"], hard["seed_sd"], hard["tipping_sd"]) == ("1.000000", "0.000000", "")
    assert (mix["plus"], mix["minus"], mix["estimate"], mix["parity"]) == ("mixed", "hard", "-0.250000", "equal")
    assert (over_easy["minus"], over_easy["estimate"]) == ("easy", "0.250000")
    assert (over_best["minus"], over_best["estimate"]) == ("the best of hard, easy", "")
    assert over_best["ci_low"] == mix["ci_low"] < over_best["ci_high"] < over_easy["ci_high"]
    assert float(over_best["p_value"]) == pytest.approx(2 * float(mix["p_value"]), abs=2e-6)
    assert (gain["estimate"], gain["parity"], gain["family"]) == ("0.750000", "base", "declared")
    # The gain of `hard` is declared; those of the other arms are reported without.
    assert [(r["gap"], r["plus"], r["minus"], r["estimate"]) for r in gains] == [
        ("gain_over_base", "easy", "base", "0.250000"), ("gain_over_base", "mixed", "base", "0.500000"),
    ]  # fmt: skip
    assert {r["family"] for r in gains} == {"gains over base"}
    # Holm: five declared rows with a reading, and two gains by themselves.
    assert float(gain["p_holm"]) == pytest.approx(5 * float(gain["p_value"]), abs=5e-6)
    assert float(hard["p_holm"]) == pytest.approx(4 * float(hard["p_value"]), abs=5e-6)
    assert float(gains[1]["p_holm"]) == pytest.approx(2 * float(gains[1]["p_value"]), abs=5e-6)
    scores = hand_made.rows_of(folder / "scores.csv")
    assert [(r["dataset"], r["seed"], r["accuracy"]) for r in scores] == [
        ("base", "0", "0.000000"), ("easy", "1", "0.250000"), ("easy", "2", "0.250000"), ("hard", "1", "0.750000"),
        ("hard", "2", "0.750000"), ("mixed", "1", "0.500000"), ("mixed", "2", "0.500000"),
    ]  # fmt: skip
    shown = {name: scores[0][name] for name in ("study", "student", "benchmark", "no_answer", "cut_off", "mean_tokens")}
    assert shown == {"study": "study", "student": "s", "benchmark": "b", "no_answer": "0.250000",
                     "cut_off": "0.125000", "mean_tokens": "9.500000"}  # fmt: skip
    lines = (folder / "gaps.txt").read_text().splitlines()
    assert lines[:2] == ["study study", ""]
    said = [line.split(":")[0] for line in lines[2:5]]
    assert (said, lines[5:7]) == (["gain", "hard_gap", "mix_gain"], ["", "contrasts in points of accuracy"])
    del lines[2:6]
    assert lines[3].split()[:5] == ["gap", "student", "benchmark", "arms", "points"]
    assert [line.split()[0] for line in lines[4:9]] == ["gain", "hard_gap", *["mix_gain"] * 3]
    cells = re.split(r"  +", lines[5])
    assert cells[:7] == ["hard_gap", "s", "b", "hard - easy", "+50.0", "-28.2 to +100.0", "undecided"]
    assert cells[7:] == ["0.161", "0.645", "2", "SD 0.0", "1.00 : 1", "equal"]
    assert lines[10] == "gains over the untouched student"
    assert capsys.readouterr().out == ""
    facts = manifest(folder / "gaps.csv")
    assert (facts["scores"], facts["gaps"], facts["identity"]) == (7, 7, {"kind": "contrasts"})


def test_seeds_are_those_of_the_trained_arm_with_the_fewest(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    rows = hand_made.rows_of(hand_made.tabulated(tmp_path, files) / "gaps.csv")
    assert {row["n_seeds"] for row in rows} == {"2"}  # the student before training is never trained
    uneven = [{**BLOCK, "datasets": ["easy"], "seeds": [1]}, {**BLOCK, "datasets": ["hard"]}]
    rows = hand_made.rows_of(hand_made.tabulated(tmp_path, files, arms=uneven, **HARD_GAP) / "gaps.csv")
    assert [(row["gap"], row["n_seeds"], row["reading"]) for row in rows] == [
        ("hard_gap", "1", "undecided"), ("gain_over_base", "1", "undecided"), ("gain_over_base", "2", "undecided"),
    ]  # fmt: skip


def test_more_samples_make_the_pseudo_pair_smaller(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    for path in files["scores"]:
        hand_made.items(path, ["0", "1", "2", "3"], [1, 0, 0, 0])
        hand_made.change(path, n_samples=4)
    row, *_ = hand_made.rows_of(hand_made.tabulated(tmp_path, files, **HARD_GAP) / "gaps.csv")
    assert float(row["problem_se"]) ** 2 == pytest.approx(2 / 8 ** (2 / 3) / 6 / 6, abs=1e-6)
    for path in files["scores"]:
        hand_made.change(path, n_samples=4 if "/hard/" in str(path) else 2)  # of several numbers the fewest counts
    row, *_ = hand_made.rows_of(hand_made.tabulated(tmp_path, files, **HARD_GAP) / "gaps.csv")
    assert float(row["problem_se"]) ** 2 == pytest.approx(2 / 4 ** (2 / 3) / 6 / 6, abs=1e-6)


def test_without_seeds_a_gap_is_about_these_models(tmp_path: Path) -> None:
    one = [{**BLOCK, "seeds": [1]}]
    folder = hand_made.tabulated(tmp_path, hand_made.results(tmp_path), arms=one)
    rows = hand_made.rows_of(folder / "gaps.csv")
    assert [row["reading"] for row in rows] == [*["these two models"] * 4, "these models", *["these two models"] * 2]
    assert {(row["p_holm"], row["seed_sd"]) for row in rows} == {("", "")}
    assert [bool(row["tipping_sd"]) for row in rows] == [True] * 4 + [False] + [True] * 2
    assert "unknown" in (folder / "gaps.txt").read_text()


def test_a_word_follows_holms_p_and_the_smallest_gap(tmp_path: Path) -> None:
    many = {"hard": [1] * 40 + [0] * 20, "easy": [0] * 40 + [0] * 20, "mixed": [1] * 40 + [0] * 20}
    files = hand_made.results(tmp_path)
    for path in files["scores"]:
        dataset = read_json(path)["identity"]["dataset"]
        hand_made.items(path, [f"{i:02d}" for i in range(60)], many.get(dataset, [0] * 60))
    gaps = {"up": {"plus": "hard", "minus": ["easy"]}, "down": {"plus": "easy", "minus": ["hard"]},
            "alike": {"plus": "mixed", "minus": ["hard"]}, "over": {"plus": "mixed", "minus": ["base", "easy"]},
            "under": {"plus": "easy", "minus": ["hard", "base"]}}  # fmt: skip
    folder = hand_made.tabulated(tmp_path, files, gaps=gaps, smallest_gap=0.05)
    found = {(row["gap"], row["minus"]): row["reading"] for row in hand_made.rows_of(folder / "gaps.csv")}
    assert found["up", "easy"] == "gain"
    assert found["down", "hard"] == "loss"
    assert found["alike", "hard"] == "smaller than 5.0 points"
    assert found["over", "the best of base, easy"] == "gain over all"
    assert found["under", "the best of hard, base"] == "loss to the best"
    folder = hand_made.tabulated(tmp_path, files, gaps=gaps, smallest_gap=0.03)
    assert "smaller" not in (folder / "gaps.txt").read_text()


def test_a_study_says_what_it_asks_and_expects(tmp_path: Path) -> None:
    gaps = {"hard_gap": {**HARD_GAP["gaps"]["hard_gap"], "expected": "More."}}
    asked = {"question": "Which?", "expected": "The hard one."}
    folder = hand_made.tabulated(tmp_path, hand_made.results(tmp_path), gaps=gaps, **asked)
    lines = (folder / "gaps.txt").read_text().splitlines()
    assert lines[:3] == ["study study", "question: Which?", "expected: The hard one."]
    assert "expected of hard_gap: More." in lines
    assert [row["expected"] for row in hand_made.rows_of(folder / "gaps.csv")] == ["More.", "", "", ""]


def test_a_slope(tmp_path: Path) -> None:
    slope = {"contrasts": {"share": {"slope": {"easy": 0, "mixed": 0.5, "hard": 1}}}, "gaps": {}}
    files = hand_made.results(tmp_path)
    for path in files["models"]:
        if "/hard/" in str(path):
            hand_made.change(path, loss_tokens=176)
    row, *_ = hand_made.rows_of(hand_made.tabulated(tmp_path, files, **slope) / "gaps.csv")
    assert (row["gap"], row["estimate"], row["loss_token_ratio"]) == ("share", "0.500000", "4.400000")
    assert (row["plus"], row["minus"]) == ("slope over easy at 0, mixed at 0.5, hard at 1", "")
    hand_made.change(files["models"][2], updates=7)
    row, *_ = hand_made.rows_of(hand_made.tabulated(tmp_path, files, **slope) / "gaps.csv")
    assert row["reading"] == "not comparable"
    slope["contrasts"]["share"]["differs"] = ["updates"]
    row, *_ = hand_made.rows_of(hand_made.tabulated(tmp_path, files, **slope) / "gaps.csv")
    assert (row["reading"], row["parity"]) == ("undecided", "as declared: updates 7 vs 10")


def test_two_benchmarks_and_their_average(tmp_path: Path) -> None:
    benchmarks = ("b", "c")
    files = hand_made.results(tmp_path, benchmarks)
    folder = hand_made.tabulated(tmp_path, files, benchmarks=list(benchmarks), **HARD_GAP)
    rows = [tuple(row[name] for name in ("benchmark", "estimate", "n_problems", "primary", "reading"))
             for row in hand_made.rows_of(folder / "gaps.csv") if row["gap"] == "hard_gap"]  # fmt: skip
    # The average weighs benchmarks alike, not problems, and alone has a reading.
    assert rows == [("b", "0.500000", "4", "no", ""), ("c", "1.000000", "2", "no", ""),
                     ("average", "0.750000", "6", "yes", "gain")]  # fmt: skip
    assert len(hand_made.rows_of(folder / "scores.csv")) == 14


@pytest.mark.parametrize("weights", ["equal", "by_problem"])
def test_an_average_without_small_benchmarks_stands_beside_that_of_all(weights: str) -> None:
    name = "average of large" + " by problem" * (weights == "by_problem")
    sizes = {"x": 99, "y": 100, "z": 300}
    study = StudyRecipe.model_validate({**hand_made.STUDY, "benchmarks": [*sizes], **HARD_GAP, "weights": weights})
    shares = {("hard", "z"): 0.5}  # the arms differ on one benchmark alone

    def score(arm: Arm, benchmark: str) -> Score:
        right = sizes[benchmark] * shares.get((arm.dataset, benchmark), 0.25)
        means = (np.arange(sizes[benchmark]) < right).astype(float)
        return Score(arm, benchmark, "greedy", {"n_samples": 1}, [f"{i:03d}" for i in range(len(means))], means)

    scores = {(arm, benchmark, "greedy"): score(arm, benchmark) for arm in arms_of(study) for benchmark in sizes}
    facts = {arm: {"loss_tokens": 9, "epochs": 2.0} for arm in arms_of(study) if arm.is_trained}
    rows = {row["benchmark"]: row for row in gap_rows({"y": study}, scores, facts) if row["gap"] == "hard_gap"}
    expected = 0.25 * (0.5 if weights == "equal" else 300 / 400)
    assert rows[name]["estimate"] == pytest.approx(expected)
    assert (rows[name]["n_problems"], rows[name]["primary"]) == (400, "no")
    assert [row["primary"] for row in rows.values()] == ["no"] * 4 + ["yes"]
    large = StudyRecipe.model_validate({**study.model_dump(), "benchmarks": ["y", "z"]})
    assert name not in {row["benchmark"] for row in gap_rows({"y": large}, scores, facts)}


def test_the_same_scores_make_the_same_bytes(tmp_path: Path) -> None:
    def made() -> dict[str, bytes]:
        folder = hand_made.tabulated(tmp_path, hand_made.results(tmp_path))
        return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "provenance.json"}

    first = made()
    assert {"scores.csv", "gaps.csv", "gaps.txt", "manifest.json"} <= first.keys()
    assert made() == first


def test_unequal_arms_are_said_to_be(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    for path in files["models"]:
        if "/easy/" in str(path):
            hand_made.change(path, updates=7)
    rows = hand_made.rows_of(hand_made.tabulated(tmp_path, files) / "gaps.csv")
    unlike = "not comparable: updates 10 vs 7"
    assert [row["parity"] for row in rows] == ["base", unlike, "equal", unlike, unlike, "base", "base"]
    assert [row["reading"] == "not comparable" for row in rows] == ["not" in row["parity"] for row in rows]
    assert [row["p_holm"] == "" for row in rows] == ["not" in row["parity"] for row in rows]
    lines = (tmp_path / "results/contrasts/gaps.txt").read_text().splitlines()
    assert sum("not comparable" in line for line in lines) == 3 + 2  # in the tables, and in sentences
    declared = {"gaps": {"hard_gap": {**hand_made.STUDY["gaps"]["hard_gap"], "differs": ["updates"]}}}
    row, *_ = hand_made.rows_of(hand_made.tabulated(tmp_path, files, **declared) / "gaps.csv")
    assert row["parity"] == "as declared: updates 10 vs 7"


def test_loss_tokens_are_shown_as_a_ratio(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    for path in files["models"]:
        if "/hard/" in str(path):
            hand_made.change(path, loss_tokens=176)
    folder = hand_made.tabulated(tmp_path, files)
    ratios = [row["loss_token_ratio"] for row in hand_made.rows_of(folder / "gaps.csv")]
    assert ratios == ["", "4.400000", "0.227273", "1.000000", "", "", ""]  # 176 and 40; none with base or several
    assert "4.40 : 1" in (folder / "gaps.txt").read_text()


def test_another_cutoff_is_said_to_be(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    hand_made.change(files["rendered"][1], cutoff=32)
    row, *_ = hand_made.rows_of(hand_made.tabulated(tmp_path, files, **HARD_GAP) / "gaps.csv")
    assert row["parity"] == "not comparable: cutoff 64 vs 32"


def refused(root: Path, files: hand_made.Files, message: str) -> None:
    with pytest.raises(InputError, match=message):
        hand_made.tabulated(root, files)
    folder = root / Contrasts().folder
    assert not [path.name for path in folder.glob("*") if path.suffix in {".csv", ".txt", ".json"}]


def test_a_missing_score_is_named(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    files["scores"] = [path for path in files["scores"] if "/mixed/" not in str(path)]
    refused(tmp_path, files, r"no score of s/t/mixed/seed-1 on b with greedy; make it first")


def test_no_scores_at_all_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, {**hand_made.results(tmp_path), "scores": []}, r"--inputs: no scores to compare")


def test_arms_that_answered_different_problems_are_refused(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    (other,) = (path for path in files["scores"] if "/easy/seed-2/" in str(path))
    hand_made.items(other, ["0", "1", "2", "9"], [1, 0, 0, 0])
    refused(tmp_path, files, r"s on b: the arms of a gap answered different problems")


@pytest.mark.parametrize("students", [["s", "z"], ["z", "s"]])
def test_a_gap_between_gaps_is_as_fair_as_the_less_fair_of_them(students: list[str]) -> None:
    study = StudyRecipe.model_validate({
        **hand_made.STUDY, "arms": [{**BLOCK, "students": ["s", "z"], "seeds": [1, 2]}], **HARD_GAP,
        "contrasts": {"between": {"gap": "hard_gap", "students": students}},
    })  # fmt: skip
    share = {"hard": 0.75, "easy": 0.5, "mixed": 0.5, "base": 0.25}
    scores = {
        (arm, "b", "greedy"): Score(arm, "b", "greedy", {"n_samples": 1}, [f"{i:02d}" for i in range(40)],
                                    (np.arange(40) < 40 * share[arm.dataset]).astype(float))
        for arm in arms_of(study)
    }  # fmt: skip
    facts = {arm: {"loss_tokens": 9, "epochs": 2.0} for arm in arms_of(study) if arm.is_trained}
    (fair,) = (row for row in gap_rows({"y": study}, scores, facts) if row["gap"] == "between")
    assert (fair["parity"], fair["student"], fair["estimate"]) == ("equal", " - ".join(students), 0)
    for arm in facts:
        if (arm.student, arm.dataset) == ("z", "hard"):
            facts[arm]["epochs"] = 4.0
    rows = {(row["gap"], row["student"]): row for row in gap_rows({"y": study}, scores, facts)}
    unlike = "not comparable: epochs 4.0 vs 2.0"
    assert rows["hard_gap", "s"]["parity"] == "equal"
    assert rows["hard_gap", "z"]["parity"] == rows["between", " - ".join(students)]["parity"] == unlike
    assert rows["between", " - ".join(students)]["reading"] == "not comparable"
    # What one student's gap declares, however much it is, is fairer than what the other's does not.
    declared = {"hard_gap": {**HARD_GAP["gaps"]["hard_gap"], "differs": ["updates", "rows"]}}
    study = StudyRecipe.model_validate({**study.model_dump(), "gaps": declared})
    for arm in facts:
        many = (arm.student, arm.dataset) == ("s", "hard")
        facts[arm] |= {"updates": 9 if many else 3, "rows": 9 if many else 3}
    rows = {(row["gap"], row["student"]): row for row in gap_rows({"y": study}, scores, facts)}
    assert rows["hard_gap", "s"]["parity"] == "as declared: updates 9 vs 3; rows 9 vs 3"
    assert rows["between", " - ".join(students)]["parity"] == unlike
