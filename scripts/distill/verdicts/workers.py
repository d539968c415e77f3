"""Grades many pairs in worker processes that can be killed.

Plain text settles most rows in the parent. The others are compared once per distinct (gold, answer) in worker
processes. So one hostile row costs its own verdict and no other. Four things can end a comparison:

| limit | held by | what is ended | verdict, method |
|---|---|---|---|
| timeout_seconds of CPU | the worker (`limits.cpu_limit`) | Python code | timeout, symbolic |
| 1 to 2 CPU seconds more | the kernel (`limits.kill_after`) | C code | timeout, deadline |
| memory_mb of address space | the kernel | what asks for more | error, memory |
| deadline_seconds of wall-clock time | the parent | what waits and does not compute | timeout, deadline |

The first two do not see how busy the machine is. The others may, or what their worker did before: a pair that met one
of them, or whose worker died, is tried once more, alone, in a fresh worker, and that comparison counts. So the same
pair gets the same verdict, unless it needs just about its limit of CPU seconds, or the machine is so busy that in
`deadline_seconds` it twice gives a comparison less than `timeout_seconds` + 2 of CPU.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from distill.tables.words import Verdict
from distill.verdicts import symbolic
from distill.verdicts.grading import (
    TIMEOUT_SECONDS,
    Comparison,
    Grade,
    Pair,
    check_seconds,
    compare,
    examine,
    is_verifiable,
)
from distill.verdicts.limits import KILLED, confine, kill_after

Row = tuple[str, str | None, str | None]
Compare = Callable[[str, str, int], Comparison]
DEADLINE_SECONDS = 120
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
) -> Iterator[Grade]:
    """Yield one grade per row (gold, response, finish_reason), in order, whatever the number of workers.

    Rows are taken in chunks of some thousands; comparisons are kept for the last `REMEMBERED` distinct pairs, so memory
    does not grow with the rows. The limits are those of this module's table; `timeout_seconds` are CPU seconds.

    Raises:
        ValueError: A limit is not a whole number of at least 1, or there are no workers.
    """
    check_seconds("timeout_seconds", timeout_seconds)
    check_seconds("deadline_seconds", deadline_seconds)
    if workers < 1:
        raise ValueError(f"workers is {workers}: expected 1 or more")
    comparisons: dict[tuple[str, str], Comparison] = {}
    source = iter(rows)
    with _Pool(workers, timeout_seconds, deadline_seconds, memory_mb, compare_pair) as pool:
        while chunk := list(islice(source, CHUNK)):
            examined = [examine(*row) for row in chunk]
            new = dict.fromkeys((each.gold, each.answer) for each in examined if isinstance(each, Pair))
            comparisons.update(pool.compare([pair for pair in new if pair not in comparisons]))
            for pair in new:
                comparisons[pair] = comparisons.pop(pair)  # the oldest come first
            for each in examined:
                if isinstance(each, Pair):
                    comparison = comparisons[each.gold, each.answer]
                    yield Grade(comparison.verdict, each.extracted, comparison.method)
                else:
                    yield each
            for pair in list(islice(comparisons, max(0, len(comparisons) - REMEMBERED))):
                del comparisons[pair]


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
        comparisons = pool.compare([(gold, gold) for gold in dict.fromkeys(golds)])
    return {gold: comparison.verdict == Verdict.CORRECT for (gold, _), comparison in comparisons.items()}


def _self_check(gold: str, _gold: str, timeout_seconds: int) -> Comparison:
    verifiable = is_verifiable(gold, timeout_seconds=timeout_seconds)
    return Comparison(Verdict.CORRECT if verifiable else Verdict.UNVERIFIABLE, "gold")


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

    def compare(self, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], Comparison]:
        """Return the comparison of each pair."""
        if not pairs:
            return {}
        if self._pool is None:
            symbolic.load()  # workers are forked: they all start with the same loaded libraries
            self._pool = self._started(self._workers)
        futures = [self._scheduled(self._pool, pair) for pair in pairs]
        comparisons = {pair: _comparison(future) for pair, future in zip(pairs, futures, strict=True)}
        return {pair: comparison or self._alone(pair) for pair, comparison in comparisons.items()}

    def _started(self, workers: int) -> Any:
        from pebble import ProcessPool

        return ProcessPool(workers, initializer=confine, initargs=(self._memory,))

    def _scheduled(self, pool: Any, pair: tuple[str, str]) -> Any:
        return pool.schedule(_limited, args=[self._compare, *pair, self._timeout], timeout=self._deadline)

    def _alone(self, pair: tuple[str, str]) -> Comparison:
        """Return the comparison of a pair in a worker of its own, while the others wait."""
        with self._started(1) as pool:
            future = self._scheduled(pool, pair)
            return _comparison(future) or _failure(future)


def _limited(compare_pair: Compare, gold: str, answer: str, timeout_seconds: int) -> Comparison:
    kill_after(timeout_seconds)
    return compare_pair(gold, answer, timeout_seconds)


def _comparison(future: Any) -> Comparison | None:
    """Return how a comparison ended, or None where the machine or the worker's past may have caused its end."""
    failure = future.exception()
    if failure is not None:
        return _failure(future) if getattr(failure, "exitcode", None) == KILLED else None
    return None if future.result().verdict == Verdict.ERROR else future.result()


def _failure(future: Any) -> Comparison:
    """Return what a comparison that failed counts as; what is no failure of a comparison is raised."""
    from concurrent.futures import TimeoutError as FutureTimeoutError

    from pebble import ProcessExpired

    try:
        return future.result()
    except (TimeoutError, FutureTimeoutError):
        return Comparison(Verdict.TIMEOUT, "deadline")
    except MemoryError:
        return Comparison(Verdict.ERROR, "memory")
    except ProcessExpired as failure:
        if failure.exitcode == KILLED:
            return Comparison(Verdict.TIMEOUT, "deadline")
        return Comparison(Verdict.ERROR, "worker")
    except RecursionError:
        return Comparison(Verdict.ERROR, "worker")
