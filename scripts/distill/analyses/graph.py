"""The study graph: teachers, datasets and arms, what is made from what, and what is shared."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distill.analyses import looks
from distill.analyses.looks import Looks
from distill.analyses.section import Inputs, Picture, Row, Section
from distill.config.labels import Labels
from distill.config.lineage import Arm
from distill.runtime.files import read_json

NEEDS = ("datasets", "models")
ORDER = 45
LABELLED = True
TEXT = (
    "Which teachers' rows are in which dataset, and which students are trained on it. What is shared is made once.",
)
CAPTION = (
    "A line for each teacher whose rows a dataset has, and for each training on it; what has several has a dark frame."
)
Trainings = dict[tuple[str, str], list[int]]  # (student, training) -> seeds


def analyse(inputs: Inputs, labels: Labels) -> Section:
    """Return the section on what is made from what, from the manifests of datasets and trained models."""
    datasets = {facts["identity"]["dataset"]: facts for facts in map(read_json, inputs["datasets"])}
    trained: dict[str, Trainings] = {name: {} for name in datasets}
    for arm in (Arm.of(read_json(path)["identity"]) for path in inputs["models"]):
        trained[arm.dataset].setdefault((arm.student, arm.training), []).append(arm.seed)
    rows = [*_teacher_rows(datasets), *_dataset_rows(datasets, trained)]
    return Section("What is made from what", TEXT, rows, _picture(datasets, trained, labels))


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


def _picture(datasets: Mapping[str, Mapping[str, Any]], trained: Mapping[str, Trainings], labels: Labels) -> Picture:
    """Return the picture; all seeds of a student and training share a box."""
    said = labels.said
    teachers = {f"teacher {name}": said("teachers", name) for name in _teachers(datasets)}
    named = {f"dataset {name}": f"{said('datasets', name)}\n{facts['rows']:,} rows" for name, facts in datasets.items()}
    pairs = labels.by_size(dict.fromkeys(pair for own in trained.values() for pair in own), lambda pair: pair[0])
    arms = {f"arm {student} {training}": f"{said('students', student)}\n{said('trainings', training)}"
            for student, training in pairs}  # fmt: skip
    links = [(f"teacher {teacher}", f"dataset {name}") for name, facts in datasets.items()
             for teacher, rows in facts["teachers"].items() if rows]  # fmt: skip
    links += [(f"dataset {name}", f"arm {' '.join(pair)}") for name, own in trained.items() for pair in own]
    columns = {"teachers": list(teachers), "datasets": list(named), "students": list(arms)}
    seeds = sum(len(seeds) for own in trained.values() for seeds in own.values())
    alt = f"{len(teachers)} teachers, {len(datasets)} datasets and {seeds} trainings"
    svg = layers(columns, links, {**teachers, **named, **arms}, _colours(datasets, trained, labels))
    return Picture("study_graph", svg, CAPTION, alt)


def _colours(datasets: Mapping[str, Any], trained: Mapping[str, Trainings], labels: Labels) -> dict[str, str]:
    """Return box -> the colour of its lines: a teacher's grey, a dataset's colour of all pictures."""
    said = labels.said
    found, greys = Looks.of(labels), looks.teachers(said("teachers", name) for name in _teachers(datasets))
    of_teachers = {f"teacher {name}": greys[said("teachers", name)][0] for name in _teachers(datasets)}
    named = {name: said("datasets", name) for name, own in trained.items() if own}
    return of_teachers | {f"dataset {name}": found.dataset(label)["color"] for name, label in named.items()}


def layers(columns: Mapping[str, Sequence[str]], links: Iterable[tuple[str, str]], labels: Mapping[str, str],
           colours: Mapping[str, str]) -> str:  # fmt: skip
    """Return an SVG with a column of named boxes for each layer, and a line for each link of two boxes.

    `columns` is title -> keys of its boxes from top to bottom, `labels` key -> what stands in a box, `colours` key ->
    the colour of the lines that leave it. A box with more than one line to its right is shared and has a darker frame.
    """
    from distill.analyses.plots import drawn

    links = list(links)
    tallest = max((len(keys) for keys in columns.values()), default=0)
    spots = {
        key: (column, (tallest - len(keys)) / 2 + row)
        for column, keys in enumerate(columns.values())
        for row, key in enumerate(keys)
    }
    leaving = Counter(start for start, _ in links)

    def draw(axes: list[Any]) -> None:
        (axis,) = axes
        for start, end in links:
            xs, ys = zip(spots[start], spots[end], strict=True)
            axis.plot(xs, ys, color=colours[start], linewidth=1.1, alpha=0.7, zorder=1)
        for key, (x, y) in spots.items():
            frame = {"boxstyle": "round,pad=0.35", "fc": "white", "ec": "#333333" if leaving[key] > 1 else "#bbbbbb"}
            axis.text(x, y, labels[key], ha="center", va="center", fontsize=8, bbox=frame, zorder=2)
        for column, title in enumerate(columns):
            axis.text(column, -0.9, title, ha="center", va="center", fontsize=10, weight="bold")
        axis.set_xlim(-0.45, len(columns) - 0.55)
        axis.set_ylim(tallest - 0.4, -1.4)
        axis.set_axis_off()

    return drawn((3.1 * len(columns), 0.42 * tallest + 0.9), 1 if tallest else 0, draw)
