"""Text from elsewhere in a card: nothing in it is taken for Markdown, HTML or YAML."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~$!&])")


def plain(value: Any) -> str:
    """Return a value as one line of text that Markdown shows as it is; nothing for None."""
    text = "" if value is None else " ".join(str(value).split())
    text = _SIGNS.sub(r"\\\1", text)
    # What begins a list or a heading at the start of a line.
    return re.sub(r"^([-+=]+|\d+[.)])(?=\s|$)", lambda m: m[1][:-1] + "\\" + m[1][-1], text)


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; nothing where it has no rows."""
    lines = ["| " + " | ".join(map(plain, row)) + " |" for row in rows]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(map(plain, headings)) + " |", "|" + "---|" * len(headings), *lines])


def fenced(data: Mapping[str, Any] | str, language: str = "yaml") -> str:
    """Return data as YAML, or a text, in a block whose fence is longer than any in it."""
    text = data if isinstance(data, str) else yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=110)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def section(title: str, *parts: str) -> list[str]:
    """Return a section's blocks; none where it has no content."""
    own = [part for part in parts if part]
    return [f"## {title}", *own] if own else []


def bullets(lines: Iterable[str]) -> str:
    """Return lines, which are Markdown already, as a list."""
    return "\n".join(f"- {line}" for line in lines)
