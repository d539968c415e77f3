"""contrast.py on hand-made scores: scores, gaps, parity, and what is refused."""

from pathlib import Path

import pytest
from analyses import hand_made
from helpers import manifest

from distill.config.lineage import Contrasts
from distill.runtime.errors import InputError

HARD_GAP = {"gaps": {"hard_gap": hand_made.STUDY["gaps"]["hard_gap"]}}


def test_scores_and_gaps_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = hand_made.tabulated(tmp_path, hand_made.results(tmp_path))
    gain, hard, mix = hand_made.rows_of(folder / "gaps.csv")
    assert (hard["gap"], hard["estimate"], hard["p_value"]) == ("hard_gap", "0.500000", "0.500000")
    assert (hard["n_problems"], hard["n_seeds"], hard["parity"]) == ("4", "2", "equal")
    assert (mix["plus"], mix["minus"], mix["estimate"], mix["parity"]) == ("mixed", "hard", "-0.250000", "equal")
    assert mix["p_value"] == "1.000000"  # one problem differs; two teachers to choose from
    assert (gain["estimate"], gain["p_value"], gain["parity"]) == ("0.750000", "0.250000", "base")
    assert float(hard["ci_low"]) <= 0.5 <= float(hard["ci_high"])
    scores = hand_made.rows_of(folder / "scores.csv")
    assert [(r["dataset"], r["seed"], r["accuracy"]) for r in scores] == [
        ("base", "0", "0.000000"), ("easy", "1", "0.250000"), ("easy", "2", "0.250000"), ("hard", "1", "0.750000"),
        ("hard", "2", "0.750000"), ("mixed", "1", "0.500000"), ("mixed", "2", "0.500000"),
    ]  # fmt: skip
    shown = {name: scores[0][name] for name in ("study", "student", "benchmark", "no_answer", "cut_off", "mean_tokens")}
    assert shown == {"study": "study", "student": "s", "benchmark": "b", "no_answer": "0.250000",
                     "cut_off": "0.125000", "mean_tokens": "9.500000"}  # fmt: skip
    header, *lines = (folder / "gaps.txt").read_text().splitlines()
    assert header.startswith("gap ")
    assert [line.split()[0] for line in lines] == ["gain", "hard_gap", "mix_gain"]
    assert "hard - easy" in lines[1]
    assert "+0.500 [" in lines[1]
    assert "p=0.500" in lines[1]
    assert capsys.readouterr().out == ""
    facts = manifest(folder / "gaps.csv")
    assert (facts["scores"], facts["gaps"], facts["identity"]) == (7, 3, {"kind": "contrasts"})


def test_seeds_are_those_of_the_arm_with_the_fewest(tmp_path: Path) -> None:
    rows = hand_made.rows_of(hand_made.tabulated(tmp_path, hand_made.results(tmp_path)) / "gaps.csv")
    assert [row["n_seeds"] for row in rows] == ["1", "2", "2"]  # the student before training has one


def test_two_benchmarks_and_their_average(tmp_path: Path) -> None:
    benchmarks = ("b", "c")
    files = hand_made.results(tmp_path, benchmarks)
    folder = hand_made.tabulated(tmp_path, files, benchmarks=list(benchmarks), **HARD_GAP)
    rows = [tuple(row[name] for name in ("benchmark", "estimate", "p_value", "n_problems"))
             for row in hand_made.rows_of(folder / "gaps.csv")]  # fmt: skip
    # The average weighs benchmarks alike, not problems; four problems differ, all one way: 2 / 2**4.
    assert rows == [("b", "0.500000", "0.500000", "4"), ("c", "1.000000", "0.500000", "2"),
                     ("average", "0.750000", "0.125000", "6")]  # fmt: skip
    assert len(hand_made.rows_of(folder / "scores.csv")) == 14


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
    assert [row["parity"] for row in rows] == ["base", *["not comparable: updates 10 vs 7"] * 2]
    lines = (tmp_path / "results/contrasts/gaps.txt").read_text().splitlines()
    assert ["not comparable" in line for line in lines[1:]] == [False, True, True]
    declared = {"gaps": {"hard_gap": {**hand_made.STUDY["gaps"]["hard_gap"], "differs": ["updates"]}}}
    (row,) = hand_made.rows_of(hand_made.tabulated(tmp_path, files, **declared) / "gaps.csv")
    assert row["parity"] == "as declared: updates 10 vs 7"


def test_loss_tokens_are_shown_as_a_ratio(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    for path in files["models"]:
        if "/hard/" in str(path):
            hand_made.change(path, loss_tokens=176)
    folder = hand_made.tabulated(tmp_path, files)
    ratios = [row["loss_token_ratio"] for row in hand_made.rows_of(folder / "gaps.csv")]
    assert ratios == ["", "4.400000", "0.227273"]  # 176 and 40; the better minus of the mix is the hard one
    assert "4.40" in (folder / "gaps.txt").read_text()


def test_another_cutoff_is_said_to_be(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    hand_made.change(files["rendered"][1], cutoff=32)
    (row,) = hand_made.rows_of(hand_made.tabulated(tmp_path, files, **HARD_GAP) / "gaps.csv")
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
