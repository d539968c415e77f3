"""YAML read and checked against recipes; each mistake becomes one line.

A mistake names the file, the path of the key, what was expected, and the nearest valid name.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from distill.config.recipes import NAME_PATTERN, Recipe


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses a key given twice (plain YAML silently keeps the last)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, mistakes: list[str]) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(), _Loader) or {}
    except FileNotFoundError:
        mistakes.append(f"{path}: no such file")
        return {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        mistakes.append(f"{path}:{line} {getattr(error, 'problem', None) or error}")
        return {}
    if not isinstance(data, dict):
        mistakes.append(f"{path}: expected names and recipes (a mapping), not {type(data).__name__}")
        return {}
    return data


def parse(
    model: type[Recipe], data: Any, path: Path, key: str, mistakes: list[str], name: bool = False,
    reserved: str | None = None,
) -> Any:  # fmt: skip
    if name and (not re.fullmatch(NAME_PATTERN, key) or key == reserved):
        rule = "is reserved" if key == reserved else "is no name; use lower-case words with hyphens, as in qwen2-5-32b"
        mistakes.append(f"{path}: {key!r} {rule}")
        return None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for item in error.errors():
            mistakes.append(_mistake(model, item, path, key))
        return None


def _mistake(model: type[BaseModel], item: Any, path: Path, key: str) -> str:
    """Return one line for one of pydantic's errors."""
    where = ".".join([key, *(str(part) for part in item["loc"] if part != "[key]")]).strip(".")
    if item["type"] == "extra_forbidden":
        known = _keys_at(model, item["loc"][:-1])
        return f"{path}: {where}: {unknown(str(item['loc'][-1]), 'key', known)}"
    if item["type"] == "missing":
        return f"{path}: {where}: is missing"
    message = item["msg"].removeprefix("Value error, ")
    given = (
        "" if isinstance(item["input"], (dict, list)) or item["type"] == "value_error" else f", not {item['input']!r}"
    )
    return f"{path}: {where}: {message[0].lower()}{message[1:]}{given}"


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
    known = sorted(known)
    near = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'}"
    return f"{name!r} is no known {kind}; {hint}"
