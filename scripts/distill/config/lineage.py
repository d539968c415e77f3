"""Lineage: what lies where under `results/`. Every path there is built and read back in this module and nowhere else.

A place is one artefact's folder. Its fields are the catalogue's names that it was made from; `folder` writes them as a
path, `parse` reads them back, and `identity` is what the artefact's manifest says of itself.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path, PurePath
from typing import Any, ClassVar, Self

ROOT = "results"
BASE = "base"
PUBLISHED = "published"

NAME = r"[^/]+"
# Who answers: a teacher, a student before training, or after one.
MODEL_PATH = rf"teachers/{NAME}|students/{NAME}/{BASE}|students/{NAME}/{NAME}/{NAME}/seed-\d+"
_FIELDS = {"model_path": MODEL_PATH, "draw": r"\d+", "seed": r"\d+", "shard": r"\d+-of-\d+"}


@dataclass(frozen=True, order=True)
class Arm:
    """One student after one training on one dataset with one seed; dataset `base` is the student before training."""

    student: str
    training: str
    dataset: str
    seed: int

    @classmethod
    def base(cls, student: str) -> "Arm":
        """Return the arm of a student that was not trained."""
        return cls(student, BASE, BASE, 0)

    @property
    def is_trained(self) -> bool:
        """Whether a training stands behind this arm."""
        return self.dataset != BASE

    @property
    def path(self) -> str:
        """Return `student/base`, or `student/training/dataset/seed-1`."""
        if not self.is_trained:
            return f"{self.student}/{BASE}"
        return f"{self.student}/{self.training}/{self.dataset}/seed-{self.seed}"

    @property
    def model_path(self) -> str:
        """Return the arm as one who answers problems: `students/` and its path."""
        return f"students/{self.path}"

    @classmethod
    def parse(cls, model_path: str) -> "Arm":
        """Read an arm back from its model path. Raises ValueError when that is a teacher's, or none at all."""
        kind, *names = model_path.split("/")
        if kind != "students" or not re.fullmatch(MODEL_PATH, model_path):
            raise ValueError(f"{model_path} names no arm")
        return cls.base(names[0]) if len(names) == 2 else cls(*names[:3], int(names[3].removeprefix("seed-")))

    @classmethod
    def of(cls, identity: dict[str, Any]) -> "Arm":
        """Return the arm that a manifest's identity names. Raises KeyError when it names none."""
        return cls(*(identity[name] for name in ("student", "training", "dataset", "seed")))


class Place:
    """Base of all places: a pattern of fields, with `results/` before it."""

    KIND: ClassVar[str]
    PATTERN: ClassVar[str]

    @property
    def folder(self) -> str:
        """Return the folder's path, relative to the folder that the workflow runs in."""
        return f"{ROOT}/{self.PATTERN.format(**self.__dict__)}"

    def file(self, name: str) -> str:
        """Return the path of a file of the folder."""
        return f"{self.folder}/{name}"

    @property
    def manifest(self) -> str:
        """Return the path of the folder's manifest."""
        return self.file("manifest.json")

    @property
    def identity(self) -> dict[str, Any]:
        """Return the kind and the names of the place; where a student answers, also those of its arm."""
        names = asdict(self)  # type: ignore[call-overload]  # each place is a dataclass
        model_path = names.get("model_path", "")
        arm = asdict(Arm.parse(model_path)) if model_path.startswith("students/") else {}
        return {"kind": self.KIND, **arm, **names}

    @classmethod
    def match(cls, path: str) -> Self | None:
        """Return the place of a folder's path below `results/`, None where it is of another kind."""
        match = re.fullmatch(_expression(cls.PATTERN), path)
        return cls.named(match.groupdict()) if match else None

    @classmethod
    def named(cls, names: Mapping[str, Any]) -> Self:
        """Return the place of names, such as a rule's wildcards; further ones are passed over."""
        return cls(**{f.name: int(names[f.name]) if f.type is int else names[f.name] for f in fields(cls)})


@cache
def _expression(pattern: str) -> str:
    """Return a pattern as a regular expression with a group per field."""
    return re.sub(r"\\{(\w+)\\}", lambda m: f"(?P<{m[1]}>{_FIELDS.get(m[1], NAME)})", re.escape(pattern))


def _place(kind: str, pattern: str) -> Any:
    """Return a decorator that makes a class a frozen dataclass of the place `pattern`."""

    def decorate(cls: type) -> type:
        cls.KIND, cls.PATTERN = kind, pattern
        return dataclass(frozen=True, order=True)(cls)

    return decorate


_ANSWERS = "{corpus}/{model_path}/{decoding}/draw-{draw}/{shard}"


@_place("problems", "problems/{corpus}")
class Problems(Place):
    """A corpus."""

    corpus: str


@_place("statements", "problems/{corpus}/statements/{shard}")
class Statements(Place):
    """The ids and statements of one shard of a corpus."""

    corpus: str
    shard: str


@dataclass(frozen=True, order=True)
class Answers(Place):
    """Base of the places that hold one shard of one draw each."""

    corpus: str
    model_path: str
    decoding: str
    draw: int
    shard: str


@_place("responses", f"responses/{_ANSWERS}")
class Responses(Answers):
    """One draw of a model for one shard of a corpus."""


@_place("verdicts", f"verdicts/{_ANSWERS}")
class Verdicts(Answers):
    """The verdicts on these responses."""


@_place("judgements", f"judgements/{_ANSWERS}")
class Judgements(Answers):
    """What the judge says of those that the rule rejected."""


@_place("golds", "verdicts/{corpus}/golds")
class Golds(Place):
    """Which gold answers of a corpus can be graded against."""

    corpus: str


@_place("agreement", "verdicts/{corpus}/agreement")
class Agreement(Place):
    """What teachers agree on, in place of the gold answers that a corpus lacks."""

    corpus: str


@_place("repeats", "repeats/{corpus}/{model_path}/{decoding}")
class Repeats(Place):
    """How many responses the draws of a model have in common."""

    corpus: str
    model_path: str
    decoding: str


@_place("contamination", "signals/{corpus}/contamination")
class Contamination(Place):
    """The problems of a corpus that repeat a benchmark's."""

    corpus: str


@_place("duplicates", "signals/{corpus}/duplicates")
class Duplicates(Place):
    """The problems of a corpus that are nearly the same as another."""

    corpus: str


@_place("loglikelihoods", f"signals/{_ANSWERS}/{{student}}")
class Loglikelihoods(Answers):
    """How likely responses are to a student before training."""

    student: str


@_place("suitability", f"signals/{{corpus}}/suitability/{_ANSWERS.partition('/')[2]}/{{student}}")
class Suitability(Answers):
    """How well responses suit a student before training: ranks and likelihoods of their tokens."""

    student: str


@_place("token_shift", f"token_shift/{_ANSWERS}/{{student}}")
class TokenShift(Answers):
    """Where the tokens of responses stand among those that a student before training would have written."""

    student: str


@_place("datasets", "datasets/{dataset}")
class Dataset(Place):
    """A dataset."""

    dataset: str


@_place("rendered", "rendered/{student}/{training}/{dataset}")
class Rendered(Place):
    """A dataset as a student's tokens."""

    student: str
    training: str
    dataset: str


@_place("teacher_logprobs", "teacher_logprobs/{student}/{training}/{dataset}")
class TeacherLogprobs(Place):
    """How likely a teacher finds the tokens of a rendered dataset, and its likeliest ones."""

    student: str
    training: str
    dataset: str


@_place("plans", "plans/{student}")
class Plans(Place):
    """What the trainings of a student take, and whether its arms are comparable."""

    student: str


@_place("base", f"models/{{model}}/{BASE}")
class BaseModel(Place):
    """The weights of a teacher or student before training."""

    model: str


@_place("trained", "models/{student}/{training}/{dataset}/seed-{seed}")
class TrainedModel(Place):
    """The weights of an arm."""

    student: str
    training: str
    dataset: str
    seed: int


@_place("scores", "scores/{corpus}/{model_path}/{decoding}")
class Score(Place):
    """The scores of an arm on a benchmark."""

    corpus: str
    model_path: str
    decoding: str


@_place("solutions", "solutions/{corpus}")
class Solutions(Place):
    """What arms may be asked the likelihood of, beside their answers: solutions of a benchmark, with their answers."""

    corpus: str


@_place("likelihoods", "likelihoods/{corpus}/{model_path}")
class Likelihoods(Place):
    """How likely an arm finds the solutions of a benchmark and their answers."""

    corpus: str
    model_path: str


@_place("contrasts", "contrasts")
class Contrasts(Place):
    """The tables of scores and gaps of all selected studies."""


@_place("analysis", "analyses/{analysis}")
class Analysis(Place):
    """A table and a section of the report."""

    analysis: str


@_place("report", "report")
class Report(Place):
    """The page."""


@_place("browser", "report/browser")
class Browser(Place):
    """The page on which the arms' answers are looked at."""


PLACES = (Problems, Statements, Responses, Verdicts, Judgements, Agreement, Golds, Repeats, Contamination,
          Duplicates, Loglikelihoods, Dataset, Rendered, TeacherLogprobs, Plans, BaseModel, TrainedModel, Score,
          Solutions, Likelihoods, Contrasts, Analysis, Report, Browser)  # fmt: skip
# Every program can reach PLACES; what came later stands here, and changes the code hash of none that does not make it.
LATER = (Suitability, TokenShift)
KINDS = (*PLACES, *LATER)


def parse(folder: str | PurePath) -> Place:
    """Return the place of a folder under a `results/`, wherever that lies. Raises ValueError when it is none."""
    parts = PurePath(folder).parts
    if ROOT in parts:
        below = "/".join(parts[len(parts) - parts[::-1].index(ROOT) :])
        for kind in PLACES:
            if place := kind.match(below):
                return place
    raise ValueError(f"{folder} is no folder of {ROOT}/")


def find(folder: str | PurePath) -> Place:
    """Return the place of a folder as `parse`, those that came later too. Raises ValueError when it is none."""
    parts = PurePath(folder).parts
    below = "/".join(parts[len(parts) - parts[::-1].index(ROOT) :]) if ROOT in parts else ""
    later = [place for kind in LATER if (place := kind.match(below))]
    return later[0] if later else parse(folder)


def place_of(identity: Mapping[str, Any]) -> Place:
    """Return the place that a manifest's identity names. Raises KeyError when it names none."""
    kinds = {place.KIND: place for place in KINDS}
    return kinds[identity["kind"]].named(identity)


def identity(folder: Path) -> dict[str, Any]:
    """Return what the manifest of a folder says of itself; nothing where a program is run outside of `results/`."""
    try:
        return parse(folder.absolute()).identity
    except ValueError:
        return {}


def found_identity(folder: Path) -> dict[str, Any]:
    """Return what `identity` does, also of a folder of a kind that came later."""
    try:
        return find(folder.absolute()).identity
    except ValueError:
        return {}


def model_place(model_path: str) -> BaseModel | TrainedModel:
    """Return the place of a model's weights. Raises ValueError when the model path is none."""
    if model_path.startswith("teachers/"):
        return BaseModel(model_path.removeprefix("teachers/"))
    arm = Arm.parse(model_path)
    return TrainedModel(**asdict(arm)) if arm.is_trained else BaseModel(arm.student)
