"""Means over the seeds of an arm, and over benchmarks, with intervals.

Benchmarks weigh all the same (the paper's P), or each by its problems, as the study's `weights` say. A mean p of shares
p_b with weights w_b has the interval from p - sqrt(sum w_b^2 (p_b - l_b)^2 + t^2 V / S) to
p + sqrt(sum w_b^2 (u_b - p_b)^2 + t^2 V / S), kept within 0 and 1. [l_b, u_b] is the interval of a benchmark over all
samples of all seeds (`distill.scores.accuracy`). V is the variance between trainings, pooled over the arms of a student
and training that have several of the S seeds: the variance of the seeds' means less what the samples bring into it (the
residual of the additive model of seeds and problems), not below 0; t is Student's quantile at its degrees of freedom.
An arm with one seed borrows V from those; where no arm has several, the interval knows nothing of the trainings' noise.

Sources. Sums of independent shares: Zou & Donner 2008, Statistics in Medicine 27:1693; Newcombe 1998, 17:873. Variance
components: Searle, Casella & McCulloch 1992, Variance Components, chapter 4. Problems as the unit: Miller 2024,
arXiv 2411.00640.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from distill.config.catalogue import arms_of
from distill.config.lineage import Arm
from distill.config.recipes import StudyRecipe
from distill.runtime.errors import InputError
from distill.scores.accuracy import Interval, accuracy
from distill.scores.arms import Key, Score, score_of
from distill.scores.contrasts import TAIL, shares_of
from distill.scores.gaps import FEW, OF_LARGE, mean_name

MEAN_COLUMNS = ("study", "student", "training", "dataset", "n_seeds", "benchmark", "n_benchmarks", "n_problems",
                "accuracy", "seed_sd", "ci_low", "ci_high", "training_sd", "parameters")  # fmt: skip
Grades = tuple[np.ndarray, int]  # seeds x problems, each the mean over samples; how many samples


class Noise(NamedTuple):
    """How far trainings of one arm lie apart: the variance of their means, and its degrees of freedom (0: unknown)."""

    variance: float = 0.0
    freedom: int = 0


def mean_rows(
    studies: Mapping[str, StudyRecipe], scores: Mapping[Key, Score], parameters: Mapping[str, int | None] | None = None
) -> list[dict[str, Any]]:
    """Return the rows of means.csv: per arm each benchmark over its seeds, and the means over benchmarks.

    Students stand by size: `parameters` are those of each, as far as they are known; arms as the study names them, the
    untouched student first. Raises InputError for a missing score.
    """
    rows, sizes = [], parameters or {}
    for name, study in studies.items():
        families: dict[tuple[str, str], dict[str, list[Arm]]] = {}
        for arm in sorted(arms_of(study), key=lambda arm: _place(study, arm, sizes)):
            families.setdefault((arm.student, arm.training), {}).setdefault(arm.dataset, []).append(arm)
        for (student, training), datasets in families.items():
            grades = {dataset: _grades(study, arms, scores) for dataset, arms in datasets.items()}
            for group, benchmarks in groups(study, next(iter(grades.values()))).items():
                picked = {dataset: [own[benchmark] for benchmark in benchmarks] for dataset, own in grades.items()}
                noise = pooled_noise(list(picked.values()), study.weights)
                rows += [
                    {"study": name, "student": student, "training": training, "dataset": dataset, "benchmark": group,
                     **_figures(own, noise, study.weights), "parameters": sizes.get(student)}
                    for dataset, own in picked.items()
                ]  # fmt: skip
    return rows


def _place(study: StudyRecipe, arm: Arm, sizes: Mapping[str, int | None]) -> tuple[Any, ...]:
    """Return the place of an arm in a reader's order: by the size of its student, then as the study names arms."""
    students = list(dict.fromkeys(student for block in study.arms for student in block.students))
    trainings = list(dict.fromkeys(block.training for block in study.arms))
    datasets = list(dict.fromkeys(dataset for block in study.arms for dataset in block.datasets))
    of_arm = (trainings.index(arm.training), datasets.index(arm.dataset)) if arm.is_trained else (-1, -1)
    return (sizes.get(arm.student) or math.inf, students.index(arm.student), *of_arm, arm.seed)


def _grades(study: StudyRecipe, arms: Sequence[Arm], scores: Mapping[Key, Score]) -> dict[str, Grades]:
    """Return benchmark -> grades of all seeds of an arm; their problems are in one order."""
    grades = {}
    for benchmark in study.benchmarks:
        own = [score_of(scores, arm, benchmark, study.decoding) for arm in arms]
        if any(score.problem_ids != own[0].problem_ids or score.facts["n_samples"] != samples_of(own) for score in own):
            raise InputError(f"{arms[0].path} on {benchmark}: its seeds answered different problems, or not as often")
        grades[benchmark] = np.stack([score.means for score in own]), samples_of(own)
    return grades


def samples_of(scores: Sequence[Score]) -> int:
    """Return how many samples per problem the first score has."""
    return int(scores[0].facts["n_samples"])


def groups(study: StudyRecipe, grades: Mapping[str, Grades]) -> dict[str, list[str]]:
    """Return name -> benchmarks of each mean: every benchmark, all of them, and those of FEW problems or more."""
    names = list(study.benchmarks)
    large = [name for name in names if grades[name][0].shape[1] >= FEW]
    means = {name: [name] for name in names}
    if len(names) > 1:
        means[mean_name(study)] = names
    if 0 < len(large) < len(names):
        means[mean_name(study, OF_LARGE)] = large
    return means


def _shares(own: Sequence[Grades], weights: str) -> list[float]:
    return shares_of(weights, [grades.shape[1] for grades, _ in own])


def pooled_noise(arms: Sequence[Sequence[Grades]], weights: str = "equal") -> Noise:
    """Return the variance between trainings, pooled over arms, each the grades of the benchmarks of one mean."""
    found = [(_excess(own, weights), len(own[0][0]) - 1) for own in arms if len(own[0][0]) > 1]
    if not found:
        return Noise()
    freedom = sum(degrees for _, degrees in found)
    return Noise(max(0.0, sum(excess * degrees for excess, degrees in found) / freedom), freedom)


def _excess(own: Sequence[Grades], weights: str) -> float:
    """Return the variance of the seeds' means beyond what samples and problems bring into it; it may be negative."""
    seeds, shares = _of_seeds(own, weights), _shares(own, weights)
    brought = sum(w**2 * _residual(grades) / grades.shape[1] for w, (grades, _) in zip(shares, own, strict=True))
    return float(seeds.var(ddof=1) - brought)


def _residual(grades: np.ndarray) -> float:
    """Return the mean square that neither seed nor problem explains; 0 for one problem."""
    seeds, problems = grades.shape
    if problems < 2:
        return 0.0
    rest = grades - grades.mean(axis=0) - grades.mean(axis=1, keepdims=True) + grades.mean()
    return float((rest**2).sum()) / ((seeds - 1) * (problems - 1))


def _of_seeds(own: Sequence[Grades], weights: str) -> np.ndarray:
    """Return the mean over benchmarks of each seed."""
    return sum(w * grades.mean(axis=1) for w, (grades, _) in zip(_shares(own, weights), own, strict=True))


def mean_interval(own: Sequence[Grades], noise: Noise, weights: str = "equal") -> Interval:
    """Return the mean over benchmarks (their grades) and seeds, with its interval."""
    seeds, shares = len(own[0][0]), _shares(own, weights)
    each = [
        accuracy(grades.sum(axis=0) * samples, np.full(grades.shape[1], seeds * samples)) for grades, samples in own
    ]
    parts = list(zip(shares, each, strict=True))
    mean = sum(w * share.estimate for w, share in parts)
    trained = stdtrit(noise.freedom, 1 - TAIL) ** 2 * noise.variance / seeds if noise.variance else 0.0
    below = sum((w * (share.estimate - share.low)) ** 2 for w, share in parts) + trained
    above = sum((w * (share.high - share.estimate)) ** 2 for w, share in parts) + trained
    return Interval(mean, max(0.0, mean - below**0.5), min(1.0, mean + above**0.5))


def _figures(own: Sequence[Grades], noise: Noise, weights: str) -> dict[str, Any]:
    seeds, mean = _of_seeds(own, weights), mean_interval(own, noise, weights)
    return {
        "n_seeds": len(seeds),
        "n_benchmarks": len(own),
        "n_problems": sum(grades.shape[1] for grades, _ in own),
        "accuracy": round(mean.estimate, 6),
        "seed_sd": round(float(seeds.std(ddof=1)), 6) if len(seeds) > 1 else None,
        "ci_low": round(mean.low, 6),
        "ci_high": round(mean.high, 6),
        "training_sd": round(noise.variance**0.5, 6) if noise.freedom else None,
    }
