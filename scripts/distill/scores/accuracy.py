"""The accuracy of one arm on one benchmark, with Wilson's interval on the effective number of samples.

Several samples of a problem are correlated, so they are worth fewer than they are. How many is estimated from the
problems that some samples get right and others wrong; near 0 % and 100 % there are few of them, so the correlation is
drawn toward one half, as if `PRIOR_PROBLEMS` problems more had shown that.

Sources. Wilson 1927, JASA 22:209; values in Newcombe 1998, Statistics in Medicine 17:857. Design effect: Kish 1965,
Survey Sampling, section 8.2; Wilson's interval on an effective size with t in place of z: Korn & Graubard 1998, Survey
Methodology 24:193; Dean & Pagano 2015, JSSAM 3:484.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from distill.scores.contrasts import TAIL

Array = np.ndarray


Z95 = 1.959963984540054
PRIOR_CORRELATION, PRIOR_PROBLEMS = 0.5, 4.0


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    estimate: float
    low: float
    high: float


def wilson(share: float, size: float, z: float = Z95) -> tuple[float, float]:
    """Return Wilson's score interval of a share among `size` (also fractional) independent trials."""
    centre = share + z * z / (2 * size)
    spread = z * np.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    scale = 1 + z * z / size
    low, high = (centre - spread) / scale, (centre + spread) / scale
    # At 0 % and 100 % one end is exact in theory and off by rounding in floating point.
    return (0.0 if share <= 0 else float(max(low, 0.0))), (1.0 if share >= 1 else float(min(high, 1.0)))


def correlation(correct: Array, samples: Array) -> float:
    """Return how alike the samples of a problem are, in 0..1: the intraclass correlation, drawn toward one half.

    It is (D - 1) / (K - 1) with D the design effect, the cluster variance of the accuracy over that of independent
    samples, and K the samples per problem (sum of squares over sum, where they differ). m of the problems speak for it:
    as many as have the rarer grade if each problem had one, twice.
    """
    problems, total = len(correct), float(samples.sum())
    share, mean_size = correct.sum() / total, float((samples**2).sum()) / total
    rarer = 2 * problems * min(share, 1 - share)
    if rarer <= 0 or problems < 2 or mean_size <= 1:
        return PRIOR_CORRELATION
    variance = float(((correct - share * samples) ** 2).sum()) / total**2 * problems / (problems - 1)
    effect = variance * total / (share * (1 - share))
    seen = float(np.clip((effect - 1) / (mean_size - 1), 0, 1))
    return (seen * rarer + PRIOR_CORRELATION * PRIOR_PROBLEMS) / (rarer + PRIOR_PROBLEMS)


def effective_size(correct: Array, samples: Array) -> float:
    """Return how many independent trials the graded samples of clustered problems are worth, for Wilson's interval.

    One sample per problem gives the number of problems. With several it is their number over the design effect
    1 + (K - 1) times the `correlation`, and, as that is estimated from the problems, times (z / t)^2 with t the
    quantile of Student's distribution with one degree of freedom less than there are problems.
    """
    problems, total = len(correct), float(samples.sum())
    mean_size = float((samples**2).sum()) / total
    if mean_size <= 1:
        return total
    size = total / (1 + (mean_size - 1) * correlation(correct, samples))
    return float(size * (Z95 / stdtrit(max(problems - 1, 1), 1 - TAIL)) ** 2)


def accuracy(correct: Array, samples: Array) -> Interval:
    """Return the share of correct samples with Wilson's interval on the effective size.

    `correct` and `samples` are counts per problem. Raises ValueError without samples.
    """
    correct, samples = np.asarray(correct, float), np.asarray(samples, float)
    if len(correct) == 0 or samples.min() <= 0:
        raise ValueError("accuracy needs at least one sample of every problem")
    share = float(correct.sum() / samples.sum())
    low, high = wilson(share, effective_size(correct, samples))
    return Interval(share, min(low, share), max(high, share))
