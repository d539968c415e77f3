"""What the comparer of arms says: each class of difference by hand, and that nothing is passed over."""

from typing import Any

import pytest

from distill.config.lineage import Arm
from distill.config.recipes import COMPARED, FineTuning
from distill.config.recipes.base import EXECUTION
from distill.training.parity import NOT_COMPARABLE, distillation, loss_token_ratio, on_policy, parity

ONE, TWO, THREE = (Arm("s", "t", name, 1) for name in ("one", "two", "three"))


def facts(**other: Any) -> dict[str, Any]:
    return {**dict.fromkeys(COMPARED, "same"), "loss_tokens": 100, **other}


@pytest.mark.parametrize("name", COMPARED)
def test_every_name_of_the_list_is_compared(name: str) -> None:
    """In any arm, the last of three too, and whether the value is one or none."""
    for value in ("other", None):
        for where in range(3):
            known = {
                arm: facts(**{name: value} if place == where else {}) for place, arm in enumerate((ONE, TWO, THREE))
            }
            found = parity([[ONE, TWO], [THREE]], known)
            assert found.undeclared == [name]
            assert str(found).startswith(f"{NOT_COMPARABLE}: {name} ")
            declared = parity([[ONE, TWO], [THREE]], known, [name])
            assert declared.undeclared == []
            assert str(declared).startswith(f"as declared: {name} ")
    assert str(parity([[ONE, TWO], [THREE]], dict.fromkeys((ONE, TWO, THREE), facts()))) == "equal"


def test_all_keys_of_a_training_that_can_change_weights_are_on_the_list() -> None:
    science = {name for name, key in FineTuning.model_fields.items() if key.json_schema_extra != EXECUTION}
    assert science <= set(COMPARED)
    assert {
        "updates",
        "epochs",
        "rows",
        "problems",
        "base",
        "code",
        "cutoff",
        "truncated",
        "prompt",
        "on_policy",
    } <= set(COMPARED)


def test_arms_that_were_not_asked_equally_often_differ() -> None:
    known = dict.fromkeys((ONE, TWO), facts())
    assert str(parity([[ONE], [TWO]], known, draws=[4])) == "equal"
    found = parity([[ONE], [TWO]], known, draws=[4, 16])
    assert (found.undeclared, str(found)) == (["draws"], "not comparable: draws 4 vs 16")


def test_what_is_said_of_an_on_policy_arm() -> None:
    start, recipe = {"updates": 7}, {"lr": 1.0}
    assert on_policy(None, "t", start) == {"on_policy": None}
    assert on_policy(recipe, "t" * 64, start) == {"on_policy": {"lr": 1.0, "teacher": "t" * 16, "start_updates": 7}}
    assert on_policy(recipe, "t", start, "c" * 12)["on_policy"]["code"] == "c" * 8
    assert distillation({"distil": {"weight": 1.0}}, "t" * 64) == {"distil": {"weight": 1.0, "teacher": "t" * 16}}
    assert distillation({"distil": None}, "t") == {}


def test_the_ratio_is_of_the_first_group_to_the_other() -> None:
    known = {ONE: facts(loss_tokens=300), TWO: facts(loss_tokens=100), THREE: facts(loss_tokens=200)}
    assert loss_token_ratio([ONE], [TWO], known) == 3
    assert loss_token_ratio([ONE, TWO], [THREE], known) == 1
