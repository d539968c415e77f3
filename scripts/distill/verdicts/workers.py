"""Grades many pairs in worker processes that can be killed.

Plain text settles most rows in the parent. The others are compared once per distinct (gold, answer) in worker
processes: each comparison has a hard deadline held by the parent, which kills and replaces the worker, and a memory
limit. So one hostile row costs its own verdict and no other.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from distill.verdicts.grading import (
    TIMEOUT_SECONDS,
    Outcome,
    Pair,
    Verdict,
    check_seconds,
    compare,
    examine,
    is_verifiable,
)

Row = tuple[str, str | None, str | None]
Compare = Callable[[str, str, int], Outcome]
DEADLINE_SECONDS = 15
MEMORY_MB = 4096
CHUNK = 4096
REMEMBERED = 100_000


def grade_all(
    rows: Iterable[Row],
    *,
    workers: int = 1,
    timeout_seconds: int = TIMEOUT_SECONDS,
    deadline_seconds: int = DEADLINE_SECONDS,
    memory_mb: int = MEMORY_MB,
    compare_pair: Compare = compare,
) -> Iterator[Verdict]:
    """Yield one verdict per row (gold, response, finish_reason), in order, whatever the number of workers.

    Rows are taken in chunks of some thousands and outcomes are kept for the last `REMEMBERED` distinct pairs, so memory
    does not grow with the rows. A row beyond
    `deadline_seconds` is `timeout` (method deadline), one whose worker dies is `error` (method worker).

    Raises:
        ValueError: A limit is not a whole number of at least 1, or there are no workers.
    """
    check_seconds("timeout_seconds", timeout_seconds)
    check_seconds("deadline_seconds", deadline_seconds)
    if workers < 1:
        raise ValueError(f"workers is {workers}: expected 1 or more")
    outcomes: dict[tuple[str, str], Outcome] = {}
    source = iter(rows)
    with _Pool(workers, timeout_seconds, deadline_seconds, memory_mb, compare_pair) as pool:
        while chunk := list(islice(source, CHUNK)):
            found = [examine(*row) for row in chunk]
            new = dict.fromkeys((f.gold, f.answer) for f in found if isinstance(f, Pair))
            outcomes.update(pool.compare([pair for pair in new if pair not in outcomes]))
            for pair in new:
                outcomes[pair] = outcomes.pop(pair)  # the oldest come first
            for each in found:
                if isinstance(each, Pair):
                    outcome = outcomes[each.gold, each.answer]
                    yield Verdict(outcome.verdict, each.extracted, outcome.method)
                else:
                    yield each
            for pair in list(islice(outcomes, max(0, len(outcomes) - REMEMBERED))):
                del outcomes[pair]


def check_golds(
    golds: Iterable[str], *, workers: int = 1, timeout_seconds: int = TIMEOUT_SECONDS,
    deadline_seconds: int = DEADLINE_SECONDS, memory_mb: int = MEMORY_MB,
) -> dict[str, bool]:  # fmt: skip
    """Return gold answer -> whether answers can be graded against it (`grading.is_verifiable`), safe on any text.

    Raises:
        ValueError: As `grade_all`.
    """
    check_seconds("timeout_seconds", timeout_seconds)
    with _Pool(workers, timeout_seconds, deadline_seconds, memory_mb, _self_check) as pool:
        found = pool.compare([(gold, gold) for gold in dict.fromkeys(golds)])
    return {gold: outcome.verdict == "correct" for (gold, _), outcome in found.items()}


def _self_check(gold: str, _gold: str, timeout_seconds: int) -> Outcome:
    verifiable = is_verifiable(gold, timeout_seconds=timeout_seconds)
    return Outcome("correct" if verifiable else "unverifiable", "gold")


class _Pool:
    """Worker processes, started when the first pair needs one."""

    def __init__(self, workers: int, timeout: int, deadline: int, memory_mb: int, compare_pair: Compare):
        self._workers, self._timeout, self._deadline = workers, timeout, deadline
        self._memory, self._compare = memory_mb << 20, compare_pair
        self._pool = None

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()

    def compare(self, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], Outcome]:
        """Return the outcome of each pair."""
        if not pairs:
            return {}
        if self._pool is None:
            from pebble import ProcessPool

            self._pool = ProcessPool(self._workers, initializer=_limit_memory, initargs=(self._memory,))
        futures = [
            self._pool.schedule(self._compare, args=[*pair, self._timeout], timeout=self._deadline) for pair in pairs
        ]
        return {pair: _outcome(future) for pair, future in zip(pairs, futures, strict=True)}


def _outcome(future: object) -> Outcome:
    from concurrent.futures import TimeoutError as FutureTimeoutError

    from pebble import ProcessExpired

    try:
        return future.result()
    except (TimeoutError, FutureTimeoutError):
        return Outcome("timeout", "deadline")
    except MemoryError:
        return Outcome("error", "memory")
    except (ProcessExpired, RecursionError):
        return Outcome("error", "worker")


def _limit_memory(limit: int) -> None:
    """Cap a worker's address space, unless the machine's own cap is lower; loads math-verify before any deadline."""
    import resource

    import math_verify  # noqa: F401

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
