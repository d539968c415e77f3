"""Figures as people read them: shares in points of a hundred with one decimal, others in their unit."""

from collections.abc import Mapping
from typing import Any


def points(figure: float | None, sign: str = "", scale: float = 100.0, decimals: int = 1) -> str | None:
    """Return a share (0..1) in points, None where there is none; with sign `+` as a difference, `+14.5`, 0 without one.

    With another scale and other decimals it is a figure in another unit.
    """
    if figure is None:
        return None
    # Rounded as in the CSV tables first, so that a figure from a table and the one behind it end alike.
    text = f"{scale * round(figure, 6):{sign}.{decimals}f}"
    return f"{0:.{decimals}f}" if float(text) == 0 else text


def percent(part: float, whole: float = 1.0) -> str:
    """Return a share of a whole in percent with one decimal, `97.3 %`; nothing of nothing."""
    return f"{points(part / whole)} %" if whole else ""


def interval(figures: Mapping[str, Any], *how: Any) -> str:
    """Return the 95 % interval of figures with `ci_low` and `ci_high`; `how` as of `points`."""
    return f"{points(figures['ci_low'], *how)} to {points(figures['ci_high'], *how)}"


def parameters_text(count: float | None) -> str:
    """Return a number of parameters to two digits, `490 million parameters`; nothing where it is unknown."""
    if not count:
        return ""
    scale, word = next((s, w) for s, w in ((1e9, " billion"), (1e6, " million"), (1e3, " thousand"), (1, ""))
                       if count >= s or s == 1)  # fmt: skip
    return f"{float(f'{count / scale:.2g}'):g}{word} parameters"
