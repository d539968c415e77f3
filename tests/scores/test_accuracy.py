"""The interval of an accuracy: published values, what samples are worth, and its coverage by simulation."""

import numpy as np
import pytest
from scipy.stats import t

from distill.scores import accuracy
from distill.scores.accuracy import Interval


@pytest.mark.parametrize(
    ("correct", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)  # Newcombe 1998, Table I, method 3
def test_wilson_gives_newcombes_values(correct: int, trials: int, low: float, high: float) -> None:
    assert accuracy.wilson(correct / trials, trials) == pytest.approx((low, high), abs=5e-5)


def test_one_sample_per_problem_is_wilson_on_the_problems() -> None:
    interval = accuracy.accuracy(np.array([1, 0, 1, 1]), np.ones(4))
    low, high = accuracy.wilson(0.75, 4)
    assert interval == Interval(0.75, pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize(
    ("correct", "seen"),
    # The samples of a problem agree: 1. As different within as between: D = 4/3 * (1/64 * 2) / (1/32) = 4/3, K = 2.
    [([4, 4, 0, 0], 1.0), ([2, 1, 1, 0], 1 / 3)],
)
def test_the_correlation_is_drawn_toward_one_half_by_four_problems(correct: list[int], seen: float) -> None:
    samples = np.full(4, max(correct))
    found = accuracy.correlation(np.array(correct), samples)
    assert found == pytest.approx((seen * 4 + 0.5 * 4) / (4 + 4))  # m = 2 * 4 * 0.5
    size = len(correct) * max(correct) / (1 + (max(correct) - 1) * found) * (accuracy.Z95 / t.ppf(0.975, 3)) ** 2
    assert accuracy.effective_size(np.array(correct), samples) == pytest.approx(size)


@pytest.mark.parametrize("correct", [[0, 0, 0], [5, 5, 5]])
def test_where_all_are_alike_the_correlation_is_one_half(correct: list[int]) -> None:
    assert accuracy.correlation(np.array(correct), np.full(3, 5)) == 0.5
    interval = accuracy.accuracy(np.array(correct), np.full(3, 5))
    assert interval.high - interval.low > 0.3  # three problems prove little


def test_a_single_problem_says_almost_nothing() -> None:
    interval = accuracy.accuracy(np.array([8]), np.array([16]))
    assert interval.low < 0.05
    assert interval.high > 0.95


def test_accuracy_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        accuracy.accuracy(np.array([]), np.array([]))


# n problems, accuracy, correlation of the samples, samples; the share that the old interval held (statistics.md, 1.1).
BAD_CELLS = [(30, 0.02, 0.5, 16, 0.833), (40, 0.02, 0.5, 16, 0.818), (40, 0.98, 0.5, 16, 0.810),
             (30, 0.1, 0.5, 4, 0.917), (30, 0.1, 0.5, 16, 0.911), (40, 0.02, 0.9, 16, 0.905),
             (40, 0.1, 0.5, 16, 0.923)]  # fmt: skip


@pytest.mark.parametrize(("problems", "share", "alike", "samples", "before"), BAD_CELLS)
def test_the_interval_holds_the_truth_where_it_did_not(
    problems: int, share: float, alike: float, samples: int, before: float
) -> None:
    rng, runs, hits = np.random.default_rng(7), 3000, 0
    spread = (1 - alike) / alike
    for _ in range(runs):
        skills = rng.beta(share * spread, (1 - share) * spread, problems)
        found = accuracy.accuracy(rng.binomial(samples, skills), np.full(problems, samples))
        hits += found.low <= share <= found.high
    held = hits / runs
    assert held >= 0.935  # 0.95 less what 3,000 runs leave open, and what is lost at a correlation of 0.9
    assert held > before
