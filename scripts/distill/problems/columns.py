"""Columns of a source, named by a path: `answer`, `conversations.1.value`, `messages[assistant].content`.

A step is a key of an object, the number of an element (from 0; -1 is the last), `*` for all elements of a list, or a
role in brackets, which finds the one message of that role. A column whose own name holds the dots is meant where there
is one. Text that a step leads into is JSON: many sets keep an object or a conversation as one text.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from distill.runtime.errors import InputError, first_line

_STEPS = re.compile(r"\.([^.\[\]]+)|\[([^\[\]]+)\]")
ALL = "*"  # the step to every element of a list
_SAME_ROLES = ({"assistant", "gpt", "model", "bot"}, {"user", "human"}, {"system"})


@dataclass(frozen=True)
class Role:
    """The step to the message of a role."""

    name: str

    def is_of(self, message: Any) -> bool:
        """Whether a message is of this role, whatever its set calls it (`gpt` is an assistant)."""
        if not isinstance(message, dict):
            return False
        role = message.get("role", message.get("from"))
        if not isinstance(role, str):
            return False
        names = {role.lower(), self.name.lower()}
        return len(names) == 1 or any(names <= roles for roles in _SAME_ROLES)


@dataclass(frozen=True)
class Column:
    """A column of the source and the steps from its cell to the part that is meant."""

    path: str
    name: str
    steps: tuple[str | Role, ...] = ()

    def take(self, row: dict[str, Any]) -> tuple[bool, Any]:
        """Return (whether the row has it, the part). Raises InputError where a role is twice there, or text no JSON."""
        return self._follow(row[self.name], self.steps) if self.name in row else (False, None)

    def _follow(self, cell: Any, steps: tuple[str | Role, ...]) -> tuple[bool, Any]:
        for number, step in enumerate(steps, 1):
            if isinstance(cell, (str, bytes)):
                cell = self._json(cell)
            if step == ALL and isinstance(cell, (list, tuple)):
                parts = [self._follow(part, steps[number:]) for part in cell]
                return any(there for there, _ in parts) or not parts, [part for _, part in parts]
            if isinstance(step, Role):
                there, cell = self._message(cell, step)
            else:
                there, cell = _part(cell, step)
            if not there:
                return False, None
        return True, cell

    def _json(self, text: str | bytes) -> Any:
        """Return what a text, or its UTF-8, holds as JSON; blank text holds nothing."""
        try:
            text = text if isinstance(text, str) else text.decode()
            return parsed_json(text) if text.strip() else None
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"column {self.path!r}: a step leads into text that is no JSON ({first_line(error)}): {text[:40]!r}; "
                "name the column alone, or the right part"
            ) from None

    def _message(self, cell: Any, role: Role) -> tuple[bool, Any]:
        messages = [message for message in cell if role.is_of(message)] if isinstance(cell, (list, tuple)) else []
        if len(messages) > 1:
            raise InputError(
                f"column {self.path!r}: a conversation has {len(messages)} messages of {role.name!r}; choose one by "
                f"its number, as in `{self.name}.1`"
            )
        return (True, messages[0]) if messages else (False, None)


def _part(cell: Any, step: str) -> tuple[bool, Any]:
    if isinstance(cell, dict):
        return step in cell, cell.get(step)
    if isinstance(cell, (list, tuple)) and re.fullmatch(r"-?\d{1,9}", step):
        place = int(step)
        return (True, cell[place]) if -len(cell) <= place < len(cell) else (False, None)
    return False, None


def parsed_json(text: str) -> Any:
    """Return JSON with its numbers as they are written: 0.10 stays exact, and a long decimal keeps its digits.

    Raises ValueError for what is none, and for an object that has a key twice: nobody knows which of them is meant.
    """
    return json.loads(text, parse_float=Decimal, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return whole


def parse_column(path: str, names: Iterable[str] = ()) -> Column:
    """Return the column that a path means in a source with columns of these `names`. Raises InputError for no path."""
    if path in names:
        return Column(path, path)
    head = re.match(r"[^.\[\]]+", path)
    rest = path[head.end() :] if head else path
    steps = [Role(role) if role else key for key, role in _STEPS.findall(rest)]
    if head is None or _STEPS.sub("", rest):
        raise InputError(f"{path!r} is no path of a column, such as `answer`, `a.b`, `a.0` or `a[assistant].content`")
    return Column(path, head[0], tuple(steps))
