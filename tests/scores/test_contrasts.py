"""Contrasts against other people's functions, published intervals, hand-checked values and their own properties."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from distill.scores.contrasts import Estimate, against_best, contrast, seed_noise

GAP = {"plus": 1.0, "minus": -1.0}
POOL = [("plus", "minus", "further")]


def scores(*seeds: Any) -> np.ndarray:
    return np.atleast_2d(np.array(seeds, float))


def gap(plus: Any, minus: Any, pools: Any = (("plus", "minus"),), samples: int = 1) -> Estimate:
    return contrast([{"plus": scores(*plus), "minus": scores(*minus)}], GAP, pools, samples)


def pairs(wins: int, losses: int, ties: int) -> Estimate:
    """A gap of one seed: so many problems that only the first arm answered right, only the second, or both alike."""
    plus = [1] * wins + [0] * losses + [1] * ties
    minus = [0] * wins + [1] * losses + [1] * ties
    return gap([plus], [minus])


# By hand


def test_a_gap_by_hand() -> None:
    # d = 1, 1, 0, 0 and the pseudo pair 1, -1: mean 2/6, mean square 4/6, so V = (4/6 - 1/9) / 6 with 5 df.
    found = pairs(2, 0, 2)
    assert found.estimate == 0.5
    assert found.error == pytest.approx(math.sqrt(5 / 54))
    assert found.df == 5
    assert (found.low, found.high) == pytest.approx((0.5 - 2.570582 * 0.304290, 1), abs=1e-6)  # no gap is above 1
    assert found.p_value == pytest.approx(2 * stats.t.sf(1.643168, 5), abs=1e-6)


def test_equal_arms_have_an_interval_with_a_width() -> None:
    found = pairs(0, 0, 30)
    assert (found.estimate, found.p_value) == (0, 1)
    assert found.high == -found.low == pytest.approx(2.039513 * math.sqrt(2) / 32, abs=1e-6)  # V = (2 / 32) / 32, 31 df


def test_samples_and_seeds_make_the_pseudo_pair_smaller_by_their_cube_root() -> None:
    even = np.full((1, 6), 0.5)
    for samples, seeds in ((8, 1), (1, 8), (2, 4)):
        found = gap(np.tile(even, (seeds, 1)), np.tile(even, (seeds, 1)), samples=samples)
        assert found.problem_variance == pytest.approx(2 * 0.5**2 / 8 / 8)


def test_the_pseudo_pair_is_as_large_as_the_differences_that_were_seen() -> None:
    # d = 1, 1/2 and eight times 0: their squares, weighted by themselves, have the mean (1 + 1/16) / (1 + 1/4) = 0.85.
    plus, minus = [1, 0.5, *[0] * 8], [0] * 10
    variance = ((1.25 + 2 * 0.85) / 12 - (1.5 / 12) ** 2) / 12
    found = gap([plus], [minus], samples=16)  # 16 samples: a smaller pair, of 16 ** (-1/3), where none differs
    assert found.problem_variance == pytest.approx(variance)
    assert gap([minus], [minus], samples=16).problem_variance == pytest.approx(2 * 16 ** (-2 / 3) / 12 / 12)


def test_a_measure_without_bounds() -> None:
    rng = np.random.default_rng(5)
    arms = {name: rng.normal(size=(2, 40)) for name in GAP}
    narrow, wide = (
        contrast([{k: by * v for k, v in arms.items()}], GAP, [(*GAP,)], 4, span=None) for by in (0.01, 1000)
    )
    assert wide.estimate == pytest.approx(1e5 * narrow.estimate)
    assert (wide.error, wide.df) == pytest.approx((1e5 * narrow.error, narrow.df))  # whatever its unit
    assert wide.high > 10
    d = 0.01 * (arms["plus"] - arms["minus"]).mean(axis=0)
    pair = np.sqrt((d**4).sum() / (d**2).sum())
    assert narrow.problem_variance == pytest.approx(stats.sem(np.append(d, [pair, -pair]), ddof=0) ** 2)
    same = contrast([{"plus": arms["plus"], "minus": arms["plus"]}], GAP, [(*GAP,)], span=None)
    assert (same.estimate, same.p_value) == (0, 1)
    assert 0 < same.error < 1e-6 + 2 * same.seed_sd


def test_benchmarks_may_weigh_by_their_problems() -> None:
    rng = np.random.default_rng(6)
    data = [{name: rng.integers(0, 2, (2, n)).astype(float) for name in GAP} for n in (10, 90)]
    found = contrast(data, GAP, [("plus", "minus")], shares=[0.1, 0.9])
    d = [each["plus"].mean(axis=0) - each["minus"].mean(axis=0) for each in data]
    assert found.estimate == pytest.approx(np.concatenate(d).mean())  # that of all problems together
    each = [contrast([one], GAP, [("plus", "minus")]).problem_variance for one in data]
    assert found.problem_variance == pytest.approx(0.01 * each[0] + 0.81 * each[1])
    joined = {name: np.concatenate([one[name] for one in data], axis=1) for name in GAP}
    assert seed_noise(data, [*GAP], [0.1, 0.9]).mean_square == pytest.approx(seed_noise([joined], [*GAP]).mean_square)
    with pytest.raises(ValueError, match="the shares of the benchmarks sum to 1"):
        contrast(data, GAP, [("plus", "minus")], shares=[10, 90])


def test_benchmarks_weigh_the_same_whatever_their_size() -> None:
    small = {"plus": np.ones((1, 10)), "minus": np.zeros((1, 10))}
    large = {"plus": np.zeros((1, 1000)), "minus": np.zeros((1, 1000))}
    found = contrast([small, large], GAP, [("plus", "minus")])
    assert found.estimate == pytest.approx(0.5)
    each = [contrast([one], GAP, [("plus", "minus")]).problem_variance for one in (small, large)]
    assert found.problem_variance == pytest.approx(sum(each) / 4)
    assert found.df == pytest.approx(sum(each) ** 2 / (each[0] ** 2 / 11 + each[1] ** 2 / 1001))


def test_the_noise_of_trainings_by_hand() -> None:
    # Seeds that answer all problems alike: no residual. Variances 0.02 of two seeds (1 df) and 0.01 of three (2 df).
    one = np.repeat([[0.5], [0.7]], 9, axis=1)
    three = np.repeat([[0.1], [0.2], [0.3]], 9, axis=1)
    noise = seed_noise([{"a": one, "b": three, "c": one[:1]}], ["a", "b", "c"])
    assert noise is not None
    assert (noise.variance, noise.mean_square, noise.df) == (pytest.approx(0.04 / 3), pytest.approx(0.04 / 3), 3)
    assert seed_noise([{"a": one[:1], "b": three[:1]}], ["a", "b"]) is None


def test_the_noise_of_answers_is_no_noise_of_trainings() -> None:
    # Residuals of an additive model: e = +-1/2 at each of 2 x 2 cells, their mean square 1 (1 df), over two problems.
    crossed = scores([1, 0], [0, 1])
    noise = seed_noise([{"a": crossed}], ["a"])
    assert noise is not None
    assert (noise.variance, noise.mean_square) == (0, 0)
    shifted = scores([1, 1, 1, 0], [0, 0, 0, 0])  # means 3/4 and 0: their variance is 9/32
    noise = seed_noise([{"a": shifted}], ["a"])
    assert noise is not None
    residual = ((shifted - shifted.mean(0) - shifted.mean(1, keepdims=True) + shifted.mean()) ** 2).sum() / 3 / 4
    assert noise.mean_square == pytest.approx(9 / 32)
    assert noise.variance == pytest.approx(9 / 32 - residual)
    over_two = seed_noise([{"a": shifted}, {"a": np.zeros((2, 5))}], ["a"])
    assert over_two is not None
    assert over_two.variance == pytest.approx((9 / 32 - residual) / 4)


def test_degrees_of_freedom_know_the_noise_of_answers_in_what_seeds_differ_by() -> None:
    shifted = scores([1, 1, 1, 0], [0, 0, 0, 0])
    found = gap(shifted, np.zeros((2, 4)))
    assert 0 < found.seed_variance < 9 / 64
    divisor = found.problem_variance**2 / 5 + (9 / 64) ** 2 / 2  # the mean square, before the residual is taken off
    assert found.df == pytest.approx(found.error**4 / divisor)


def test_noise_is_borrowed_from_arms_of_the_same_training_only() -> None:
    rng = np.random.default_rng(0)
    arms = {name: rng.integers(0, 2, (1, 50)).astype(float) for name in GAP}
    arms["other"] = np.repeat([[0.2], [0.6]], 50, axis=1)  # variance 0.08, no residual
    known = contrast([arms], GAP, [("plus", "minus", "other")])
    unknown = contrast([arms], GAP, [("plus", "minus"), ("other",)])
    assert (known.unknown, unknown.unknown) == (0, 2)
    assert known.seed_variance == pytest.approx(2 * 0.08)
    assert known.seed_sd == pytest.approx(math.sqrt(0.08))
    assert (unknown.seed_variance, unknown.seed_sd, known.tipping_sd) == (0, None, None)
    assert known.problem_variance == unknown.problem_variance


def test_an_untouched_student_has_no_noise_of_training() -> None:
    found = gap([[1, 1, 0, 1]], [[0, 1, 0, 0]], pools=[("plus",)])
    assert found.unknown == 1
    assert gap([[1, 1, 0, 1]] * 2, [[0, 1, 0, 0]], pools=[("plus",)]).unknown == 0


def test_at_the_tipping_point_the_interval_ends_at_zero() -> None:
    found = pairs(40, 10, 150)
    widened = math.sqrt(found.error**2 + found.unknown * found.tipping_sd**2)
    assert found.estimate == pytest.approx(stats.t.ppf(0.975, found.df) * widened)
    assert pairs(10, 9, 150).tipping_sd == 0


# Against other people's functions


@pytest.mark.parametrize("seed", range(5))
def test_a_gap_of_one_seed_is_the_paired_t_of_the_problems_and_the_pseudo_pair(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plus, minus = rng.integers(0, 2, (2, 40 + seed)).astype(float)
    found = gap([plus], [minus])
    extended = np.append(plus - minus, [1, -1])
    low, high = stats.t.interval(0.95, len(extended) - 1, plus.mean() - minus.mean(), stats.sem(extended, ddof=0))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_between_trainings_that_answer_all_problems_alike_it_is_students_t_and_welchs() -> None:
    plus, minus = np.array([0.60, 0.64, 0.69]), np.array([0.50, 0.57, 0.52, 0.55])
    constant = [np.repeat(each[:, None], 200_000, axis=1) for each in (plus, minus)]
    student = stats.ttest_ind(plus, minus, equal_var=True)
    found = gap(*constant)
    assert (found.p_value, found.df) == (pytest.approx(student.pvalue, rel=1e-4), pytest.approx(5, rel=1e-4))
    welch = stats.ttest_ind(plus, minus, equal_var=False)
    apart = gap(*constant, pools=[("plus",), ("minus",)])
    assert (apart.p_value, apart.df) == (pytest.approx(welch.pvalue, rel=1e-4), pytest.approx(welch.df, rel=1e-4))
    theirs = CompareMeans(DescrStatsW(plus), DescrStatsW(minus)).tconfint_diff(usevar="unequal")
    assert (apart.low, apart.high) == pytest.approx(theirs, abs=1e-4)


def mcnemar_mid_p(wins: int, losses: int) -> float:
    """Fagerland, Lydersen & Laake 2013: the exact p-value less the probability of what was seen."""
    exact = mcnemar([[0, wins], [losses, 0]], exact=True).pvalue
    return float(exact - stats.binom.pmf(wins, wins + losses, 0.5))


def newcombe(wins: int, losses: int, both: int, neither: int) -> tuple[float, float]:
    """Newcombe 1998, Statistics in Medicine 17:2635, method 10: from the two Wilson intervals and their correlation."""
    n = wins + losses + both + neither
    one, other = (wins + both) / n, (losses + both) / n

    def wilson(share: float) -> tuple[float, float]:
        z = 1.959964
        centre, spread = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)

    product = both * neither - wins * losses
    corrected = max(product - n / 2, 0) if product > 0 else product
    sides = (both + wins) * (losses + neither) * (both + losses) * (wins + neither)
    phi = corrected / math.sqrt(sides) if sides else 0.0
    (l1, u1), (l2, u2) = wilson(one), wilson(other)
    below = (one - l1) ** 2 - 2 * phi * (one - l1) * (u2 - other) + (u2 - other) ** 2
    above = (u1 - one) ** 2 - 2 * phi * (u1 - one) * (other - l2) + (other - l2) ** 2
    return one - other - math.sqrt(below), one - other + math.sqrt(above)


def tango(wins: int, losses: int, n: int) -> tuple[float, float]:
    """Tango 1998, Statistics in Medicine 17:891: where the score statistic is 1.96, found by bisection."""

    def score(delta: float) -> float:
        b = -wins - losses + (2 * n - wins + losses) * delta
        c = -losses * delta * (1 - delta)
        q21 = (math.sqrt(b * b - 8 * n * c) - b) / (4 * n)
        return (wins - losses - n * delta) / math.sqrt(n * (2 * q21 + delta * (1 - delta)))

    def bisected(inside: float, outside: float) -> float:
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if abs(score(middle)) < 1.959964 else (inside, middle)
        return inside

    centre = (wins - losses) / n
    return bisected(centre, -1 + 1e-9), bisected(centre, 1 - 1e-9)


def test_the_oracles_give_published_values() -> None:
    assert newcombe(12, 2, 36, 0) == pytest.approx((0.0569, 0.3404), abs=5e-4)  # Newcombe 1998, table III, 36 12 2 0
    for delta in tango(12, 2, 50):  # the same, with the likelihood of the losses' share maximised by a search
        search = optimize.minimize_scalar(lambda q: -(12 * math.log(q + delta) + 2 * math.log(q)  # noqa: B023
                                                      + 36 * math.log(1 - 2 * q - delta)),  # noqa: B023
                                          bounds=(1e-9, (1 - delta) / 2 - 1e-9), method="bounded",
                                          options={"xatol": 1e-10})  # fmt: skip
        z = (12 - 2 - 50 * delta) / math.sqrt(50 * (2 * search.x + delta * (1 - delta)))
        assert abs(z) == pytest.approx(1.959964, abs=1e-3)


@pytest.mark.parametrize(
    ("wins", "losses", "both", "neither"), [(60, 45, 200, 95), (33, 60, 180, 127), (80, 78, 90, 152)]
)
def test_large_gaps_agree_with_mcnemar_newcombe_and_tango(wins: int, losses: int, both: int, neither: int) -> None:
    found = pairs(wins, losses, both + neither)
    assert found.p_value == pytest.approx(mcnemar_mid_p(wins, losses), abs=0.01)
    interval = (found.low, found.high)
    assert interval == pytest.approx(newcombe(wins, losses, both, neither), abs=0.003)
    assert interval == pytest.approx(tango(wins, losses, wins + losses + both + neither), abs=0.003)


def test_sign_flips_give_about_the_same_p_value() -> None:
    rng = np.random.default_rng(3)
    plus, minus = (rng.random((2, 3, 300)) < [[[0.55]], [[0.5]]]).astype(float)
    means = plus.mean(0), minus.mean(0)
    flips = stats.permutation_test(means, lambda x, y, axis: np.mean(x - y, axis=axis), vectorized=True,
                                   permutation_type="samples", n_resamples=20_000, rng=rng)  # fmt: skip
    of_these_models = contrast([{"plus": means[0][None], "minus": means[1][None]}], GAP, [("plus", "minus")], samples=3)
    assert of_these_models.p_value == pytest.approx(flips.pvalue, abs=0.01)


def test_a_gap_between_gaps_and_a_slope() -> None:
    rng = np.random.default_rng(4)
    arms = {name: rng.integers(0, 2, (2, 60)).astype(float) for name in "abcd"}
    pools = [("a", "b"), ("c", "d")]
    both = contrast([arms], dict(zip("abcd", (1, -1, -1, 1), strict=True)), pools)
    one, other = (contrast([arms], {x: 1, y: -1}, pools) for x, y in pools)
    assert both.estimate == pytest.approx(one.estimate - other.estimate)
    assert both.seed_variance == pytest.approx(one.seed_variance + other.seed_variance)
    x = np.array([0, 0.2, 0.5, 1])
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    slope = contrast([arms], dict(zip("abcd", weights, strict=True)), [tuple("abcd")])
    assert slope.estimate == pytest.approx(stats.linregress(x, [arms[name].mean() for name in "abcd"]).slope)


# Best of several


def test_against_the_best_by_hand() -> None:
    parts = [Estimate(0.03, 0.01, 10, 1e-4), Estimate(0.06, 0.02, 10, 4e-4)]
    found = against_best(parts)
    assert found.low == pytest.approx(min(0.03 - 2.228139 * 0.01, 0.06 - 2.228139 * 0.02), abs=1e-6)
    assert found.high == pytest.approx(min(0.03 + 2.633767 * 0.01, 0.06 + 2.633767 * 0.02), abs=1e-6)  # tail 1.25 %
    assert found.p_value == pytest.approx(2 * stats.t.sf(3, 10))  # it has to beat each: the larger of two
    losing = against_best([Estimate(-0.03, 0.01, 10, 1e-4), Estimate(0.06, 0.02, 10, 4e-4)])
    assert losing.p_value == pytest.approx(2 * 2 * stats.t.sf(3, 10))  # to either: Bonferroni
    assert losing.high < 0


parts = st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(1e-3, 0.3), st.floats(1, 500)), min_size=1, max_size=4)


@given(parts)
def test_against_the_best_interval_and_p_value_agree(values: list[tuple[float, float, float]]) -> None:
    found = against_best([Estimate(estimate, error, df, error**2) for estimate, error, df in values])
    assert (found.p_value <= 0.05) == (found.low > 0 or found.high < 0)
    if len(values) == 1:
        (estimate, error, df), *_ = values
        assert (found.low, found.high) == (Estimate(estimate, error, df, 0).low, Estimate(estimate, error, df, 0).high)


# Properties

SHAPES = st.tuples(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 12), st.integers(1, 2), st.integers(0, 2**32 - 1)
)


def drawn(shape: tuple[int, ...]) -> tuple[list[dict[str, np.ndarray]], int]:
    one, other, problems, samples, seed = shape
    rng = np.random.default_rng(seed)
    data = [{name: rng.integers(0, samples + 1, (seeds, n)) / samples for name, seeds in
             (("plus", one), ("minus", other), ("further", 2))} for n in (problems, problems + 3)]  # fmt: skip
    return data, samples


def same(one: Estimate, other: Estimate, sign: int = 1) -> None:
    assert one.estimate == pytest.approx(sign * other.estimate, abs=1e-12)
    assert (one.error, one.df, one.p_value) == pytest.approx((other.error, other.df, other.p_value))


@settings(max_examples=200)
@given(SHAPES)
def test_properties_of_a_contrast(shape: tuple[int, ...]) -> None:
    data, samples = drawn(shape)
    found = contrast(data, GAP, POOL, samples)
    assert -1 <= found.low <= found.estimate <= found.high <= 1
    assert (found.p_value <= 0.05) == (found.low > 0 or found.high < 0)
    same(contrast(data, {"plus": -1, "minus": 1}, POOL, samples), found, sign=-1)
    same(contrast(data, {"minus": -1, "plus": 1}, [POOL[0][::-1]], samples), found)
    same(contrast(data[::-1], GAP, POOL, samples), found)
    added = [{name: values + 0.25 for name, values in each.items()} for each in data]
    same(contrast(added, GAP, POOL, samples), found)
    turned = [{name: values[::-1, ::-1] for name, values in each.items()} for each in data]
    same(contrast(turned, GAP, POOL, samples), found)


def test_many_studies_at_once_are_each_as_alone() -> None:
    alone = [drawn((2, 3, 12, 2, seed))[0] for seed in range(4)]
    stacked = [{name: np.stack([study[i][name] for study in alone]) for name in alone[0][i]} for i in range(2)]
    together = contrast(stacked, GAP, POOL, 2)
    for place, study in enumerate(alone):
        one = contrast(study, GAP, POOL, 2)
        assert (one.low, one.high, one.p_value) == pytest.approx(
            (together.low[place], together.high[place], together.p_value[place])
        )


def test_what_is_no_contrast_is_refused() -> None:
    arms = {"plus": np.ones((1, 3)), "minus": np.ones((1, 3)), "empty": np.ones((1, 0))}
    with pytest.raises(ValueError, match="sum to 0"):
        contrast([arms], {"plus": 1, "minus": -0.5}, [])
    for other in ("empty", "absent"):
        with pytest.raises(ValueError, match="has no scores"):
            contrast([arms], {"plus": 1, other: -1}, [])


def test_one_problem_has_an_interval() -> None:
    for seeds, sides in itertools.product((1, 2), ((1, 0), (1, 1))):
        found = gap([[sides[0]]] * seeds, [[sides[1]]] * seeds)
        assert found.low < 0 < found.high
        assert found.df > 0
