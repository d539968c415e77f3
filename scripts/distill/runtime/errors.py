"""Errors that a user can act on."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


class InputError(Exception):
    """Bad input: the message names the file, the key or row, what was expected and what to do."""


class StepTooLargeError(InputError):
    """A step that does not fit into one device of several; `most` (tokens, or responses) is what to try next."""

    def __init__(self, text: str, most: int):
        super().__init__(text)
        self.most = most


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was too little memory, on a GPU or beside it."""
    name, text = type(error).__name__, str(error)
    return isinstance(error, MemoryError) or name == "OutOfMemoryError" or "allocate memory" in text


def memory_words(error: BaseException) -> str:
    """Return what to say of an out-of-memory error that nobody has foreseen."""
    return f"out of memory ({first_line(error)}); give the job more memory, or take a smaller model"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, without its file name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def fault_words(fault: Mapping[str, Any]) -> str:
    """Return what one of the errors of a pydantic error says."""
    said = fault["msg"].removeprefix("Value error, ")
    return said[0].lower() + said[1:]


def recipe_words(error: ValueError, arguments: Sequence[str]) -> str | None:
    """Return in one line what is wrong with a recipe on a program's command line; None for any other error.

    pydantic's error is known by its name, as few programs that fail have imported it.
    """
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON ({error}): {error.doc!r}"[:500] if error.doc in arguments else None
    if type(error).__name__ != "ValidationError":
        return None
    found: Any = error
    words = []
    for each in found.errors():
        place = ".".join(map(str, each["loc"]))
        words.append(f"{place}: " * bool(place) + fault_words(each))
    return f"the recipe is no {found.title}: {'; '.join(words)}"
