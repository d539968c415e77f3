"""The rows of scores.csv: one arm on one benchmark, from the manifests of scores."""

from collections.abc import Mapping
from typing import Any

from distill.config.catalogue import arms_of
from distill.config.lineage import Arm
from distill.config.recipes import StudyRecipe
from distill.runtime.errors import InputError
from distill.scores.gaps import Key, Score
from distill.scores.golds import described

SCORE_COLUMNS = ("study", "student", "training", "dataset", "seed", "benchmark", "n_problems", "n_samples", "accuracy",
                 "ci_low", "ci_high", "lenient", "no_answer", "cut_off", "errors", "ungraded", "mean_tokens",
                 "decoding", "golds")  # fmt: skip
FIGURES = ("n_problems", "n_samples", "accuracy", "ci_low", "ci_high", "lenient", "no_answer", "cut_off", "errors",
           "ungraded")  # fmt: skip


def score_rows(studies: Mapping[str, StudyRecipe], scores: Mapping[Key, Score]) -> list[dict[str, Any]]:
    """Return the rows of scores.csv, study by study. Raises InputError for a missing score."""
    rows = []
    for name, study in studies.items():
        for benchmark in study.benchmarks:
            for arm in arms_of(study):
                facts = score_of(scores, arm, benchmark, study.decoding).facts
                rows.append(
                    {
                        "study": name,
                        "student": arm.student,
                        "training": arm.training,
                        "dataset": arm.dataset,
                        "seed": arm.seed,
                        "benchmark": benchmark,
                        **{name: facts[name] for name in FIGURES},
                        "mean_tokens": facts["mean_tokens"],
                        "decoding": study.decoding,
                        "golds": described(facts.get("golds")),
                    }
                )
    return rows


def score_of(scores: Mapping[Key, Score], arm: Arm, benchmark: str, decoding: str) -> Score:
    """Return the score of an arm on a benchmark. Raises InputError where there is none."""
    try:
        return scores[arm, benchmark, decoding]
    except KeyError:
        raise InputError(f"no score of {arm.path} on {benchmark} with {decoding}; make it first") from None
