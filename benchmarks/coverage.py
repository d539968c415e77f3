"""How often the intervals of contrasts hold the truth, by simulation: 10,000 studies per cell, one core, minutes.

Problems have skills of a beta distribution of mean `p`, shared by all arms, such that two grades of one problem
correlate by `rho`, be they of one arm or of two; each training shifts all skills of its arm by a normal error of
standard deviation `sd` (in accuracy). Each problem is answered `k` times by each of `S` trainings. A cell gives the
coverage of the 95 % interval (in percent), the share of p-values of at most .05, and whether both agree in every run.
The functions under test are those of the product, called on all simulated studies of a chunk at once.

Truth is the difference of the arms' expected accuracy over problems and trainings. Grades are drawn from a table of
1,024 skills and 4,096 outcomes, and the truth is computed from the same table, so nothing is lost by rounding.

Run as: python benchmarks/coverage.py [--simulations 10000] [--only best] [--check]
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from goals import Goal, add_check, report
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from distill.scores.contrasts import Estimate, against_best, contrast

GRID, OUTCOMES, QUANTILES = 1024, 4096, 4096
NUMBERS = 2_000_000  # grades that are held at once
ALPHA = 0.05
GOAL_COVERAGE, GOAL_SIZE = 0.94, 0.06
PAIRS = ((0.1, 0.1), (0.12, 0.1), (0.05, 0.02), (0.5, 0.5), (0.55, 0.5))
SEEDS = ((1, 0.0), (3, 0.0), (3, 0.01), (3, 0.03), (5, 0.01))
# MATH-500, AMC23, GSM8K, OlympiadBench, AIME24, and about the accuracies of the paper's students.
FIVE = ((500, 0.6), (40, 0.4), (1319, 0.8), (675, 0.26), (30, 0.1))


@dataclass(frozen=True)
class Cell:
    """One simulated design: benchmarks of (problems, mean skill), each arm's gain over that mean, and who is compared.

    kind: `gap` (first arm minus second), `best` (first arm against the best of the others), `students` (the gap of
    the first two arms minus that of the others, who are another student), `pilot` (the first arm minus the second, of
    one seed each; what chance does to a training is seen on the others alone).
    """

    kind: str
    benchmarks: tuple[tuple[int, float], ...]
    gains: tuple[float, ...]
    rho: float
    samples: int
    seeds: int
    sd: float

    @property
    def truth_is_zero(self) -> bool:
        """Whether no arm differs."""
        return len(set(self.gains)) == 1

    @property
    def excepted(self) -> bool:
        """Whether few problems, rare success and near-certain agreement leave hardly a problem that tells anything."""
        (problems, p), *more = self.benchmarks
        rare = not more and problems <= 40 and (p + self.gains[0], p) == PAIRS[2]
        return rare and self.rho == 0.9 and self.samples == 16


@dataclass(frozen=True)
class Result:
    """Shares of a cell's simulations: intervals that hold the truth, p-values of at most .05, and where both agree."""

    coverage: float
    rejected: float
    agreed: float
    width: float


def outcomes(samples: int) -> np.ndarray:
    """Return a table (skill, outcome) of how many of `samples` grades are correct."""
    levels = (np.arange(OUTCOMES) + 0.5) / OUTCOMES
    return np.stack([stats.binom.ppf(levels, samples, skill / GRID) for skill in range(GRID + 1)]).astype(np.uint8)


def skills(mean: float, rho: float) -> np.ndarray:
    """Return the quantiles of the problems' skills: a beta distribution whose variance is rho * p * (1 - p)."""
    total = (1 - rho) / rho
    return stats.beta.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, mean * total, (1 - mean) * total)


def _index(skill: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(skill, 0, 1) * GRID).astype(np.int32)


def expected(own: np.ndarray, sd: float, table: np.ndarray, samples: int) -> float:
    """Return the accuracy of an arm that is expected over problems and trainings."""
    shifts = stats.norm.ppf((np.arange(1001) + 0.5) / 1001) * sd if sd else [0.0]
    means = table.mean(axis=1) / samples
    return float(np.mean([means[_index(own + shift)].mean() for shift in shifts]))


def simulate(cell: Cell, simulations: int, rng: np.random.Generator, table: np.ndarray) -> Result:
    """Return what came of a cell."""
    own = [[skills(p + gain, cell.rho) for gain in cell.gains] for _, p in cell.benchmarks]
    truths = np.mean([[expected(s, cell.sd, table, cell.samples) for s in arms] for arms in own], axis=0)
    truth = {"gap": truths[0] - truths[1], "pilot": truths[0] - truths[1], "best": truths[0] - truths[1:].max(),
             "students": truths[0] - truths[1] - truths[-2] + truths[-1]}[cell.kind]  # fmt: skip
    size = sum(problems for problems, _ in cell.benchmarks) * len(cell.gains) * cell.seeds
    counts, done = np.zeros(4), 0
    while done < simulations:
        chunk = min(max(NUMBERS // size, 1), simulations - done)
        answered = zip(own, cell.benchmarks, strict=True)
        drawn = [grades(cell, arms, problems, chunk, rng, table) for arms, (problems, _) in answered]
        low, high, p_value = measured(cell, drawn)
        outside = (low > 0) | (high < 0)
        held = (low <= truth) & (truth <= high)
        counts += [held.sum(), (p_value <= ALPHA).sum(), (outside == (p_value <= ALPHA)).sum(), (high - low).sum()]
        done += chunk
    return Result(*(counts / simulations))


def grades(
    cell: Cell, arms: Sequence[np.ndarray], problems: int, chunk: int, rng: np.random.Generator, table: np.ndarray
) -> dict[int, np.ndarray]:
    """Return arm -> (simulations, seeds, problems), the share of correct samples."""
    which = rng.integers(0, QUANTILES, (chunk, 1, problems))
    found = {}
    for number, own in enumerate(arms):
        shape = (chunk, cell.seeds, problems)
        if cell.sd:
            skill = _index(own[which] + rng.normal(0, cell.sd, (chunk, cell.seeds, 1)))
        else:
            skill = np.broadcast_to(_index(own)[which], shape)
        drawn = rng.integers(0, OUTCOMES, shape, dtype=np.uint16)
        found[number] = table.ravel()[skill * OUTCOMES + drawn] / np.float64(cell.samples)
        if cell.kind == "pilot" and number < 2:
            found[number] = found[number][:, :1]
    return found


def measured(cell: Cell, benchmarks: Sequence[dict[int, np.ndarray]]) -> tuple[Any, Any, Any]:
    """Return the ends of the intervals and the p-values of a chunk of simulated studies, as the product gives them."""

    def estimated(*weights: float, arms: Sequence[int]) -> Estimate:
        pools = [(0, 1), (2, 3)] if cell.kind == "students" else [range(len(cell.gains))]
        return contrast(benchmarks, dict(zip(arms, weights, strict=True)), pools, cell.samples)

    if cell.kind == "best":
        found: Any = against_best([estimated(1, -1, arms=(0, other)) for other in range(1, len(cell.gains))])
    elif cell.kind == "students":
        found = estimated(1, -1, -1, 1, arms=(0, 1, 2, 3))
    else:
        found = estimated(1, -1, arms=(0, 1))
    return found.low, found.high, found.p_value


def cells() -> Iterator[tuple[str, Cell]]:
    """Yield the cells of the acceptance, each with the name of its group."""
    grid = itertools.product((30, 40, 400, 1319), PAIRS, (0.5, 0.9), (1, 16), SEEDS)
    for n, (plus, minus), rho, k, (seeds, sd) in grid:
        yield "gap", Cell("gap", ((n, minus),), (plus - minus, 0.0), rho, k, seeds, sd)
    for gain, (seeds, sd) in itertools.product((0.0, 0.03), ((1, 0.0), (3, 0.01), (3, 0.02))):
        yield "five", Cell("gap", FIVE, (gain, 0.0), 0.5, 1, seeds, sd)
    best = itertools.product((40, 400, 1319), (0.5, 0.9), (2, 3), (0.0, 0.03), ((1, 0.0), (3, 0.01)))
    for n, rho, others, gain, (seeds, sd) in best:
        yield "best", Cell("best", ((n, 0.5),), (gain, *[0.0] * others), rho, 1, seeds, sd)
    for gain, (seeds, sd) in itertools.product((0.0, 0.05), ((1, 0.0), (3, 0.01), (3, 0.03))):
        yield "students", Cell("students", ((400, 0.5),), (gain, 0.0, 0.0, 0.0), 0.5, 1, seeds, sd)
    for n, gain, sd in itertools.product((400, 1319), (0.0, 0.05), (0.0, 0.01, 0.03)):
        yield "pilot", Cell("pilot", ((n, 0.5),), (gain, 0.0, 0.0, 0.0), 0.5, 1, 3, sd)


def goals(results: dict[Cell, Result], simulations: int) -> list[Goal]:
    """Return what was reached; two standard errors of the simulation are allowed."""

    def allowed(share: float) -> float:
        return 2 * (share * (1 - share) / simulations) ** 0.5

    usual = {cell: found for cell, found in results.items() if not cell.excepted}
    least = min(found.coverage for found in usual.values())
    most = max((found.rejected for cell, found in usual.items() if cell.truth_is_zero), default=0.0)
    agreed = min(found.agreed for found in results.values())
    return [
        Goal(
            "coverage",
            f"{least:.1%} at least",
            f">= {GOAL_COVERAGE:.0%}",
            least >= GOAL_COVERAGE - allowed(GOAL_COVERAGE),
        ),
        Goal("size", f"{most:.3f} at most", f"<= {GOAL_SIZE}", most <= GOAL_SIZE + allowed(GOAL_SIZE)),
        Goal("p and interval agree", f"{agreed:.2%}", "= 100%", agreed == 1),
    ]


def row(cell: Cell, found: Result) -> str:
    """Return a cell and what came of it as a row of a table."""
    over = "five" if len(cell.benchmarks) > 1 else str(cell.benchmarks[0][0])
    p = "paper's" if len(cell.benchmarks) > 1 else f"{cell.benchmarks[0][1]:g}"
    names = [cell.kind, over, p, " ".join(f"{gain:+g}" if gain else "0" for gain in np.round(cell.gains, 3)),
             f"{cell.rho:g}", str(cell.samples), str(cell.seeds), f"{100 * cell.sd:g}"]  # fmt: skip
    note = "excepted" if cell.excepted else ""
    figures = [f"{found.coverage:.1%}", f"{found.rejected:.3f}", f"{100 * found.width:.1f}", note]
    return "| " + " | ".join([*names, *figures]) + " |"


HEADER = """| kind | n | p | gains | rho | k | S | sd | coverage | p <= .05 | width | |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    """Simulate, print a row per cell and the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--only", choices=("gap", "five", "best", "pilot", "students"), default="")
    add_check(parser)
    args = parser.parse_args()
    started, tables = time.process_time(), {k: outcomes(k) for k in (1, 16)}
    print(HEADER)
    results = {}
    for number, (group, cell) in enumerate(cells()):
        if args.only not in ("", group):
            continue
        rng = np.random.default_rng([20_250_217, number])
        results[cell] = simulate(cell, args.simulations, rng, tables[cell.samples])
        print(row(cell, results[cell]), flush=True)
    print(f"{len(results)} cells of {args.simulations} simulations: {time.process_time() - started:.0f} CPU seconds")
    report(goals(results, args.simulations), args.check)


if __name__ == "__main__":
    main()
