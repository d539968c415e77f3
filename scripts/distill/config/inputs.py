"""The files that a program reads, given as one canonical JSON text: `--inputs {"responses": [...], ...}`.

The rules give `--inputs -` and the text on standard input: Linux takes no argument of more than 128 KiB, which are the
names of about a thousand files.
"""

import json
import sys
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from distill.config.mistakes import parse
from distill.runtime.errors import InputError


class Inputs(BaseModel):
    """Base of the inputs of a program; a field holds a file, files in their order, or names -> files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the inputs from their JSON, by `-` on standard input. InputError says which key is wrong."""
        try:
            data = cls.nested(json.loads(sys.stdin.read() if text == "-" else text))
        except ValueError as error:
            raise InputError(f"--inputs: not JSON ({error})") from None
        mistakes: list[str] = []
        inputs = parse(cls, data, Path("--inputs"), "", mistakes)
        if mistakes:
            raise InputError(mistakes[0])
        return inputs

    @classmethod
    def nested(cls, data: Any) -> Any:
        """Return the JSON's content as the fields have it: itself."""
        return data

    def files(self) -> dict[str, Path]:
        """Return name -> file of all files, for the record: `responses/long/0`, `verdicts/3`, `duplicates`."""
        return dict(_named((), self.model_dump()))


def _named(name: tuple[str, ...], data: Any) -> list[tuple[str, Path]]:
    if isinstance(data, Path):
        return [("/".join(name), data)]
    if data is None:
        return []
    items = data.items() if isinstance(data, dict) else enumerate(data)
    return [pair for key, value in items for pair in _named((*name, str(key)), value)]
