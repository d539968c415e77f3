"""Studies: arms, benchmarks, gaps."""

from typing import Annotated

from pydantic import Field

from distill.config.recipes.base import Name, Recipe


class GapRecipe(Recipe):
    """A difference of two arms' scores on the same problems."""

    plus: Name = Field(..., description="The dataset whose arm is expected to be ahead.")
    minus: tuple[Name, ...] = Field(
        ..., min_length=1, description="The dataset it is compared with; of several the best one counts."
    )


class ArmsRecipe(Recipe):
    """A block of arms: every student with every dataset, training and seed."""

    students: tuple[Name, ...] = Field(..., min_length=1, description="Students.")
    datasets: tuple[Name, ...] = Field(
        ..., description="Datasets; `base`, the student before training, is always added."
    )
    training: Name = Field(..., description="The training of all these arms.")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((1,), min_length=1, description="Training seeds.")


class StudyRecipe(Recipe):
    """A study: arms, benchmarks, and the gaps to report."""

    title: str = Field(..., description="One line for the report.")
    arms: tuple[ArmsRecipe, ...] = Field(..., min_length=1, description="Blocks of arms.")
    benchmarks: tuple[Name, ...] = Field(..., min_length=1, description="Corpora that are never trained on.")
    decoding: Name = Field(..., description="How students answer the benchmarks.")
    gaps: dict[Name | Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], GapRecipe] = Field(
        {}, description="Name -> the two datasets compared."
    )
