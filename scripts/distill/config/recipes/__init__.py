"""The recipes: one frozen model per kind of catalogue entry, the only place where keys and defaults are defined.

A recipe is what the user writes in `config/`. Unknown keys are refused. Keys marked `execution` say how work is cut
up (shards, draws), not what a row contains; they never reach a job's parameters, so changing them re-makes nothing
that exists. `config/README.md` is generated from here.
"""

from distill.config.recipes.answering import (
    Answering,
    DecodingRecipe,
    GenerateJob,
    StudentRecipe,
    TeacherRecipe,
    needed_gpus,
)
from distill.config.recipes.base import EXECUTION, NAME_PATTERN, Recipe, canonical_json
from distill.config.recipes.corpora import AgreementRecipe, CorpusColumns, CorpusRecipe, Rewrite, Rows
from distill.config.recipes.datasets import CurationRecipe, DatasetRecipe, LengthBounds, PassRate
from distill.config.recipes.engines import NgramRecipe, ServeRecipe, ServerRecipe, VllmRecipe
from distill.config.recipes.entries import (
    SUITED,
    CurationEntry,
    DatasetEntry,
    DatasetRecipeEntry,
    OnPolicyTrainingEntry,
    StudyEntry,
    TrainingEntry,
)
from distill.config.recipes.models import ModelRecipe, ScratchModel
from distill.config.recipes.published import PublishedColumns, PublishedRecipe
from distill.config.recipes.publishing import (
    CorpusEntry,
    Licensed,
    PublishRecipe,
    StudentEntry,
    TeacherEntry,
)
from distill.config.recipes.settings import (
    AgreementJob,
    GradingRecipe,
    JudgeJob,
    JudgeRecipe,
    PricesRecipe,
    ScoreJob,
    Settings,
    SimilarityRecipe,
    VerifyJob,
)
from distill.config.recipes.studies import (
    COMPARED,
    ArmsRecipe,
    ContrastRecipe,
    GapArm,
    GapRecipe,
    PowerRecipe,
    StudyRecipe,
)
from distill.config.recipes.templating import Templating
from distill.config.recipes.trainings import (
    Distillation,
    DistilRecipe,
    FineTuning,
    LoglikelihoodJob,
    LoraRecipe,
    OnPolicy,
    OnPolicyJob,
    OnPolicyRecipe,
    OnPolicyTraining,
    RenderJob,
    TeacherLogprobsJob,
    TrainingRecipe,
    TrainJob,
)

__all__ = [
    "COMPARED",
    "EXECUTION",
    "NAME_PATTERN",
    "SUITED",
    "AgreementJob",
    "AgreementRecipe",
    "Answering",
    "ArmsRecipe",
    "ContrastRecipe",
    "CorpusColumns",
    "CorpusEntry",
    "CorpusRecipe",
    "CurationEntry",
    "CurationRecipe",
    "DatasetEntry",
    "DatasetRecipe",
    "DatasetRecipeEntry",
    "DecodingRecipe",
    "DistilRecipe",
    "Distillation",
    "FineTuning",
    "GapArm",
    "GapRecipe",
    "GenerateJob",
    "GradingRecipe",
    "JudgeJob",
    "JudgeRecipe",
    "LengthBounds",
    "Licensed",
    "LoglikelihoodJob",
    "LoraRecipe",
    "ModelRecipe",
    "NgramRecipe",
    "OnPolicy",
    "OnPolicyJob",
    "OnPolicyRecipe",
    "OnPolicyTraining",
    "OnPolicyTrainingEntry",
    "PassRate",
    "PowerRecipe",
    "PricesRecipe",
    "PublishRecipe",
    "PublishedColumns",
    "PublishedRecipe",
    "Recipe",
    "RenderJob",
    "Rewrite",
    "Rows",
    "ScoreJob",
    "ScratchModel",
    "ServeRecipe",
    "ServerRecipe",
    "Settings",
    "SimilarityRecipe",
    "StudentEntry",
    "StudentRecipe",
    "StudyEntry",
    "StudyRecipe",
    "TeacherEntry",
    "TeacherLogprobsJob",
    "TeacherRecipe",
    "Templating",
    "TrainJob",
    "TrainingEntry",
    "TrainingRecipe",
    "VerifyJob",
    "VllmRecipe",
    "canonical_json",
    "needed_gpus",
]
