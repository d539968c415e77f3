"""The rows of scores.csv (an arm on a benchmark) and of breakdowns.csv (its parts), from the manifests of scores."""

from collections.abc import Iterator, Mapping
from typing import Any

from distill.config.catalogue import arms_of
from distill.config.lineage import Arm
from distill.config.recipes import StudyRecipe
from distill.scores.arms import Key, Likelihood, Score, likelihood_of, score_of
from distill.scores.golds import described

WHO = ("study", "student", "training", "dataset", "seed", "benchmark")
FIGURES = ("n_problems", "n_samples", "accuracy", "ci_low", "ci_high", "no_answer", "cut_off", "errors", "mean_tokens",
           "lenient", "ungraded", "loops")  # fmt: skip
SCORE_COLUMNS = (*WHO, *FIGURES, "pass_at_n", "maj_at_n", "decoding", "golds", "solution_nats", "answer_nats")
BREAKDOWN_COLUMNS = (*WHO, "measure", "part", "n_problems", "accuracy", "ci_low", "ci_high")
# Manifest's key -> the word for it in breakdowns.csv.
MEASURES = {"by_level": "level", "by_subject": "subject", "pass_at_k": "pass@k", "maj_at_k": "maj@k",
            "by_budget": "tokens"}  # fmt: skip
NUMBERED = ("pass_at_k", "maj_at_k", "by_budget")


def score_rows(
    studies: Mapping[str, StudyRecipe], scores: Mapping[Key, Score],
    likelihoods: Mapping[tuple[Arm, str], Likelihood] | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the rows of scores.csv, study by study. Raises InputError for a missing score or likelihood.

    pass_at_n, maj_at_n: pass@k and maj@k of all n samples; None with one sample. solution_nats, answer_nats: negative
    log-likelihood per token of the solutions and of the answers, mean over problems; None where a study asks for none.
    """
    return [
        {
            **who,
            **{name: score.facts[name] for name in FIGURES},
            "pass_at_n": _of_all(score, "pass_at_k"),
            "maj_at_n": _of_all(score, "maj_at_k"),
            "decoding": score.decoding,
            "golds": described(score.facts.get("golds")),
            **_nats(studies[who["study"]], score, likelihoods or {}),
        }
        for who, score in _scores(studies, scores)
    ]


def _nats(
    study: StudyRecipe, score: Score, likelihoods: Mapping[tuple[Arm, str], Likelihood]
) -> dict[str, float | None]:
    if not study.likelihoods:
        return {"solution_nats": None, "answer_nats": None}
    facts = likelihood_of(likelihoods, score.arm, score.benchmark).facts
    return {f"{n}_nats": facts[f"{n}_nats"] if n in study.likelihoods else None for n in ("solution", "answer")}


def _of_all(score: Score, measure: str) -> float | None:
    figures = score.facts[measure].get(str(score.facts["n_samples"]))
    return figures and figures["accuracy"]


def breakdown_rows(studies: Mapping[str, StudyRecipe], scores: Mapping[Key, Score]) -> list[dict[str, Any]]:
    """Return the rows of breakdowns.csv: each arm on each benchmark by level, subject, k, and token budget.

    All arms on a benchmark have the same budgets: one that is beyond an arm's longest response changes nothing.
    Raises InputError for a missing score.
    """
    rows, told = [], list(_scores(studies, scores))
    budgets: dict[str, set[int]] = {}
    for who, score in told:
        budgets.setdefault(who["benchmark"], set()).update(map(int, score.facts["by_budget"]))
    for who, score in told:
        for key, measure in MEASURES.items():
            parts = score.facts[key]
            if key in NUMBERED:
                parts = {part: parts[part] for part in sorted(parts, key=int)}
            if key == "by_budget" and parts:
                most = parts[max(parts, key=int)]
                parts = {str(budget): parts.get(str(budget), most) for budget in sorted(budgets[who["benchmark"]])}
            rows += [{**who, "measure": measure, "part": part, "n_problems": score.facts["n_problems"], **figures}
                     for part, figures in parts.items()]  # fmt: skip
    return rows


def _scores(studies: Mapping[str, StudyRecipe], scores: Mapping[Key, Score]) -> Iterator[tuple[dict[str, Any], Score]]:
    """Yield what says whose score it is, and the score, study by study."""
    for name, study in studies.items():
        for benchmark in study.benchmarks:
            for arm in arms_of(study):
                who = name, arm.student, arm.training, arm.dataset, arm.seed, benchmark
                yield dict(zip(WHO, who, strict=True)), score_of(scores, arm, benchmark, study.decoding)
