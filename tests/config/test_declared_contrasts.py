"""Which contrasts a study has, by hand: arms, weights, words, and what the comparison of plans is given of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from distill.config import jobs
from distill.config.contrasts import Contrast, contrasts
from distill.config.lineage import Plans
from distill.config.load import load
from distill.config.recipes import StudyRecipe
from distill.runtime.errors import InputError

ARMS = {"students": ["z", "s"], "datasets": ["a", "b", "m"], "training": "t"}


def found(arms: list[dict[str, Any]] | None = None, **keys: Any) -> list[Contrast]:
    study = {"title": "x", "arms": arms or [ARMS], "benchmarks": ["b"], "decoding": "d", **keys}
    return contrasts(StudyRecipe.model_validate(study))


def shown(contrast: Contrast) -> tuple[str, str, str, str, list[str], tuple[float, ...]]:
    arms = [group[0].path for group in contrast.groups]
    return contrast.name, contrast.student, contrast.plus, contrast.minus, arms, contrast.weights


def test_a_gap_of_each_student_and_the_gains_of_the_other_arms() -> None:
    own = found(gaps={"g": {"plus": "a", "minus": ["base"], "expected": "More.", "differs": ["rows"]}})
    assert [shown(c) for c in own[:2]] == [
        ("g", "z", "a", "base", ["z/t/a/seed-1", "z/base"], (1, -1)),
        ("g", "s", "a", "base", ["s/t/a/seed-1", "s/base"], (1, -1)),
    ]
    assert {(c.family, c.expected, c.differs) for c in own[:2]} == {("declared", "More.", ("rows",))}
    assert [(c.name, c.student, c.plus, c.minus, c.family) for c in own[2:]] == [
        ("gain_over_base", student, dataset, "base", "gains over base") for student in "zs" for dataset in "bm"
    ]


def test_gains_name_the_training_where_a_dataset_has_several() -> None:
    own = found([ARMS, {**ARMS, "datasets": ["a"], "training": "u", "students": ["s"]}])
    assert [c.plus for c in own if c.student == "s"] == ["a (t)", "b", "m", "a (u)"]
    assert {c.plus for c in own if c.student == "z"} == {"a", "b", "m"}


def test_a_row_per_minus_arm_and_one_for_the_best_of_them() -> None:
    own = found(gaps={"g": {"plus": "m", "minus": ["a", "b"]}})[:3]
    assert [(c.minus, c.weights, len(c.parts)) for c in own] == [
        ("a", (1, -1), 0), ("b", (1, -1), 0), ("the best of a, b", (), 2),
    ]  # fmt: skip
    assert own[2].parts == tuple(own[:2])
    assert [c.alike[0] for c in own] == [c.groups for c in own]  # what must be alike is what is compared


def test_a_gap_between_gaps() -> None:
    own = found(gaps={"g": {"plus": "a", "minus": ["b"], "differs": ["rows"]}},
                contrasts={"c": {"gap": "g", "students": ["s", "z"]}})  # fmt: skip
    (between,) = (c for c in own if c.name == "c")
    arms = ["s/t/a/seed-1", "s/t/b/seed-1", "z/t/a/seed-1", "z/t/b/seed-1"]
    assert shown(between) == ("c", "s - z", "g of s", "g of z", arms, (1, -1, -1, 1))
    assert [[group[0].path for group in groups] for groups in between.alike] == [arms[:2], arms[2:]]
    assert between.differs == ("rows",)


def test_a_slope_is_the_least_squares_line() -> None:
    own = found(contrasts={"c": {"slope": {"m": 0.2, "b": 0, "a": 1}}})
    slope = own[0]
    assert (slope.plus, slope.minus) == ("slope over b at 0, m at 0.2, a at 1", "")
    centred = [0 - 0.4, 0.2 - 0.4, 1 - 0.4]
    assert slope.weights == pytest.approx([x / 0.56 for x in centred])
    assert [c.student for c in own if c.name == "c"] == ["z", "s"]


def test_seeds_of_a_contrast_are_the_fewest_of_a_trained_group() -> None:
    blocks = [{**ARMS, "datasets": ["a"], "seeds": [1, 2, 3]}, {**ARMS, "datasets": ["b"], "seeds": [1, 2]}]
    own = found(blocks, gaps={"g": {"plus": "a", "minus": ["b"]}})
    assert {(c.name, c.plus): c.n_seeds for c in own} == {
        ("g", "a"): 2, ("gain_over_base", "a"): 3, ("gain_over_base", "b"): 2,
    }  # fmt: skip


def test_plans_compare_the_arms_of_slopes_too(tmp_path: Path) -> None:
    catalogue = toy(tmp_path, "  share: {slope: {toy-short-arm: 0, toy-long-arm: 1}}\n")
    gaps = json.loads(jobs.job_of(catalogue, Plans("toy-m")).recipe)["gaps"]
    (slope,) = (gap for gap in gaps if gap["gap"] == "share" and "/toy-sft/" in gap["groups"][0][0])
    assert slope["groups"] == [[f"students/toy-m/toy-sft/toy-{d}-arm/seed-1"] for d in ("short", "long")]
    assert "learnability_gap" not in {gap["gap"] for gap in gaps}


def test_two_datasets_of_one_recipe_are_no_gap(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        toy(tmp_path, twin="toy-short-arm")
    lines = str(error.value).splitlines()
    message = "'twin' and 'toy-short-arm' are two names of one recipe; they do not differ"
    assert [line.split(": ", 1)[1] for line in lines] == [f"gaps.g: {message}"]


SLOW = {
    "a key": ({"lr": 0.001}, "lr (0.002 vs 0.001)"),
    "two keys": ({"lr": 0.001, "cutoff": 300}, "lr (0.002 vs 0.001), cutoff (320 vs 300)"),
    "a block of keys": ({"lora": {"rank": 4}}, 'lora (null vs {"alpha":16,"dropout":0.0,"rank":4,'),
    "a word": ({"schedule": "linear"}, "schedule (cosine vs linear)"),
    "a teacher": ({"distil": {"teacher": "toy-long"}}, "distil (null vs {"),
}


@pytest.mark.parametrize("name", SLOW)
def test_trainings_that_differ_are_refused_before_any_job(name: str, tmp_path: Path) -> None:
    keys, differing = SLOW[name]
    with pytest.raises(InputError) as error:
        across(tmp_path, keys)
    (line,) = str(error.value).splitlines()
    assert line.endswith("make them equal, or say under `differs` what is meant to differ")
    assert f"studies/toy.yaml: gaps.g: toy-m: its arms are trained with another {differing}" in line
    across(tmp_path, keys, differs=list(keys))


def test_what_only_rows_tell_or_changes_no_result_is_not_refused_before_the_jobs(tmp_path: Path) -> None:
    across(tmp_path, {"epochs": 3, "threads": 2, "micro_batch": 1})


def test_a_declared_key_covers_no_other(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another beta2 "):
        across(tmp_path, {"lr": 0.001, "beta2": 0.9}, differs=["lr"])


def test_an_on_policy_arm_says_what_it_differs_in(tmp_path: Path) -> None:
    further = {"on_policy": {"teacher": "toy-long", "start": "toy-sft", "max_updates": 5, "max_new_tokens": 9, "lr": 1}}
    with pytest.raises(InputError, match="another on_policy "):
        across(tmp_path, further)
    across(tmp_path, further, differs=["on_policy"])


def across(folder: Path, keys: dict[str, Any], **gap: Any) -> Any:
    """Return the catalogue of a study whose gap `g` is of arms under toy-sft and under the same with other keys."""
    import shutil

    import yaml
    from helpers import REPOSITORY

    shutil.copytree(REPOSITORY / "config", folder / "config", dirs_exist_ok=True)
    trainings = folder / "config/catalogue/trainings.yaml"
    content = yaml.safe_load(trainings.read_text())
    own = keys if "on_policy" in keys else {**content["toy-sft"], **keys}
    trainings.write_text(yaml.safe_dump({**content, "slow": own}))
    path = folder / "config/studies/toy.yaml"
    block = {"students": ["toy-m"], "datasets": ["toy-long-arm", "toy-short-arm"]}
    sides = {"plus": {"dataset": "toy-short-arm", "training": "toy-sft"},
             "minus": [{"dataset": "toy-long-arm", "training": "slow"}]}  # fmt: skip
    arms = [{**block, "training": "toy-sft"}, {**block, "training": "slow"}]
    study = {**yaml.safe_load(path.read_text()), "arms": arms, "gaps": {"g": {**sides, **gap}}, "contrasts": {}}
    path.write_text(yaml.safe_dump(study))
    return load(folder / "config", {"studies": ["toy"]})


def toy(folder: Path, added: str = "", twin: str = "") -> Any:
    """Return the catalogue of the toy study with text added to it, or with a gap between a dataset and its twin."""
    import shutil

    import yaml
    from helpers import REPOSITORY

    shutil.copytree(REPOSITORY / "config", folder / "config")
    path = folder / "config/studies/toy.yaml"
    path.write_text(path.read_text() + added)
    if twin:
        datasets = folder / "config/catalogue/datasets.yaml"
        content = yaml.safe_load(datasets.read_text())
        datasets.write_text(yaml.safe_dump({**content, "twin": content[twin]}))
        study = yaml.safe_load(path.read_text())
        block = {**study["arms"][0], "datasets": ["twin", twin], "students": ["toy-m"]}
        gaps = {"g": {"plus": "twin", "minus": [twin]}}
        path.write_text(yaml.safe_dump({**study, "arms": [block], "gaps": gaps, "contrasts": {}}))
    return load(folder / "config", {"studies": ["toy"]})
