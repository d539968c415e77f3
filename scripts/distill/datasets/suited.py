"""Draws of a dataset that takes those which suit a student before training: as `draws` reads them, in another order."""

from collections.abc import Iterator
from dataclasses import replace
from math import inf

from pydantic import Field

from distill.config.recipes import DatasetRecipe
from distill.datasets import suitability
from distill.datasets.draws import MixInputs, Teachers, read_draws
from distill.datasets.mixing import Draw
from distill.runtime.errors import InputError


class SuitedInputs(MixInputs):
    """The files of a dataset, and of each of its teachers the suitability of its responses."""

    suitability: Teachers = Field({})

    def check(self, recipe: DatasetRecipe) -> None:
        """Raise InputError as `MixInputs`, or where a teacher of the dataset has no suitability."""
        super().check(recipe)
        if missing := [teacher for teacher in recipe.teachers if not self.suitability.get(teacher)]:
            raise InputError(f"--inputs: suitability must name files of {missing[0]}")


def read_suited(inputs: SuitedInputs, teacher: str, recipe: DatasetRecipe, choose: str) -> Iterator[Draw]:
    """Yield the draws of one teacher, of each problem the one that suits best first; one that was not rated is last.

    Raises InputError as `read_draws`, or where the suitability is that of other responses.
    """
    rated = suitability.read(inputs.suitability[teacher], inputs.responses[teacher])
    for draw in read_draws(inputs, teacher, recipe):
        penalty = suitability.penalty(rated[draw.problem_id, draw.draw], choose)
        yield replace(draw, preference=(inf if penalty is None else penalty, draw.draw))
