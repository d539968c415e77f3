"""Signals of how well a response suits a student before training, from a row of the table of suitability."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from distill.runtime.errors import InputError

Row = Mapping[str, Any]
Key = tuple[str, int]
Rated = dict[Key, Row]
CHOICE = "student_"  # before a signal's name in `choose`
COLUMNS = ("tokens", "loglikelihood", "ranks", "top_1", "top_10", "local")
_LEAST = 1e-12  # nats of a response that has none, as in the code of arXiv 2601.14249


class Signal(NamedTuple):
    """A signal of one response, and whether more of it is better (1) or less (-1)."""

    of: Callable[[Row], float]
    better: int


SIGNALS = {
    "perplexity": Signal(lambda row: math.exp(surprisal(row)), -1),
    "rank_surprisal": Signal(lambda row: rank(row) / max(surprisal(row), _LEAST), -1),
    "local_naturalness": Signal(lambda row: row["local"], 1),
    "overlap_1": Signal(lambda row: row["top_1"] / row["tokens"], 1),
    "overlap_10": Signal(lambda row: row["top_10"] / row["tokens"], 1),
}


def surprisal(row: Row) -> float:
    """Return the mean negative log-likelihood of a response's tokens, in nats."""
    return -row["loglikelihood"] / row["tokens"]


def rank(row: Row) -> float:
    """Return the mean clipped rank of a response's tokens."""
    return row["ranks"] / row["tokens"]


def penalty(row: Row, choose: str) -> float | None:
    """Return what is least for the draw that suits best, by the signal of a choice; None for one that was not rated."""
    if row["tokens"] is None:
        return None
    signal = SIGNALS[choose.removeprefix(CHOICE)]
    return -signal.better * signal.of(row)


def read(paths: tuple[Path, ...], responses: tuple[Path, ...]) -> Rated:
    """Return (problem_id, draw) -> row of tables of suitability, a file for each of the responses, in their order.

    Raises InputError where the numbers of files differ, or a table has other rows than its responses.
    """
    from distill import tables
    from distill.tables import graded

    if len(paths) != len(responses):
        raise InputError(f"{len(responses)} files of responses, {len(paths)} of their suitability; give one for each")
    rows: Rated = {}
    for path, answered in zip(paths, responses, strict=True):
        own = graded.rows_by_key(path, tables.SUITABILITY, COLUMNS)
        keys = tables.read(answered, tables.RESPONSES, list(graded.KEY)).to_pylist()
        if other := {(key["problem_id"], key["draw"]) for key in keys} ^ own.keys():
            raise InputError(f"{path}: {graded.shown(sorted(other))} stand in it or in {answered}, not in both; "
                             "compute it again")  # fmt: skip
        rows |= own
    return rows
