"""The study graph: teachers, datasets and arms, what is made from what, and what is shared."""

from collections.abc import Iterable, Mapping
from typing import Any

from distill.analyses.section import Inputs, Picture, Row, Section
from distill.config.lineage import Arm
from distill.runtime.files import read_json

NEEDS = ("datasets", "models")
ORDER = 45
TEXT = (
    "Which teachers' rows are in which dataset, and which students are trained on it. What is shared is made once: a "
    "box with several lines to its right has a dark frame.",
)
Trainings = dict[tuple[str, str], list[int]]  # (student, training) -> seeds


def analyse(inputs: Inputs) -> Section:
    """Return the section on what is made from what, from the manifests of datasets and trained models."""
    datasets = {facts["identity"]["dataset"]: facts for facts in map(read_json, inputs["datasets"])}
    trained: dict[str, Trainings] = {name: {} for name in datasets}
    for arm in (Arm.of(read_json(path)["identity"]) for path in inputs["models"]):
        trained[arm.dataset].setdefault((arm.student, arm.training), []).append(arm.seed)
    rows = [*_teacher_rows(datasets), *_dataset_rows(datasets, trained)]
    return Section("What is made from what", TEXT, rows, Picture("study_graph", _picture(datasets, trained)))


def _teacher_rows(datasets: Mapping[str, Mapping[str, Any]]) -> Iterable[Row]:
    for teacher in _teachers(datasets):
        own = {name: facts["teachers"][teacher] for name, facts in datasets.items() if facts["teachers"].get(teacher)}
        used = ", ".join(f"{name} ({rows:,})" for name, rows in own.items())
        yield {"what": "teacher", "name": teacher, "rows": sum(own.values()), "used by": used}


def _dataset_rows(datasets: Mapping[str, Mapping[str, Any]], trained: Mapping[str, Trainings]) -> Iterable[Row]:
    for name, facts in datasets.items():
        used = "; ".join(_arm(*pair, seeds) for pair, seeds in trained[name].items())
        yield {"what": "dataset", "name": name, "rows": facts["rows"], "used by": used}


def _teachers(datasets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(teacher for facts in datasets.values() for teacher in facts["teachers"]))


def _arm(student: str, training: str, seeds: list[int]) -> str:
    return f"{student}, {training}" + (f" ({len(seeds)} seeds)" if len(seeds) > 1 else "")


def _picture(datasets: Mapping[str, Mapping[str, Any]], trained: Mapping[str, Trainings]) -> str:
    """Return the picture; all seeds of a student and training share a box."""
    from distill.analyses import plots

    teachers = {f"teacher {name}": name for name in _teachers(datasets)}
    named = {f"dataset {name}": f"{name}\n{facts['rows']:,} rows" for name, facts in datasets.items()}
    pairs = dict.fromkeys(pair for own in trained.values() for pair in own)
    arms = {f"arm {student} {training}": f"{student}\n{training}" for student, training in pairs}
    links = [(f"teacher {teacher}", f"dataset {name}") for name, facts in datasets.items()
             for teacher, rows in facts["teachers"].items() if rows]  # fmt: skip
    links += [(f"dataset {name}", f"arm {' '.join(pair)}") for name, own in trained.items() for pair in own]
    columns = {"teachers": list(teachers), "datasets": list(named), "students": list(arms)}
    return plots.layers(columns, links, {**teachers, **named, **arms})
