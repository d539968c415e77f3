"""Data checked against recipes; each mistake becomes one line.

A mistake names the file, the path of the key, what was expected, and the nearest valid name.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from distill.config.recipes import NAME_PATTERN, Recipe
from distill.config.recipes.base import RESERVED_NAMES, RESERVED_PATTERN
from distill.runtime.errors import fault_words

LONGEST_NAME = 64
_KIND = re.compile(r"\[key\]|constrained-\w+|(function|nullable|tuple|list|dict|union)[-\[].*")


def parse(
    model: type[Recipe], data: Any, path: Path, key: str, mistakes: list[str], name: bool = False,
    reserved: str | None = None,
) -> Any:  # fmt: skip
    """Return data as a `model`, or None with a line per mistake added to `mistakes`.

    `path` and `key` say where the data stand. With `name` the key must be a catalogue name other than `reserved`.
    """
    is_reserved = key == reserved or key in RESERVED_NAMES or RESERVED_PATTERN.fullmatch(key)
    if name and (is_reserved or not re.fullmatch(NAME_PATTERN, key) or len(key) > LONGEST_NAME):
        rule = "is no name; use lower-case words with hyphens, as in qwen2-5-32b"
        rule = "is reserved" if is_reserved else rule if len(key) <= LONGEST_NAME else "is longer than 64 characters"
        mistakes.append(f"{path}: {key!r} {rule}")
        return None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        items = error.errors()
        told = set()
        for item in items:  # what holds a mistake is then wrong too (too short, say), which is no second mistake
            place = _place(item["loc"])
            if any(len(o["loc"]) > len(item["loc"]) and o["loc"][: len(item["loc"])] == item["loc"] for o in items):
                continue
            if place not in told or len(place) == len(item["loc"]):  # one of two kinds that it may be is enough
                mistakes.append(_mistake(model, item, path, key))
            told.add(place)
        return None


def _place(loc: Iterable[Any]) -> tuple[Any, ...]:
    """Return where a mistake is, without the names that pydantic gives to the kinds that a value may be of."""
    return tuple(part for part in loc if not (isinstance(part, str) and _KIND.fullmatch(part)))


def _mistake(model: type[BaseModel], item: Any, path: Path, key: str) -> str:
    """Return one line for one of pydantic's errors."""
    where = ".".join([key, *(_on_one_line(str(part)) for part in _place(item["loc"]))]).strip(".")
    if item["type"] == "extra_forbidden":
        keys = _keys_at(model, item["loc"][:-1])
        return f"{path}: {where}: {unknown(str(item['loc'][-1]), 'key', keys)}"
    if item["type"] == "missing":
        return f"{path}: {where}: is missing"
    value = (
        "" if isinstance(item["input"], (dict, list)) or item["type"] == "value_error" else f", not {item['input']!r}"
    )
    return f"{path}: {where}: {fault_words(item)}{value}"


def _on_one_line(name: str) -> str:
    """Return a key as it is, or in quotes where it holds what would break the line."""
    return name if name.isprintable() else repr(name)


def _keys_at(model: type[BaseModel], loc: Iterable[Any]) -> list[str]:
    """Return the keys that a recipe allows at a path."""
    for part in loc:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        inner = [a for a in _arguments(model.model_fields[part].annotation) if _is_recipe(a)]
        model = inner[0] if inner else model
    return sorted(model.model_fields)


def _arguments(annotation: Any) -> list[Any]:
    parts = getattr(annotation, "__args__", ())
    return [annotation, *(a for part in parts for a in _arguments(part))]


def _is_recipe(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def unknown(name: str, kind: str, known: Iterable[str]) -> str:
    """Return the message for a name that is not among the `known` ones of its kind, with the nearest of them."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'}"
    return f"{name!r} is no known {kind}; {hint}"
