"""Datasets, trainings and studies as they stand in their files: with what came later, or what no score depends on.

Apart from the recipes that programs parse, as the entries with licences are: what is written here changes the code hash
of no program that was there before.
"""

from typing import Literal

from pydantic import Field, model_validator

from distill.config.recipes.base import EXECUTION, Name
from distill.config.recipes.datasets import CurationRecipe, DatasetRecipe
from distill.config.recipes.labels import Labelled
from distill.config.recipes.studies import StudyRecipe
from distill.config.recipes.trainings import OnPolicyTraining, TrainingRecipe

SUITED = ("student_rank_surprisal", "student_local_naturalness", "student_overlap_1", "student_overlap_10")


class CurationEntry(CurationRecipe):
    """What is left out before pairing, and which of several usable responses is chosen. Nothing is, unless said."""

    choose: Literal[  # type: ignore[assignment]
        "first",
        "shortest",
        "longest",
        "random",
        "student_likely",
        "student_rank_surprisal",
        "student_local_naturalness",
        "student_overlap_1",
        "student_overlap_10",
    ] = Field(
        "first",
        description="Which usable draw stands for a problem; `student_likely`: of the lowest perplexity to `student`. "
        "Or the one that suits `student` best by a signal: the lowest ratio of mean rank to mean surprisal "
        "(`student_rank_surprisal`, arXiv 2601.14249), the highest likelihood of its sentences, each seen with the "
        "prompt and the four before it (`student_local_naturalness`, after arXiv 2510.03988), the most tokens that are "
        "the student's likeliest, or among its ten likeliest (`student_overlap_1`, `student_overlap_10`).",
    )
    student: Name | None = Field(None, description="The base student of a `choose` that begins with `student_`.")

    @model_validator(mode="after")
    def _student_goes_with_likely(self) -> "CurationEntry":
        if (self.student is None) == self.choose.startswith("student_"):
            raise ValueError("`student` goes with `choose: student_likely` or another `student_...`, and nothing else")
        return self


class DatasetEntry(DatasetRecipe):
    """What a student is trained on: one response per problem, from one teacher or a mix of several."""

    curation: CurationEntry = Field(  # type: ignore[assignment]
        CurationEntry(), description="What is left out, and which draw is chosen."
    )

    def unsuited(self) -> DatasetRecipe:
        """Return the recipe with the first draw chosen in place of the one that suits best."""
        curation = {**self.curation.model_dump(), "choose": "first", "student": None}
        return DatasetRecipe.model_validate({**self.model_dump(), "curation": curation})


class DatasetRecipeEntry(DatasetEntry, Labelled):
    """What a student is trained on: one response per problem, from one teacher or a mix of several."""


class TrainingEntry(TrainingRecipe, Labelled):
    """Fine-tuning. What the arms of a gap must have in common is all here."""


class OnPolicyTrainingEntry(OnPolicyTraining, Labelled):
    """A training whose responses the student writes itself. It stands in place of the keys of fine-tuning."""


class StudyEntry(StudyRecipe):
    """A study: arms, benchmarks, and the gaps to report."""

    suitability: bool = Field(
        False,
        description="Rate how well the responses of each dataset's teachers suit its students before training: "
        "perplexity, rank-surprisal ratio, local naturalness, overlap. The report has them with the ranks that they "
        "give and, after the trainings, whether these go with the gains.",
        json_schema_extra=EXECUTION,
    )
    token_shift: bool = Field(
        False,
        description="Look up where each token that an arm writes on the benchmarks stands among those that the student "
        "before training would have written (the paper's Fig. 8), and each token of the datasets' teachers: unshifted, "
        "marginal, shifted, the most shifted tokens, style against mathematics. Of several draws the first is read.",
        json_schema_extra=EXECUTION,
    )
