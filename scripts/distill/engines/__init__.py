"""Engines: programs that run a model on prompts. One protocol; each engine is a module named in the recipe."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from distill.prompts import Message
from distill.recipes import GenerateRecipe


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


def module_of(engine: str) -> str:
    """Return the module that holds an engine; it is imported by name so that no engine's code reaches another's."""
    return f"distill.engines.{engine}"


def load_engine(model: Path, recipe: GenerateRecipe, seed: int = 0) -> Engine:
    """Load the recipe's engine with the model of a model folder; `seed` is for engines that have one for all rows."""
    return importlib.import_module(module_of(recipe.engine)).load(model, recipe, seed)
