"""The accuracy of one arm on one benchmark, with Wilson's interval on the effective number of samples.

Sources. Wilson 1927, JASA 22:209; values in Newcombe 1998, Statistics in Medicine 17:857. Design effect: Kish 1965,
Survey Sampling, section 8.2; Wilson's interval on an effective size: Dean & Pagano 2015, JSSAM 3:484.
"""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


Z95 = 1.959963984540054


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


def effective_size(correct: Array, samples: Array) -> float:
    """Return how many independent trials the graded samples of clustered problems are worth.

    It is p(1-p) / V with V the cluster variance of p, i.e. all samples over Kish's design effect; kept between the
    number of problems and the number of samples. One sample per problem gives the number of problems. At 0 % and
    100 %, where the correlation within problems cannot be seen, it is the number of problems, the cautious end.
    """
    problems, total = len(correct), float(samples.sum())
    share = correct.sum() / total
    residual = correct - share * samples
    variance = float((residual**2).sum()) / total**2
    if variance <= 0 or share in (0, 1):
        return float(problems)
    return float(np.clip(share * (1 - share) / variance, problems, total))


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
