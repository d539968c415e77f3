"""Which prompts each update of an on-policy training shows: a pure function of the rows, the recipe and the seed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from distill.config.recipes import OnPolicyJob, TrainJob
from distill.training.updates import Rows, Update


def fine_tuning(recipe: OnPolicyJob) -> TrainJob:
    """Return the keys that an on-policy training has in common with any other."""
    return TrainJob(**recipe.model_dump(include=set(OnPolicyJob.model_fields) & set(TrainJob.model_fields)))


def plan_updates(rows: Rows, recipe: OnPolicyJob, seed: int) -> list[Update]:
    """Return all updates: the places of the rows whose prompts each one shows, `global_batch` each.

    The rows are shuffled, and shuffled anew where they end; an update may hold the end of one pass and the next's
    beginning.
    """
    wanted, size = recipe.max_updates * recipe.global_batch, len(rows.index)
    passes = [np.random.default_rng([seed, number]).permutation(size) for number in range(-(-wanted // size))]
    places = rows.index[np.concatenate(passes)[:wanted]].reshape(recipe.max_updates, recipe.global_batch)
    ends = range(recipe.global_batch, wanted + 1, recipe.global_batch)
    return [Update(tuple(map(int, own)), end / size) for own, end in zip(places, ends, strict=True)]


def summary(rows: Rows, updates: Sequence[Update], recipe: OnPolicyJob) -> dict[str, Any]:
    """Return what a training takes, as far as it is known before: its tokens are the student's to write."""
    return {
        "updates": len(updates),
        "epochs": round(updates[-1].epoch, 6),
        "rows": len(rows.index),
        "problems": rows.problems,
        "rows_seen": len({row for update in updates for row in update.rows}),
        "responses": len(updates) * recipe.global_batch,
        "peak_lr": recipe.lr,
    }


def prompts(rendered: pa.Table, places: Sequence[int]) -> list[list[int]]:
    """Return the tokens of rows before their response, which the loss of a training on these rows counts first."""
    rows = rendered.select(["input_ids", "loss_mask"]).take(list(places)).to_pylist()
    return [row["input_ids"][: (*row["loss_mask"], True).index(True)] for row in rows]
