"""How the chat template of whoever answers is run: its arguments, its clock, the tags of its thinking."""

import datetime
import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from distill.config.recipes.base import Recipe
from distill.models.thinking import PRESETS

Preset = Literal[tuple(PRESETS)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
ThinkTags = Preset | tuple[Tag, Tag]
TAGS_DESCRIPTION = (
    "How the model marks its thinking: a preset or [open, close]. Responses come out with `<think>` and `</think>`. "
    "Presets: " + ", ".join(f"{name} (`{start}`)" for name, (start, _) in PRESETS.items()) + "."
)
# What every template is given by whoever runs it.
TAKEN = {"messages", "conversation", "tools", "documents", "chat_template", "add_generation_prompt", "tokenize",
         "continue_final_message", "strftime_now", "raise_exception", "padding", "truncation", "max_length",
         "return_tensors", "return_dict", "tokenizer_kwargs", "return_assistant_tokens_mask", "range", "dict",
         "namespace", "cycler", "joiner", "lipsum", "loop", "self", "caller", "varargs", "kwargs"}  # fmt: skip
LARGEST = 10_000  # characters of all arguments together


def checked_tags(tags: Any) -> Any:
    """Return think tags. Raises ValueError where a pair is the same tag twice, blank, or one is part of the other."""
    if isinstance(tags, str):
        return tags
    start, end = tags
    if not start.strip() or not end.strip():
        raise ValueError("a tag is blank; give [open, close]")
    if start in end or end in start:
        raise ValueError(f"{start!r} and {end!r} cannot be told apart; give [open, close]")
    return tags


class Templating(Recipe):
    """What a job that runs a model's chat template reads of whoever answers."""

    template_args: dict[str, Any] = Field(
        {},
        description="Arguments of the model's chat template, such as `enable_thinking: false` or `reasoning_effort: "
        "low`, for training and evaluation alike; a server is sent them as `chat_template_kwargs`.",
    )
    date: str | None = Field(
        None,
        description="The day, such as `2026-01-31`, that the chat template takes for today. A template that writes the "
        "date is refused without it.",
    )
    think_tags: ThinkTags = Field("think", description=TAGS_DESCRIPTION)

    @field_validator("template_args")
    @classmethod
    def _arguments(cls, args: dict[str, Any]) -> dict[str, Any]:
        for name in args:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"{name[:40]!r} is no name of a variable")
            if name in TAKEN:
                raise ValueError(f"`{name}` is what every template is given by the program; leave it out")
        try:
            size = len(json.dumps(args, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise ValueError("an argument is text, a finite number, true, false, null, or a list or mapping") from None
        if size > LARGEST:
            raise ValueError(f"the arguments have {size} characters; {LARGEST} are the most")
        return args

    @field_validator("date")
    @classmethod
    def _day(cls, date: str | None) -> str | None:
        if date is None:
            return None
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", date):
                raise ValueError
            datetime.date.fromisoformat(date)
        except ValueError:
            raise ValueError(f"{date[:40]!r} is no day such as 2026-01-31") from None
        return date

    @field_validator("date", mode="before")
    @classmethod
    def _day_of_yaml(cls, date: Any) -> Any:
        """YAML reads a bare 2026-01-31 as a date."""
        is_day = isinstance(date, datetime.date) and not isinstance(date, datetime.datetime)
        return date.isoformat() if is_day else date

    @field_validator("think_tags")
    @classmethod
    def _tags(cls, tags: Any) -> Any:
        return checked_tags(tags)
