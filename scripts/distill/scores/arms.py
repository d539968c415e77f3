"""What is known of an arm on a benchmark: its score, and where a study asks for it the likelihoods of solutions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distill import tables
from distill.config.catalogue import arms_of
from distill.config.lineage import Arm
from distill.config.recipes import StudyRecipe
from distill.runtime.errors import InputError
from distill.runtime.files import read_json
from distill.scores.measures import Measure


@dataclass(frozen=True)
class Score:
    """One arm on one benchmark: the manifest of its score, and per problem (ids sorted) the mean over draws."""

    arm: Arm
    benchmark: str
    decoding: str
    facts: Mapping[str, Any]
    problem_ids: list[str]
    means: np.ndarray


Key = tuple[Arm, str, str]


def read_scores(manifests: Iterable[Path]) -> dict[Key, Score]:
    """Read the scores whose manifests are given, and the items beside them."""
    scores: dict[Key, Score] = {}
    for path in manifests:
        facts = read_json(path)
        identity = facts["identity"]
        arm, benchmark, decoding = Arm.of(identity), identity["corpus"], identity["decoding"]
        items = tables.read(path.with_name("items.parquet"), tables.ITEMS)
        means = items["n_correct"].to_numpy() / items["n_samples"].to_numpy()
        scores[arm, benchmark, decoding] = Score(
            arm, benchmark, decoding, facts, items["problem_id"].to_pylist(), means
        )
    return scores


def score_of(scores: Mapping[Key, Score], arm: Arm, benchmark: str, decoding: str) -> Score:
    """Return the score of an arm on a benchmark. Raises InputError where there is none."""
    try:
        return scores[arm, benchmark, decoding]
    except KeyError:
        raise InputError(f"no score of {arm.path} on {benchmark} with {decoding}; make it first") from None


@dataclass(frozen=True)
class Likelihood:
    """How likely one arm finds the texts of one benchmark: the manifest, and measure -> problem_id -> nats per token.

    The nats are log-likelihoods, so they are negative; a problem that the arm cannot read is not there.
    """

    facts: Mapping[str, Any]
    values: Mapping[str, Mapping[str, float]]


def read_likelihoods(manifests: Iterable[Path]) -> dict[tuple[Arm, str], Likelihood]:
    """Read the likelihoods whose manifests are given, and the tables beside them."""
    found = {}
    for path in manifests:
        facts = read_json(path)
        rows = tables.read(path.with_name("likelihoods.parquet"), tables.LIKELIHOODS).to_pylist()
        values = {
            name: {r["problem_id"]: r[f"{name}_loglikelihood"] / r[f"{name}_tokens"]
                   for r in rows if r[f"{name}_tokens"]}
            for name in ("solution", "answer")
        }  # fmt: skip
        found[Arm.of(facts["identity"]), facts["identity"]["corpus"]] = Likelihood(facts, values)
    return found


def likelihood_of(found: Mapping[tuple[Arm, str], Likelihood], arm: Arm, benchmark: str) -> Likelihood:
    """Return the likelihoods of an arm on a benchmark. Raises InputError where there are none."""
    try:
        return found[arm, benchmark]
    except KeyError:
        raise InputError(f"no likelihoods of {arm.path} on {benchmark}; make them first") from None


def as_scores(
    study: StudyRecipe, measure: Measure, found: Mapping[tuple[Arm, str], Likelihood]
) -> tuple[list[str], dict[Key, Score]]:
    """Return the benchmarks that have a measure, and the arms' scores by it, on the problems that all arms can read.

    Raises InputError where likelihoods of an arm are missing, or no benchmark has the measure.
    """
    scores: dict[Key, Score] = {}
    benchmarks = []
    for benchmark in study.benchmarks:
        own = {arm: likelihood_of(found, arm, benchmark).values[measure.name] for arm in arms_of(study)}
        common = sorted(set.intersection(*(set(values) for values in own.values())))
        if common:
            benchmarks.append(benchmark)
        for arm, values in own.items():
            means = np.array([values[problem_id] for problem_id in common])
            scores[arm, benchmark, study.decoding] = Score(
                arm, benchmark, study.decoding, {"n_samples": 1}, common, means
            )
    if not benchmarks:
        raise InputError(f"no problem has a {measure.name} that all arms can read; ask for no likelihood of it")
    return benchmarks, scores
