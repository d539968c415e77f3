"""How sure a contrast of arms is: its interval and its p-value, from one statistic. Pure NumPy and SciPy.

A contrast is a weighted sum of the arms' scores whose weights sum to 0: a gap (+1, -1), a gain over the untouched
student, a gap between the gaps of two students (+1, -1, -1, +1), a slope. Scores enter as arrays of shape (seeds,
problems): the mean over samples of one problem's 0/1 grades, or another measure of which more is better, such as a
log-likelihood in nats per token. All functions work along the last two axes, so that many simulated studies can be
computed at once.

Two things are uncertain, and their variances are added: which problems were asked (all arms answer the same ones, so
differences are taken problem by problem), and what chance does to a training (a variance that is pooled over all arms
of one student and training that have several seeds).

Sources. Paired comparison over problems: Miller 2024, arXiv 2411.00640. One pseudo win and one pseudo loss: Agresti &
Min 2005, Statistics in Medicine 24:729; Bonett & Price 2012, JEBS 37:479. Sum of two variances and its degrees of
freedom: Satterthwaite 1946, Biometrics Bulletin 2:110. Best of several: Berger 1982, Technometrics 24:295
(intersection-union test), Hsu 1984, Annals of Statistics 12:1136 (comparison with the best).
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit

Array = np.ndarray
Scores = Mapping[Hashable, Array]  # arm -> (..., seeds, problems), of one benchmark
TAIL = 0.025  # of each side of a 95 % interval
# A pseudo win is worth one problem whose every sample differs, over this power of the samples and seeds. With 1/2, that
# of their noise, intervals are too short where arms differ in few of 30 problems (benchmarks/coverage.md).
SHRINKAGE = 1 / 3
LEAST_PSEUDO = 1e-6  # of a measure without bounds: its values are written with six decimals


@dataclass(frozen=True)
class Estimate:
    """A contrast: its value and standard error, in the unit of the scores, and the degrees of freedom of the error.

    problem_variance, seed_variance: the two parts of the error's square, the second of those trainings whose noise is
    known; unknown: the sum of squared weights over seeds of the other trained arms, 0 where all is known. seed_sd: the
    standard deviation of one training's score (None where no arm has seeds). correlation: of two arms over problems.
    bound: the largest value that the contrast can have.
    """

    estimate: Any
    error: Any
    df: Any
    problem_variance: Any
    seed_variance: Any = 0.0
    unknown: float = 0.0
    seed_sd: Any = None
    correlation: Any = None
    bound: float = np.inf

    def end(self, side: int, tail: float = TAIL) -> Any:
        """Return the lower (side -1) or upper (side 1) end of an interval that leaves `tail` beyond it."""
        return np.clip(self.estimate + side * stdtrit(self.df, 1 - tail) * self.error, -self.bound, self.bound)

    @property
    def low(self) -> Any:
        """Return the lower end of the 95 % interval."""
        return self.end(-1)

    @property
    def high(self) -> Any:
        """Return the upper end of the 95 % interval."""
        return self.end(1)

    @property
    def p_value(self) -> Any:
        """Return the two-sided p-value of no difference; at most .05 just where the interval leaves 0 out."""
        return 2 * stdtr(self.df, -np.abs(self.estimate) / self.error)

    @property
    def tipping_sd(self) -> Any:
        """Return how large the unknown noise of a training (SD) may be for the interval still to leave 0 out.

        0 where it holds 0 already; None where no noise is unknown.
        """
        if not self.unknown:
            return None
        reach = (self.estimate / stdtrit(self.df, 1 - TAIL)) ** 2 - self.error**2
        return np.sqrt(np.maximum(reach, 0) / self.unknown)


@dataclass(frozen=True)
class Against:
    """One arm against the best of several: an interval and a p-value, and no estimate, which would be flattered."""

    low: Any
    high: Any
    p_value: Any


@dataclass(frozen=True)
class Noise:
    """What chance does to one training: variance (not below 0), its raw mean square, degrees of freedom."""

    variance: Any
    mean_square: Any
    df: int


@dataclass
class _Sum:
    """A sum of variances with what Satterthwaite's formula needs of each."""

    variance: Any = 0.0
    divisor: Any = 0.0

    def add(self, variance: Any, mean_square: Any, df: float) -> None:
        self.variance = self.variance + variance
        self.divisor = self.divisor + mean_square**2 / df


def contrast(
    benchmarks: Sequence[Scores], weights: Mapping[Hashable, float], pools: Sequence[Sequence[Hashable]],
    samples: int = 1, shares: Sequence[float] | None = None, span: float | None = 1.0,
) -> Estimate:  # fmt: skip
    """Return a contrast on one benchmark, or its mean over several.

    weights: arm -> weight, which sum to 0. pools: arms that were trained alike (one student and training), those of the
    contrast and others; an arm in none is not trained and has no noise of training. samples: per problem, the fewest of
    any arm. shares: of each benchmark in the mean, which sum to 1; equal ones where absent. span: how far two scores of
    a problem can lie apart, None without a bound. Raises ValueError when the weights do not sum to 0, the shares not to
    1, or an arm has no scores.
    """
    shares = [1 / len(benchmarks)] * len(benchmarks) if shares is None else shares
    if abs(sum(weights.values())) > 1e-9:
        raise ValueError("the weights of a contrast sum to 0")
    if abs(sum(shares) - 1) > 1e-9:
        raise ValueError("the shares of the benchmarks sum to 1")
    if any(arm not in scores or scores[arm].size == 0 for scores in benchmarks for arm in weights):
        raise ValueError("an arm of the contrast has no scores")
    total, value, alike = _Sum(), 0.0, 0.0
    seeds = min(benchmarks[0][arm].shape[-2] for arm in weights)
    largest = max(map(abs, weights.values()))
    pseudo = LEAST_PSEUDO if span is None else largest * span / (samples * seeds) ** SHRINKAGE
    for scores, part in zip(benchmarks, shares, strict=True):
        means = {arm: scores[arm].mean(axis=-2) for arm in weights}
        differences = sum(weight * means[arm] for arm, weight in weights.items())
        value = value + part * differences.mean(axis=-1)
        variance = part**2 * problem_variance(differences, pseudo)
        total.add(variance, variance, differences.shape[-1] + 1)
        apart = sum(weight**2 * means[arm].var(axis=-1) for arm, weight in weights.items())
        with np.errstate(invalid="ignore", divide="ignore"):
            alike = alike + part * (1 - differences.var(axis=-1) / apart)
    of_problems, unknown, sds = total.variance, 0.0, []
    for pool in pools:
        share = sum(weights[arm] ** 2 / benchmarks[0][arm].shape[-2] for arm in pool if arm in weights)
        noise = seed_noise(benchmarks, pool, shares) if share else None
        if share and noise is None:
            unknown += share
        elif noise is not None:
            total.add(share * noise.variance, share * noise.mean_square, noise.df)
            sds.append(np.sqrt(noise.variance))
    bound = np.inf if span is None else span * sum(map(abs, weights.values())) / 2
    return Estimate(
        value, np.sqrt(total.variance), total.variance**2 / total.divisor, of_problems, total.variance - of_problems,
        unknown, np.mean(sds, axis=0) if sds else None, alike, bound,
    )  # fmt: skip


def shares_of(weights: str, sizes: Sequence[int]) -> list[float]:
    """Return how benchmarks of so many problems weigh in a mean: `equal`, or `by_problem`, each as it has problems."""
    total = sum(sizes)
    return [size / total if weights == "by_problem" else 1 / len(sizes) for size in sizes]


def problem_variance(differences: Array, pseudo: float) -> Any:
    """Return the variance of the mean of paired differences, with one pseudo win and one pseudo loss.

    Each is as large as the differences that were seen, the mean of their squares weighted by these squares: of one
    sample, where all differences are 1, that is Agresti & Min's; where few problems differ, and differ much, the
    interval allows for one more of them. It is at least `pseudo`, so that no interval has the width 0.
    """
    squares, count = differences**2, differences.shape[-1] + 2
    total = squares.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        seen = np.nan_to_num((squares**2).sum(axis=-1) / total)
    mean = differences.sum(axis=-1) / count
    square = (total + 2 * np.maximum(seen, pseudo**2)) / count
    return (square - mean**2) / count


def seed_noise(
    benchmarks: Sequence[Scores], arms: Sequence[Hashable], shares: Sequence[float] | None = None
) -> Noise | None:
    """Return the noise of a training, pooled over arms that were trained alike; None where none has two seeds.

    It is the variance of the seeds' scores (each the mean over the benchmarks, by their shares) within an arm, less
    what the answers' own noise makes of it, which the problem variance holds already: the residual of an additive model
    of seeds and problems, over the number of problems. Arms count by their seeds less one.
    """
    shares = [1 / len(benchmarks)] * len(benchmarks) if shares is None else shares
    square, residual, df = 0.0, 0.0, 0
    for arm in arms:
        seeds = benchmarks[0][arm].shape[-2]
        if seeds < 2:
            continue
        parts = list(zip(benchmarks, shares, strict=True))
        scores = sum(share * each[arm].mean(axis=-1) for each, share in parts)
        square = square + (seeds - 1) * scores.var(axis=-1, ddof=1)
        residual = residual + (seeds - 1) * sum(share**2 * _residual(each[arm]) for each, share in parts)
        df += seeds - 1
    if df == 0:
        return None
    return Noise(np.maximum(square - residual, 0) / df, square / df, df)


def _residual(scores: Array) -> Any:
    """Return the variance that the residual of an additive model gives the mean over problems of one seed."""
    seeds, problems = scores.shape[-2:]
    if problems < 2:
        return 0.0
    left = scores.var(axis=(-2, -1)) - scores.mean(axis=-1).var(axis=-1) - scores.mean(axis=-2).var(axis=-1)
    return np.maximum(left, 0) * seeds / ((seeds - 1) * (problems - 1))


def against_best(estimates: Sequence[Estimate]) -> Against:
    """Return one arm against the best of several, from its contrast with each of them.

    The lower end is the least of the lower ends (it is above 0 where the arm beats each: intersection-union), the upper
    end the least of the upper ends at a tail of 2.5 % over their number (it is below 0 where the arm loses to any). The
    p-value is at most .05 just where the interval leaves 0 out.
    """
    count = len(estimates)
    low = np.min([each.end(-1) for each in estimates], axis=0)
    high = np.min([each.end(1, TAIL / count) for each in estimates], axis=0)
    p_values = np.array([each.p_value for each in estimates])
    losses = np.where(np.array([each.estimate for each in estimates]) < 0, p_values, np.inf).min(axis=0)
    p_value = np.where(np.isinf(losses), p_values.max(axis=0), np.minimum(count * losses, 1.0))
    return Against(low, high, p_value)
