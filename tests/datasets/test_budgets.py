"""Budgets and shares in rows, tokens and characters: hand-checked cases, and each thing that the module says holds."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from distill.config.recipes import DatasetRecipe
from distill.datasets import budgets, mixing
from distill.runtime.errors import InputError

# Two teachers that both have five problems, in the dataset's order; one response is long, one short.
BOTH = {"a": ["p", "q", "r", "s", "t"], "b": ["p", "q", "r", "s", "t"]}
LONG_SHORT = {"a": {"p": 10, "q": 20, "r": 30, "s": 40, "t": 50}, "b": {"p": 1, "q": 2, "r": 3, "s": 4, "t": 5}}


def recipe_of(teachers: Sequence[str], **keys: Any) -> DatasetRecipe:
    return DatasetRecipe.model_validate({"corpus": "c", "teachers": teachers, **keys})


def rows_of(assigned: dict[str, str]) -> str:
    """Return a mix as text, e.g. `a:pq b:r`."""
    held: dict[str, str] = {}
    for problem_id, teacher in sorted(assigned.items()):
        held[teacher] = held.get(teacher, "") + problem_id
    return " ".join(f"{teacher}:{ids}" for teacher, ids in sorted(held.items()))


def by_hand(candidates: dict[str, list[str]] | None = None, **keys: Any) -> str:
    candidates = candidates or BOTH
    return rows_of(budgets.mix(candidates, LONG_SHORT, recipe_of(list(candidates), **keys), "d"))


# By hand


def test_share_counts_round_half_up_and_sum() -> None:
    assert budgets.share_counts(10, [0.2, 0.8]) == [2, 8]
    assert budgets.share_counts(5, [0.1, 0.9]) == [1, 4]  # 0.5 rounds up
    assert budgets.share_counts(5383, [0.2, 0.8]) == [1077, 4306]  # the paper's Mix-Long, 1076.6 rounded
    assert budgets.share_counts(7, [0.5, 0.25, 0.25]) == [4, 1, 2]
    assert budgets.share_counts(19450, [0.57, 0.43]) == [11087, 8363]  # 11086.5 in decimals, less in binary


def test_a_budget_names_the_teacher_that_cannot_fill_it() -> None:
    with pytest.raises(InputError, match=r"d: rows 3, but y has only 1 usable"):
        budgets.row_budget({"x": ["a", "b", "c"], "y": ["a"]}, 3, "d")
    with pytest.raises(InputError, match="no problem is left for y"):
        budgets.row_budget({"x": ["a"], "y": []}, None, "d")


def test_rows_are_taken_as_long_as_the_sum_comes_nearer() -> None:
    only = {"a": BOTH["a"]}
    for wanted, rows in ((10, "p"), (19, "p"), (20, "pq"), (30, "pq"), (44, "pq"), (45, "pqr"), (150, "pqrst")):
        assert by_hand(only, tokens=wanted) == f"a:{rows}", wanted
        assert by_hand(alpha=1.0, tokens=wanted) == f"a:{rows}"
        assert by_hand(alpha=1.0, tokens=wanted, share_of="tokens") == f"a:{rows}"
    assert by_hand(only, tokens=5) == "a:p"
    with pytest.raises(InputError, match=r"^d: tokens 4 are less than half a row; raise `tokens`$"):
        by_hand(only, tokens=4)


def test_a_budget_in_tokens_with_shares_of_rows() -> None:
    # Half of the rows: 1 row is p (10), 2 are p|q 12, 3 are pq|r 33, 4 are pq|rs 37, 5 are pqr|st 69.
    assert by_hand(alpha=0.5, tokens=12) == "a:p b:q"
    assert by_hand(alpha=0.5, tokens=33) == "a:pq b:r"
    assert by_hand(alpha=0.5, tokens=35) == "a:pq b:rs"  # 33 or 37: the larger of equals
    assert by_hand(alpha=0.5, tokens=69) == "a:pqr b:st"
    # Between four rows (37) and five (69) also pq|rst, 42
    assert by_hand(alpha=0.5, tokens=43) == "a:pq b:rst"
    with pytest.raises(InputError, match=r"^d: tokens 70, but the 5 rows that every teacher can fill have only 69"):
        by_hand(alpha=0.5, tokens=70)


def test_shares_of_tokens_without_a_budget_in_them() -> None:
    # Of five rows a's hold: p 10 of 24, pq 30 of 42, pqr 60 of 69
    assert by_hand(share_of="tokens", alpha=0.41) == "a:p b:qrst"
    assert by_hand(share_of="tokens", alpha=0.7) == "a:pq b:rst"
    assert by_hand(share_of="tokens", alpha=0.88) == "a:pqr b:st"
    assert by_hand(share_of="tokens", alpha=0.8, rows=2) == "a:p b:q"
    assert by_hand(share_of="tokens", alpha=0.5, rows=2) == "b:pq"  # 0 of 3 is nearer than 10 of 12
    assert by_hand(share_of="tokens", alpha=0.1) == "b:pqrst"
    even = {"a": {"p": 4}, "b": {"p": 4}}  # none of 4 and 4 of 4 are as far from the half: it goes to the first
    recipe = recipe_of(["a", "b"], share_of="tokens", alpha=0.5)
    assert budgets.mix({"a": ["p"], "b": ["p"]}, even, recipe, "d") == {"p": "a"}


def test_shares_and_budget_in_tokens() -> None:
    # To half of 60: pq (30); then b until 60 is not reached: 3 + 4 + 5
    with pytest.raises(InputError, match=r"^d: tokens 60, but b has too few usable problems: 42 of 60 "):
        by_hand(share_of="tokens", tokens=60, alpha=0.5)
    assert by_hand(share_of="tokens", tokens=34, alpha=0.85) == "a:pq b:r"  # 28.9 is nearer to 30 than to 10; 33
    assert by_hand(share_of="tokens", tokens=12, alpha=0.5) == "a:p b:q"
    # A teacher that runs out before its share is reached is named, too
    few = {"a": ["p"], "b": BOTH["b"]}
    with pytest.raises(InputError, match=r"^d: tokens 24, but a has too few usable problems: 10 of 12 "):
        by_hand(few, share_of="tokens", tokens=24, alpha=0.5, pairing="own_correct")


def test_a_teacher_without_a_share_gives_no_row_however_short() -> None:
    lengths = {"a": {"p": 10}, "b": {"q": 1}}
    recipe = recipe_of(["a", "b"], alpha=1.0, tokens=10, share_of="tokens", pairing="own_correct")
    assert budgets.mix({"a": ["p"], "b": ["q"]}, lengths, recipe, "d") == {"p": "a"}


# Properties


@dataclass(frozen=True)
class World:
    """Some teachers' problems and the lengths of their responses."""

    own: dict[str, list[str]]
    lengths: dict[str, dict[str, int]]

    @property
    def names(self) -> list[str]:
        return list(self.own)

    def candidates(self, pairing: str, seed: int = 0) -> dict[str, list[str]]:
        candidates = mixing.candidates(self.own, pairing, seed)
        assume(all(candidates.values()))
        return candidates

    def mixed(self, teachers: Sequence[str], pairing: str, shares: Sequence[Fraction], **keys: Any) -> dict[str, str]:
        """Mix `teachers` in shares, with the pairing of all teachers of the world."""
        given_shares = {"shares": [float(share) for share in shares]}
        recipe = recipe_of(teachers, pairing=pairing, **given_shares, **keys)
        candidates = self.candidates(pairing)
        return budgets.mix({t: candidates[t] for t in sorted(teachers)}, self.lengths, recipe, "d")

    def length(self, assigned: dict[str, str], teacher: str | None = None) -> int:
        return sum(self.lengths[t][i] for i, t in assigned.items() if teacher in (None, t))

    @property
    def longest(self) -> int:
        return max(max(each.values()) for each in self.lengths.values())


@st.composite
def worlds(draw: st.DrawFn, fewest: int = 1, most: int = 4, sizes: st.SearchStrategy[int] | None = None) -> World:
    names = "abcd"[: draw(st.integers(fewest, most))]
    ids = [str(i) for i in range(draw(st.integers(1, 30)))]
    if sizes is None:
        sizes = draw(st.sampled_from([st.integers(1, 60), st.integers(1, 3), st.sampled_from([1, 50])]))
    all_have = draw(st.booleans())
    own = {
        name: ids if all_have else draw(st.lists(st.sampled_from(ids), unique=True, min_size=(len(ids) + 1) // 2))
        for name in names
    }
    lengths = {name: {i: draw(sizes) for i in ids} for name in names}
    return World(own, lengths)


@st.composite
def shares(draw: st.DrawFn, count: int) -> list[Fraction]:
    """Draw shares in thousandths, zeros among them, that sum to 1."""
    cuts = sorted(draw(st.integers(0, 1000)) for _ in range(count - 1))
    return [Fraction(after - before, 1000) for before, after in itertools.pairwise([0, *cuts, 1000])]


PAIRINGS = st.sampled_from(["both_correct", "own_correct"])
EASY = settings(deadline=None, max_examples=150)


@EASY
@given(st.data(), worlds(2, 3), PAIRINGS)
def test_the_order_of_writing_says_nothing(data: st.DataObject, world: World, pairing: str) -> None:
    parts = data.draw(shares(len(world.names)))
    keys = data.draw(st.sampled_from([{}, {"tokens": 30}, {"tokens": 30, "share_of": "tokens"}]))
    order = data.draw(st.permutations(range(len(parts))))
    written = [[names[i] for i in order] for names in (world.names, parts)]
    outcomes = []
    for teachers, own in ((world.names, parts), written):
        try:
            outcomes.append(world.mixed(teachers, pairing, own, **keys))
        except InputError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@EASY
@given(st.data(), worlds(1, 4), PAIRINGS)
def test_share_1_is_the_teachers_own_dataset(data: st.DataObject, world: World, pairing: str) -> None:
    teacher = data.draw(st.sampled_from(world.names))
    candidates = world.candidates(pairing)
    least = min(map(len, candidates.values()))
    tokens = world.length(dict.fromkeys(candidates[teacher][:least], teacher))
    keys = data.draw(st.sampled_from([{"rows": least}, {"tokens": tokens}]))
    all_of_it = [Fraction(name == teacher) for name in world.names]
    share_of = {"share_of": "tokens"} if "tokens" in keys and len(world.names) > 1 else {}
    alone = world.mixed([teacher], pairing, [Fraction(1)], **keys)
    assert world.mixed(world.names, pairing, all_of_it, **keys, **share_of) == alone
    # Without a budget: as many rows as every teacher has, the first ones of the teacher's own dataset
    whole = world.mixed([teacher], pairing, [Fraction(1)])
    mixed = world.mixed(world.names, pairing, all_of_it)
    assert len(mixed) == least
    assert list(mixed.items()) == list(whole.items())[:least]


@EASY
@given(st.data(), worlds(2, 2), PAIRINGS, st.sampled_from(["rows", "tokens"]))
def test_a_larger_alpha_only_swaps_rows(data: st.DataObject, world: World, pairing: str, share_of: str) -> None:
    one, other = sorted(data.draw(st.integers(0, 1000)) for _ in range(2))
    less, more = (
        world.mixed(world.names, pairing, [Fraction(a, 1000), 1 - Fraction(a, 1000)], share_of=share_of)
        for a in (one, other)
    )
    first, second = world.names
    held = [{t: {i for i, owner in mix.items() if owner == t} for t in world.names} for mix in (less, more)]
    assert len(less) == len(more)
    assert held[0][first] <= held[1][first]
    assert held[1][second] <= held[0][second]
    if pairing == "both_correct":
        assert less.keys() == more.keys()


@EASY
@given(st.data(), worlds(2, 4), PAIRINGS)
def test_a_teacher_with_more_rows_keeps_those_it_had(data: st.DataObject, world: World, pairing: str) -> None:
    candidates = world.candidates(pairing)
    rows = data.draw(st.integers(1, min(map(len, candidates.values()))))
    before = budgets.share_counts(rows, [float(s) for s in data.draw(shares(len(candidates)))])
    raised = data.draw(st.integers(0, len(before) - 1))
    after = [data.draw(st.integers(0, n)) if i != raised else 0 for i, n in enumerate(before)]
    after[raised] = rows - sum(after)
    less, more = (budgets.assign(candidates, counts) for counts in (before, after))
    teacher = world.names[raised]
    assert {i for i, t in less.items() if t == teacher} <= {i for i, t in more.items() if t == teacher}


@EASY
@given(st.data(), worlds(2, 4))
def test_of_paired_problems_few_rows_change_hands(data: st.DataObject, world: World) -> None:
    one, other = (data.draw(shares(len(world.names))) for _ in range(2))
    less, more = (world.mixed(world.names, "both_correct", parts) for parts in (one, other))
    assert less.keys() == more.keys()
    assert less.keys() == set(world.candidates("both_correct")["a"])
    counts = [Counter(mix.values()) for mix in (less, more)]
    least = sum(abs(counts[0][t] - counts[1][t]) for t in world.names) // 2
    assert least <= sum(less[i] != more[i] for i in less) <= (len(world.names) - 1) * least
    for i, teacher in enumerate(world.names):
        if one[i] <= other[i] and all(b <= a for j, (a, b) in enumerate(zip(one, other, strict=True)) if j != i):
            assert all(more[p] == teacher for p, t in less.items() if t == teacher)


@EASY
@given(st.data(), worlds(2, 4))
def test_a_raised_share_of_rows_takes_no_row_from_its_teacher(data: st.DataObject, world: World) -> None:
    one = data.draw(shares(len(world.names)))
    raised = data.draw(st.integers(0, len(one) - 1))
    other = [s * data.draw(st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)])) for s in one]
    other[raised] = 1 - sum(s for i, s in enumerate(other) if i != raised)
    less, more = (world.mixed(world.names, "both_correct", parts) for parts in (one, other))
    teacher = world.names[raised]
    assert {i for i, t in less.items() if t == teacher} <= {i for i, t in more.items() if t == teacher}


def test_no_rule_for_three_teachers_moves_as_few_rows_as_can_be() -> None:
    mixes = [set(itertools.permutations(pair)) for pair in ("ab", "ac", "bc")]
    steps = [(0, 1), (0, 2), (1, 2)]
    for rule in itertools.product(*mixes):
        assert max(sum(x != y for x, y in zip(rule[i], rule[j], strict=True)) for i, j in steps) == 2


@given(st.integers(1, 50_000), st.integers(1, 5).flatmap(shares))
def test_counts_are_the_shares_to_within_a_row(rows: int, parts: list[Fraction]) -> None:
    counts = budgets.share_counts(rows, [float(share) for share in parts])
    assert sum(counts) == rows
    assert all(abs(count - rows * share) <= 1 for count, share in zip(counts, parts, strict=True))
    assert abs(counts[0] - rows * parts[0]) <= Fraction(1, 2)
    if len(parts) == 2 and (rows * parts[0] * 2) % 2 == 1:
        assert counts[0] > rows * parts[0]  # half up


@EASY
@given(st.data(), worlds(1, 4), PAIRINGS, st.booleans())
def test_a_budget_in_tokens_is_reached_to_half_a_row_or_refused(
    data: st.DataObject, world: World, pairing: str, tokens_shared: bool
) -> None:
    count = len(world.names)
    parts = data.draw(shares(count))
    keys = {"share_of": "tokens"} if tokens_shared and count > 1 else {}
    wanted = data.draw(st.integers(1, 30 * world.longest))
    try:
        mixed = world.mixed(world.names, pairing, parts, tokens=wanted, **keys)
    except InputError as error:
        if "less than half a row" in str(error):
            assert 2 * wanted < world.longest
        elif not keys:
            used = [t for t, share in zip(world.names, parts, strict=True) if share]
            candidates = {t: world.candidates(pairing)[t] for t in used}
            most = min(map(len, candidates.values()))
            counts = budgets.share_counts(most, [float(share) for share in parts if share])
            assert world.length(budgets.assign(candidates, counts)) < wanted
        return
    candidates, reached = world.candidates(pairing), world.length(mixed)
    assert 2 * abs(reached - wanted) <= world.longest
    assert all(problem_id in candidates[teacher] for problem_id, teacher in mixed.items())
    if pairing == "both_correct":
        assert list(mixed) == candidates["a"][: len(mixed)]  # the first problems of the order, whatever their lengths
    for teacher, share in zip(world.names, parts, strict=True):
        if keys:
            row = 1 if count == 2 else 1 + share / 2
            assert abs(world.length(mixed, teacher) - share * reached) <= row * world.longest
        else:
            assert abs(sum(t == teacher for t in mixed.values()) - share * len(mixed)) <= 2


@EASY
@given(st.data(), worlds(1, 1))
def test_of_one_teacher_the_nearest_number_of_rows(data: st.DataObject, world: World) -> None:
    order = world.candidates("own_correct")["a"]
    sums = list(itertools.accumulate((world.lengths["a"][i] for i in order), initial=0))
    wanted = data.draw(st.integers(max(sums[1] // 2 + 1, 1), sums[-1]))
    mixed = world.mixed(["a"], "own_correct", [Fraction(1)], tokens=wanted)
    assert len(mixed) == max(range(len(sums)), key=lambda n: (-abs(sums[n] - wanted), n))
    assert list(mixed) == order[: len(mixed)]
    with pytest.raises(InputError, match="lower it"):
        world.mixed(["a"], "own_correct", [Fraction(1)], tokens=sums[-1] + 1)


@EASY
@given(st.data(), worlds(2, 2), PAIRINGS)
def test_an_alpha_of_tokens_is_met_to_half_a_row(data: st.DataObject, world: World, pairing: str) -> None:
    alpha = Fraction(data.draw(st.integers(0, 1000)), 1000)
    mixed = world.mixed(world.names, pairing, [alpha, 1 - alpha], share_of="tokens")
    assert len(mixed) == min(map(len, world.candidates(pairing).values()))
    off = world.length(mixed, "a") - alpha * world.length(mixed)
    assert 2 * abs(off) <= world.longest


@EASY
@given(st.data(), worlds(2, 3, st.just(7)), PAIRINGS)
def test_with_equal_lengths_tokens_are_rows(data: st.DataObject, world: World, pairing: str) -> None:
    parts = data.draw(shares(len(world.names)))
    rows = data.draw(st.integers(1, min(map(len, world.candidates(pairing).values()))))
    in_rows = world.mixed(world.names, pairing, parts, rows=rows)
    assert world.mixed(world.names, pairing, parts, tokens=7 * rows) == in_rows
    assert world.mixed(world.names, pairing, parts, tokens=7 * rows, share_of="tokens") == in_rows
    if len(parts) == 2:
        assert world.mixed(world.names, pairing, parts, rows=rows, share_of="tokens") == in_rows
