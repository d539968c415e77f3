"""Which rows each update sees: by hand, and what must hold for any rows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill import tables
from distill.config.recipes import TrainJob
from distill.runtime.errors import InputError
from distill.training.updates import Rows, is_held_out, packs, plan_updates, split, summary


def rows(lengths: list[int], hard: list[bool] | None = None) -> Rows:
    """Rows whose prompt is one token."""
    whole = np.array(lengths, np.int64)
    return Rows(np.arange(len(lengths)), whole, whole - 1, np.array(hard or [False] * len(lengths), bool))


def job(**keys: object) -> TrainJob:
    hard = {"hard_teacher": "b"} if keys.get("order") == "easy_first" else {}
    return TrainJob(**{"lr": 1.0, "global_batch": 2, "epochs": 1, **hard, **keys})


def sizes(updates: list) -> list[int]:
    return [len(update.rows) for update in updates]


def table(ids: list[str], teachers: list[str]) -> pa.Table:
    entries = [{"problem_id": i, "teacher": t, "input_ids": [1] * 4, "loss_mask": [0, 1, 1, 1], "length": 4}
               for i, t in zip(ids, teachers, strict=True)]  # fmt: skip
    return tables.build(entries, tables.RENDERED)


def test_an_epoch_shows_every_row_once_and_its_last_update_may_be_smaller() -> None:
    updates = plan_updates(rows([5] * 5), job(epochs=2), 1)
    assert sizes(updates) == [2, 2, 1, 2, 2, 1]
    assert [u.epoch for u in updates] == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])
    first, second = ([r for u in part for r in u.rows] for part in (updates[:3], updates[3:]))
    assert sorted(first) == sorted(second) == [0, 1, 2, 3, 4]
    assert first != second


@pytest.mark.parametrize(
    ("keys", "number"),
    [({"epochs": 1.5}, 5), ({"epochs": 0.01}, 1), ({"epochs": 0.7}, 3), ({"max_updates": 7}, 7),
     ({"max_tokens": 20}, 2), ({"max_tokens": 21}, 3)],
    ids=str,
)  # fmt: skip
def test_where_the_updates_end(keys: dict, number: int) -> None:
    assert len(plan_updates(rows([5] * 5), job(**keys), 1)) == number  # three updates an epoch, of 10, 10 and 5 tokens


def test_a_share_of_an_epoch_is_exact() -> None:
    # 0.07 * 100 is 7.000000000000001 as floats, which would be eight updates.
    assert len(plan_updates(rows([5] * 100), job(epochs=0.07, global_batch=1), 1)) == 7


def test_batches_of_loss_tokens_end_with_the_row_that_comes_closest() -> None:
    updates = plan_updates(
        rows([4, 5, 6, 7, 8, 31]), job(global_batch=10, batch_unit="loss_tokens", order="short_first"), 1
    )
    assert [u.rows for u in updates] == [(0, 1, 2), (3, 4), (5,)]  # 3 + 4 + 5 = 12 and 7 are as near, 6 + 7, 30


def test_batches_of_packs() -> None:
    updates = plan_updates(rows([6, 4, 5, 5, 10]), job(global_batch=2, batch_unit="packs", pack_tokens=10), 1)
    assert sorted(map(sorted, (u.rows for u in updates)), key=len) in (
        [[4], [0, 1, 2, 3]], [[0, 1], [2, 3, 4]], [[2, 3], [0, 1, 4]],
    )  # fmt: skip
    with pytest.raises(InputError, match="`pack_tokens` 10 is below the longest row, 11 tokens"):
        plan_updates(rows([11, 4]), job(batch_unit="packs", pack_tokens=10), 1)


def test_packs_are_shuffled_anew_in_each_epoch() -> None:
    job_of_packs = job(global_batch=1, batch_unit="packs", pack_tokens=10, epochs=2)
    found = [u.rows for u in plan_updates(rows([10] * 8), job_of_packs, 1)]
    first, second = found[:8], found[8:]
    assert sorted(first) == sorted(second) == [(i,) for i in range(8)]
    assert first != second
    # Best fit alone would begin each epoch with the longest.
    lengths = [9, 8, 7, 6, 5]
    updates = plan_updates(rows(lengths), job(global_batch=1, batch_unit="packs", pack_tokens=9, epochs=4), 1)
    packed = [lengths[row] for update in updates for row in update.rows]
    assert len(packed) == 20
    assert packed != lengths * 4


def test_orders() -> None:
    lengths, hard = [9, 3, 7, 5, 8, 4, 6, 2], [True, False] * 4

    def order(**keys: object) -> list[int]:
        return [r for u in plan_updates(rows(lengths, hard), job(**keys), 3) for r in u.rows]

    assert order(order="short_first") == [7, 1, 5, 3, 6, 2, 4, 0]
    assert {r % 2 for r in order(order="easy_first")[:4]} == {1}
    assert {r % 2 for r in order(order="easy_first")[4:]} == {0}
    half = order(order="easy_first", hard_last_share=0.5)
    assert {r % 2 for r in half[6:]} == {0}
    assert sorted(r % 2 for r in half[:6]) == [0, 0, 1, 1, 1, 1]
    assert half[:6] != sorted(half[:6], key=lambda r: -(r % 2))
    assert order() != order(order="short_first")


def test_the_same_problems_are_held_out_in_every_arm() -> None:
    ids = [str(i) for i in range(2000)]
    out = {i for i in ids if is_held_out(i, 0.1)}
    assert 150 < len(out) < 250
    assert out < {i for i in ids if is_held_out(i, 0.2)}
    some = table(ids[:50], ["a", "b"] * 25)
    ids = some["problem_id"].to_pylist()
    kept, held = split(some, job(held_out=0.1, order="easy_first", hard_teacher="b"))
    assert {ids[i] for i in held} == out & set(ids)
    assert sorted([*kept.index, *held]) == list(range(50))
    assert kept.hard.tolist() == [some["teacher"][i].as_py() == "b" for i in kept.index]
    assert kept.loss_tokens.tolist() == [3] * len(kept.index)
    with pytest.raises(InputError, match=r"held_out 0.01 of 2 rows leaves 2 to train on and 0 held out"):
        split(some.slice(0, 2), job(held_out=0.01))


def test_a_summary_counts_what_the_updates_see() -> None:
    given_rows = rows([5, 6, 7, 8])
    updates = plan_updates(given_rows, job(max_updates=3), 1)
    seen = [r for u in updates for r in u.rows]
    facts = summary(given_rows, updates, job(lr=0.5))
    assert facts == {"updates": 3, "epochs": 1.5, "rows": 4, "rows_seen": 4, "problems": "", "peak_lr": 0.5,
                     "tokens": sum(5 + r for r in seen), "loss_tokens": sum(4 + r for r in seen)}  # fmt: skip


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(1, 60), st.none() | st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_packs_hold_every_row_once_within_their_bounds(lengths: list[int], tokens: int, most: int | None) -> None:
    found = packs(lengths, tokens, most)
    assert sorted(row for pack in found for row in pack) == list(range(len(lengths)))
    for pack in found:
        assert len(pack) == 1 or sum(lengths[r] for r in pack) <= tokens
        assert len(pack) <= (most or len(lengths))
    if most is None:  # best fit leaves no two packs that would go into one
        loads = sorted(sum(lengths[r] for r in pack) for pack in found)
        assert len(loads) < 2 or loads[0] + loads[1] > tokens


@given(
    st.lists(st.integers(2, 40), min_size=1, max_size=40),
    st.sampled_from(["rows", "loss_tokens", "packs"]),
    st.integers(1, 50),
    st.integers(0, 5),
)
@settings(max_examples=200, deadline=None)
def test_two_epochs_show_every_row_twice_whatever_a_batch_counts(
    lengths: list[int], unit: str, size: int, seed: int
) -> None:
    recipe = job(epochs=2, global_batch=size, batch_unit=unit, **({"pack_tokens": 40} if unit == "packs" else {}))
    updates = plan_updates(rows(lengths), recipe, seed)
    seen = sorted(r for u in updates for r in u.rows)
    assert seen == sorted([*range(len(lengths))] * 2)
    assert min(sizes(updates)) > 0
    assert updates == plan_updates(rows(lengths), recipe, seed)
    assert updates[-1].epoch == 2


LENGTHS = st.lists(st.integers(2, 40), min_size=1, max_size=40)
UNITS = st.sampled_from(["rows", "loss_tokens", "packs"])


@given(LENGTHS, UNITS, st.integers(1, 50), st.integers(1, 4000), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_max_tokens_end_with_the_first_update_that_reaches_them(
    lengths: list[int], unit: str, size: int, most: int, seed: int
) -> None:
    packs_of = {"pack_tokens": 40} if unit == "packs" else {}
    recipe = job(max_tokens=most, epochs=0.1, global_batch=size, batch_unit=unit, **packs_of)
    tokens = [sum(lengths[row] for row in update.rows) for update in plan_updates(rows(lengths), recipe, seed)]
    assert sum(tokens[:-1]) < most <= sum(tokens)
    # Every pass shows every row once before any comes again.
    shown = [row for update in plan_updates(rows(lengths), recipe, seed) for row in update.rows]
    whole = len(shown) // len(lengths) * len(lengths)
    for start in range(0, whole, len(lengths)):
        assert sorted(shown[start : start + len(lengths)]) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 50), st.sampled_from(["rows", "loss_tokens"]), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_short_rows_come_first_in_every_epoch(lengths: list[int], size: int, unit: str, seed: int) -> None:
    recipe = job(order="short_first", epochs=2, global_batch=size, batch_unit=unit)
    shown = [row for update in plan_updates(rows(lengths), recipe, seed) for row in update.rows]
    for epoch in (shown[: len(lengths)], shown[len(lengths) :]):
        assert [lengths[row] for row in epoch] == sorted(lengths)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 20), st.integers(1, 9), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_a_share_of_the_hard_rows_comes_last(hard: list[bool], share: int, size: int, seed: int) -> None:
    recipe = job(order="easy_first", hard_last_share=share / 20, epochs=2, global_batch=size)
    shown = [row for u in plan_updates(rows([5] * len(hard), hard), recipe, seed) for row in u.rows]
    last = (2 * sum(hard) * share + 20) // 40  # rounded half up
    for epoch in (shown[: len(hard)], shown[len(hard) :]):
        assert sorted(epoch) == list(range(len(hard)))
        assert all(hard[row] for row in epoch[len(hard) - last :])
        assert sum(hard[row] for row in epoch[: len(hard) - last]) == sum(hard) - last
