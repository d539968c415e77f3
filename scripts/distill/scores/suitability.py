"""Suitability of datasets before training: means over their rows with intervals, and rank correlations with gains.

Every row, which is a problem, counts alike. The rank-surprisal ratio of a dataset is the mean rank over the mean
surprisal, as the code of arXiv 2601.14249 has it; its interval is that of a ratio of two means (delta method).
Perplexity is e to the mean surprisal. Spearman's correlation has the p of all orders of the gains (two-sided).
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from distill.datasets.suitability import rank, surprisal
from distill.scores.accuracy import Interval
from distill.scores.contrasts import TAIL

EXACT = 9  # datasets whose orders are all looked at: 362,880
SAMPLED = 99_999  # orders of more datasets
LEAST = 3  # datasets: of two every order is perfect
_ROUNDING = 1e-9


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Interval]:
    """Return signal -> its figure over rated rows of the table of suitability; of one row without interval."""
    nats, ranks = np.array([surprisal(row) for row in rows]), np.array([rank(row) for row in rows])
    tokens = np.array([row["tokens"] for row in rows])
    mean = mean_interval(nats)
    return {
        "perplexity": Interval(*(math.exp(end) for end in (mean.estimate, mean.low, mean.high))),
        "rank_surprisal": ratio_interval(ranks, nats),
        "local_naturalness": mean_interval(np.array([row["local"] for row in rows])),
        "overlap_1": mean_interval(np.array([row["top_1"] for row in rows]) / tokens),
        "overlap_10": mean_interval(np.array([row["top_10"] for row in rows]) / tokens),
    }


def mean_interval(values: np.ndarray) -> Interval:
    """Return the mean of values with the 95 % interval of Student's t."""
    return _around(float(values.mean()), values - values.mean())


def ratio_interval(above: np.ndarray, below: np.ndarray) -> Interval:
    """Return the ratio of two means of the same rows, with the interval of its linear approximation."""
    ratio = float(above.mean() / below.mean())
    return _around(ratio, (above - ratio * below) / below.mean())


def _around(estimate: float, residuals: np.ndarray) -> Interval:
    count = len(residuals)
    if count < 2:
        return Interval(estimate, math.nan, math.nan)
    error = math.sqrt(float((residuals**2).sum()) / (count - 1) / count)
    half = float(stdtrit(count - 1, 1 - TAIL)) * error
    return Interval(estimate, estimate - half, estimate + half)


@dataclass(frozen=True)
class Correlation:
    """Spearman's correlation of so many pairs, and its two-sided p: of all orders, or (not exact) of many at random."""

    rho: float
    p_value: float
    count: int
    exact: bool


def spearman(one: Sequence[float], other: Sequence[float]) -> Correlation | None:
    """Return the rank correlation of two sequences; None for less than LEAST pairs, or where all values are equal."""
    count = len(one)
    if count < LEAST:
        return None
    left, right = (_standard(average_ranks(values)) for values in (one, other))
    if left is None or right is None:
        return None
    rho = float(left @ right)
    exact = count <= EXACT
    if exact:
        orders = np.array(list(itertools.permutations(range(count))))
    else:
        orders = np.random.default_rng(0).permuted(np.tile(np.arange(count), (SAMPLED, 1)), axis=1)
    as_far = int((np.abs(right[orders] @ left) >= abs(rho) - _ROUNDING).sum())
    p_value = as_far / len(orders) if exact else (1 + as_far) / (1 + len(orders))
    return Correlation(rho, p_value, count, exact)


def least_p(count: int) -> float:
    """Return the least p that an exact test of so many pairs without ties can give."""
    return 2 / math.factorial(count)


def average_ranks(values: Sequence[float]) -> np.ndarray:
    """Return the ranks of values, 1 for the least; equal ones share the mean of theirs."""
    array = np.asarray(values, dtype=float)
    below, above = (array[:, None] > array).sum(axis=1), (array[:, None] >= array).sum(axis=1)
    return (below + above + 1) / 2


def _standard(ranks: np.ndarray) -> np.ndarray | None:
    """Return ranks around 0 and of length 1, None where all are equal."""
    centred = ranks - ranks.mean()
    length = float(np.sqrt((centred**2).sum()))
    return centred / length if length > 0 else None
