"""Which rows each update sees: a pure function of the rows' lengths, the recipe and the seed.

The number of devices, the rows per step and the packing are not asked: the same recipe takes the same rows to the same
update everywhere. The plan of an arm is known before any GPU is asked for, and what ran is compared with it.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from distill.config.recipes import TrainJob
from distill.runtime.errors import InputError


@dataclass(frozen=True)
class Rows:
    """The rows that a training may see, in the table's order.

    index: the row's place in the rendered table; lengths, loss_tokens: in tokens of the student; hard: whether the row
    is of the mix's hard teacher; problems: a digest of the problems' ids, whatever their order.
    """

    index: np.ndarray
    lengths: np.ndarray
    loss_tokens: np.ndarray
    hard: np.ndarray
    problems: str = ""


@dataclass(frozen=True)
class Update:
    """One update: the rows it sees (places in the rendered table), and the passes over the dataset when it is done."""

    rows: tuple[int, ...]
    epoch: float


def is_held_out(problem_id: str, share: float) -> bool:
    """Whether a problem is held out: the same problems in every arm, as their ids alone decide."""
    digest = hashlib.sha256(f"held out\0{problem_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def split(rendered: pa.Table, recipe: TrainJob) -> tuple[Rows, list[int]]:
    """Return the rows to train on, and the places of those that are held out.

    Raises InputError when none is left to train on, or none is held out though the recipe asks for some.
    """
    ids = rendered["problem_id"].to_pylist()
    out = [i for i, problem_id in enumerate(ids) if is_held_out(problem_id, recipe.held_out)]
    index = np.setdiff1d(np.arange(len(ids)), out)
    if not len(index) or (recipe.held_out and not out):
        raise InputError(f"held_out {recipe.held_out:g} of {len(ids)} rows leaves {len(index)} to train on and "
                         f"{len(out)} held out; give more rows, or another share")  # fmt: skip
    lengths = rendered["length"].to_numpy()
    loss_tokens = np.array([int(np.sum(mask[1:])) for mask in rendered["loss_mask"].to_numpy()], np.int64)
    is_hard = np.array([teacher == recipe.hard_teacher for teacher in rendered["teacher"].to_pylist()], bool)
    return Rows(index, lengths[index], loss_tokens[index], is_hard[index], _digest(ids[i] for i in index)), out


def plan_updates(rows: Rows, recipe: TrainJob, seed: int) -> list[Update]:
    """Return all updates of a training.

    An epoch shows every row once; its last update may be smaller. Without `max_updates` and `max_tokens` there are as
    many updates as `epochs` have, rounded up. Raises InputError when a row is longer than `pack_tokens`.
    """
    if recipe.pack_tokens is not None and rows.lengths.max() > recipe.pack_tokens:
        raise InputError(
            f"`pack_tokens` {recipe.pack_tokens} is below the longest row, {rows.lengths.max()} tokens; raise it, or "
            "lower the `cutoff`"
        )
    limit = math.inf if recipe.max_tokens or recipe.max_updates else recipe.epochs
    found: list[Update] = []
    tokens = 0
    for epoch in range(2**31):
        rng = np.random.default_rng([seed, epoch])
        batches = list(_batches(_order(rows, recipe, rng), rows, recipe, rng))
        # A share of an epoch is a share of its updates, rounded up, as `Fraction` has it without an error.
        whole = math.ceil(Fraction(str(min(limit - epoch, 1))) * len(batches))
        for number, batch in enumerate(batches[:whole], 1):
            found.append(Update(tuple(int(rows.index[i]) for i in batch), epoch + number / len(batches)))
            tokens += int(rows.lengths[batch].sum())
            if len(found) == recipe.max_updates or (recipe.max_tokens and tokens >= recipe.max_tokens):
                return found
        if epoch + 1 >= limit:
            return found
    raise RuntimeError("a training without an end")


def packs(lengths: Sequence[int], tokens: int, most_rows: int | None = None) -> list[list[int]]:
    """Return rows 0, 1, ... in packs of at most so many tokens and rows; best fit, the longest first, stable.

    A row that is longer has a pack of its own.
    """
    found: list[list[int]] = []
    room: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        fits = [p for p, left in enumerate(room) if left >= lengths[row] and len(found[p]) < (most_rows or math.inf)]
        if fits:
            pack = min(fits, key=lambda p: (room[p], p))
            found[pack].append(row)
            room[pack] -= lengths[row]
        else:
            found.append([row])
            room.append(tokens - lengths[row])
    return found


def summary(rows: Rows, updates: Sequence[Update], recipe: TrainJob) -> dict[str, Any]:
    """Return what a training takes: updates, epochs, tokens, loss tokens, rows, and the peak learning rate."""
    where = {int(row): i for i, row in enumerate(rows.index)}
    seen = np.array([where[row] for update in updates for row in update.rows])
    return {
        "updates": len(updates),
        "epochs": round(updates[-1].epoch, 6),
        "rows": len(rows.index),
        "problems": rows.problems,
        "rows_seen": len(set(seen.tolist())),
        "tokens": int(rows.lengths[seen].sum()),
        "loss_tokens": int(rows.loss_tokens[seen].sum()),
        "peak_lr": recipe.lr,
    }


def _digest(problem_ids: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps(sorted(problem_ids)).encode()).hexdigest()


def _order(rows: Rows, recipe: TrainJob, rng: np.random.Generator) -> np.ndarray:
    """Return the positions of the rows in the order of an epoch; ties are shuffled."""
    shuffled = rng.permutation(len(rows.index))
    if recipe.order == "short_first":
        return shuffled[np.argsort(rows.lengths[shuffled], kind="stable")]
    if recipe.order == "easy_first":
        hard = shuffled[rows.hard[shuffled]]
        last = hard[len(hard) - math.floor(len(hard) * recipe.hard_last_share + 0.5) :]
        return np.concatenate([shuffled[~np.isin(shuffled, last)], last])
    return shuffled


def _batches(order: np.ndarray, rows: Rows, recipe: TrainJob, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the positions of each update of an epoch."""
    size = recipe.global_batch
    if recipe.batch_unit == "rows":
        yield from np.split(order, range(size, len(order), size))
    elif recipe.batch_unit == "packs":
        # As LLaMA-Factory does: of each thousand rows best fit, then the packs are shuffled.
        parts = (order[start : start + 1000] for start in range(0, len(order), 1000))
        filled = [part[pack] for part in parts for pack in packs(rows.lengths[part], recipe.pack_tokens or 0)]
        shuffled = [filled[i] for i in rng.permutation(len(filled))]
        yield from (np.concatenate(shuffled[i : i + size]) for i in range(0, len(shuffled), size))
    else:
        # An update ends with the row that brings it closest to its tokens.
        start, held = 0, 0
        for end, tokens in enumerate(rows.loss_tokens[order]):
            if end > start and held + tokens / 2 > size:
                yield order[start:end]
                start, held = end, 0
            held += int(tokens)
        yield order[start:]
