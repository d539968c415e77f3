"""Shares as people read them: in points of a hundred, with one decimal."""

from collections.abc import Mapping
from typing import Any


def points(share: float | None) -> str | None:
    """Return a share (0..1) in points, None where there is none."""
    return None if share is None else f"{100 * share:.1f}"


def interval(figures: Mapping[str, Any]) -> str:
    """Return the 95 % interval of figures with `ci_low` and `ci_high`, in points."""
    return f"{points(figures['ci_low'])} to {points(figures['ci_high'])}"
