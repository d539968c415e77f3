"""Figures of datasets by hand and against SciPy; rank correlations against every order, and their sign."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from distill.scores.suitability import (
    EXACT,
    average_ranks,
    figures,
    least_p,
    mean_interval,
    ratio_interval,
    spearman,
)

numbers = st.integers(-5, 5).map(float)


def row(tokens: int, nats: float, ranks: int, top_1: int, top_10: int, local: float) -> dict[str, Any]:
    return {"tokens": tokens, "loglikelihood": -nats, "ranks": ranks, "top_1": top_1, "top_10": top_10, "local": local}


def test_figures_by_hand() -> None:
    found = figures([row(4, 8.0, 12, 1, 3, -1.0), row(10, 40.0, 90, 2, 8, -3.0)])
    # Surprisals 2 and 4, ranks 3 and 9: every row counts alike, however long it is.
    assert found["perplexity"].estimate == pytest.approx(math.exp(3))
    assert found["rank_surprisal"].estimate == pytest.approx(6 / 3)
    assert found["local_naturalness"].estimate == pytest.approx(-2)
    assert found["overlap_1"].estimate == pytest.approx((0.25 + 0.2) / 2)
    assert found["overlap_10"].estimate == pytest.approx((0.75 + 0.8) / 2)
    half = stats.t.ppf(0.975, 1) * 1.0  # standard error of 2 and 4
    assert found["perplexity"].low == pytest.approx(math.exp(3 - half))
    assert (found["local_naturalness"].low, found["local_naturalness"].high) == pytest.approx((-2 - half, -2 + half))


def test_one_row_has_no_interval() -> None:
    for figure in figures([row(4, 8.0, 12, 1, 3, -1.0)]).values():
        assert math.isnan(figure.low)
        assert math.isnan(figure.high)
        assert not math.isnan(figure.estimate)


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=30))
def test_a_mean_has_the_interval_of_t(values: list[float]) -> None:
    found, array = mean_interval(np.array(values)), np.array(values)
    half = stats.t.ppf(0.975, len(values) - 1) * array.std(ddof=1) / len(values) ** 0.5
    assert (found.low, found.high) == pytest.approx((array.mean() - half, array.mean() + half), abs=1e-9)


def test_the_interval_of_a_ratio_holds_it_about_as_often_as_it_says() -> None:
    rng, held, times = np.random.default_rng(3), 0, 1000
    for _ in range(times):
        below = rng.gamma(4.0, 0.25, 60)
        above = 3 * below + rng.normal(0, 1, 60)
        found = ratio_interval(above, below)
        held += found.low <= 3 <= found.high
    assert 0.93 < held / times < 0.97


@given(st.lists(st.tuples(numbers, numbers), min_size=3, max_size=6))
def test_a_correlation_is_that_of_scipy_with_the_p_of_all_orders(pairs: list[tuple[float, float]]) -> None:
    one, other = ([pair[i] for pair in pairs] for i in (0, 1))
    found = spearman(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert found is None
        return
    expected = stats.spearmanr(one, other).statistic
    assert found is not None
    assert found.rho == pytest.approx(expected)
    orders = [stats.spearmanr(one, order).statistic for order in itertools.permutations(other)]
    assert found.p_value == pytest.approx(np.mean([abs(rho) >= abs(expected) - 1e-9 for rho in orders]))
    assert (found.count, found.exact) == (len(pairs), True)


@pytest.mark.parametrize(("count", "least"), [(3, 1 / 3), (4, 1 / 12), (5, 1 / 60), (9, 2 / 362_880)])
def test_the_least_p_of_so_few(count: int, least: float) -> None:
    found = spearman(range(count), [3.0 * place for place in range(count)])
    assert found is not None
    assert (found.rho, found.p_value) == (pytest.approx(1), pytest.approx(least))
    assert least_p(count) == pytest.approx(least)
    back = spearman(range(count), range(count, 0, -1))
    assert back is not None
    assert (back.rho, back.p_value) == (pytest.approx(-1), pytest.approx(least))


def test_orders_of_many_are_sampled_alike_each_time() -> None:
    rng = np.random.default_rng(5)
    one, other = rng.normal(size=(2, EXACT + 3))
    found = spearman(one, other)
    assert found is not None
    assert not found.exact
    assert found == spearman(one, other)
    assert found.p_value == pytest.approx(stats.spearmanr(one, other).pvalue, abs=0.02)


def test_two_datasets_show_nothing() -> None:
    assert spearman([1, 2], [1, 2]) is None


@given(st.lists(numbers, min_size=1, max_size=12))
def test_ranks_are_those_of_scipy(values: list[float]) -> None:
    assert average_ranks(values).tolist() == stats.rankdata(values).tolist()
