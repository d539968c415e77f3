"""The files of a program as one JSON text: what is refused, and the names of files in the record."""

from pathlib import Path

import pytest

from distill.config.inputs import Inputs
from distill.config.recipes import canonical_json
from distill.runtime.errors import InputError


class Some(Inputs):
    lists: tuple[Path, ...]
    teachers: dict[str, tuple[Path, ...]] = {}  # noqa: RUF012 (pydantic copies it)
    one: Path | None = None


def test_files_keep_their_order_and_have_names() -> None:
    given = Some.read(canonical_json({"lists": ["z", "a"], "teachers": {"t": ["r1", "r0"], "s": []}, "one": "d/x"}))
    assert given.lists == (Path("z"), Path("a"))
    assert given.files() == {
        "lists/0": Path("z"), "lists/1": Path("a"), "teachers/t/0": Path("r1"), "teachers/t/1": Path("r0"),
        "one": Path("d/x"),
    }  # fmt: skip
    assert Some.read('{"lists": []}').files() == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "--inputs: not JSON"),
        ("{}", "--inputs: lists: is missing"),
        ('{"lists": [], "list": []}', "--inputs: list: 'list' is no known key; did you mean 'lists'"),
        ('{"lists": [], "teachers": []}', "--inputs: teachers: "),
        ('{"lists": [3]}', r"--inputs: lists\.0: .*, not 3"),
        ("[]", "--inputs: "),
    ],
)
def test_inputs_that_are_something_else(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Some.read(text)
