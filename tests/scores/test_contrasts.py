"""Intervals and p-values against hand-checked and published values, and their coverage by simulation."""

import math

import numpy as np
import pytest

from distill.scores import contrasts
from distill.scores.accuracy import Interval


def gap(*arms: list[float], **keys: int) -> contrasts.Gap:
    return contrasts.paired_gap([[np.atleast_2d(np.array(a, float)) for a in arms]], **keys)


def test_a_gap_by_hand() -> None:
    result = gap([1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0])
    assert result.estimate == pytest.approx(0.5)
    assert result.p_value == pytest.approx(2 / 2**3)  # three problems differ, all one way: exact McNemar
    assert result.low <= 0.5 <= result.high


def test_equal_arms_have_no_gap() -> None:
    result = gap([1, 0, 1], [1, 0, 1])
    assert (result.estimate, result.low, result.high, result.p_value) == (0, 0, 0, 1)


def test_the_best_minus_arm_counts_and_its_p_value_with_it() -> None:
    better = [1] * 18 + [0] * 2
    # Far better than the first source, the same as the second: no gain, and no significant loss either.
    result = gap([1] * 17 + [0] * 3, [0] * 20, better)
    assert (result.best, result.estimate) == (1, pytest.approx(-0.05))
    assert result.p_value == 1
    # A positive gap has to beat both: the larger of the two p-values.
    assert gap([1] * 20, [0] * 20, better).p_value == pytest.approx(2 / 2**2)


def test_benchmarks_weigh_the_same_whatever_their_size() -> None:
    one = [np.ones((1, 10)), np.zeros((1, 10))]
    two = [np.zeros((1, 1000)), np.zeros((1, 1000))]
    assert contrasts.paired_gap([one, two]).estimate == pytest.approx(0.5)


def test_a_gap_is_the_same_each_time() -> None:
    rng = np.random.default_rng(0)
    arms = [rng.integers(0, 2, 60).tolist() for _ in range(2)]
    assert gap(*arms) == gap(*arms)


def test_random_flips_agree_with_all_flips() -> None:
    differences = np.array([1.0] * 11 + [-1.0] * 2)
    exact = contrasts.sign_flip_p([differences], np.random.default_rng(0))
    assert exact == pytest.approx(2 * sum(math.comb(13, k) for k in range(3)) / 2**13)
    many = np.array([1.0] * 30 + [-1.0] * 14)
    drawn = contrasts.sign_flip_p([many], np.random.default_rng(0), 40_000)
    assert drawn == pytest.approx(2 * sum(math.comb(44, k) for k in range(15)) / 2**44, abs=0.003)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng, hits, runs = np.random.default_rng(1), 0, 300
    for _ in range(runs):
        skill = rng.beta(2, 2, 120)
        arms = [(rng.random((1, 120)) < np.clip(skill + shift, 0, 1)).astype(float) for shift in (0.1, 0.0)]
        truth = float(np.mean(np.clip(skill + 0.1, 0, 1) - skill))
        result = contrasts.paired_gap([arms], resamples=400)
        hits += result.low <= truth <= result.high
    # Problems are fixed here while the bootstrap redraws them, so it may only be too wide.
    assert 0.92 <= hits / runs <= 1.0


def test_seeds_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    base = rng.integers(0, 2, 200).astype(float)
    minus = np.stack([base, base])
    noisy = np.stack([np.ones(200), np.zeros(200)])
    assert np.ptp(_ends(contrasts.paired_gap([[noisy, minus]]))) > np.ptp(
        _ends(contrasts.paired_gap([[noisy[:1], minus[:1]]]))
    )


def _ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def test_a_loss_against_the_best_of_two_arms_is_corrected_for_both() -> None:
    from scipy.stats import permutation_test

    plus, one, two = np.zeros(10), np.array([1.0] * 6 + [0] * 4), np.array([0.0] * 4 + [1] * 6)
    single = permutation_test((plus, one), lambda x, y, axis: np.mean(x - y, axis=axis), vectorized=True,
                              permutation_type="samples", n_resamples=np.inf).pvalue  # fmt: skip
    assert single == pytest.approx(2 / 2**6)
    assert gap(plus.tolist(), one.tolist()).p_value == pytest.approx(single)
    assert gap(plus.tolist(), one.tolist(), two.tolist()).p_value == pytest.approx(2 * single)


def test_each_resample_is_measured_against_its_own_best_arm() -> None:
    # Where one arm does worse the other does better, so the best is never below a half.
    result = gap([1] * 40, [1] * 20 + [0] * 20, [0] * 20 + [1] * 20)
    assert result.high == pytest.approx(result.estimate) == pytest.approx(0.5)
    assert result.low < 0.45


def test_the_interval_is_that_of_scipy_and_narrows_over_benchmarks() -> None:
    from scipy.stats import bootstrap

    plus, minus = np.array([1.0] * 20 + [0] * 20), np.zeros(40)
    theirs = bootstrap((plus, minus), lambda x, y, axis: np.mean(x - y, axis=axis), paired=True, vectorized=True,
                       method="percentile", rng=np.random.default_rng(0)).confidence_interval  # fmt: skip
    one = [plus[None], minus[None]]
    assert _ends(contrasts.paired_gap([one])) == pytest.approx((theirs.low, theirs.high), abs=0.026)
    low, high = _ends(contrasts.paired_gap([one, one]))
    assert (low, high) == pytest.approx((0.5 - 1.96 * 0.0559, 0.5 + 1.96 * 0.0559), abs=0.02)
