"""Labels: what entries of the catalogue are called where people read. Names stay the keys of files and tables."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

from distill.config.recipes.base import EXECUTION, Recipe

LONGEST = 40  # characters; more would leave pictures no room
TURNING = "\u202a-\u202e\u2066-\u2069"  # signs that turn the order of all text behind them


def _readable(label: str | None) -> str | None:
    if label is None:
        return None
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in label) or re.search(f"[{TURNING}]", label):
        raise ValueError("a label is one line of plain text, without control signs")
    if all(unicodedata.category(sign) in ("Cf", "Zs") for sign in label):
        raise ValueError("a label shows something; leave the key out, or give it a value")
    if label != label.strip():
        raise ValueError("a label neither begins nor ends with a space")
    if len(label) > LONGEST:
        raise ValueError(f"a label has at most {LONGEST} characters, not {len(label)}")
    return label


class Labelled(Recipe):
    """What something is called in the report."""

    label: Annotated[str | None, AfterValidator(_readable)] = Field(
        None,
        description="What it is called on the page of the report, in its pictures, `gaps.txt` and `tables.tex`, at "
        f"most {LONGEST} characters; the name stays the key of files and CSV tables.",
        json_schema_extra=EXECUTION,
    )
