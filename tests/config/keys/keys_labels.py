"""Keys of labels, and the entries that have one beside the keys of their recipes."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from helpers import REPOSITORY
from keys import Keys, key
from keys_datasets import KEYS as DATASETS
from keys_on_policy import KEYS as ON_POLICY
from keys_trainings import KEYS as TRAININGS

from distill.config.labels import shown_as
from distill.config.load import load
from distill.config.recipes import (
    CorpusEntry,
    DatasetEntry,
    DatasetRecipeEntry,
    OnPolicyTraining,
    OnPolicyTrainingEntry,
    StudentEntry,
    TeacherEntry,
    TrainingEntry,
    TrainingRecipe,
)
from distill.config.recipes.labels import Labelled

ENTRIES = {CorpusEntry: ("corpora", "toy-train"), TeacherEntry: ("teachers", "toy-long"),
           StudentEntry: ("students", "toy-xs"), DatasetRecipeEntry: ("datasets", "toy-long-arm")}  # fmt: skip


def called(entry: Labelled) -> Any:
    """What an entry of the toy with this label is called where people read."""
    kind, name = ENTRIES.get(type(entry), ("trainings", "toy-sft"))
    with TemporaryDirectory() as folder:
        path = Path(folder, "config/catalogue", f"{kind}.yaml")
        shutil.copytree(REPOSITORY / "config", Path(folder, "config"))
        content = yaml.safe_load(path.read_text())
        content[name]["label"] = entry.label
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return shown_as(load(Path(folder, "config"), {"studies": ["toy"], "torch": "cpu"}))


LABEL = {"label": key("Another", called)}
KEYS = {Labelled: Keys({}, LABEL)}
for entry, recipe in ((DatasetRecipeEntry, DATASETS[DatasetEntry]), (TrainingEntry, TRAININGS[TrainingRecipe]),
                      (OnPolicyTrainingEntry, ON_POLICY[OnPolicyTraining])):  # fmt: skip
    KEYS[entry] = Keys(recipe.base, {**recipe.fields, **LABEL})
