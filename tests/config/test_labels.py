"""Labels: what entries are called where people read. They reach the report and nothing else."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import REPOSITORY

from distill.config import analysed, jobs
from distill.config.catalogue import KINDS, Catalogue
from distill.config.labels import JOINT, Labels, arms_in_order, is_untouched, labels_of, shown_as
from distill.config.lineage import Arm, identity, place_of
from distill.config.load import load
from distill.config.plan import Plan
from distill.runtime.errors import InputError

LABELLED = ("students", "teachers", "datasets", "trainings", "corpora")


def labelled(folder: Path, labels: dict[str, dict[str, Any]]) -> Catalogue:
    """Return the toy's catalogue with labels by kind and name, in a copy of the configuration."""
    if not (folder / "config").exists():
        shutil.copytree(REPOSITORY / "config", folder / "config")
    for kind, own in labels.items():
        path = folder / f"config/catalogue/{kind}.yaml"
        content = yaml.safe_load(path.read_text())
        for name, label in own.items():
            content[name]["label"] = label
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return load(folder / "config", {"studies": ["toy"], "torch": "cpu"})


def recipes(catalogue: Catalogue) -> dict[str, str]:
    """Return the path of each place that the study makes -> the recipe of its job."""
    plan = Plan(catalogue)
    places = {*plan.scores(), *plan.browsed()}
    for kind in ("datasets", "rendered", "models", "responses", "verdicts", "golds", "problems", "signals"):
        places |= {place_of(identity(Path(path).parent)) for path in analysed.files(plan, kind)}
    return {place.manifest: jobs.job_of(catalogue, place).recipe for place in places}


def test_labels_reach_the_report_and_no_other_job(tmp_path: Path) -> None:
    before = load(REPOSITORY / "config", {"studies": ["toy"], "torch": "cpu"})
    every = {kind: {name: f"{kind} {n}" for n, name in enumerate(getattr(before, kind)) if name.startswith("toy-")}
             for kind in LABELLED}  # fmt: skip
    after = labelled(tmp_path, every)
    assert recipes(after) == recipes(before)
    assert len(recipes(after)) > 100
    assert {kind: len(own) for kind, own in labels_of(after).items()} == {
        "students": 2, "teachers": 4, "datasets": 6, "trainings": 2, "corpora": 2,
    }  # fmt: skip
    assert (
        jobs.trained_as(after, "toy-sft", "toy-long-arm").execution()
        == jobs.trained_as(before, "toy-sft", "toy-long-arm").execution()
    )
    assert "label" not in jobs.generate_job(after, "students/toy-xs/base", "toy-greedy").execution()


def test_every_kind_that_people_read_of_may_have_a_label() -> None:
    assert {kind for kind, entry in KINDS.items() if "label" in entry.model_fields} == set(LABELLED)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        (" Tiny", "neither begins nor ends with a space"),
        ("x" * 41, "has at most 40 characters, not 41"),
        ("one\nline", "is one line of plain text"),
        ("turned \u202e round", "is one line of plain text"),
        (7, "should be a valid string"),
        ("TOY-M", "'TOY-M' is what toy-m is called"),
    ],
)
def test_a_label_that_cannot_be_read_is_refused(tmp_path: Path, label: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        labelled(tmp_path, {"students": {"toy-xs": label}})
    assert str(error.value).count("\n") == 0
    assert "students.yaml: toy-xs.label: " in str(error.value)
    assert message in str(error.value)


def test_two_entries_of_one_label_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        labelled(tmp_path, {"students": {"toy-xs": "Tiny", "toy-m": "tiny"}})
    assert str(error.value).endswith(
        "students.yaml: toy-xs.label: 'Tiny' is what toy-m is called; a reader could not tell them apart"
    )
    with pytest.raises(InputError, match="'Base' is what the student before training is called"):
        labelled(tmp_path, {"students": {"toy-m": "Mid"}, "datasets": {"toy-long-arm": "Base"}})


def test_entries_of_other_studies_may_have_the_label(tmp_path: Path) -> None:
    found = labelled(
        tmp_path, {"datasets": {"toy-mix-long": "Mix", "gsm8k-four": "Mix", "gsm8k-large": "toy-mix-long"}}
    )
    assert labels_of(found) == {"datasets": {"toy-mix-long": "Mix"}}


def test_one_label_may_stand_for_a_student_and_a_teacher(tmp_path: Path) -> None:
    found = labelled(tmp_path, {"students": {"toy-m": "Tiny"}, "teachers": {"toy-long": "Tiny"}})
    assert labels_of(found) == {"students": {"toy-m": "Tiny"}, "teachers": {"toy-long": "Tiny"}}
    assert shown_as(found)["students"] == ["toy-xs", "toy-m"]  # by size


NAMES = Labels({"students": {"long": "S\u2082"}, "datasets": {"long": "Chain of thought", "best": "B", "a-b": "A & B"},
                "trainings": {"t": "Full"}, "corpora": {"math": "MATH"}}, ("z", "long"))  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("student", "long", "S\u2082"),
        ("student", "short", "short"),
        ("dataset", "long", "Chain of thought"),
        ("trained on", "a-b (t)", "A & B (Full)"),
        ("trained on", "a-b-c (t2)", "a-b-c (t2)"),
        ("trained on", "untouched student", "untouched student"),
        ("minus", "the best of long, a-b", "the best of Chain of thought, A & B"),
        ("plus", "long_gap of z", "long_gap of z"),
        ("plus", "slope over a-b at 0.2", "slope over A & B at 0.2"),
        ("contrast", "long: long - a-b", "long: Chain of thought - A & B"),
        ("arm", "long/t/long/seed-1", "S\u2082/Full/Chain of thought/seed-1"),
        ("benchmark", "average", "average"),
        ("seeds", "long", "long"),
        ("student", 7, 7),
        ("minus", None, None),
    ],
)
def test_a_cell_has_labels_for_the_names_of_its_column(column: str, value: Any, shown: Any) -> None:
    assert NAMES.cell(column, value) == shown
    assert Labels().cell(column, value) == value


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("dataset", "base", "untouched student"),
        ("minus", "base", "untouched student"),
        ("training", "base", "none"),
        ("arm", "z/base", "z/untouched student"),
        ("contrast", "gain_over_base: base-2 - base", "gain: base-2 - untouched student"),
        ("student", "base", "base"),
    ],
)
def test_the_untouched_student_has_one_name(column: str, value: str, shown: str) -> None:
    assert Labels().cell(column, value) == NAMES.cell(column, value) == shown
    assert is_untouched(Labels().cell("minus", "base", JOINT))


def test_untouched_is_no_other_dataset() -> None:
    assert not any(map(is_untouched, ("base-2", "baseline", None, "d")))


def test_rows_and_arms() -> None:
    row = {"plus": "long", "student": "long", "estimate": 0.5}
    assert NAMES.row(row) == {"plus": "Chain of thought", "student": "S\u2082", "estimate": 0.5}
    assert NAMES.row(row, JOINT)["plus"] == "Chain\u00a0of\u00a0thought"  # no ` of ` that a sentence would be parted at
    assert NAMES.arm(Arm("long", "t", "a-b", 3)) == Arm("S\u2082", "Full", "A & B", 3)
    assert NAMES.by_size(["other", "long", "z", "long"], str) == ["z", "long", "long", "other"]


def test_a_label_written_from_right_to_left_turns_nothing_beside_it() -> None:
    hebrew = "\u05de\u05d5\u05d3\u05dc"
    assert Labels({"students": {"s": hebrew}}).said("students", "s") == f"\u2068{hebrew}\u2069"


def test_an_entry_that_takes_over_another_takes_its_label_too_and_is_told_so(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    path = tmp_path / "config/catalogue/datasets.yaml"
    path.write_text(path.read_text().replace("  corpus: toy-train\n", "  corpus: toy-train\n  label: Long\n", 1))
    with pytest.raises(InputError) as error:
        load(tmp_path / "config", {"studies": ["toy"]})
    assert "datasets.yaml: toy-mix-long.label: 'Long' is what toy-long-arm is called" in str(error.value)


def test_arms_are_in_the_order_of_the_study(tmp_path: Path) -> None:
    found = labelled(tmp_path, {})
    blocks = found.studies["toy"].arms
    wanted = [[name, block.training] for block in blocks for name in block.datasets if name != "base"]
    assert arms_in_order(found) == [pair for place, pair in enumerate(wanted) if pair not in wanted[:place]]
    labels = Labels({"datasets": {wanted[0][0]: "First"}}, trained=[tuple(pair) for pair in wanted])
    assert labels.arms[0] == ("First", wanted[0][1])
