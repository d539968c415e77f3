"""Filters for problems and responses, and the choice among several correct draws.

Pure functions over what one response shows (`Sample`) and over problems' ids. All of it is optional; a dataset's recipe
says what is done. It comes before pairing, so every teacher of a dataset is filtered alike and a mix stays exact.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from distill.config.recipes import CurationRecipe
from distill.config.shards import stable_hash

REPEATED = 16  # tokens of a passage that counts as said again
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Sample:
    """What a response shows of itself.

    tokens: response tokens, None where unknown (published responses); characters; repetition: see `repetition`;
    perplexity: under the student of the recipe, None where it could not be computed.
    """

    problem_id: str
    draw: int
    tokens: int | None = None
    characters: int = 0
    repetition: float = 0.0
    perplexity: float | None = None


def repetition(text: str) -> float:
    """Return the share (0..1) of a text's runs of REPEATED tokens (words and signs) that stand in it before.

    A loop comes near 1; text that repeats nothing is 0. (After the duplicate n-gram fractions of Rae et al. 2021, arXiv
    2112.11446, table A1, with runs long enough that algebra repeating its terms stays low.)
    """
    tokens = _TOKEN.findall(text)
    runs = len(tokens) - REPEATED + 1
    if runs < 2:
        return 0.0
    return 1 - len({tuple(tokens[i : i + REPEATED]) for i in range(runs)}) / runs


def perplexity(loglikelihood: float | None, tokens: int | None) -> float | None:
    """Return exp(-log-likelihood per token), or None where one of the two is unknown."""
    return math.exp(-loglikelihood / tokens) if loglikelihood is not None and tokens else None


def rejection(sample: Sample, recipe: CurationRecipe) -> str | None:
    """Return why a response is not used: repetitive, too_short, too_long; None where it may be.

    Raises ValueError when its length is bounded in tokens and they are unknown.
    """
    if recipe.max_repetition is not None and sample.repetition > recipe.max_repetition:
        return "repetitive"
    if bounds := recipe.length:
        length = sample.tokens if bounds.unit == "tokens" else sample.characters
        if length is None:
            raise ValueError("no token counts (published responses have none); bound `characters` instead")
        if length < bounds.at_least:
            return "too_short"
        if bounds.at_most is not None and length > bounds.at_most:
            return "too_long"
    return None


def preference(sample: Sample, recipe: CurationRecipe, seed: int) -> tuple[float, int]:
    """Return what orders the usable responses to a problem: the least one is chosen, the first draw among equals."""
    length = sample.characters if sample.tokens is None else sample.tokens
    keys = {
        "first": 0,
        "shortest": length,
        "longest": -length,
        "random": stable_hash("choose", seed, sample.problem_id, sample.draw),
        "student_likely": math.inf if sample.perplexity is None else sample.perplexity,
    }
    return keys[recipe.choose], sample.draw


def pass_rates(draws: Iterable[tuple[str, bool]]) -> dict[str, float]:
    """Return problem_id -> share of correct draws, from (problem_id, whether correct) of each draw."""
    counts, correct = Counter(), Counter()
    for problem_id, is_correct in draws:
        counts[problem_id] += 1
        correct[problem_id] += is_correct
    return {problem_id: correct[problem_id] / n for problem_id, n in counts.items()}


def excluded_problems(
    problem_ids: Iterable[str],
    contaminated: Iterable[str],
    duplicates: Iterable[str],
    rates: Mapping[str, float] | None,
    recipe: CurationRecipe,
) -> dict[str, str]:
    """Return problem_id -> why no response to it is used: contaminated, near_duplicate, not_rated, too_hard, too_easy.

    `rates` are pass rates of the teacher that the recipe names, None where it names none.
    """
    reasons = dict.fromkeys(duplicates, "near_duplicate") | dict.fromkeys(contaminated, "contaminated")
    bounds = recipe.pass_rate
    excluded = {}
    for problem_id in problem_ids:
        if problem_id in reasons:
            excluded[problem_id] = reasons[problem_id]
        elif bounds and rates is not None:
            rate = rates.get(problem_id)
            if rate is None:
                excluded[problem_id] = "not_rated"
            elif rate < bounds.at_least:
                excluded[problem_id] = "too_hard"
            elif rate > bounds.at_most:
                excluded[problem_id] = "too_easy"
    return excluded
