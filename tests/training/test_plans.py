"""compare_plans.py: what each arm would take, and arms that are not comparable stop before any training."""

import csv
import json
from pathlib import Path
from typing import Any

import compare_plans
import pytest
from helpers import manifest

from distill import tables
from distill.config.lineage import Arm, Rendered
from distill.config.recipes import OnPolicyRecipe, TrainJob, canonical_json
from distill.runtime.errors import InputError
from distill.runtime.files import write_json
from distill.training.parity import check_comparable, refusal_file
from distill.training.updates import is_held_out

RECIPE = {"lr": 0.5, "epochs": 2, "global_batch": 4}
ON_POLICY = {"teacher": "a", "max_updates": 7, "global_batch": 5, "max_new_tokens": 9, "lr": 0.25}
LONG, SHORT = [30] * 10, [6] * 10


class Student:
    """Rendered datasets of one student below a folder, and its arms and gaps."""

    def __init__(self, folder: Path):
        self.folder, self.arms, self.gaps = folder, {}, []
        self.rendered: dict[str, str] = {}
        self.teachers: dict[str, str] = {}
        self.on_policy: dict[str, dict[str, Any]] = {}

    def arm(self, dataset: str, lengths: list[int], training: str = "t", first: int = 0, **keys: Any) -> None:
        """Add a dataset with rows of these lengths, each behind a prompt of two tokens."""
        rows = [{"problem_id": str(first + i), "teacher": dataset, "input_ids": [1] * n,
                 "loss_mask": [0, 0] + [1] * (n - 2), "length": n} for i, n in enumerate(lengths)]  # fmt: skip
        place = Rendered("s", training, dataset)
        path = self.folder / place.file("rendered.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = tables.write(path, tables.build(rows, tables.RENDERED), tables.RENDERED)
        rendered = {"cutoff": 64, "truncated": 0, "prompt": "p", **keys.pop("rendered", {})}
        write_json(path.with_name("manifest.json"), {"digest": digest, "identity": place.identity, **rendered})
        self.rendered[f"{training}/{dataset}"] = str(path.with_name("manifest.json"))
        if teacher := keys.pop("teacher", None):
            self.teachers[f"students/s/{training}/{dataset}/seed-1"] = teacher
        self.arms[f"students/s/{training}/{dataset}/seed-1"] = TrainJob(**{**RECIPE, **keys}).content()

    def further(self, training: str, dataset: str, start: str, **keys: Any) -> None:
        """Add an arm that goes on from one that is there."""
        path = f"students/s/{training}/{dataset}/seed-1"
        self.arms[path] = self.arms[f"students/s/{start}/{dataset}/seed-1"]
        self.on_policy[path] = {**ON_POLICY, "start": start, **keys}

    def gap(self, plus: str, minus: str, *differs: str) -> None:
        groups = [[f"students/s/{side}/seed-1"] for side in (plus, minus)]
        self.gaps.append({"study": "y", "gap": f"gap_{len(self.gaps)}", "groups": groups, "differs": list(differs)})

    def recipe(self) -> str:
        return canonical_json(
            {"arms": self.arms, "gaps": self.gaps, "teachers": self.teachers, "on_policy": self.on_policy}
        )

    def compare(self) -> list[dict[str, str]]:
        output = self.folder / "results/plans/s/plans.csv"
        compare_plans.main(["--inputs", canonical_json({"rendered": self.rendered}), "--output", str(output),
                            "--recipe", self.recipe()])  # fmt: skip
        with open(output) as file:
            return list(csv.DictReader(file))


@pytest.fixture
def student(tmp_path: Path) -> Student:
    return Student(tmp_path)


def test_a_plan_says_what_an_arm_takes(student: Student) -> None:
    student.arm("long", LONG)
    student.arm("short", SHORT)
    student.gap("t/long", "t/short")
    long, short = student.compare()
    assert (long["dataset"], long["updates"], long["epochs"], long["rows"]) == ("long", "6", "2.000000", "10")
    assert (long["tokens"], long["loss_tokens"], long["peak_lr"]) == ("600", "560", "0.500000")
    assert (short["updates"], short["tokens"], short["loss_tokens"]) == ("6", "120", "80")
    facts = manifest(student.folder / "results/plans/s/plans.csv")
    assert (facts["arms"], facts["gaps"], facts["identity"]) == (2, 1, {"kind": "plans", "student": "s"})


UNEQUAL: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "rows": ({}, {"lengths": SHORT[:9]}, "rows, problems"),
    "updates": ({}, {"lengths": [6] * 12}, "rows, problems"),
    "problems": ({}, {"first": 1}, "problems"),
    "lr": ({}, {"lr": 0.4}, "lr"),
    "epochs": ({}, {"epochs": 3}, "updates, epochs"),
    "batch": ({}, {"global_batch": 5}, "updates, global_batch"),
    "a key of the optimiser": ({}, {"beta2": 0.9}, "beta2"),
    "LoRA": ({"lora": {"rank": 4}}, {"lora": {"rank": 8}}, "lora"),
    "distillation": ({"distil": {}}, {}, "distil"),
    "a key of the distillation": ({"distil": {}}, {"distil": {"weight": 0.1}}, "distil"),
    "the teacher of the distillation": ({"distil": {}, "teacher": "a"}, {"distil": {}, "teacher": "b"}, "distil"),
    "cutoff": ({}, {"rendered": {"cutoff": 32}}, "cutoff"),
    "truncated rows": ({}, {"rendered": {"truncated": 3}}, "truncated"),
    "prompt": ({}, {"rendered": {"prompt": "q"}}, "prompt"),
}


@pytest.mark.parametrize("name", UNEQUAL)
def test_arms_that_differ_stop(name: str, student: Student, capsys: pytest.CaptureFixture[str]) -> None:
    plus, minus, differs = UNEQUAL[name]
    student.arm("long", LONG, **plus)
    student.arm("short", minus.pop("lengths", SHORT) if "lengths" in minus else SHORT, training="u", **minus)
    student.gap("t/long", "u/short")
    with pytest.raises(InputError, match="1 gaps compare arms that differ") as caught:
        student.compare()
    assert "\n" not in str(caught.value)
    first, header, long, short = capsys.readouterr().err.strip().splitlines()
    assert first.startswith("study y, gap_0: arms differ in ")
    assert set(differs.split(", ")) <= set(first.removeprefix("study y, gap_0: arms differ in ").split(", "))
    assert header.split()[0] == "arm"
    assert (long.split()[0], short.split()[0]) == ("s/t/long/seed-1", "s/u/short/seed-1")
    assert not (student.folder / "results/plans/s/plans.csv").exists()
    student.gaps[0]["differs"] = first.removeprefix("study y, gap_0: arms differ in ").split(", ")
    assert len(student.compare()) == 2


def test_what_is_declared_covers_nothing_else(student: Student) -> None:
    student.arm("long", LONG)
    student.arm("short", SHORT, training="u", epochs=3, lr=0.1)
    student.gap("t/long", "u/short", "epochs", "updates")
    with pytest.raises(InputError, match="1 gaps"):
        student.compare()


def test_as_released_against_controlled(student: Student) -> None:
    """The released files train the mix on 80 packs per update, its rivals on 16 rows: 24 updates against 668."""
    lengths = {"long": [700] * 200, "mix": [300] * 200}
    packed = {"global_batch": 8, "batch_unit": "packs", "pack_tokens": 4096}
    student.arm("long", lengths["long"], training="released")
    student.arm("mix", lengths["mix"], training="released-mix", **packed)
    student.gap("released-mix/mix", "released/long")
    with pytest.raises(InputError, match="differ in more than their data"):
        student.compare()
    fair = Student(student.folder / "fair")
    for name, each in lengths.items():
        fair.arm(name, each)
    fair.gap("t/mix", "t/long")
    one, two = fair.compare()
    assert (one["updates"], one["epochs"], one["rows"]) == (two["updates"], two["epochs"], two["rows"])
    assert json.loads(Path(fair.rendered["t/mix"]).read_text())["cutoff"] == 64


def test_trainings_look_whether_they_were_refused(student: Student) -> None:
    def trains(training: str, dataset: str) -> None:
        refusal = refusal_file(student.folder / "results/plans/s", student.recipe())
        identity = {"kind": "trained", "student": "s", "training": training, "dataset": dataset, "seed": 1}
        check_comparable(refusal, identity)

    student.arm("long", LONG)
    student.arm("short", SHORT, training="u", epochs=3)
    student.arm("other", SHORT)
    student.gap("t/long", "u/short")
    student.gap("t/long", "t/other")
    trains("t", "long")  # nothing was refused yet
    with pytest.raises(InputError, match="1 gaps"):
        student.compare()
    for arm in (("t", "long"), ("u", "short")):
        with pytest.raises(InputError, match="not trained: study y, gap_0: arms differ in updates, epochs") as caught:
            trains(*arm)
        assert "\n" not in str(caught.value)
    trains("t", "other")
    # Another recipe asks for another file.
    refused = student.recipe()
    student.gaps[0]["differs"] = ["epochs", "updates"]
    trains("t", "long")
    student.gaps[0]["differs"] = []
    assert student.recipe() == refused


def test_a_refusal_goes_when_the_same_recipe_finds_other_rows(student: Student) -> None:
    identity = {"kind": "trained", "student": "s", "training": "t", "dataset": "short", "seed": 1}
    student.arm("long", LONG)
    student.arm("short", SHORT[:8])
    student.gap("t/long", "t/short")
    refusal = refusal_file(student.folder / "results/plans/s", student.recipe())
    with pytest.raises(InputError, match="1 gaps"):
        student.compare()
    with pytest.raises(InputError, match="not trained"):
        check_comparable(refusal, identity)
    student.arm("short", SHORT)
    student.compare()
    check_comparable(refusal, identity)


def test_the_plan_of_an_on_policy_arm(student: Student) -> None:
    student.arm("long", LONG)
    student.arm("short", SHORT)
    for dataset in ("long", "short"):
        student.further("own", dataset, "t")
    student.gap("own/long", "own/short")
    own, *_ = student.compare()
    assert (own["training"], own["updates"], own["epochs"], own["rows"]) == ("own", "7", "3.500000", "10")
    assert (own["tokens"], own["loss_tokens"], own["peak_lr"]) == ("", "", "0.250000")


def test_an_on_policy_arm_is_planned_with_what_its_start_has_not_seen(student: Student) -> None:
    student.arm("long", LONG, held_out=0.4)
    student.further("own", "long", "t")
    own, start = student.compare()
    left = sum(not is_held_out(str(i), 0.4) for i in range(10))
    assert 0 < left < 10
    assert own["rows"] == start["rows"] == str(left)
    (path, recipe), further = list(student.arms.items())[1], OnPolicyRecipe(**{**ON_POLICY, "start": "t"})
    manifest_file = Path(student.rendered["t/long"])
    facts = compare_plans.planned(Arm.parse(path), manifest_file, TrainJob(**recipe), None, further)
    assert facts["on_policy"]["held_out"] == 0.4


FURTHER: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "teacher": ({}, {"teacher": "b"}, {"on_policy"}),
    "divergence": ({}, {"beta": 0.5}, {"on_policy"}),
    "learning rate": ({}, {"lr": 0.1}, {"on_policy"}),
    "updates": ({}, {"max_updates": 8}, {"on_policy", "updates", "epochs"}),
    "the start": ({"lr": 0.4}, {}, {"lr"}),
    "updates of the start": ({"max_updates": 9}, {}, {"on_policy", "max_updates"}),
    "rows of the start": ({"rendered": {"cutoff": 32}}, {}, {"cutoff"}),
}


@pytest.mark.parametrize("name", FURTHER)
def test_on_policy_arms_that_differ_stop(name: str, student: Student, capsys: pytest.CaptureFixture[str]) -> None:
    start, keys, differs = FURTHER[name]
    student.arm("long", LONG)
    student.arm("long", LONG, training="u", **start)
    student.further("one", "long", "t")
    student.further("two", "long", "u", **keys)
    student.gap("one/long", "two/long")
    stopped(student, differs, capsys)


def test_an_on_policy_arm_is_not_its_start(student: Student, capsys: pytest.CaptureFixture[str]) -> None:
    student.arm("long", LONG)
    student.further("own", "long", "t")
    student.gap("own/long", "t/long")
    stopped(student, {"on_policy", "updates", "epochs"}, capsys)


def stopped(student: Student, differs: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Check that the gap stops for these differences, and for none once they are declared."""
    with pytest.raises(InputError, match="1 gaps"):
        student.compare()
    assert set(capsys.readouterr().err.splitlines()[0].partition("differ in ")[2].split(", ")) == differs
    student.gaps[0]["differs"] = sorted(differs)
    assert student.compare()
