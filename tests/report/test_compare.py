"""compare.py on hand-made scores: gaps, parity, CSV files, pictures and the page."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import compare
import pytest
from helpers import recipe

from distill import tables
from distill.config.lineage import Arm
from distill.runtime.errors import InputError
from distill.runtime.files import write_json
from distill.training.parity import parity

STUDY = {
    "title": "Two arms",
    "arms": [{"students": ["s"], "datasets": ["hard", "easy", "mixed"], "training": "t", "seeds": [1, 2]}],
    "benchmarks": ["b"],
    "decoding": "greedy",
    "gaps": {
        "hard_gap": {"plus": "hard", "minus": ["easy"]},
        "mix_gain": {"plus": "mixed", "minus": ["hard", "easy"]},
    },
}
AGREE = {"rows": 4, "agree": 3, "rule_only": 1, "matcher_only": 0}
PROVENANCE = {"seconds": 1.0, "versions": {"python": "3.11"}, "recipe": {"cutoff": 64}}
CORRECT = {"hard": [1, 1, 1, 0], "easy": [1, 0, 0, 0], "mixed": [1, 1, 0, 0], "base": [0, 0, 0, 0]}


def folder_of(root: Path, *parts: str, manifest: dict[str, Any]) -> Path:
    folder = root.joinpath(*parts)
    write_json(folder / "provenance.json", PROVENANCE)
    write_json(folder / "manifest.json", manifest)
    return folder / "manifest.json"


def score_of(root: Path, dataset: str, seed: int) -> Path:
    correct = CORRECT[dataset]
    arm = "s/base" if dataset == "base" else f"s/t/{dataset}/seed-{seed}"
    share = sum(correct) / 4
    facts = {"n_problems": 4, "n_samples": 1, "accuracy": share, "ci_low": 0.0, "ci_high": 1.0, "no_answer": 0.0,
             "cut_off": 0.0, "mean_tokens": 9.5,
             "by_grader": {"rule": share, "matcher": 0.125}, "policy": "rule",
             "repeated_samples": {"rows": 4, "repeated": 0, "pairs": {}},
             "by_level": {"1": {"n_problems": 4, "accuracy": share}}}  # fmt: skip
    path = folder_of(root, "scores/b/students", arm, "greedy", manifest=facts)
    rows = [{"problem_id": str(i), "level": "1", "n_samples": 1, "n_correct": c, "n_no_answer": 0, "n_cut_off": 0,
             "response_tokens": 9} for i, c in enumerate(correct)]  # fmt: skip
    tables.write(path.with_name("items.parquet"), tables.build(rows, tables.ITEMS), tables.ITEMS)
    return path


def model_of(root: Path, dataset: str, seed: int, updates: int) -> Path:
    shared = {"updates": updates, "global_batch": 4, "packing": False, "lr": 0.1}
    facts = {"parity": shared, "rows": 8, "tokens": 80, "loss_tokens": 40, "final_loss": 0.5,
             "trained_on": {"teacher": 1},
             "ledger": {"rows_in": 2, "rows_out": 1, "lost": {"not_reached": 1}}}  # fmt: skip
    path = folder_of(root, f"models/s/t/{dataset}/seed-{seed}", manifest=facts)
    rows = [{"update": i, "epoch": 0.1 * i, "loss": 1 / i, "lr": 0.1} for i in range(1, 4)]
    tables.write(path.with_name("train_log.parquet"), tables.build(rows, tables.TRAIN_LOG), tables.TRAIN_LOG)
    return path


def dataset_of(root: Path, kind: str, name: str) -> Path:
    station = {"problems": 4, "generated": 4, "stopped": 4, "answered": 4, "correct": 3, "curated": 3,
               "paired": 2}  # fmt: skip
    ledger = {"rows_in": 4, "rows_out": 2, "lost": {"not_paired": 2}}
    facts = {"rows": 2, "ledger": ledger, "teachers": {"teacher": 2}, "funnel": {"teacher": station},
             "repeated_samples": {"teacher": {"rows": 7, "repeated": 2, "pairs": {"0, 1": {"both": 3, "same": 2}}}},
             "ledger_by_teacher": {"teacher": ledger}}  # fmt: skip
    place = ["datasets", name] if kind == "datasets" else ["rendered/s/t", name]
    return folder_of(root, *place, manifest=facts)


def run(root: Path, missing: str | None = None, updates: dict[str, int] | None = None) -> Path:
    arms = [(d, seed) for d in ("hard", "easy", "mixed") for seed in (1, 2)]
    scores = [score_of(root, *arm) for arm in [*arms, ("base", 0)] if arm[0] != missing]
    models = [model_of(root, d, seed, (updates or {}).get(d, 10)) for d, seed in arms]
    data = [dataset_of(root, "datasets", d) for d in ("hard", "easy", "mixed")]
    rendered = [dataset_of(root, "rendered", d) for d in ("hard", "easy", "mixed")]
    graded = {"verdicts": {"correct": 3, "wrong": 1}, "agreement": {"rule, matcher": AGREE}}
    verdicts = [folder_of(root, "verdicts/c/teachers/teacher/greedy/draw-0/00-of-01", manifest=graded)]
    problems = [folder_of(root, "problems/c", manifest={"ledger": {"rows_in": 4, "rows_out": 4, "lost": {}}})]
    golds = [folder_of(root, "verdicts/c/golds", manifest={"rows": 4, "unverifiable": 1, "examples": {"p3": "odd"}})]
    answered = [folder_of(root, f"responses/c/teachers/teacher/greedy/draw-{d}/00-of-01", manifest={"saved": d})
                for d in (0, 1)]  # fmt: skip
    lists = {"golds": golds, "responses": answered}
    lists |= {"scores": scores, "models": models, "datasets": data, "rendered": rendered, "verdicts": verdicts,
             "problems": problems}  # fmt: skip
    options = [text for name, paths in lists.items() for text in (f"--{name}", *map(str, paths))]
    output = root / "report/index.html"
    compare.main([*options, "--recipe", recipe(studies={"study": STUDY}), "--output", str(output)])
    return output


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_gaps_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(tmp_path).parent
    hard, mix = rows_of(folder / "gaps.csv")
    assert (hard["gap"], hard["estimate"], hard["p_value"], hard["n_seeds"]) == (
        "hard_gap",
        "0.500000",
        "0.500000",
        "2",
    )
    assert (mix["minus"], mix["estimate"], mix["parity"]) == ("hard", "-0.250000", "equal")
    assert mix["p_value"] == "1.000000"  # one problem differs; two teachers to choose from
    scores = rows_of(folder / "scores.csv")
    assert [(r["dataset"], r["seed"], r["accuracy"]) for r in scores] == [
        ("base", "0", "0.000000"), ("easy", "1", "0.250000"), ("easy", "2", "0.250000"), ("hard", "1", "0.750000"),
        ("hard", "2", "0.750000"), ("mixed", "1", "0.500000"), ("mixed", "2", "0.500000"),
    ]  # fmt: skip
    shown = capsys.readouterr().out
    assert "+0.500" in shown
    assert "includes 0" in shown or "gain" in shown


def test_the_page_needs_no_network_and_holds_every_number(tmp_path: Path) -> None:
    page = run(tmp_path).read_text()
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert page.count("<svg") == 4
    for text in ("+0.500", "mix_gain", "not_paired", "hard_gap", "p3: odd", "3 of 4", "-62.5 points"):
        assert text in page
    row = "".join(f"<td{n}>{v}</td>" for n, v in [("", "teachers/teacher"), *((' class="n"', v) for v in (2, 7, 1, 2))])
    assert row in page  # two draws, seven responses, one spared, two said before


def test_the_same_scores_make_the_same_bytes(tmp_path: Path) -> None:
    first = {p.name: p.read_bytes() for p in run(tmp_path).parent.iterdir() if p.name != "provenance.json"}
    again = {p.name: p.read_bytes() for p in run(tmp_path).parent.iterdir() if p.name != "provenance.json"}
    assert first == again
    assert json.loads(first["manifest.json"])["gaps"] == 2


def test_unequal_arms_are_said_to_be(tmp_path: Path) -> None:
    folder = run(tmp_path, updates={"easy": 7}).parent
    assert [r["parity"] for r in rows_of(folder / "gaps.csv")] == ["updates 10 vs 7", "updates 10 vs 7"]
    assert parity([Arm("s", "t", "hard", 1), Arm.base("s")], {Arm("s", "t", "hard", 1): {}}) == "base"


def test_a_missing_score_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no score of s/t/mixed/seed-1 on b with greedy; make it first"):
        run(tmp_path, missing="mixed")
    assert not (tmp_path / "report").exists() or not any((tmp_path / "report").glob("*.csv"))
