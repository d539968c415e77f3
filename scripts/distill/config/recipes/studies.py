"""Studies: arms, benchmarks, gaps."""

from typing import Annotated

from pydantic import Field, model_validator

from distill.config.recipes.base import Name, Once, Recipe, Seed


class GapRecipe(Recipe):
    """A difference of two arms' scores on the same problems."""

    plus: Name = Field(..., description="The dataset whose arm is expected to be ahead.")
    minus: Annotated[tuple[Name, ...], Once] = Field(
        ..., min_length=1, description="The dataset it is compared with; of several the best one counts."
    )

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
