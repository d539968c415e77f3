"""What publishing reads of the configuration: where to, and the licences of corpora, teachers and students."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from distill.config.recipes.answering import StudentRecipe, TeacherRecipe
from distill.config.recipes.base import EXECUTION, FilePath, Name, Once, Recipe
from distill.config.recipes.corpora import CorpusRecipe
from distill.config.recipes.labels import Labelled

Kind = Literal["datasets", "models", "scores"]
HUB = "hub"


class Licensed(Recipe):
    """Under which licence something is, and how it wants to be cited; `snakemake publish` alone reads it."""

    licence: str | None = Field(
        None,
        description="Licence, by its SPDX name or the hub's, such as `apache-2.0`, `llama3.1`; `none` where there is "
        "none. `snakemake publish` asks for it.",
        json_schema_extra=EXECUTION,
    )
    citation: str | None = Field(
        None, description="How it wants to be cited; it stands in published cards.", json_schema_extra=EXECUTION
    )


# Entries of the catalogue, apart from the recipes that programs parse: a licence or a label changes no code hash.
class CorpusEntry(CorpusRecipe, Licensed, Labelled):
    """A named set of problems, with gold answers or without."""


class TeacherEntry(TeacherRecipe, Licensed, Labelled):
    """A model that writes training responses, or the responses it has already published."""


class StudentEntry(StudentRecipe, Licensed, Labelled):
    """A model that is fine-tuned."""


class PublishRecipe(Recipe):
    """Where `snakemake publish` puts datasets, models and scores, as `--config publish='{to: FOLDER}'`."""

    to: FilePath = Field(..., description="A folder, which is made; or `hub`, with the token in `HF_TOKEN`.")
    owner: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="User or organisation of the hub; with `to: hub`."
    )
    private: bool = Field(True, description="Whether repositories that are made on the hub are private.")
    kinds: Annotated[tuple[Kind, ...], Once] = Field(
        ("datasets", "models", "scores"), min_length=1, description="What is published."
    )
    despite: Annotated[tuple[Name, ...], Once] = Field(
        (), description="Corpora, teachers and students whose licence is passed over; the cards say so."
    )

    @model_validator(mode="after")
    def _owner_goes_with_the_hub(self) -> "PublishRecipe":
        if (self.to == HUB) != (self.owner is not None):
            raise ValueError("`to: hub` goes with `owner`, a user or organisation of the hub; a folder has none")
        if self.to != HUB and not self.private:
            raise ValueError("`private: false` goes with `to: hub`")
        return self
