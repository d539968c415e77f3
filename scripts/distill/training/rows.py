"""Rendered rows looked at before a training: one that cannot be trained on would end it in the middle."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from distill.runtime.errors import InputError

REMEDY = "render the dataset anew"


def check_rows(rendered: pa.Table, path: Path) -> None:
    """Raise InputError that names the first row whose ids, loss mask and length differ, or that teaches no token.

    The first token of a row is predicted from nothing, so it is none that is taught.
    """
    ids, masks = (pc.list_value_length(rendered[name]).to_pylist() for name in ("input_ids", "loss_mask"))
    stated = rendered["length"].to_pylist()
    for place, mask in enumerate(rendered["loss_mask"].to_numpy()):
        if not ids[place] == masks[place] == stated[place]:
            raise _wrong(rendered, place, path, f"{ids[place]} ids, a loss mask of {masks[place]} and the length "
                                                f"{stated[place]}, which must be one")  # fmt: skip
        if not np.any(mask[1:]):
            raise _wrong(rendered, place, path, "no token that is taught")


def check_ids(rendered: pa.Table, path: Path, vocabulary: int, context: int | None) -> None:
    """Raise InputError that names the first row with an id which a model of so many tokens does not have.

    Rows that are longer than its context (None: it has none) are told: a training may stretch it, and may mean to.
    """
    for place, ids in enumerate(rendered["input_ids"].to_numpy()):
        if ids.min() < 0 or ids.max() >= vocabulary:
            has = f"ids from {ids.min()} to {ids.max()}, and the model {vocabulary} tokens"
            raise _wrong(rendered, place, path, has)
    over = pc.sum(pc.greater(rendered["length"], context or math.inf)).as_py()
    if over:
        logging.warning(
            "%d of %d rows are longer than the %d tokens that the student was made for; lower the `cutoff`, unless the "
            "training is to stretch that",
            over,
            rendered.num_rows,
            context,
        )


def check_prompts(shown: Sequence[Sequence[int]], rendered: pa.Table, places: Sequence[int], path: Path) -> None:
    """Raise InputError that names the first row, of those at `places`, whose prompt has no token to be shown."""
    for prompt, place in zip(shown, places, strict=True):
        if not prompt:
            raise _wrong(rendered, place, path, "no token before its response")


def _wrong(rendered: pa.Table, place: int, path: Path, has: str) -> InputError:
    return InputError(f"{path}: the row of problem {rendered['problem_id'][place].as_py()!r} has {has}; {REMEDY}")
