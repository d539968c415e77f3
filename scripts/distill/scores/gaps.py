"""From scores to the report's two tables: scores per arm, and contrasts of arms on the same problems."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from distill.config.catalogue import arms_of
from distill.config.contrasts import Contrast
from distill.config.contrasts import contrasts as contrasts_of
from distill.config.lineage import Arm
from distill.config.recipes import StudyRecipe
from distill.runtime.errors import InputError
from distill.scores import contrasts
from distill.scores.arms import Key, Likelihood, Score, as_scores, score_of
from distill.scores.measures import ACCURACY, MEASURES, Measure
from distill.scores.readings import read_all
from distill.training.parity import Parity, loss_token_ratio, parity

AVERAGE, OF_LARGE = "average", "average of large"  # of all benchmarks, and of those that are not small
FEW = 100  # problems; with fewer a benchmark is small
Groups = Sequence[Sequence[Arm]]


def mean_name(study: StudyRecipe, name: str = AVERAGE) -> str:
    """Return what the mean over benchmarks is called in tables, which says how they weigh where that is not alike."""
    return name if study.weights == "equal" else f"{name} by problem"


def gap_rows(
    studies: Mapping[str, StudyRecipe], scores: Mapping[Key, Score], facts: Mapping[Arm, Mapping[str, Any]],
    likelihoods: Mapping[tuple[Arm, str], Likelihood] | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the rows of gaps.csv: per contrast each benchmark, and where there are several their average.

    First those of accuracy, then those of the likelihoods that a study asks for. `facts` are those of `trained_facts`.
    Raises InputError for a missing score or likelihood, and for arms of different problems.
    """
    rows = []
    for name, study in studies.items():
        by_measure = [Answers(study, scores)]
        for measure in map(MEASURES.__getitem__, study.likelihoods):
            benchmarks, own = as_scores(study, measure, likelihoods or {})
            by_measure.append(Answers(study, own, measure, benchmarks))
        own = [
            row for answers in by_measure for each in contrasts_of(study) for row in _rows(name, answers, each, facts)
        ]
        rows += read_all(own, study.smallest_gap)
    return rows


def by_size(rows: Sequence[dict[str, Any]], sizes: Mapping[str, int | None]) -> list[dict[str, Any]]:
    """Return rows of gaps.csv, the students of each contrast by their parameters; those of unknown size come last."""
    first: dict[tuple[str, ...], int] = {}
    for place, row in enumerate(rows):
        first.setdefault((row["study"], row["family"], row["gap"]), place)
    return sorted(
        rows,
        key=lambda row: (first[row["study"], row["family"], row["gap"]], sizes.get(row["student"]) or math.inf),
    )


class Answers:
    """The scores of a study by a measure, benchmark by benchmark, as the estimates of contrasts need them."""

    def __init__(
        self,
        study: StudyRecipe,
        scores: Mapping[Key, Score],
        measure: Measure = ACCURACY,
        benchmarks: Sequence[str] | None = None,
    ):
        self.study, self._scores, self.measure = study, scores, measure
        self.benchmarks = list(study.benchmarks if benchmarks is None else benchmarks)
        groups: dict[tuple[str, ...], list[Arm]] = {}
        for arm in arms_of(study):
            groups.setdefault((arm.student, arm.training, arm.dataset), []).append(arm)
        self._groups = [tuple(group) for group in groups.values()]
        self._stacked: dict[tuple[str, tuple[Arm, ...]], np.ndarray] = {}

    def score(self, arm: Arm, benchmark: str) -> Score:
        """Return the score of an arm. Raises InputError where there is none."""
        return score_of(self._scores, arm, benchmark, self.study.decoding)

    def of_group(self, group: tuple[Arm, ...], benchmark: str) -> np.ndarray:
        """Return the mean over samples, (seeds, problems). Raises InputError for arms of different problems."""
        if (benchmark, group) not in self._stacked:
            first = self.score(arms_of(self.study)[0], benchmark).problem_ids
            own = [self.score(arm, benchmark) for arm in group]
            if any(score.problem_ids != first for score in own):
                raise InputError(f"{group[0].student} on {benchmark}: the arms of a gap answered different problems")
            self._stacked[benchmark, group] = np.stack([score.means for score in own])
        return self._stacked[benchmark, group]

    def problems(self, benchmarks: Iterable[str]) -> int:
        """Return the number of problems of benchmarks."""
        return sum(len(self.score(arms_of(self.study)[0], name).problem_ids) for name in benchmarks)

    def samples(self, arms: Iterable[Arm], benchmarks: Sequence[str]) -> list[int]:
        """Return how often arms were asked a problem, without repeats."""
        return sorted({self.score(arm, name).facts["n_samples"] for arm in arms for name in benchmarks})

    def pools(self, contrast: Contrast) -> list[list[tuple[Arm, ...]]]:
        """Return the groups that were trained like some of a contrast, one list per student and training."""
        alike: dict[tuple[str, str], list[tuple[Arm, ...]]] = {}
        for group in self._groups:
            if group[0].is_trained:
                alike.setdefault((group[0].student, group[0].training), []).append(group)
        wanted = dict.fromkeys((arm.student, arm.training) for arm in contrast.arms if arm.is_trained)
        return [alike[key] for key in wanted]

    def estimate(self, contrast: Contrast, benchmarks: Sequence[str]) -> contrasts.Estimate:
        """Return a contrast that has weights, on a benchmark or averaged over several."""
        pools = self.pools(contrast)
        needed = dict.fromkeys([*contrast.groups, *(group for pool in pools for group in pool)])
        data = [{group: self.of_group(group, name) for group in needed} for name in benchmarks]
        weights = dict(zip(contrast.groups, contrast.weights, strict=True))
        shares = contrasts.shares_of(self.study.weights, [self.problems([name]) for name in benchmarks])
        samples = self.samples(contrast.arms, benchmarks)[0]
        return contrasts.contrast(data, weights, pools, samples, shares, self.measure.span)


def _rows(
    name: str, answers: Answers, contrast: Contrast, facts: Mapping[Arm, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the rows of a contrast; the last that is `primary` stands for it, the others show where it comes from."""
    benchmarks, measure = answers.benchmarks, answers.measure
    large = [b for b in benchmarks if answers.problems([b]) >= FEW]
    over = {b: [b] for b in benchmarks}
    if len(benchmarks) > 1:
        over |= {mean_name(answers.study, OF_LARGE): large} if 0 < len(large) < len(benchmarks) else {}
        over[mean_name(answers.study)] = benchmarks
    rows = []
    for shown, names in over.items():
        rows.append(
            {
                "study": name, "gap": contrast.name, "student": contrast.student, "training": contrast.training,
                "benchmark": shown, "plus": contrast.plus, "minus": contrast.minus,
                "family": measure.family(contrast.family),
                "measure": measure.name, "unit": measure.unit,
                "n_problems": answers.problems(names), "n_seeds": contrast.n_seeds, "expected": contrast.expected,
                "parity": str(_parity(answers, contrast, names, facts)), "n_arms": len(contrast.groups),
                "loss_token_ratio": _loss_tokens(contrast, facts), "primary": "yes" if shown == [*over][-1] else "no",
                **_figures(answers, contrast, names),
            }
        )  # fmt: skip
    return rows


def _figures(answers: Answers, contrast: Contrast, benchmarks: Sequence[str]) -> dict[str, Any]:
    """Return the figures of a contrast; against the best of several there are an interval and a p-value."""
    parts = [answers.estimate(part, benchmarks) for part in contrast.parts or [contrast]]
    unknown = any(part.unknown for part in parts)
    if contrast.parts:
        best = contrasts.against_best(parts)
        interval = {"ci_low": float(best.low), "ci_high": float(best.high), "p_value": float(best.p_value)}
        return {"estimate": None, **interval, "unknown": unknown, **dict.fromkeys(
            ("df", "seed_sd", "tipping_sd", "problem_se", "correlation"))}  # fmt: skip
    (one,) = parts
    found = {
        "estimate": one.estimate, "ci_low": one.low, "ci_high": one.high, "p_value": one.p_value, "df": one.df,
        "seed_sd": one.seed_sd, "tipping_sd": one.tipping_sd, "problem_se": one.problem_variance**0.5,
        "correlation": None if np.isnan(one.correlation) else one.correlation,
    }  # fmt: skip
    return {**{key: value if value is None else float(value) for key, value in found.items()}, "unknown": unknown}


def _parity(
    answers: Answers, contrast: Contrast, benchmarks: Sequence[str], facts: Mapping[Arm, Mapping[str, Any]]
) -> Parity:
    """Return the parity of arms; of several sets of groups that must each be alike, the one that is least so."""
    draws = answers.samples(contrast.arms, benchmarks)
    found = [parity(groups, facts, contrast.differs, draws) for groups in contrast.alike]
    return max(found, key=lambda each: (len(each.undeclared), len(each.differing)))


def _loss_tokens(contrast: Contrast, facts: Mapping[Arm, Mapping[str, Any]]) -> float | None:
    """Return the loss tokens of the heaviest group over those of the lightest; none against the best of several.

    Of a gap between gaps it is the ratio of the first one.
    """
    if contrast.parts:
        return None
    groups = contrast.alike[0]
    ordered = sorted(groups, key=lambda group: contrast.weights[contrast.groups.index(group)])
    return loss_token_ratio(ordered[-1], ordered[0], facts)
