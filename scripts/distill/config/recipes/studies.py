"""Studies: arms, benchmarks, gaps."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from distill.config.recipes.base import Name, Once, Recipe, Seed
from distill.config.recipes.trainings import COMPARED_RECIPE

# What the arms of a gap must share: the training's keys, and what came of them. Each is named in a manifest.
TAKEN = ("updates", "epochs", "rows", "problems", "cutoff", "truncated", "base", "prompt", "draws", "code")
COMPARED = (*TAKEN, *COMPARED_RECIPE, "on_policy")


class GapArm(Recipe):
    """One side of a gap, where its training is not that of the others."""

    dataset: Name = Field(..., description="Dataset; `base` is the student before training.")
    training: Name = Field(..., description="Training.")


class GapRecipe(Recipe):
    """A difference of two arms' scores on the same problems."""

    plus: Name | GapArm = Field(
        ..., description="The arm that is expected to be ahead: a dataset, or `{dataset: D, training: T}`."
    )
    minus: Annotated[tuple[Name | GapArm, ...], Once] = Field(
        ..., min_length=1, description="The arm it is compared with; of several the best one counts."
    )
    differs: Annotated[tuple[str, ...], Once] = Field(
        (), description="What else than the data the arms may differ in, such as `epochs`; more stops the study."
    )

    @field_validator("differs")
    @classmethod
    def _are_compared(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in COMPARED:
                raise ValueError(f"{name!r} is nothing that arms must share; that are: {', '.join(COMPARED)}")
        return names

    @model_validator(mode="after")
    def _compares_two(self) -> "GapRecipe":
        if self.plus in self.minus:
            raise ValueError(f"{self.plus!r} is compared with itself")
        return self


class ArmsRecipe(Recipe):
    """A block of arms: every student with every dataset, training and seed."""

    students: Annotated[tuple[Name, ...], Once] = Field(..., min_length=1, description="Students.")
    datasets: Annotated[tuple[Name, ...], Once] = Field(
        ..., description="Datasets; `base`, the student before training, is always added."
    )
    training: Name = Field(..., description="The training of all these arms.")
    seeds: Annotated[tuple[Seed, ...], Once] = Field((1,), min_length=1, description="Training seeds.")


class StudyRecipe(Recipe):
    """A study: arms, benchmarks, and the gaps to report."""

    title: str = Field(..., description="One line for the report.")
    arms: tuple[ArmsRecipe, ...] = Field(..., min_length=1, description="Blocks of arms.")
    benchmarks: Annotated[tuple[Name, ...], Once] = Field(
        ..., min_length=1, description="Corpora that are never trained on."
    )
    decoding: Name = Field(..., description="How students answer the benchmarks.")
    gaps: dict[Name | Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], GapRecipe] = Field(
        {}, description="Name -> the two datasets compared."
    )
