"""Means over seeds and benchmarks: hand-checked values, the contracts of the tables, and coverage by simulation."""

from pathlib import Path

import numpy as np
import pytest
from analyses import hand_made
from scipy.stats import t

from distill.runtime.errors import InputError
from distill.scores import means, table
from distill.scores.accuracy import accuracy
from distill.scores.means import Noise, mean_interval, pooled_noise


def rows(root: Path, name: str, benchmarks: tuple[str, ...] = ("b", "c")) -> list[dict[str, str]]:
    files = hand_made.results(root, benchmarks)
    return hand_made.rows_of(hand_made.tabulated(root, files, benchmarks=list(benchmarks)) / name)


def test_scores_begin_with_the_columns_of_the_contract() -> None:
    first = ("study", "student", "training", "dataset", "seed", "benchmark", "n_problems", "n_samples", "accuracy",
             "ci_low", "ci_high", "no_answer", "cut_off", "errors", "mean_tokens")  # fmt: skip
    assert table.SCORE_COLUMNS[: len(first)] == first


def test_what_does_not_exist_is_empty(tmp_path: Path) -> None:
    one = rows(tmp_path, "scores.csv", ("b",))[0]
    assert (one["n_samples"], one["pass_at_n"], one["maj_at_n"]) == ("1", "", "")
    (base, *_), trained = rows(tmp_path, "means.csv", ("b",)), rows(tmp_path, "means.csv", ("b",))[1]
    assert (base["dataset"], base["n_seeds"], base["seed_sd"], base["training_sd"]) == ("base", "1", "", "")
    assert (trained["n_seeds"], trained["seed_sd"], trained["training_sd"]) == ("2", "0.000000", "0.000000")


def test_breakdowns_stand_in_a_readers_order_and_have_the_budgets_of_all_arms(tmp_path: Path) -> None:
    files, figures = hand_made.results(tmp_path), {"accuracy": 0.25, "ci_low": 0.1, "ci_high": 0.9}
    for path in files["scores"]:
        parts = {str(k): figures for k in (1, 16, 2, 8)}
        hand_made.change(path, n_samples=16, pass_at_k=parts, maj_at_k=parts)
    longer = {"by_budget": {"32": figures, "1024": {**figures, "accuracy": 0.5}}, "by_subject": {"x": figures}}
    hand_made.change(files["scores"][3], **longer)
    found = hand_made.rows_of(hand_made.tabulated(tmp_path, files) / "breakdowns.csv")
    own = [(row["measure"], row["part"]) for row in found if (row["dataset"], row["seed"]) == ("easy", "1")]
    assert own == [("level", "1"), ("subject", "x"), *(("pass@k", k) for k in ("1", "2", "8", "16")),
                   *(("maj@k", k) for k in ("1", "2", "8", "16")), ("tokens", "32"), ("tokens", "1024")]  # fmt: skip
    base = {row["part"]: row["accuracy"] for row in found if (row["dataset"], row["measure"]) == ("base", "tokens")}
    assert base == {"32": "0.000000", "1024": "0.000000"}  # beyond its longest response nothing changes
    assert {row["n_problems"] for row in found} == {"4"}


def test_all_benchmarks_weigh_the_same(tmp_path: Path) -> None:
    found = {(row["dataset"], row["benchmark"]): row for row in rows(tmp_path, "means.csv")}
    assert {benchmark for _, benchmark in found} == {"b", "c", "average"}  # all have fewer than 100 problems
    hard = found["hard", "average"]
    # 3 of 4 and 2 of 2: (0.75 + 1) / 2, and not 5 of 6
    assert (hard["accuracy"], hard["n_benchmarks"], hard["n_problems"], hard["n_seeds"]) == ("0.875000", "2", "6", "2")
    shares = [accuracy(np.array([2, 2, 2, 0]), np.full(4, 2)), accuracy(np.array([2, 2]), np.full(2, 2))]
    below = sum((share.estimate - share.low) ** 2 for share in shares) ** 0.5 / 2
    assert float(hard["ci_low"]) == pytest.approx(0.875 - below, abs=1e-6)
    assert float(hard["ci_high"]) <= 1


def test_benchmarks_may_weigh_by_their_problems(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path, ("b", "c"))
    folder = hand_made.tabulated(tmp_path, files, benchmarks=["b", "c"], weights="by_problem")
    found = {(row["dataset"], row["benchmark"]): row for row in hand_made.rows_of(folder / "means.csv")}
    hard = found["hard", "average by problem"]
    assert float(hard["accuracy"]) == pytest.approx(5 / 6, abs=1e-6)
    shares = [accuracy(np.array([2, 2, 2, 0]), np.full(4, 2)), accuracy(np.array([2, 2]), np.full(2, 2))]
    below = [w * (share.estimate - share.low) for w, share in zip((4 / 6, 2 / 6), shares, strict=True)]
    assert float(hard["ci_low"]) == pytest.approx(5 / 6 - (below[0] ** 2 + below[1] ** 2) ** 0.5, abs=1e-6)
    gaps = [row for row in hand_made.rows_of(folder / "gaps.csv") if row["gap"] == "hard_gap"]
    assert [(row["benchmark"], row["estimate"], row["primary"]) for row in gaps] == [
        ("b", "0.500000", "no"), ("c", "1.000000", "no"), ("average by problem", "0.666667", "yes")]  # fmt: skip


def test_the_noise_of_trainings_knows_how_benchmarks_weigh() -> None:
    one, other = np.array([[1.0, 1, 0, 0], [1, 1, 1, 1]]), np.array([[0.0, 1], [0, 1]])
    noise = pooled_noise([[(one, 1), (other, 1)]], "by_problem")
    # Seeds' means: (4/6) 0.5 and (4/6) 1, and 1/6 more each; of the first benchmark's cells 8/16/3 over 4 is residual.
    assert noise.variance == pytest.approx((4 / 6) ** 2 * (0.125 - (8 / 16 / 3) / 4))


def test_the_mean_without_small_benchmarks() -> None:
    from distill.config.recipes import StudyRecipe

    study = StudyRecipe.model_validate({**hand_made.STUDY, "benchmarks": ["x", "y", "z"]})
    sizes = {"x": 99, "y": 100, "z": 500}
    grades = {name: (np.zeros((1, size)), 1) for name, size in sizes.items()}
    assert means.groups(study, grades) == {"x": ["x"], "y": ["y"], "z": ["z"], "average": ["x", "y", "z"],
                                           "average of large": ["y", "z"]}  # fmt: skip
    large = {name: (np.zeros((1, 100)), 1) for name in sizes}
    assert "average of large" not in means.groups(study, large)


def test_the_noise_of_trainings_by_hand() -> None:
    one = np.array([[1.0, 1, 0, 0], [1, 1, 1, 1]])  # means 0.5 and 1: variance 0.125
    # What neither seed nor problem explains: 1/4 more or less in each of 8 cells; 3 degrees of freedom; 4 problems.
    excess = 0.125 - (8 / 16 / 3) / 4
    assert pooled_noise([[(one, 1)]]) == (pytest.approx(excess), 1)
    same = np.array([[1.0, 0, 1, 0]] * 3)
    pooled = pooled_noise([[(one, 1)], [(same, 1)], [(one[:1], 1)]])
    assert pooled == (pytest.approx(excess * 1 / 3), 3)
    assert pooled_noise([[(one[:1], 1)]]) == Noise(0.0, 0)
    noisy = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]])  # equal means: less than chance would give
    assert pooled_noise([[(noisy, 1)]]) == (0.0, 1)
    interval, share = mean_interval([(one, 1)], Noise(0.01, 2)), accuracy(one.sum(axis=0), np.full(4, 2))
    added = t.ppf(0.975, 2) ** 2 * 0.01 / 2
    assert interval.low == pytest.approx(max(0, 0.75 - ((0.75 - share.low) ** 2 + added) ** 0.5))
    assert interval.high == 1


def test_seeds_with_other_problems_are_refused(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    (other,) = (path for path in files["scores"] if "/easy/seed-2/" in str(path))
    hand_made.items(other, ["0", "1", "2", "9"], [1, 0, 0, 0])
    with pytest.raises(InputError, match=r"answered different problems"):
        hand_made.tabulated(tmp_path, files)


@pytest.mark.parametrize(
    ("sizes", "shares", "seeds", "spread", "arms"),
    [([400], [0.5], 3, 0.03, 2), ([400], [0.5], 1, 0.0, 1),
     ([60, 40, 130, 70, 30], [0.6, 0.4, 0.8, 0.26, 0.1], 3, 0.02, 2)],
)  # fmt: skip
def test_the_interval_holds_the_truth(
    sizes: list[int], shares: list[float], seeds: int, spread: float, arms: int
) -> None:
    rng, runs, hits = np.random.default_rng(3), 400, 0
    for _ in range(runs):
        family = []
        for _ in range(arms):
            shifts = rng.normal(0, spread, (seeds, 1))
            skills = [rng.beta(share, 1 - share, size) for size, share in zip(sizes, shares, strict=True)]
            family.append([((rng.random((seeds, len(s))) < s + shifts).astype(float), 1) for s in skills])
        found = mean_interval(family[0], pooled_noise(family))
        hits += found.low <= np.mean(shares) <= found.high
    assert hits / runs >= 0.92
