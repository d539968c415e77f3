"""Engines: programs that run a model on prompts. One protocol; each engine is a module named in the recipe."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from distill.config.recipes import GenerateJob
from distill.models.templates import ChatTemplate, Message
from distill.models.thinking import canonical_think, opened_before, report_opened_before
from distill.runtime.errors import InputError

LAUNCHING = "distill.responses.launching"


@dataclass(frozen=True)
class Request:
    """One conversation up to the model's turn, and the seed of its row."""

    messages: list[Message]
    seed: int


@dataclass(frozen=True)
class Completion:
    """One answer.

    `finish_reason` is stop, length or error; token counts include the stop token, None is unknown; `cost` is what this
    answer cost in US dollars, 0 where nothing is paid per token.
    """

    text: str
    finish_reason: str
    prompt_tokens: int | None
    response_tokens: int | None
    error: str | None = None
    cost: float = 0.0


class Engine(Protocol):
    """A loaded model.

    `version` names the program and its version (`transformers 5.19.0`) and is recorded per row. `seeds` says what a
    seed decides: each `row`, whatever else is asked, or all rows of a `shard` together. `template` is the model's chat
    template, None where a server runs it.
    """

    version: str
    seeds: Literal["row", "shard"]
    template: ChatTemplate | None

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the request, completion) in any order, each request once. A failed one is an `error`."""
        ...


class Canonical:
    """An engine whose responses are whole, with their thinking in the one form of the tables.

    They get back what the chat template has put before them, and `<think>` tags in place of the model's own.
    """

    def __init__(self, engine: Engine, recipe: GenerateJob):
        self.version, self.seeds, self.template = engine.version, engine.seeds, engine.template
        self._engine, self._tags = engine, recipe.think_tags
        prefix = recipe.response_prefix
        self._prefix = engine.template.prefix(prefix) if engine.template else prefix or ""

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield what the engine does; errors stay as they are, and so does a prefix that a response begins with."""
        opened = cut_off = 0
        for index, completion in self._engine.generate(requests):
            if completion.finish_reason == "error":
                yield index, completion
                continue
            if self.template is None and not self._prefix:
                before = opened_before(completion.text, self._tags)
                opened += before is True
                cut_off += before is None and completion.finish_reason == "length"
            yield index, self._whole(completion)
        report_opened_before(opened, cut_off, len(requests))

    def _whole(self, completion: Completion) -> Completion:
        text = completion.text
        if not text.lstrip().startswith(self._prefix.strip()):
            text = self._prefix + text
        return replace(completion, text=canonical_think(text, self._tags))


def cut(text: str, stops: Sequence[str]) -> str:
    """Return a text up to the first of the stop texts in it."""
    return text[: min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))]


def module_of(engine: str) -> str:
    """Return the module that holds an engine; it is imported by name so that no engine's code reaches another's."""
    return f"distill.responses.engines.{engine}"


def modules_of(recipe: GenerateJob) -> tuple[str, ...]:
    """Return the modules, loaded by name, that a response depends on: the engine, and how a server is started."""
    return (module_of(recipe.engine), *([LAUNCHING] if recipe.serve else []))


def load_engine(model: Path, recipe: GenerateJob, seed: int = 0) -> Engine:
    """Load the recipe's engine with the model of a model folder; `seed` is for engines that have one for all rows."""
    return Canonical(importlib.import_module(module_of(recipe.engine)).load(model, recipe, seed), recipe)


def load_template(tokenizer: Any, recipe: GenerateJob) -> ChatTemplate:
    """Return the chat template of a model that answers. Raises InputError when it does not fit the recipe."""
    return ChatTemplate(tokenizer, recipe.template_args, recipe.date, recipe.think_tags, recipe.system)


def tokens_or_error(template: ChatTemplate, request: Request) -> list[int] | Completion:
    """Return the tokens of a request's prompt, or the error of a row that the chat template cannot take."""
    try:
        return template.prompt_ids(request.messages)
    except InputError as error:
        return Completion("", "error", None, None, str(error))
