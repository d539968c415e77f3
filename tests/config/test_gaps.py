"""Which arms a gap compares, and the gaps that are refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from distill.config.gaps import comparisons, shown
from distill.config.lineage import Arm
from distill.config.recipes import COMPARED, FineTuning, GapArm, GapRecipe, StudyRecipe


def study(*blocks: dict[str, Any], **gap: Any) -> list[tuple[str, str, list[list[str]]]]:
    arms = [{"students": ["s"], "training": "t", "seeds": [1], **block} for block in blocks]
    recipe = StudyRecipe.model_validate({"title": "x", "arms": arms, "benchmarks": ["b"], "decoding": "d"})
    found = comparisons(recipe, GapRecipe.model_validate(gap))
    return [(c.student, c.training, [[arm.path for arm in group] for group in c.groups]) for c in found]


def test_a_gap_within_a_block() -> None:
    assert study({"datasets": ["a", "b"], "seeds": [1, 2]}, plus="a", minus=["b", "base"]) == [
        ("s", "t", [["s/t/a/seed-1", "s/t/a/seed-2"], ["s/t/b/seed-1", "s/t/b/seed-2"], ["s/base"]])
    ]


def test_the_blocks_that_arms_stand_in_do_not_count() -> None:
    assert study({"datasets": ["a"]}, {"datasets": ["b"], "seeds": [3]}, plus="a", minus=["b"]) == [
        ("s", "t", [["s/t/a/seed-1"], ["s/t/b/seed-3"]])
    ]


def test_each_student_and_training_that_has_all_arms() -> None:
    found = study({"datasets": ["a", "b"], "students": ["s", "z"]}, {"datasets": ["a", "b"], "training": "u"},
                  {"datasets": ["a"], "training": "v"}, plus="a", minus=["b"])  # fmt: skip
    assert [(student, training) for student, training, _ in found] == [("s", "t"), ("s", "u"), ("z", "t")]


def test_a_gap_across_trainings() -> None:
    blocks = ({"datasets": ["a", "b"]}, {"datasets": ["a"], "training": "slow"})
    slow = {"dataset": "a", "training": "slow"}
    assert study(*blocks, plus=slow, minus=["b"]) == [("s", "t", [["s/slow/a/seed-1"], ["s/t/b/seed-1"]])]
    both = study(*blocks, plus=slow, minus=[{"dataset": "b", "training": "t"}])
    assert both == [("s", "slow", [["s/slow/a/seed-1"], ["s/t/b/seed-1"]])]
    assert study(*blocks, plus=slow, minus=["a"]) != []
    assert study(*blocks, plus=slow, minus=["base"]) == [("s", "slow", [["s/slow/a/seed-1"], ["s/base"]])]
    assert study(*blocks, plus={"dataset": "b", "training": "slow"}, minus=["a"]) == []
    assert shown(GapArm(**slow)) == "a (slow)"
    assert shown("a") == "a"
    assert Arm.base("s").path == "s/base"


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        ({"plus": "a", "minus": ["a"]}, "'a' is compared with itself"),
        ({"plus": "a", "minus": ["b"], "differs": ["epoch"]}, "'epoch' is nothing that arms must share"),
        ({"plus": "a", "minus": ["b"], "differs": ["tokens"]}, "'tokens' is nothing that arms must share"),
        ({"plus": "a", "minus": ["b", "b"]}, "'b' stands twice"),
        ({"plus": {"dataset": "a", "training": "t"}, "minus": [{"dataset": "a", "training": "t"}]}, "with itself"),
    ],
    ids=str,
)
def test_a_gap_that_is_none(gap: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        GapRecipe.model_validate(gap)


def test_every_key_that_can_change_a_weight_is_compared() -> None:
    keys = {name for name, field in FineTuning.model_fields.items() if field.json_schema_extra is None}
    assert keys <= set(COMPARED)
    assert {"micro_batch", "save_every", "sharding", "report_to"}.isdisjoint(COMPARED)
