"""What is known of the artefacts that are published: manifests, provenance, scores, and what they were made from."""

import hashlib
import re
from dataclasses import asdict
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.contrasts import BEST_OF
from distill.config.jobs import distillation
from distill.config.lineage import BASE, Contrasts, Dataset, Place, TrainedModel
from distill.config.plan import Plan
from distill.config.recipes import canonical_json
from distill.config.recipes.models import ModelRecipe
from distill.config.recipes.published import PublishedRecipe
from distill.publishing.licences import Part
from distill.runtime.files import read_json
from distill.scores.csvs import read_csv
from distill.scores.readings import is_declared

Row = dict[str, Any]


class Facts:
    """Reads what lies beside the artefacts of a plan. Raises InputError for files that are not there."""

    def __init__(self, plan: Plan):
        self.plan, self.catalogue = plan, plan.catalogue
        self.manifest = cache(lambda place: read_json(Path(place.manifest)))
        self.provenance = cache(lambda place: read_json(Path(place.file("provenance.json"))))

    @cached_property
    def scores(self) -> list[Row]:
        """Return the rows of scores.csv."""
        return read_csv(Path(Contrasts().file("scores.csv")))

    @cached_property
    def gaps(self) -> list[Row]:
        """Return the rows of gaps.csv."""
        return read_csv(Path(Contrasts().file("gaps.csv")))

    def part(self, kind: str, name: str) -> Part:
        """Return an entry of the catalogue as a part of what was made from it."""
        entry = getattr(self.catalogue, kind)[name]
        file = str(Path(self.catalogue.settings.folder, self.catalogue.files.get((kind, name), "catalogue")))
        source = entry if kind == "corpora" else (entry.model or entry.published)
        licence, citation = (getattr(entry, key, None) for key in ("licence", "citation"))
        return Part(kind, name, licence, citation, file, _origin(source))

    def dataset_parts(self, name: str) -> list[Part]:
        """Return the corpus of a dataset, and the teachers that have rows in it."""
        rows = self.manifest(Dataset(name))["teachers"]
        teachers = [self.part("teachers", teacher) for teacher, count in rows.items() if count]
        return [self.part("corpora", self.catalogue.datasets[name].corpus), *teachers]

    def model_parts(self, place: TrainedModel) -> list[Part]:
        """Return the student of a model, the parts of its dataset, and teachers from whom it was distilled."""
        start, names = self.catalogue.start_of(place.training), []
        if self.catalogue.trainings[start].distil:
            names.append(distillation(self.catalogue, start).teacher)
        if place.training in self.catalogue.on_policy:
            names.append(self.catalogue.on_policy[place.training].teacher)
        further = [self.part("teachers", name) for name in names]
        parts = [self.part("students", place.student), *self.dataset_parts(place.dataset), *further]
        return list(dict.fromkeys(parts))

    def scores_of(self, **names: Any) -> list[Row]:
        """Return the rows of scores.csv with these names; each arm and benchmark once."""
        own = [row for row in self.scores if all(row[key] == value for key, value in names.items())]
        keys = ("student", "training", "dataset", "seed", "benchmark", "decoding")
        return list({tuple(row[key] for key in keys): row for row in own}.values())

    def gaps_of(self, dataset: str, student: str | None = None, training: str | None = None) -> list[Row]:
        """Return the contrasts in which arms trained on a dataset stand, whole ones: with all of their rows."""
        named = [row for row in self.gaps if student in (None, row["student"]) and _names(row, dataset, training)]
        keys = {_contrast(row) for row in named}
        return [row for row in self.gaps if _contrast(row) in keys]


def _contrast(row: Row) -> tuple[Any, ...]:
    names = ("study", "gap", "student", "training", "family", "measure")
    return tuple(row[key] for key in (names if is_declared(row) else (*names, "plus", "minus")))


def _names(row: Row, dataset: str, training: str | None) -> bool:
    """Whether a side of a contrast is an arm of a dataset, and of a training where one is given."""
    sides = [*(row["plus"] or "").split(", "), *(row["minus"] or "").removeprefix(BEST_OF).split(", ")]
    for side in sides:
        match = re.fullmatch(r"(\S+)(?: \((\S+)\))?", side)
        if match and match[1] == dataset != BASE and training in (None, match[2] or row["training"]):
            return True
    return False


def _origin(source: Any) -> str:
    """Return where problems, weights or responses come from."""
    if getattr(source, "hub", None):
        return f"{source.hub} at {source.revision}"
    if isinstance(source, ModelRecipe) and source.path is None:
        return f"{source.served}, asked of a server" if source.served else "random weights"
    kind = "published responses in " if isinstance(source, PublishedRecipe) else ""
    return kind + (source.path if isinstance(source.path, str) else ", ".join(source.path))


def texts_digest(table: Path) -> str:
    """Return the sha256 of a dataset's problem ids and messages, by problem id: without the names of its teachers.

    Of each row a line of JSON, `[problem_id,[[role,content],...]]`. Raises InputError for what is no train table.
    """
    rows = tables.read(table, tables.TRAIN, ["problem_id", "messages"]).to_pylist()
    digest = hashlib.sha256()
    for row in sorted(rows, key=lambda row: row["problem_id"]):
        messages = [[message["role"], message["content"]] for message in row["messages"]]
        digest.update((canonical_json([row["problem_id"], messages]) + "\n").encode())
    return digest.hexdigest()


def names_of(place: Place) -> dict[str, Any]:
    """Return the names of a place."""
    return asdict(place)  # type: ignore[call-overload]  # each place is a dataclass
