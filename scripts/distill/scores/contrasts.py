"""How sure a gap is: intervals and p-values over problems, seeds and benchmarks. Pure NumPy.

Scores enter as arrays of shape (seeds, problems): the mean over draws of one problem's 0/1 grades. The sampling unit
is the problem, never the response: several draws of one problem are correlated (a cluster).

Sources. Percentile bootstrap: Efron & Tibshirani 1993, chapter 13; of clusters and of seeds: the same, section 8.
Sign flips: Fisher 1935, The Design of Experiments, section 21; the `+ 1`: Phipson & Smyth 2010, SAGMB 9:39.
Intersection-union test: Berger 1982, Technometrics 24:295. Paired comparison of language models over problems:
Miller 2024, arXiv 2411.00640.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from distill.scores.accuracy import Interval

Array = np.ndarray
RESAMPLES = 10_000
SEED = 20_250_217
CELLS = 2_000_000  # numbers held at once per array of a resampling step, about 16 MB
EXACT_FLIPS = 13  # up to so many differing problems every sign pattern is enumerated
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Gap(Interval):
    """A paired difference; `best` is the index of the minus arm it was measured against."""

    p_value: float
    best: int


def paired_gap(benchmarks: Sequence[Sequence[Array]], seed: int = SEED, resamples: int = RESAMPLES) -> Gap:
    """Return mean(plus) minus the mean of the best minus arm, on one benchmark or averaged over several.

    Each benchmark is a sequence of arms, plus first, then one or more minus arms; all arms of a benchmark answer the
    same problems in the same order. An arm's score is its mean over seeds and problems, then the unweighted mean
    over benchmarks; the best minus arm is the one with the highest such score.

    Interval: 95 % percentile bootstrap. Each resample draws problems with replacement within each benchmark, the
    same problems for all arms (paired), and, of an arm with several seeds, its seeds with replacement, for each arm
    on its own and the same for all benchmarks. With one seed the interval holds nothing of the noise between
    trainings; with few seeds it understates it, since S seeds show (S - 1) / S of their variance. The maximum over
    the minus arms is taken again in each resample.

    Bias: the best of several arms is picked on the very problems it is judged on, so its score is flattered and
    the gap is biased downward; the bootstrap repeats that bias and does not remove it. The interval is widened to
    hold the estimate in the rare case that it does not.

    p-value: two-sided paired sign-flip permutation test over problems, of the trained models as they are (seeds are
    averaged first). Against several minus arms: a positive gap must beat each of them (the largest p of the pairs,
    an intersection-union test); a negative one is the p against the best of them, times their number, since any of
    them could have come out best (Bonferroni).
    """
    means = np.mean([[arm.mean() for arm in arms] for arms in benchmarks], axis=0)
    best = int(np.argmax(means[1:]))
    estimate = float(means[0] - means[1 + best])
    resampling, flipping = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    scores = _bootstrap(benchmarks, lambda m: m[:, 0] - m[:, 1:].max(axis=1), resampling, resamples)
    interval = _percentiles(estimate, scores)
    pairs = [_pair_p(benchmarks, k, flipping, resamples) for k in range(1, len(means))]
    p_value = max(pairs) if estimate >= 0 else min(1.0, len(pairs) * pairs[best])
    return Gap(estimate, interval.low, interval.high, float(p_value), best)


def _pair_p(benchmarks: Sequence[Sequence[Array]], minus: int, rng: np.random.Generator, resamples: int) -> float:
    return sign_flip_p([arms[0].mean(axis=0) - arms[minus].mean(axis=0) for arms in benchmarks], rng, resamples)


def sign_flip_p(differences: Sequence[Array], rng: np.random.Generator, permutations: int = RESAMPLES) -> float:
    """Return the two-sided p-value of a mean of paired differences (averaged over benchmarks) being zero.

    Under the null the two arms of a problem could be swapped, i.e. the sign of each difference flipped. With few
    problems that differ all patterns are enumerated (for 0/1 grades this is the exact McNemar test); otherwise
    random ones are drawn and p = (1 + as extreme) / (1 + drawn).
    """
    weighted = np.concatenate([np.asarray(d, float) / (len(d) * len(differences)) for d in differences])
    weighted = weighted[np.abs(weighted) > TOLERANCE]
    observed = abs(float(weighted.sum())) - TOLERANCE
    if len(weighted) <= EXACT_FLIPS:
        patterns = (np.arange(2 ** len(weighted))[:, None] >> np.arange(len(weighted))) & 1
        return float(np.mean(np.abs((2 * patterns - 1) @ weighted) >= observed))
    extreme = 0
    for rows in _chunks(permutations, len(weighted)):
        signs = rng.integers(0, 2, (rows, len(weighted)), dtype=np.int8)
        # sum of s_i d_i with s = 2b - 1 is 2 (b . d) - sum(d)
        extreme += int(np.sum(np.abs(2 * (signs @ weighted) - weighted.sum()) >= observed))
    return (1 + extreme) / (1 + permutations)


def _bootstrap(
    benchmarks: Sequence[Sequence[Array]],
    statistic: Callable[[Array], Array],
    rng: np.random.Generator,
    resamples: int,
) -> Array:
    """Return the statistic of the arms' resampled scores (resamples x arms), averaged over benchmarks."""
    seeds = [_resampled_weights(rng, resamples, len(arm)) for arm in benchmarks[0]]
    scores = np.zeros((resamples, len(seeds)))
    for arms in benchmarks:
        problems, start = arms[0].shape[1], 0
        stacked = np.concatenate(arms).T / problems
        edges = np.cumsum([0, *(len(arm) for arm in arms)])
        for rows in _chunks(resamples, problems):
            by_seed = _counts(rng, rows, problems) @ stacked
            for i, weights in enumerate(seeds):
                part = by_seed[:, edges[i] : edges[i + 1]] * weights[start : start + rows]
                scores[start : start + rows, i] += part.sum(axis=1)
            start += rows
    return statistic(scores / len(benchmarks))


def _resampled_weights(rng: np.random.Generator, resamples: int, seeds: int) -> Array:
    if seeds == 1:  # nothing to draw; equal numbers of draws keep one-seed gaps comparable
        return np.ones((resamples, 1))
    return rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds


def _counts(rng: np.random.Generator, rows: int, problems: int) -> Array:
    """Return how often each problem is drawn in each of `rows` resamples."""
    drawn = rng.integers(0, problems, (rows, problems)) + problems * np.arange(rows)[:, None]
    return np.bincount(drawn.ravel(), minlength=rows * problems).reshape(rows, problems).astype(float)


def _chunks(total: int, width: int) -> list[int]:
    step = max(1, CELLS // max(width, 1))
    return [min(step, total - start) for start in range(0, total, step)]


def _percentiles(estimate: float, scores: Array) -> Interval:
    low, high = np.quantile(scores, [0.025, 0.975])
    return Interval(estimate, float(min(low, estimate)), float(max(high, estimate)))
