"""The recipes: one frozen model per kind of catalogue entry, the only place where keys and defaults are defined.

A recipe is what the user writes in `config/`. Unknown keys are refused. Keys marked `layout` say how work is cut
up (shards, draws), not what a row contains; they never reach a job's parameters, so changing them re-makes nothing
that exists. `config/README.md` is generated from here.
"""

from distill.config.recipes.answering import (
    Answering,
    DecodingRecipe,
    GenerateRecipe,
    PublishedColumns,
    PublishedRecipe,
    Rewrite,
    StudentRecipe,
    TeacherRecipe,
)
from distill.config.recipes.base import LAYOUT, NAME_PATTERN, Recipe, canonical_json
from distill.config.recipes.corpora import CorpusColumns, CorpusRecipe, Rows
from distill.config.recipes.datasets import CurationRecipe, DatasetRecipe, LengthBounds, PassRate
from distill.config.recipes.engines import NgramRecipe, ServerRecipe, VllmRecipe
from distill.config.recipes.models import ModelRecipe, ScratchModel
from distill.config.recipes.settings import (
    GradingRecipe,
    JudgeRecipe,
    JudgingRecipe,
    ScoreRecipe,
    Settings,
    SimilarityRecipe,
)
from distill.config.recipes.studies import ArmsRecipe, GapRecipe, StudyRecipe
from distill.config.recipes.trainings import LikelihoodRecipe, LoraRecipe, RenderRecipe, TrainingRecipe, TrainRecipe

__all__ = [
    "LAYOUT",
    "NAME_PATTERN",
    "Answering",
    "ArmsRecipe",
    "CorpusColumns",
    "CorpusRecipe",
    "CurationRecipe",
    "DatasetRecipe",
    "DecodingRecipe",
    "GapRecipe",
    "GenerateRecipe",
    "GradingRecipe",
    "JudgeRecipe",
    "JudgingRecipe",
    "LengthBounds",
    "LikelihoodRecipe",
    "LoraRecipe",
    "ModelRecipe",
    "NgramRecipe",
    "PassRate",
    "PublishedColumns",
    "PublishedRecipe",
    "Recipe",
    "RenderRecipe",
    "Rewrite",
    "Rows",
    "ScoreRecipe",
    "ScratchModel",
    "ServerRecipe",
    "Settings",
    "SimilarityRecipe",
    "StudentRecipe",
    "StudyRecipe",
    "TeacherRecipe",
    "TrainRecipe",
    "TrainingRecipe",
    "VllmRecipe",
    "canonical_json",
]
