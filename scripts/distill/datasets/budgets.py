"""How many rows each teacher gives and which: budgets and shares in rows, tokens or characters. Pure functions on ids.

Problems stand in one seeded order, teachers in the order of their names. Each teacher in turn takes the next problems
of its own that are not taken yet, up to its count of rows; budget and shares come down to these counts. Hence
- the order in which teachers are written says nothing: [a, b] with alpha .2 is [b, a] with alpha .8;
- share 1 of a teacher is that teacher's own dataset, row for row; where the pairing leaves each teacher its own
  problems and there is no budget, the first rows of it, for a mix is as large as every teacher could fill alone;
- a teacher whose count rises while no other's does keeps its rows, and one whose count falls while no other's does
  gets none: of two teachers a larger alpha only swaps rows;
- with `both_correct`, mixes with equally many rows hold the same problems, and a teacher whose share of rows rises
  while no other's does keeps its rows. Of two teachers as few rows change hands as can, of k at most k - 1 times as
  many. Of three no rule does better for all shares: the mixes AB, AC and BC of two problems are one row apart, and
  whoever has which of the two, in one of the three steps both change hands.

A count is the share of the rows to within one row (cumulated shares, rounded half up). Lengths follow the same rule
with long and short rows: rows are taken as long as the sum comes nearer, so it is off by half a row at most.
"""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from distill.config.recipes import DatasetRecipe
from distill.runtime.errors import InputError

Candidates = Mapping[str, Sequence[str]]  # teacher -> its problems in the dataset's order; teachers by name
Lengths = Mapping[str, Mapping[str, int]]  # teacher -> problem_id -> length of its response
Counts = Sequence[int]  # rows of each teacher, in the order of the candidates


def mix(candidates: Candidates, lengths: Lengths, recipe: DatasetRecipe, dataset: str) -> dict[str, str]:
    """Return problem_id -> teacher of a dataset; `lengths` are in the recipe's unit, empty where it has none.

    Raises InputError when the teachers cannot fill the budget, or a budget is too small for a row.
    """
    most = row_budget(candidates, recipe.rows, dataset)
    by_teacher = {t: share for t, share in zip(recipe.teachers, recipe.shares, strict=True) if share}
    own = {teacher: ids for teacher, ids in candidates.items() if teacher in by_teacher}
    shares = [by_teacher[teacher] for teacher in own]
    wanted = recipe.length_budget
    if wanted is None:
        by_length = recipe.share_of != "rows" and len(own) == 2
        counts = split(own, lengths, shares[0], most) if by_length else share_counts(most, shares)
    else:
        fill = fill_shares_of_rows if recipe.share_of == "rows" else fill_shares_of_length
        counts = fill(own, lengths, shares, wanted, f"{dataset}: {recipe.unit} {wanted}")
        if not any(counts):
            raise InputError(f"{dataset}: {recipe.unit} {wanted} are less than half a row; raise `{recipe.unit}`")
    return assign(own, counts)


def row_budget(candidates: Candidates, rows: int | None, dataset: str) -> int:
    """Return the row budget: the recipe's, or as many rows as every teacher can fill on its own.

    Raises InputError when a teacher cannot fill it, or nothing is left.
    """
    scarce, most = min(((t, len(ids)) for t, ids in candidates.items()), key=lambda pair: pair[1])
    if most == 0:
        raise InputError(f"{dataset}: no problem is left for {scarce}; see the ledger of its verdicts")
    if rows is not None and rows > most:
        raise InputError(f"{dataset}: rows {rows}, but {scarce} has only {most} usable problems; lower `rows`")
    return most if rows is None else rows


def assign(candidates: Candidates, counts: Counts) -> dict[str, str]:
    """Return problem_id -> teacher: each teacher in turn takes its count of candidates that are not taken yet."""
    taken: dict[str, str] = {}
    for (teacher, ids), count in zip(candidates.items(), counts, strict=True):
        free = (i for i in ids if i not in taken)
        taken.update(dict.fromkeys(list(itertools.islice(free, count)), teacher))
    return taken


def length(assigned: Mapping[str, str], lengths: Lengths) -> int:
    """Return the length of all responses of a mix (problem_id -> teacher)."""
    return sum(lengths[teacher][problem_id] for problem_id, teacher in assigned.items())


def edges(size: int, shares: Sequence[float]) -> list[Fraction]:
    """Return the cumulated shares of a size, exactly as the shares are written in decimals; the last is the size."""
    parts = itertools.accumulate(Fraction(str(share)) for share in shares[:-1])
    return [*(size * part for part in parts), Fraction(size)]


def share_counts(rows: int, shares: Sequence[float]) -> list[int]:
    """Return the rows of each teacher: cumulated shares, rounded half up."""
    return _counts(_row_edges(rows, shares))


def split(candidates: Candidates, lengths: Lengths, share: float, rows: int) -> list[int]:
    """Return the rows of two teachers, `rows` in all, of whose length the first's rows hold a share.

    A row goes to the first as long as the sum comes nearer; each of them adds to its length and takes from the other's.
    """
    first, _ = candidates

    def excess(count: int) -> Fraction:
        assigned = assign(candidates, (count, rows - count))
        own = sum(lengths[first][i] for i, teacher in assigned.items() if teacher == first)
        return own - Fraction(str(share)) * length(assigned, lengths)

    count = bisect_right(range(rows), 0, key=lambda count: excess(count) + excess(count + 1))
    return [count, rows - count]


def fill_shares_of_rows(
    candidates: Candidates, lengths: Lengths, shares: Sequence[float], wanted: int, budget: str
) -> list[int]:
    """Return the rows of each teacher, in shares of rows, whose responses come nearest to the length `wanted`.

    Of two sizes of the mix, one row apart, the first below and the second not, the borders between the teachers move
    one at a time. So the counts are the shares to within two rows. Raises InputError when not even as many rows as
    every teacher can fill hold that length.
    """

    def reached(counts: Counts) -> int:
        return length(assign(candidates, counts), lengths)

    most = min(map(len, candidates.values()))
    sizes = range(most + 1)
    rows = bisect_left(sizes, wanted, key=lambda rows: reached(share_counts(rows, shares)))
    if rows not in sizes:
        has = reached(share_counts(most, shares))
        raise InputError(f"{budget}, but the {most} rows that every teacher can fill have only {has}; lower it")
    after, before = _row_edges(rows, shares), _row_edges(rows - 1, shares)
    steps = [_counts([*before[:i], *after[i:]]) for i in range(len(shares) + 1)]
    return min(steps, key=lambda counts: abs(reached(counts) - wanted))


def fill_shares_of_length(
    candidates: Candidates, lengths: Lengths, shares: Sequence[float], wanted: int, budget: str
) -> list[int]:
    """Return the rows of each teacher that hold its share of the length `wanted`.

    Raises InputError when a teacher has too few problems for it.
    """
    counts, taken, reached = [], set[str](), 0
    for (teacher, ids), edge in zip(candidates.items(), edges(wanted, shares), strict=True):
        before = len(taken)
        for problem_id in ids:
            size = lengths[teacher][problem_id]
            if problem_id in taken:
                continue
            if 2 * reached + size > 2 * edge:
                break
            taken.add(problem_id)
            reached += size
        else:
            if reached < edge:
                raise InputError(f"{budget}, but {teacher} has too few usable problems: {reached} of {math.ceil(edge)} "
                                 "are reached with all of them; lower it")  # fmt: skip
        counts.append(len(taken) - before)
    return counts


def _row_edges(rows: int, shares: Sequence[float]) -> list[int]:
    return [min(math.floor(edge + Fraction(1, 2)), rows) for edge in edges(rows, shares)]


def _counts(row_edges: Iterable[int]) -> list[int]:
    return [after - before for before, after in itertools.pairwise([0, *row_edges])]
