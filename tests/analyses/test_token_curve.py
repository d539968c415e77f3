"""The token curve, by hand."""

from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made

from distill import analyses

Row = dict[str, Any]


def section(root: Path, files: hand_made.Files) -> Row:
    files = {**files, **hand_made.csvs(hand_made.tabulated(root, files))}
    return hand_made.section(root, "token_curve", {kind: files[kind] for kind in analyses.load("token_curve").NEEDS})


@pytest.fixture
def files(tmp_path: Path) -> hand_made.Files:
    """Return results in which `hard` and `mixed` are the same but for the budget; seeds differ in tokens."""
    files = hand_made.results(tmp_path)
    for path, budget in ((files["datasets"][0], {"rows": 9}), (files["datasets"][2], {"tokens": 300})):
        hand_made.change(path.with_name("provenance.json"), recipe={"teachers": ["long"], "shares": [1.0], **budget})
    for path in files["models"]:
        tokens = 1000 * int(path.parent.name[-1]) if "/hard/" in str(path) else 400
        hand_made.change(path, loss_tokens=tokens)
    return files


def test_budgets_of_one_dataset_are_a_curve_by_mean_tokens(tmp_path: Path, files: hand_made.Files) -> None:
    content = section(tmp_path, files)
    assert [(row["curve"], row["dataset"], row["loss tokens"], row["accuracy"], row["seeds"])
            for row in content["rows"]] == [
        ("mixed, hard", "mixed", 400, "50.0", 2), ("mixed, hard", "hard", 1500, "75.0", 2)]  # fmt: skip
    assert "n = 4 problems and 2 seeds" in content["picture"]["caption"]


@pytest.mark.parametrize("recipe", [{"lr": 0.2}, {"packing": True}, {"epochs": 3}, {"global_batch": 9}])
def test_trainings_may_differ_in_their_length_alone(tmp_path: Path, files: hand_made.Files, recipe: Row) -> None:
    for path in files["models"]:
        if "/hard/" in str(path):
            shared = {"global_batch": 4, "packing": False, "lr": 0.1, "epochs": 1}
            hand_made.change(path, recipe={**shared, **recipe})
    assert len(section(tmp_path, files)["rows"]) == (2 if recipe.keys() <= {"epochs", "global_batch"} else 0)


def test_one_budget_is_no_curve(tmp_path: Path, files: hand_made.Files) -> None:
    for path in files["models"]:
        hand_made.change(path, loss_tokens=400)
    content = section(tmp_path, files)
    assert content["rows"] == []
    assert "nothing to show in this study" in content["picture"]["svg"]
