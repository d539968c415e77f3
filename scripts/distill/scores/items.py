"""From samples to figures: per problem, as a whole, by level and subject, for several samples, under token budgets."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from distill.scores.accuracy import Interval, accuracy
from distill.scores.pass_at_k import mean_share, pass_at_k, sizes
from distill.scores.samples import Sample
from distill.scores.voting import Ballot, majorities

Row = dict[str, Any]
NO_LEVEL = "none given"
SMALLEST_BUDGET = 32


def items(problems: Sequence[Row], samples: Mapping[str, Sequence[Sample]], ballots: Sequence[Ballot]) -> list[Row]:
    """Return one row per problem: its samples counted, and of several the votes per class of equal answers.

    `ballots` are those of the problems in their order; none where a problem has one sample.
    """
    rows = []
    for number, problem in enumerate(problems):
        own = samples[problem["problem_id"]]
        ballot = ballots[number] if ballots else None
        rows.append(
            {
                **problem,
                "n_samples": len(own),
                "n_correct": sum(sample.is_correct for sample in own),
                "n_no_answer": sum(sample.is_unanswered for sample in own),
                "n_cut_off": sum(sample.is_cut_off for sample in own),
                "n_errors": sum(sample.is_error for sample in own),
                "n_ungraded": sum(sample.is_ungraded for sample in own),
                "n_lenient": sum(sample.is_lenient for sample in own),
                "n_loops": sum(sample.loops for sample in own),
                "response_tokens": sum(sample.tokens or 0 for sample in own),
                "votes": ballot and list(ballot.votes),
                "correct_votes": ballot and list(ballot.correct),
            }
        )
    return rows


def summary(rows: Sequence[Row], samples: Mapping[str, Sequence[Sample]], ballots: Sequence[Ballot]) -> Row:
    """Return the figures of a score from its items; `verdicts` counts those of the policy."""
    correct, sizes_of = _column(rows, "n_correct"), _column(rows, "n_samples")
    total = int(sizes_of.sum())
    everything = [sample for row in rows for sample in samples[row["problem_id"]]]
    tokens_known = all(sample.tokens is not None for sample in everything)
    shares = {name: round(float(_column(rows, f"n_{name}").sum()) / total, 6)
              for name in ("lenient", "no_answer", "cut_off", "errors", "ungraded", "loops")}  # fmt: skip
    tokens = round(float(_column(rows, "response_tokens").sum()) / total, 3) if tokens_known else None
    return {
        "kind": "scores",
        "n_problems": len(rows),
        "n_samples": int(sizes_of[0]),
        **shown(accuracy(correct, sizes_of)),
        **shares,
        "mean_tokens": tokens,
        "verdicts": dict(sorted(Counter(sample.verdict for sample in everything).items())),
        "by_level": by_group(rows, "level"),
        "by_subject": by_group(rows, "subject"),
        **several_samples(correct.astype(int), int(sizes_of[0]), ballots),
        "by_budget": by_budget([samples[row["problem_id"]] for row in rows]) if tokens_known else {},
    }


def shown(interval: Interval) -> Row:
    """Return an accuracy and its interval as figures of a manifest."""
    return {
        "accuracy": round(interval.estimate, 6),
        "ci_low": round(interval.low, 6),
        "ci_high": round(interval.high, 6),
    }


def by_group(rows: Sequence[Row], column: str) -> Row:
    """Return level or subject -> problems, accuracy and its interval; nothing where no problem has one."""
    groups = [row[column] or NO_LEVEL for row in rows]
    if set(groups) == {NO_LEVEL}:
        return {}
    correct, samples = _column(rows, "n_correct"), _column(rows, "n_samples")
    figures = {}
    for group in sorted(set(groups)):
        mask = np.array([each == group for each in groups])
        figures[group] = {"n_problems": int(mask.sum()), **shown(accuracy(correct[mask], samples[mask]))}
    return figures


def several_samples(correct: np.ndarray, samples: int, ballots: Sequence[Ballot]) -> Row:
    """Return `pass_at_k` and `maj_at_k`: k -> mean over problems and its interval; nothing for one sample each."""
    passed, voted = {}, {}
    for k in sizes(samples):
        share = {count: pass_at_k(samples, count, k) for count in set(correct.tolist())}
        passed[str(k)] = shown(mean_share(np.array([share[count] for count in correct.tolist()])))
        voted[str(k)] = shown(mean_share(majorities(ballots, k)))
    return {"pass_at_k": passed, "maj_at_k": voted}


def by_budget(problems: Sequence[Sequence[Sample]]) -> Row:
    """Return token budget -> accuracy if longer responses counted as not correct, and its interval.

    Budgets double from SMALLEST_BUDGET up to the first that holds every response.
    """
    longest = max(sample.tokens or 0 for own in problems for sample in own)
    samples = np.array([len(own) for own in problems])
    lengths = [sorted(sample.tokens or 0 for sample in own if sample.is_correct) for own in problems]
    figures, budget = {}, SMALLEST_BUDGET
    while True:
        correct = np.array([sum(length <= budget for length in own) for own in lengths])
        figures[str(budget)] = shown(accuracy(correct, samples))
        if budget >= longest:
            return figures
        budget *= 2


def correct_shares(samples: Iterable[Sample], graders: Sequence[str]) -> dict[str, float]:
    """Return grader -> share of the samples that it calls correct."""
    counts, total = Counter(), 0
    for sample in samples:
        counts.update(sample.correct_by)
        total += 1
    return {grader: round(counts[grader] / total, 6) for grader in graders}


def _column(rows: Sequence[Row], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=float)
