"""Intervals of accuracy against hand-checked and published values."""

import numpy as np
import pytest

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


def test_draws_that_always_agree_are_worth_one_each() -> None:
    assert accuracy.effective_size(np.array([4, 0, 4, 0]), np.full(4, 4)) == pytest.approx(4)
    # As different within a problem as between: all eight count.
    assert accuracy.effective_size(np.array([1, 1, 1, 1]), np.full(4, 2)) == 4  # no spread at all: the cautious end
    assert accuracy.effective_size(np.array([2, 1, 1, 0]), np.full(4, 2)) == pytest.approx(8)


def test_accuracy_without_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        accuracy.accuracy(np.array([]), np.array([]))


def test_samples_are_worth_no_less_than_their_problems() -> None:
    assert accuracy.effective_size(np.array([10, 0, 0, 0]), np.array([10, 10, 1, 1])) == 4
