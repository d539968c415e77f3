"""Reads `config/`: the catalogue, the studies and the settings, with every mistake reported before a graph is built.

A mistake is one line: file, path of the key, what was expected, and the nearest valid name.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from distill.arms import UNTOUCHED, Arm, arms_of
from distill.errors import InputError
from distill.recipes import (
    NAME_PATTERN,
    CorpusRecipe,
    DatasetRecipe,
    DecodingRecipe,
    JudgeRecipe,
    Recipe,
    Settings,
    StudentRecipe,
    StudyRecipe,
    TeacherRecipe,
    TrainingRecipe,
)

PUBLISHED = "published"
KINDS: dict[str, type[Recipe]] = {
    "corpora": CorpusRecipe,
    "teachers": TeacherRecipe,
    "datasets": DatasetRecipe,
    "students": StudentRecipe,
    "trainings": TrainingRecipe,
    "decodings": DecodingRecipe,
}
# Names that mean something in a path.
RESERVED = {"datasets": UNTOUCHED, "decodings": PUBLISHED, "trainings": "base"}


@dataclass
class Catalogue:
    """All recipes by kind and name, the selected studies, and the settings."""

    settings: Settings
    corpora: dict[str, CorpusRecipe] = field(default_factory=dict)
    teachers: dict[str, TeacherRecipe] = field(default_factory=dict)
    datasets: dict[str, DatasetRecipe] = field(default_factory=dict)
    students: dict[str, StudentRecipe] = field(default_factory=dict)
    trainings: dict[str, TrainingRecipe] = field(default_factory=dict)
    decodings: dict[str, DecodingRecipe] = field(default_factory=dict)
    studies: dict[str, StudyRecipe] = field(default_factory=dict)

    def arms(self, study: str) -> list[Arm]:
        """Return the arms of a study."""
        return arms_of(self.studies[study])

    def draws(self, responder: str, decoding: str) -> range:
        """Return the draws of a responder (`teachers/x` or `students/...`) under a decoding."""
        if decoding != PUBLISHED:
            return range(self.decodings[decoding].draws)
        published = self.teachers[responder.removeprefix("teachers/")].published
        return range(published.draws if published else 0)

    def benchmarks(self) -> list[str]:
        """Return the names of all corpora that are never trained on."""
        return [name for name, corpus in self.corpora.items() if corpus.benchmark]

    def decoding_of(self, teacher: str) -> str:
        """Return a teacher's decoding, or `published`."""
        return self.teachers[teacher].decoding or PUBLISHED


def load(root: Path, settings: Mapping[str, Any]) -> Catalogue:
    """Read and check `root` (the folder `config/`) for the given settings (the content of config.yaml).

    Raises InputError with one line per mistake.
    """
    mistakes: list[str] = []
    checked = _parse(Settings, settings, root / "config.yaml", "", mistakes)
    if checked is None:
        raise InputError("\n".join(mistakes))
    catalogue = Catalogue(settings=checked)
    names: dict[str, list[str]] = {}  # also of entries with mistakes, so that one mistake is not told twice
    for kind, model in KINDS.items():
        path = root / "catalogue" / f"{kind}.yaml"
        entries = _read_yaml(path, mistakes)
        names[kind] = [str(name) for name in entries]
        for name, entry in entries.items():
            recipe = _parse(model, entry, path, str(name), mistakes, name=True, reserved=RESERVED.get(kind))
            if recipe is not None:
                getattr(catalogue, kind)[name] = recipe
    known = sorted(p.stem for p in (root / "studies").glob("*.yaml"))
    for name in checked.studies:
        if name not in known:
            mistakes.append(f"{root / 'config.yaml'}: studies: {_unknown(name, 'study', known)}")
            continue
        path = root / "studies" / f"{name}.yaml"
        study = _parse(StudyRecipe, _read_yaml(path, mistakes), path, "", mistakes)
        if study is not None:
            catalogue.studies[name] = study
    if all(names.values()):
        mistakes += _References(catalogue, root, names).mistakes()
    if mistakes:
        raise InputError("\n".join(dict.fromkeys(mistakes)))
    return catalogue


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses a key given twice (plain YAML silently keeps the last)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path, mistakes: list[str]) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(), _Loader) or {}
    except FileNotFoundError:
        mistakes.append(f"{path}: no such file")
        return {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        mistakes.append(f"{path}:{line} {getattr(error, 'problem', None) or error}")
        return {}
    if not isinstance(data, dict):
        mistakes.append(f"{path}: expected names and recipes (a mapping), not {type(data).__name__}")
        return {}
    return data


def _parse(
    model: type[Recipe], data: Any, path: Path, key: str, mistakes: list[str], name: bool = False,
    reserved: str | None = None,
) -> Any:  # fmt: skip
    if name and (not re.fullmatch(NAME_PATTERN, key) or key == reserved):
        rule = "is reserved" if key == reserved else "is no name; use lower-case words with hyphens, as in qwen2-5-32b"
        mistakes.append(f"{path}: {key!r} {rule}")
        return None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for item in error.errors():
            mistakes.append(_mistake(model, item, path, key))
        return None


def _mistake(model: type[BaseModel], item: Any, path: Path, key: str) -> str:
    """Return one line for one of pydantic's errors."""
    where = ".".join([key, *(str(part) for part in item["loc"] if part != "[key]")]).strip(".")
    if item["type"] == "extra_forbidden":
        known = _keys_at(model, item["loc"][:-1])
        return f"{path}: {where}: {_unknown(str(item['loc'][-1]), 'key', known)}"
    if item["type"] == "missing":
        return f"{path}: {where}: is missing"
    message = item["msg"].removeprefix("Value error, ")
    given = (
        "" if isinstance(item["input"], (dict, list)) or item["type"] == "value_error" else f", not {item['input']!r}"
    )
    return f"{path}: {where}: {message[0].lower()}{message[1:]}{given}"


def _keys_at(model: type[BaseModel], loc: Iterable[Any]) -> list[str]:
    """Return the keys that a recipe allows at a path."""
    for part in loc:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        inner = [a for a in _arguments(model.model_fields[part].annotation) if _is_recipe(a)]
        model = inner[0] if inner else model
    return sorted(model.model_fields)


def _arguments(annotation: Any) -> list[Any]:
    parts = getattr(annotation, "__args__", ())
    return [annotation, *(a for part in parts for a in _arguments(part))]


def _is_recipe(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _unknown(name: str, kind: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'}"
    return f"{name!r} is no known {kind}; {hint}"


class _References:
    """Checks that names point to entries, files exist, and the parts of a study fit each other."""

    def __init__(self, catalogue: Catalogue, root: Path, names: Mapping[str, Iterable[str]]):
        self._c, self._root, self._names = catalogue, root, names
        self._found: list[str] = []

    def mistakes(self) -> list[str]:
        for name, teacher in self._c.teachers.items():
            self._answering("teachers", name, teacher.prompt)
            if teacher.decoding:
                self._name("teachers", f"{name}.decoding", teacher.decoding, "decodings", "decoding")
            twin = self._c.students.get(name)
            if twin and twin.model != teacher.model:
                self._say("teachers", f"{name}.model", "differs from the student of the same name; they share weights")
        for name, student in self._c.students.items():
            self._answering("students", name, student.prompt)
            for corpus in student.model.scratch.tokenizer_corpora if student.model.scratch else ():
                self._name("students", f"{name}.model.scratch.tokenizer_corpora", corpus, "corpora", "corpus")
        for name, dataset in self._c.datasets.items():
            self._dataset(name, dataset)
        if self._c.settings.judge:
            self._judge(self._c.settings.judge)
        for name, study in self._c.studies.items():
            self._study(name, study)
        return self._found

    def _say(self, kind: str, key: str, message: str) -> None:
        folder = "studies" if kind not in KINDS else "catalogue"
        self._found.append(f"{self._root / folder / kind}.yaml: {key}: {message}")

    def _name(self, kind: str, key: str, name: str, target: str, word: str) -> bool:
        if name not in self._names[target]:
            self._say(kind, key, _unknown(name, word, self._names[target]))
        return name in getattr(self._c, target)

    def _answering(self, kind: str, name: str, prompt: str) -> None:
        folder = self._root.parent / "resources" / "prompts"
        known = [p.stem for p in folder.glob("*.jinja")]
        if prompt not in known:
            self._say(kind, f"{name}.prompt", f"{_unknown(prompt, 'prompt', known)} (files in {folder})")

    def _dataset(self, name: str, dataset: DatasetRecipe) -> None:
        asked = dataset.curation
        known = self._name("datasets", f"{name}.corpus", dataset.corpus, "corpora", "corpus")
        if known and self._c.corpora[dataset.corpus].benchmark:
            self._say("datasets", f"{name}.corpus", f"{dataset.corpus!r} is a benchmark, which is never trained on")
        for source in dataset.sources:
            self._name("datasets", f"{name}.sources", source, "teachers", "teacher")
        if asked.pass_rate:
            self._rater(f"{name}.curation.pass_rate.teacher", asked.pass_rate.teacher)
        if asked.student:
            self._name("datasets", f"{name}.curation.student", asked.student, "students", "student")
        if asked.decontaminate and not self._c.benchmarks():
            self._say("datasets", f"{name}.curation.decontaminate", "no corpus is marked `benchmark: true`")

    def _judge(self, judge: JudgeRecipe) -> None:
        folder = self._root.parent / "resources" / "prompts" / "judges"
        prompts, path = [p.stem for p in folder.glob("*.jinja")], self._root / "config.yaml"
        if judge.prompt not in prompts:
            self._found.append(f"{path}: judge.prompt: {_unknown(judge.prompt, 'prompt', prompts)} (files in {folder})")
        if judge.teacher not in self._names["teachers"]:
            self._found.append(f"{path}: judge.teacher: {_unknown(judge.teacher, 'teacher', self._names['teachers'])}")
        elif (teacher := self._c.teachers.get(judge.teacher)) and teacher.model is None:
            self._found.append(f"{path}: judge.teacher: {judge.teacher!r} has published its responses; it cannot judge")

    def _rater(self, key: str, teacher: str) -> None:
        """Check the teacher of a pass rate: asked until it is right, it has more draws where it is wrong."""
        if not self._name("datasets", key, teacher, "teachers", "teacher"):
            return
        decoding = self._c.decodings.get(self._c.decoding_of(teacher))
        if decoding and decoding.until_correct:
            self._say("datasets", key, f"{teacher!r} draws `until_correct`, so its share of correct draws is no rate")

    def _study(self, name: str, study: StudyRecipe) -> None:
        for i, block in enumerate(study.arms):
            self._name(name, f"arms.{i}.training", block.training, "trainings", "training")
            for student in block.students:
                self._name(name, f"arms.{i}.students", student, "students", "student")
            for dataset in block.datasets:
                if dataset != UNTOUCHED:
                    self._name(name, f"arms.{i}.datasets", dataset, "datasets", "dataset")
        for benchmark in study.benchmarks:
            known = self._name(name, "benchmarks", benchmark, "corpora", "corpus")
            if known and not self._c.corpora[benchmark].benchmark:
                self._say(name, "benchmarks", f"{benchmark!r} must be marked `benchmark: true` in its recipe")
        known = self._name(name, "decoding", study.decoding, "decodings", "decoding")
        if known and self._c.decodings[study.decoding].until_correct:
            message = "is `until_correct`, which is for teachers; a student must answer every problem as often"
            self._say(name, "decoding", f"{study.decoding!r} {message}")
        trained = {d for block in study.arms for d in block.datasets} | {UNTOUCHED}
        for gap, recipe in study.gaps.items():
            for dataset in (recipe.plus, *recipe.minus):
                if dataset not in trained:
                    self._say(name, f"gaps.{gap}", _unknown(dataset, "dataset of this study", trained))
