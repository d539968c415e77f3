"""Ranges: a figure that is not known exactly, from its low to its high end."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """From low to high, of one unit, neither below 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise ValueError(f"{self.low} to {self.high} is no range")

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: "float | Range") -> "Range":
        other = factor if isinstance(factor, Range) else exactly(factor)
        return Range(self.low * other.low, self.high * other.high)

    __rmul__ = __mul__

    def __truediv__(self, divisor: "float | Range") -> "Range":
        other = divisor if isinstance(divisor, Range) else exactly(divisor)
        return Range(self.low / other.high, self.high / other.low)

    @property
    def middle(self) -> float:
        """Return the geometric mean of both ends, of a range from 0 the arithmetic one."""
        return (self.low * self.high) ** 0.5 or (self.low + self.high) / 2

    def widened(self, factor: float) -> "Range":
        """Return the range with each end a factor further out."""
        return Range(self.low / factor, self.high * factor)

    def capped(self, most: float) -> "Range":
        """Return the range with neither end above `most`."""
        return Range(min(self.low, most), min(self.high, most))


NOTHING = Range(0, 0)


def exactly(value: float) -> Range:
    """Return the range of a figure that is known."""
    return Range(value, value)


def total(ranges: Iterable[Range]) -> Range:
    """Return the sum of ranges."""
    found = list(ranges)
    return Range(sum(r.low for r in found), sum(r.high for r in found))
