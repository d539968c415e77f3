"""Cells of rows from outside: what is text becomes text, and nothing else does.

Published sets hold lists, messages, structs and numbers in their columns. A cell that is no text would be graded and
taught as the Python source of whatever it is, so it ends the program, with what to write in the recipe instead.
"""

import ast
import datetime
import json
import math
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from distill.models.escapes import LETTERS, LOST_BACKSLASH
from distill.problems.columns import Column
from distill.runtime.errors import InputError

MOST_DIGITS = 400  # a number with more of them written out is no answer to anything
_LIST = re.compile(r"""\s*\[\s*["'{].*\]\s*""", re.DOTALL)
_OBJECT = re.compile(r"""\{\s*["']""")
# What a text may spell -> its name, and as what the column is saved in its place.
_SPELLED = {list: ("a list", "lists, or as JSON"), dict: ("an object", "JSON"), bytes: ("bytes", "text")}
_TEXT_KEYS = ("text", "content", "value", "response", "answer", "output", "solution")  # where objects keep their text
# What programs write for a missing value or an empty list (pandas, NumPy, R, SQL, JSON, spreadsheets), small letters.
MISSING = {"nan", "-nan", "none", "null", "nil", "na", "n/a", "n.a.", "<na>", "nat", "#n/a", "#na", "#null!",
           "#value!", "#ref!", "#div/0!", "#name?", "#num!", "[]", "{}", "()", "[nan]", "[none]", "[null]",
           "''", '""'}  # fmt: skip
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class Row:
    """One row of a source: where it stands (file and number), and its cells by the name that the recipe uses."""

    place: str
    number: int
    cells: dict[str, Any]

    def text(self, name: str) -> str:
        """Return a cell as text, '' where there is nothing. Raises InputError for what is no text."""
        return cell_text(self.cells[name], self._at(name), name)

    def truth(self, name: str) -> bool | None:
        """Return a cell as true or false, None where nothing is said. Raises InputError for anything else."""
        return cell_truth(self.cells[name], self._at(name), name)

    def word(self, name: str | None) -> str:
        """Return a cell of a column that may be missing as `cell_word` does."""
        return "" if name is None else cell_word(self.cells[name], self._at(name), name)

    def parts(self, name: str) -> list[Any]:
        """Return the elements of a cell that is a list, none for null. Raises InputError for anything else."""
        if self.cells[name] is None:
            return []
        cell = _alone(self.cells[name]) if not isinstance(self.cells[name], list) else self.cells[name]
        if not isinstance(cell, list):
            raise InputError(f"{self._at(name)} holds {_kind(cell)}, and `draws_in_lists` wants a list")
        return cell

    def _at(self, name: str) -> str:
        return f"{self.place}, column {name!r}"


def cell_text(cell: Any, at: str, name: str) -> str:
    """Return a cell as text: numbers written out (27.0 as 27, 1e-05 as 0.00001), a list of one as its element.

    `at` says where the cell stands, `name` what the recipe calls its column. Raises InputError for what is no text.
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        if re.search("[\ud800-\udfff]", cell):
            raise InputError(f"{at} holds half of a character (a lone surrogate), which no table can keep; repair it")
        return cell
    if isinstance(cell, (bytes, bytearray)):
        try:
            return bytes(cell).decode()
        except UnicodeDecodeError:
            raise InputError(f"{at} holds {len(cell)} bytes that are not UTF-8; text is wanted") from None
    if isinstance(cell, UUID):  # of an Arrow column; it has one spelling
        return str(cell)
    if isinstance(cell, (list, tuple)) and len(cell) == 1:
        return cell_text(cell[0], at, name)
    if isinstance(cell, (int, float, Decimal)) and not isinstance(cell, bool):
        return _number_text(cell, at)
    raise InputError(f"{at} holds {_kind(cell)}, and text is wanted{_remedy(cell, name)}")


def is_missing(text: str) -> bool:
    """Whether a text is what programs write for a missing value, such as `nan`, `None` or `#N/A`."""
    return text.strip().casefold() in MISSING


def is_nan(cell: Any) -> bool:
    """Whether a cell, or the one element of its list, is the number that is none."""
    cell = _alone(cell)
    return isinstance(cell, (float, Decimal)) and cell != cell


def check_no_list(text: str, at: str, name: str, most: int = 0) -> None:
    """Raise InputError where a text spells a list of more than `most` texts or objects, as JSON or as Python source.

    The same goes for a single object with a text in it, and for bytes. Lists become such texts in CSV files and where a
    program wrote `str()` of them; what a grader finds in one is an answer of any of its parts. Lists of numbers are
    answers.
    """
    cell, is_json = _spelled(text)
    if isinstance(cell, list) and len(cell) <= most:
        return
    kind, saved = _SPELLED[type(cell)]
    remedy = _remedy(cell, name) if is_json else f"; save the column as {saved}"
    raise InputError(f"{at} holds {kind} that is spelled as text ({text.strip()[:40]!r}){remedy}")


def check_signs(text: str, at: str, key: str, latex: bool = True) -> None:
    """Raise InputError where a text holds NUL or, with `latex`, a control character that was the `\\f` of `\\frac`.

    `key` names the rewrites of the recipe that can put it right.
    """
    eaten = (lost for lost in LOST_BACKSLASH.finditer(text) if lost[0] in LETTERS)  # MATH itself has tabs of `\\textbf`
    found = re.search("\0", text) or (next(eaten, None) if latex else None)
    if found is None:
        return
    sign = found[0]
    pattern, replacement = f"\\x{ord(sign):02x}", rf"\\{LETTERS[sign]}" if sign in LETTERS else ""
    what = f"a control character in place of a backslash ({text[found.start() : found.start() + 12]!r})"
    raise InputError(
        f"{at} holds {what if replacement else 'the character NUL, which is no text'}; say "
        f"`{key}: [{{pattern: '{pattern}', replacement: '{replacement}'}}]`"
    )


def _spelled(text: str) -> tuple[Any, bool]:
    """Return what a text spells that is no text (a list with texts or objects, an object with a text, bytes), or [].

    The second part says whether it is JSON.
    """
    told = text.strip()
    is_object = told.endswith("}") and _OBJECT.match(told)
    if _LIST.fullmatch(text) or is_object or (told[:2] in ("b'", 'b"') and told[-1] == told[1]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # `\\f` in a text that is no raw one
            for read in (json.loads, ast.literal_eval):
                with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
                    cell = read(told)
                    parts = cell.values() if isinstance(cell, dict) else cell if isinstance(cell, list) else ()
                    held = isinstance(cell, bytes) or any(isinstance(part, (str, dict)) for part in parts)
                    return (cell, read is json.loads) if held else ([], True)
    return [], True


def cell_word(cell: Any, at: str, name: str) -> str:
    """Return a cell as `cell_text` does; '' also for NaN, which means that nothing is said."""
    return "" if is_nan(cell) else cell_text(cell, at, name)


def cell_truth(cell: Any, at: str, name: str) -> bool | None:
    """Return a cell as true or false (a boolean, 0 or 1, or the words); None for null, NaN and blank text.

    Raises InputError otherwise.
    """
    cell = _alone(cell)
    if cell is None or isinstance(cell, bool):
        return cell
    text = cell_word(cell, at, name).strip().lower()
    if not text:
        return None
    text = text.removesuffix(".0")  # pandas writes whole numbers so where some are missing
    if text not in _TRUTH:
        raise InputError(f"{at} holds {text[:80]!r}; expected true or false")
    return _TRUTH[text]


def matches(cell: Any, values: tuple[Any, ...], at: str, name: str) -> bool:
    """Whether a cell is one of some values: text, numbers by value, booleans (also as words), null.

    NaN is what some programs write for a missing value, so it is null; an infinite number is no value of a recipe.
    Raises InputError for a cell that is no single value.
    """
    cell = _alone(cell)
    if isinstance(cell, (float, Decimal)) and not _is_finite(cell):
        return None in values and is_nan(cell)
    if cell is None or isinstance(cell, bool):
        word = str(cell).lower()
        return any(
            value is cell or (isinstance(value, str) and cell is not None and value.lower() == word) for value in values
        )
    text = cell_text(cell, at, name)
    for value in values:
        if isinstance(value, bool):
            if text.lower() == str(value).lower():
                return True
        elif value is not None and (text == cell_text(value, at, name) or _is_number(text, value)):
            return True
    return False


def _is_number(text: str, value: Any) -> bool:
    """Whether a text, of a CSV file say, is a number of a recipe, however it is written: `1.0` is 1."""
    with suppress(ArithmeticError, ValueError):
        return isinstance(value, (int, float)) and Decimal(text) == Decimal(repr(value))
    return False


def _alone(cell: Any) -> Any:
    """Return the element of a list of one, and anything else as it is."""
    while isinstance(cell, (list, tuple)) and len(cell) == 1:
        cell = cell[0]
    return cell


def _is_finite(number: float | Decimal) -> bool:
    return number.is_finite() if isinstance(number, Decimal) else math.isfinite(number)


def _number_text(number: int | float | Decimal, at: str) -> str:
    if isinstance(number, int):
        return str(number)
    if not _is_finite(number):
        raise InputError(f"{at} holds {number}, which is no number; text or a finite number is wanted")
    exact = Decimal(repr(number)) if isinstance(number, float) else number
    if abs(exact.adjusted()) > MOST_DIGITS:
        raise InputError(f"{at} holds {number}, which would have more than {MOST_DIGITS} digits")
    if exact == exact.to_integral_value():
        return str(int(exact))
    return format(exact, "f").rstrip("0")


def _kind(cell: Any) -> str:
    if isinstance(cell, (list, tuple)):
        return f"a list of {len(cell)}"
    names = {dict: "an object", bool: f"the boolean {str(cell).lower()}"}
    return names.get(type(cell), f"a {type(cell).__name__}")


def _remedy(cell: Any, name: str) -> str:
    """Return what to write in the recipe in place of a column that holds more than text."""
    first = cell[0] if isinstance(cell, (list, tuple)) and cell else None
    if isinstance(first, dict) and (role := next((k for k in ("role", "from") if isinstance(first.get(k), str)), "")):
        inner = "content" if "content" in first else "value" if "value" in first else next(iter(first.keys() - {role}))
        roles = [part.get(role) for part in cell if isinstance(part, dict)]
        return f"; take one message, as in `{name}[{roles[-1]}].{inner}`"
    if first is not None:
        more = f".{_text_key(first)}" if isinstance(first, dict) and first else ""
        every = f" and `{name}.*{more}`" if more else ""
        one = f"; take one of them, as in `{name}.0{more}`"
        return f"{one}, or all as draws of a teacher with `draws_in_lists: true`{every}"
    if isinstance(cell, dict) and cell:
        return f"; take a part of it, as in `{name}.{_text_key(cell)}`"
    if isinstance(cell, (datetime.date, datetime.time, datetime.timedelta)):  # a datetime is a date
        return f"; save the column as text, such as {str(cell)!r}"
    return ""


def _text_key(cell: dict[str, Any]) -> str:
    """Return the key of an object under which its text most likely stands."""
    return next((key for key in _TEXT_KEYS if key in cell), next(iter(cell)))


def selected(source: dict[str, Any], columns: dict[str, Column]) -> tuple[dict[str, Any], set[str]]:
    """Return the cells of a source row by the recipe's names, and the names of those that the row has."""
    cells, present = {}, set()
    for name, column in columns.items():
        there, cells[name] = column.take(source)
        if there:
            present.add(name)
    return cells, present
