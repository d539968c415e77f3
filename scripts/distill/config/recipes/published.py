"""Published responses, in place of a teacher that we run."""

import re
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from distill.config.recipes.base import EXECUTION, FinishReasons, Once, Recipe
from distill.config.recipes.corpora import Rewrite, Rows, Text, named_columns, template_columns
from distill.config.recipes.templating import TAGS_DESCRIPTION, ThinkTags, checked_tags


class PublishedColumns(Recipe):
    """Which column of published traces holds what. Rows are joined by id, or by the exact problem text.

    A column may be a path (see Rows).
    """

    response: Text | Annotated[tuple[Text, ...], Field(min_length=2), Once] = Field(
        "response", description="The response; or a list of columns, which are draws of their problem in this order."
    )
    response_template: str | None = Field(
        None,
        description="In place of `response`: a text with columns in braces, such as "
        "`<think>\\n{reasoning}\\n</think>\\n\\n{solution}`; a brace of the text is doubled, `\\\\boxed{{{answer}}}`.",
    )
    problem_id: str | None = Field(None, description="The problem's id, as in the corpus.")
    problem: str | None = Field(None, description="The statement; joined by text, white space aside.")
    finish_reason: str | None = Field(
        None,
        description="Why it ended (`stop`, `length` and what they are called elsewhere); `stop` when absent or null.",
    )
    label: str | None = Field(
        None, description="The publisher's own verdict (true/false, null: none); agreement is reported."
    )

    @model_validator(mode="after")
    def _one_key(self) -> "PublishedColumns":
        if (self.problem_id is None) == (self.problem is None):
            raise ValueError("give either `problem_id` or `problem`: rows are joined by one of them")
        if not isinstance(self.response, str) and (self.label or self.finish_reason or self.response_template):
            raise ValueError("of several columns of responses nothing more is known: no `label`, `finish_reason`")
        return self

    @field_validator("response_template")
    @classmethod
    def _names_columns(cls, template: str | None) -> str | None:
        if template and (lone := re.search(r"(\\(?:boxed|fbox))(\{[^{}]*\})", template)):
            raise ValueError(f"`{lone[0]}` becomes a box without braces; write `{lone[1]}{{{{{lone[2]}}}}}`")
        return None if template is None else named_columns(template)

    def response_columns(self) -> list[str]:
        """Return the columns that a response is made of."""
        if self.response_template is None:
            return [self.response] if isinstance(self.response, str) else list(self.response)
        return template_columns(self.response_template)

    def names(self) -> list[str]:
        """Return all columns that are read."""
        others = (self.problem_id, self.problem, self.finish_reason, self.label)
        return list(dict.fromkeys([*self.response_columns(), *(name for name in others if name)]))


class PublishedRecipe(Rows):
    """Responses that somebody has published, in place of a teacher that we run."""

    columns: PublishedColumns = Field(..., description="Column mapping.")
    id_pattern: str | None = Field(
        None, description="Keep only rows whose problem_id column matches; `id_template` is then expanded."
    )
    id_template: str = Field(r"\g<0>", description="The corpus's problem_id, made from `id_pattern`.")
    think_tags: ThinkTags = Field("think", description=TAGS_DESCRIPTION)
    draws_in_lists: bool = Field(
        False,
        description="The response column is a list with one entry per draw; labels and finish reasons may be, too. Of "
        "a list of objects a path takes a part of each, as `outputs.*.text` does.",
    )
    finish_reasons: FinishReasons = Field(
        {},
        description="What the publisher's own words for the end of a response mean, beside those that are known. "
        "Case does not count.",
    )
    rewrites: tuple[Rewrite, ...] = Field((), description="Applied to each response in this order.")
    problem_rewrites: tuple[Rewrite, ...] = Field((), description="Applied to each statement before it is looked up.")
    draws: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="Responses per problem, in the order of the file.", json_schema_extra=EXECUTION
    )

    @field_validator("think_tags")
    @classmethod
    def _tags(cls, tags: Any) -> Any:
        return checked_tags(tags)

    @model_validator(mode="after")
    def _parts_fit(self) -> "PublishedRecipe":
        if self.draws_in_lists and self.columns.response_template is not None:
            raise ValueError("`draws_in_lists` wants one column of lists, not a `response_template`")
        if self.draws_in_lists and len(self.columns.response_columns()) > 1:
            raise ValueError("`draws_in_lists` wants one column of lists, not several columns")
        if self.id_pattern is None:
            if "id_template" in self.model_fields_set and self.id_template != r"\g<0>":
                raise ValueError("`id_template` goes with `id_pattern`")
        else:
            Rewrite(pattern=self.id_pattern, replacement=self.id_template)
            if self.columns.problem_id is None:
                raise ValueError("`id_pattern` goes with `columns.problem_id`")
        if self.problem_rewrites and self.columns.problem is None:
            raise ValueError("`problem_rewrites` goes with `columns.problem`")
        return self
