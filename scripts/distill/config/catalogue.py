"""The catalogue: all recipes by kind and name, the selected studies, and the settings."""

from dataclasses import dataclass, field
from pathlib import Path

from distill.config.lineage import BASE, PUBLISHED, Arm
from distill.config.recipes import (
    CorpusEntry,
    CorpusRecipe,
    DatasetEntry,
    DatasetRecipeEntry,
    DecodingRecipe,
    OnPolicyRecipe,
    OnPolicyTrainingEntry,
    Recipe,
    Settings,
    StudentEntry,
    StudentRecipe,
    StudyEntry,
    StudyRecipe,
    TeacherEntry,
    TeacherRecipe,
    TrainingEntry,
    TrainingRecipe,
)

KINDS: dict[str, type[Recipe]] = {
    "corpora": CorpusEntry,
    "teachers": TeacherEntry,
    "datasets": DatasetRecipeEntry,
    "students": StudentEntry,
    "trainings": TrainingEntry,
    "decodings": DecodingRecipe,
}
# Kind -> keys: an entry that has one is of another recipe.
VARIANTS: dict[str, list[tuple[str, type[Recipe]]]] = {"trainings": [("on_policy", OnPolicyTrainingEntry)]}
# Names that mean something in a path.
RESERVED = {"datasets": BASE, "decodings": PUBLISHED, "trainings": BASE}


@dataclass
class Catalogue:
    """All recipes by kind and name, the selected studies, and the settings.

    on_policy: the entries of trainings.yaml that are on-policy; `trainings` are the others.
    files: (kind, name) -> the file of an entry, relative to the folder `config/`. labels: (kind, name) -> its label.
    """

    settings: Settings
    corpora: dict[str, CorpusRecipe] = field(default_factory=dict)
    teachers: dict[str, TeacherRecipe] = field(default_factory=dict)
    datasets: dict[str, DatasetEntry] = field(default_factory=dict)
    students: dict[str, StudentRecipe] = field(default_factory=dict)
    trainings: dict[str, TrainingRecipe] = field(default_factory=dict)
    on_policy: dict[str, OnPolicyRecipe] = field(default_factory=dict)
    decodings: dict[str, DecodingRecipe] = field(default_factory=dict)
    studies: dict[str, StudyEntry] = field(default_factory=dict)
    files: dict[tuple[str, str], Path] = field(default_factory=dict)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)

    def arms(self, study: str) -> list[Arm]:
        """Return the arms of a study."""
        return arms_of(self.studies[study])

    def start_of(self, training: str) -> str:
        """Return the training that an on-policy one goes on from, whose rows it is shown; any other is its own."""
        return self.on_policy[training].start if training in self.on_policy else training

    def draws(self, model_path: str, decoding: str) -> range:
        """Return the draws of a model path (`teachers/x` or `students/...`) under a decoding."""
        if decoding != PUBLISHED:
            return range(self.decodings[decoding].draws)
        published = self.teachers[model_path.removeprefix("teachers/")].published
        return range(published.draws if published else 0)

    def benchmarks(self) -> list[str]:
        """Return the names of the benchmarks that datasets are decontaminated against."""
        measured = {name for study in self.studies.values() for name in study.benchmarks}
        return [
            name
            for name, corpus in self.corpora.items()
            if corpus.benchmark and (corpus.always_compared or name in measured)
        ]

    def decoding_of(self, teacher: str) -> str:
        """Return a teacher's decoding, or `published`."""
        return self.teachers[teacher].decoding or PUBLISHED


def arms_of(study: StudyRecipe) -> list[Arm]:
    """Return the arms of a study, sorted; the base student is always among them."""
    arms: set[Arm] = set()
    for block in study.arms:
        for student in block.students:
            arms.add(Arm.base(student))
            trained = (d for d in block.datasets if d != BASE)
            arms |= {Arm(student, block.training, d, seed) for d in trained for seed in block.seeds}
    return sorted(arms)
