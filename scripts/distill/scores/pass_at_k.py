"""pass@k: how likely at least one of k samples of a problem is correct, estimated from n samples without bias.

Source: Chen et al. 2021, arXiv 2107.03374, equation 1: 1 - C(n - c, k) / C(n, k) with c of n samples correct. It is the
mean over all choices of k among the n samples; for k = 1 it is the accuracy.
"""

from math import comb

import numpy as np

from distill.scores.accuracy import Interval, wilson


def sizes(samples: int) -> list[int]:
    """Return the k that are reported for so many samples: 1, 2, 4, ... and the number itself; none for one sample."""
    return sorted({2**i for i in range(samples.bit_length()) if 2**i <= samples} | {samples}) if samples > 1 else []


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Return pass@k of a problem, in 0..1. Raises ValueError for more than there are samples, or less than one."""
    if not 1 <= k <= samples or not 0 <= correct <= samples:
        raise ValueError(f"pass@{k} of {samples} samples, {correct} of them correct, is not defined")
    return 1 - comb(samples - correct, k) / comb(samples, k)


def mean_share(shares: np.ndarray) -> Interval:
    """Return the mean of shares of problems (each 0..1) with Wilson's interval on the number of problems.

    The variance of a share is at most that of 0 and 1, so the interval is wider than needed where shares lie between.
    """
    share = float(shares.mean())
    low, high = wilson(share, len(shares))
    return Interval(share, min(low, share), max(high, share))
