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
_KIND = re.compile(r"\[key\]|constrained-\w+|(function|nullable|tuple|list|dict|union|literal)[-\[].*|GapArm")


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
        told: dict[tuple[Any, ...], Any] = {}
        for item in error.errors():  # of a value that may be of several kinds, what says most about it is enough
            place = _value(item["loc"])
            if place not in told or len(_place(item["loc"])) > len(_place(told[place]["loc"])):
                told[place] = item
        lines = {place: _mistake(model, item, path, key) for place, item in told.items()}
        for place, item in told.items():  # what holds a mistake is then wrong too (too short, say): no second mistake
            if any(len(o) > len(place) and o[: len(place)] == place for o in told):
                continue
            is_misspelt = item["type"] == "missing" and any(f"did you mean {place[-1]!r}" in o for o in lines.values())
            if not is_misspelt:
                mistakes.append(lines[place])
        return None


def _value(loc: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return where the value stands that is wrong: of one that may be of several kinds the whole."""
    kinds = (n for n, part in enumerate(loc) if part != "[key]" and isinstance(part, str) and _KIND.fullmatch(part))
    return _place(loc[: next(kinds, len(loc))])


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
