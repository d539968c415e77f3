"""Engines: programs that run a model on prompts. One protocol; each engine is a module named in the recipe."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from distill.config.recipes import GenerateJob
from distill.models.prompts import Message


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
    seed decides: each `row`, whatever else is asked, or all rows of a `shard` together.
    """

    version: str
    seeds: Literal["row", "shard"]

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the request, completion) in any order, each request once. A failed one is an `error`."""
        ...


class Prefixed:
    """An engine whose responses get back what the chat template has put before them."""

    def __init__(self, engine: Engine, prefix: str):
        self.version, self.seeds = engine.version, engine.seeds
        self._engine, self._prefix = engine, prefix

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield what the engine does; a response that begins with the prefix, and an error, stay as they are."""
        for index, completion in self._engine.generate(requests):
            whole = completion.finish_reason == "error" or completion.text.lstrip().startswith(self._prefix.strip())
            yield index, completion if whole else replace(completion, text=self._prefix + completion.text)


def cut(text: str, stops: Sequence[str]) -> str:
    """Return a text up to the first of the stop texts in it."""
    return text[: min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))]


def module_of(engine: str) -> str:
    """Return the module that holds an engine; it is imported by name so that no engine's code reaches another's."""
    return f"distill.responses.engines.{engine}"


def load_engine(model: Path, recipe: GenerateJob, seed: int = 0) -> Engine:
    """Load the recipe's engine with the model of a model folder; `seed` is for engines that have one for all rows."""
    engine = importlib.import_module(module_of(recipe.engine)).load(model, recipe, seed)
    return Prefixed(engine, recipe.response_prefix) if recipe.response_prefix else engine
