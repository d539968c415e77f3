"""Where rows from outside come from, and the recipe of a corpus."""

from typing import Literal

from pydantic import Field, model_validator

from distill.config.recipes.base import EXECUTION, Positive, Recipe, Share


class Rows(Recipe):
    """Where rows come from: a local Parquet or JSONL file, or a dataset on the Hugging Face hub."""

    path: str | None = Field(None, description="A Parquet or JSONL file, relative to the folder you run in.")
    hub: str | None = Field(None, description="A hub dataset id such as `openai/gsm8k` (instead of `path`).")
    revision: str | None = Field(None, description="The commit of the hub dataset; required with `hub`.")
    subset: str | None = Field(None, description="The hub dataset's configuration, where it has several.")
    split: str = Field("train", description="The split of the hub dataset.")
    files: tuple[str, ...] = Field((), description="Patterns of the hub files to download; all when absent.")

    @model_validator(mode="after")
    def _one_origin(self) -> "Rows":
        if (self.path is None) == (self.hub is None):
            raise ValueError("give either `path` (a local file) or `hub` (a dataset id)")
        if self.hub is not None and self.revision is None:
            raise ValueError("`hub` needs `revision` (a commit), so that the rows cannot change under you")
        return self


class CorpusColumns(Recipe):
    """Which column of the source holds what."""

    problem: str = Field("problem", description="The statement.")
    answer: str = Field("answer", description="The gold answer.")
    problem_id: str | None = Field(None, description="A unique id; without it the id is a hash of the statement.")
    solution: str | None = Field(None, description="The reference solution.")
    subject: str | None = Field(None, description="The subject.")
    level: str | None = Field(None, description="The difficulty.")


class CorpusRecipe(Rows):
    """A named set of problems with gold answers."""

    columns: CorpusColumns = Field(CorpusColumns(), description="Column mapping.")
    answer_format: Literal["bare", "boxed", "hashes"] = Field(
        "bare",
        description="How the answer column holds the gold: as it is, in the last `\\boxed{}`, or after `####`.",
    )
    start: int = Field(0, ge=0, description="First row of the source to take.")
    stop: Positive | None = Field(None, description="Row of the source to stop before; all when absent.")
    max_unusable: Share = Field(
        0.01,
        description="Share of rows that may lack a usable answer (they become ledger entries); more fail.",
    )
    benchmark: bool = Field(
        False,
        description="Never trained on: studies measure on it, datasets can be decontaminated against it.",
        json_schema_extra=EXECUTION,
    )
    shards: Positive = Field(
        1, description="Jobs that share the corpus, by a hash of problem_id.", json_schema_extra=EXECUTION
    )
