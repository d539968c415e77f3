"""Engines: programs that run a model on prompts. One protocol; each engine is a module named in the recipe."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from distill.recipes import GenerateRecipe


@dataclass(frozen=True)
class Request:
    """One prompt: token ids, and the seed of its row."""

    prompt_ids: list[int]
    seed: int


@dataclass(frozen=True)
class Completion:
    """One answer. `finish_reason` is stop, length or error; token counts include the stop token."""

    text: str
    finish_reason: str
    response_tokens: int
    error: str | None = None


class Engine(Protocol):
    """A loaded model."""

    def prompt_ids(self, messages: list[dict[str, str]]) -> list[int]:
        """Return the token ids of a conversation up to the model's turn."""
        ...

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the request, completion) in any order, each request once. A failed one is an `error`."""
        ...


def module_of(engine: str) -> str:
    """Return the module that holds an engine; it is imported by name so that no engine's code reaches another's."""
    return f"distill.engines.{engine}"


def load_engine(model: Path, recipe: GenerateRecipe) -> Engine:
    """Load the recipe's engine with the model of a model folder."""
    return importlib.import_module(module_of(recipe.engine)).load(model, recipe)
