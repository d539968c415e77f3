"""How entries of the catalogue are shown where people read: by their labels, students by size.

Names stay the keys of files and tables.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distill.config.catalogue import Catalogue
from distill.config.contrasts import BEST_OF, GAIN_OVER_BASE
from distill.config.lineage import BASE, Arm
from distill.config.sizes import known_parameters

NAME = re.compile(r"(?<![\w.-])[a-z0-9]+(?:-[a-z0-9]+)*(?![\w-])")
SIDES = ("datasets", "trainings", "students")  # of whom the sides of a contrast speak
ARM = ("students", "trainings", "datasets")  # the parts of an arm's path
# Column -> the kinds of the entries that its texts name.
COLUMNS: dict[str, tuple[str, ...]] = {
    "student": ("students",), "training": ("trainings",), "dataset": ("datasets",), "teacher": ("teachers",),
    "corpus": ("corpora",), "benchmark": ("corpora",), "trained on": SIDES[:2], "against": SIDES[:2], "plus": SIDES,
    "minus": SIDES, "mix": ("teachers",), "curve": ("datasets",),
}  # fmt: skip
UNTOUCHED = "untouched student"  # what people read for the dataset `base`
NO_TRAINING = "none"  # and for the training `base`
GAIN = "gain"  # and for the contrast of every arm with the untouched student
TAKEN = (BASE, UNTOUCHED)
BASES = {"datasets": UNTOUCHED, "trainings": NO_TRAINING}
RIGHT_TO_LEFT = ("R", "AL", "AN")
JOINT = "\u00a0"  # a space at which nothing is parted


@dataclass(frozen=True)
class Labels:
    """of: kind -> name -> label, of the entries that have one; students: their names, the smallest first.

    trained: (dataset, training) of all arms but the untouched student, in the order of the studies; teachers: name ->
    its parameters, of those whose are known.
    """

    of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    students: Sequence[str] = ()
    trained: Sequence[tuple[str, str]] = ()
    teachers: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, recipe: Mapping[str, Any]) -> "Labels":
        """Return the labels of a job's recipe."""
        trained = tuple((dataset, training) for dataset, training in recipe.get("arms", ()))
        teachers = recipe.get("teachers", {})
        return cls(recipe.get("labels", {}), tuple(recipe.get("students", ())), trained, teachers)

    @property
    def arms(self) -> list[tuple[str, str]]:
        """Return (dataset, training) of all trained arms as a person reads them, in the order of the studies."""
        return [
            (self.said("datasets", dataset), self.said("trainings", training)) for dataset, training in self.trained
        ]

    def said(self, kind: str, name: Any) -> str:
        """Return what an entry is called; its name where it has no label. The untouched student is no entry."""
        if name == BASE and kind in BASES:
            return BASES[kind]
        label = self.of.get(kind, {}).get(str(name))
        return str(name) if label is None else isolated(label)

    def text(self, text: str, *kinds: str, space: str = " ") -> str:
        """Return a text that is made of names and what joins them, with labels for the names."""
        if text.startswith(BEST_OF):
            return BEST_OF + self.text(text.removeprefix(BEST_OF), *kinds, space=space)
        first = next((BASES[kind] for kind in kinds if kind in BASES), None)
        known = {BASE: first} if first else {}
        known |= {name: label for kind in reversed(kinds) for name, label in self.of.get(kind, {}).items()}

        def label(found: re.Match[str]) -> str:
            return isolated(known[found[0]]).replace(" ", space) if found[0] in known else found[0]

        return NAME.sub(label, text)

    def cell(self, column: str, value: Any, space: str = " ") -> Any:
        """Return a value of a table as a person reads it: with labels, where the column is one of names."""
        if value is None or column not in (*COLUMNS, "contrast", "arm"):
            return value
        text = str(value)
        if column == "contrast":
            name, colon, arms = text.partition(": ")
            name = GAIN if name == GAIN_OVER_BASE else name
            return f"{name}{colon}{self.text(arms, *SIDES, space=space)}"
        if column == "arm":
            parts = text.split("/")
            if parts[1:] == [BASE]:  # of the untouched student a path names no training and no seed
                return f"{self.said(ARM[0], parts[0])}/{UNTOUCHED}"
            return "/".join([*map(self.said, ARM, parts), *parts[len(ARM) :]])
        labelled = self.text(text, *COLUMNS[column], space=space)
        return value if labelled == text else labelled

    def row(self, row: Mapping[str, Any], space: str = " ") -> dict[str, Any]:
        """Return a row of a table as a person reads it; with `JOINT` for the spaces of labels no reader parts them."""
        return {column: self.cell(column, value, space) for column, value in row.items()}

    def rows(self, rows: Iterable[Mapping[str, Any]], space: str = " ") -> list[dict[str, Any]]:
        """Return rows as a person reads them."""
        return [self.row(row, space) for row in rows]

    def arm(self, arm: Arm) -> Arm:
        """Return an arm whose parts are called as a person reads them."""
        names = (arm.student, arm.training, arm.dataset)
        return Arm(*map(self.said, ARM, names), arm.seed)

    def by_size(self, items: Iterable[Any], student: Callable[[Any], str]) -> list[Any]:
        """Return items by the size of their student, those of one student in the order that they have."""
        places = {name: place for place, name in enumerate(self.students)}
        return sorted(items, key=lambda item: places.get(student(item), len(places)))

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """Yield (kind, name, label) of all labels."""
        yield from ((kind, name, label) for kind, own in self.of.items() for name, label in own.items())


NO_LABELS = Labels()


def is_untouched(dataset: Any) -> bool:
    """Whether a dataset's name, or what people read for it, says that nothing was trained on it."""
    return str(dataset).replace(JOINT, " ") in TAKEN


def isolated(label: str) -> str:
    """Return a label such that its direction of writing leaves what stands beside it alone."""
    turns = any(unicodedata.bidirectional(sign) in RIGHT_TO_LEFT for sign in label)
    return f"\u2068{label}\u2069" if turns else label


def shown_as(catalogue: Catalogue) -> dict[str, Any]:
    """Return how the entries are shown that the selected studies name: what `Labels.read` reads."""
    return {"labels": labels_of(catalogue), "students": students_by_size(catalogue)}


def teachers_sizes(catalogue: Catalogue) -> dict[str, float]:
    """Return teacher -> parameters of the teachers of the selected studies, as far as these are known."""
    asked = [name for name in sorted(_named(catalogue)["teachers"]) if catalogue.teachers[name].published is None]
    sizes = {name: known_parameters(catalogue, name) for name in asked}
    return {name: size for name, size in sizes.items() if size}


def arms_in_order(catalogue: Catalogue) -> list[list[str]]:
    """Return [dataset, training] of the trained arms of the selected studies, in their order: one has one colour."""
    blocks = [block for study in catalogue.studies.values() for block in study.arms]
    pairs = ((name, block.training) for block in blocks for name in block.datasets if name != BASE)
    return [list(pair) for pair in dict.fromkeys(pairs)]


def labels_of(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    """Return kind -> name -> label of the entries that the selected studies name, as far as these have labels."""
    found = {
        kind: {name: catalogue.labels[kind, name] for name in sorted(names) if (kind, name) in catalogue.labels}
        for kind, names in _named(catalogue).items()
    }
    return {kind: own for kind, own in found.items() if own}


def _named(catalogue: Catalogue) -> dict[str, set[str]]:
    """Return kind -> names of the entries that the selected studies name."""
    arms = [arm for study in catalogue.studies for arm in catalogue.arms(study)]
    made = [catalogue.datasets[name] for name in {arm.dataset for arm in arms} - {BASE}]
    measured = {name for study in catalogue.studies.values() for name in study.benchmarks}
    return {
        "students": {arm.student for arm in arms},
        "teachers": {name for dataset in made for name in dataset.teachers},
        "datasets": {arm.dataset for arm in arms},
        "trainings": {arm.training for arm in arms},
        "corpora": measured | {dataset.corpus for dataset in made},
    }


def students_by_size(catalogue: Catalogue) -> list[str]:
    """Return the students of the selected studies by size, those of unknown size last."""
    blocks = [block for study in catalogue.studies.values() for block in study.arms]
    students = dict.fromkeys(name for block in blocks for name in block.students)
    return sorted(students, key=lambda name: known_parameters(catalogue, name) or math.inf)


def label_mistakes(catalogue: Catalogue) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, name, message) for each label that a reader of the report would take for another entry.

    Entries that no selected study names may have the same labels. The names that studies use must be there.
    """
    taken = {(kind, name): name for kind, names in _named(catalogue).items() for name in names}
    taken |= {("datasets", word): "the student before training" for word in TAKEN}
    for kind, own in labels_of(catalogue).items():
        for name, label in own.items():
            other = taken.setdefault((kind, unicodedata.normalize("NFKC", label).casefold()), name)
            if other != name:
                yield kind, name, f"{label!r} is what {other} is called; a reader could not tell them apart"
