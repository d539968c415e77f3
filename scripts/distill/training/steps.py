"""The steps of an update: its rows as tensors, packed into one sequence or side by side, for one device each.

Packed rows stand in one sequence whose positions start again at each row. Transformers builds a block-diagonal mask
from that (and flash-attention its bounds), so no row sees another; `check_isolation` proves it for the model at hand.
Only those positions that predict a token of a response ask for logits: with a vocabulary of 150,000 they are the
largest part of a step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from distill.runtime.errors import InputError
from distill.training.loss import IGNORED
from distill.training.updates import packs

# What a step costs whatever it holds, in tokens. Measured with SmolLM2-135M: 19 in float32, 80 in bfloat16, whose
# weights are made anew for each step (benchmarks/train.md).
STEP_COST = 50
SIDE_BY_SIDE = 2  # times as many tokens as in a pack, since no mask of the whole step is made
TOLERANCE = 1e-3  # of logits in float32, packed against alone; a leak moves them by whole units


class Tokens:
    """The rows of a rendered table as arrays."""

    def __init__(self, rendered: pa.Table):
        self.ids = [np.asarray(ids, np.int64) for ids in rendered["input_ids"].to_numpy()]
        self.masks = [np.asarray(mask, bool) for mask in rendered["loss_mask"].to_numpy()]

    def lengths(self, rows: Sequence[int]) -> list[int]:
        """Return the lengths of rows in tokens."""
        return [len(self.ids[row]) for row in rows]

    def loss_tokens(self, rows: Sequence[int]) -> int:
        """Return how many tokens of rows the loss counts."""
        return sum(int(self.masks[row][1:].sum()) for row in rows)


def lay_out(
    rows: Sequence[int], lengths: Sequence[int], tokens: int, most_rows: int | None, packing: bool
) -> list[list[int]]:
    """Return the rows of each step: at most so many tokens (padding counts) and rows; a longer row stands alone."""
    if packing:
        return [[rows[i] for i in pack] for pack in packs(lengths, tokens, most_rows)]
    steps: list[list[int]] = []
    widest = 0
    for i in sorted(range(len(rows)), key=lambda i: (-lengths[i], i)):
        if steps and (len(steps[-1]) + 1) * widest <= tokens and len(steps[-1]) < (most_rows or math.inf):
            steps[-1].append(rows[i])
        else:
            steps.append([rows[i]])
            widest = lengths[i]
    return steps


@dataclass(frozen=True)
class Layout:
    """The steps of an update, and whether the rows of each stand in one sequence."""

    steps: list[list[int]]
    packed: bool


def attention_share(model: Any, attention: str) -> float:
    """Return what a token costs a layer per token that it looks at, in units of the layer's weights; 0 if unknown.

    A weight is a multiplication per token; a key and its value are one each per dimension of all heads. With
    flash-attention it is 0: that cuts a pack at its rows, where the mask of others is dense, on a GPU too.
    """
    if attention == "flash_attention_2":
        return 0.0
    config = model.config.get_text_config()
    heads, layers = (getattr(config, name, None) for name in ("num_attention_heads", "num_hidden_layers"))
    if not heads or not layers:
        return 0.0
    width = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    weights = sum(p.numel() for p in model.parameters()) - model.get_input_embeddings().weight.numel()
    return 2 * width * layers / weights


def side_by_side(
    rows: Sequence[int], lengths: Sequence[int], tokens: int, most_rows: int | None, share: float
) -> tuple[list[list[int]], float]:
    """Return steps of rows side by side that cost least, and what they cost, in tokens; `share`: of the attention.

    Rows of like length share a step, of at most so many tokens (padding counts) and rows; a longer row stands alone.
    Fewer steps are weighed against less padding, over all ways to cut the rows, from the longest to the shortest.
    """
    order = sorted(range(len(rows)), key=lambda i: (-lengths[i], i))
    least = [(0.0, 0)]  # for the first so many rows: what they cost, and where their last step begins
    for end in range(1, len(rows) + 1):
        ways = []
        for begin in range(end - 1, -1, -1):
            number, width = end - begin, lengths[order[begin]]
            if number > 1 and (number * width > tokens or number > (most_rows or number)):
                break
            ways.append((least[begin][0] + STEP_COST + number * width * (1 + share * width / 2), begin))
        least.append(min(ways))
    steps, end = [], len(rows)
    while end:
        begin = least[end][1]
        steps.insert(0, [rows[i] for i in order[begin:end]])
        end = begin
    return steps, least[-1][0]


def cheaper(rows: Sequence[int], lengths: Sequence[int], tokens: int, most_rows: int | None, share: float) -> Layout:
    """Return rows packed, or side by side without a mask, as there is less to do; `share`: of the attention.

    There each token of a pack looks at the whole pack; of rows side by side at half of its row, but padding counts.
    Without a share (flash-attention cuts a pack at its rows) packs are cheaper.
    """
    at, packed = dict(zip(rows, lengths, strict=True)), lay_out(rows, lengths, tokens, most_rows, packing=True)
    if not share:
        return Layout(packed, packed=True)
    steps, cost = side_by_side(rows, lengths, SIDE_BY_SIDE * tokens, most_rows, share)
    of_packs = sum(STEP_COST + size * (1 + share * size) for size in (sum(at[row] for row in step) for step in packed))
    return Layout(packed, packed=True) if of_packs <= cost else Layout(steps, packed=False)


def of_device(steps: list[list[int]], rank: int, devices: int) -> list[list[int]]:
    """Return the steps of one device; all have equally many (an empty one sees nothing), as sharded weights demand."""
    return [*steps, *[[] for _ in range(-len(steps) % devices)]][rank::devices]


def tensors(rows: Sequence[int], tokens: Tokens, packed: bool, pad: int, masked: bool = True) -> dict[str, Any]:
    """Return the inputs of a model, and `targets` [batch, kept]: what the kept positions predict, IGNORED elsewhere.

    Packed the batch is 1 and `position_ids` start again at each row; side by side it is the number of rows, padded
    behind their ends. No row of a causal model sees that, so it needs no mask (`masked` False).
    """
    import torch

    if not rows:  # a device that has nothing to do in this step
        one = torch.zeros((1, 1), dtype=torch.long)
        return {"input_ids": one, "position_ids": one, "logits_to_keep": one[0], "targets": one + IGNORED}
    wanted = [np.append(np.where(tokens.masks[r][1:], tokens.ids[r][1:], IGNORED), IGNORED) for r in rows]
    if packed:
        ids, targets = (np.concatenate(parts)[None] for parts in ([tokens.ids[r] for r in rows], wanted))
        extra = {"position_ids": np.concatenate([np.arange(len(tokens.ids[r])) for r in rows])[None]}
    else:
        ids, targets = _padded([tokens.ids[r] for r in rows], pad), _padded(wanted, IGNORED)
        mask = [np.ones(len(tokens.ids[r]), np.int64) for r in rows]
        extra = {"attention_mask": _padded(mask, 0)} if masked else {}
    keep = np.flatnonzero((targets != IGNORED).any(axis=0))
    arrays = {"input_ids": ids, **extra, "logits_to_keep": keep, "targets": targets[:, keep]}
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def _padded(rows: list[np.ndarray], filler: int) -> np.ndarray:
    width = max(map(len, rows))
    return np.stack([np.pad(row, (0, width - len(row)), constant_values=filler) for row in rows])


def check_isolation(model: Any, tokens: Tokens) -> None:
    """Raise InputError where a row sees others of its pack, before or behind it: its logits are not those alone.

    flash-attention takes the same bounds from the positions, but runs on a GPU alone, where the model is not yet: SDPA
    stands in for it.
    """
    kernel = model.config._attn_implementation
    if kernel != "flash_attention_2":
        _check_isolation(model, tokens)
        return
    model.set_attn_implementation("sdpa")
    try:
        _check_isolation(model, tokens)
    finally:
        model.set_attn_implementation(kernel)


def _check_isolation(model: Any, tokens: Tokens) -> None:
    import torch

    if len(tokens.ids) < 2:
        return
    first, second = (ids[:16] for ids in tokens.ids[:2])
    ids = torch.from_numpy(np.concatenate([first, second])[None])
    positions = torch.from_numpy(np.concatenate([np.arange(len(first)), np.arange(len(second))])[None])
    was_training = model.training
    model.eval()
    with torch.no_grad():
        after = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0, len(first) :].float()
        before = model(input_ids=ids, use_cache=False).logits[0, : len(first)].float()
        alone = [
            model(input_ids=part[None], use_cache=False).logits[0].float()
            for part in ids[0].split([len(first), len(second)])
        ]
    model.train(was_training)
    if not all(bool(torch.isfinite(logits).all()) for logits in alone):
        raise InputError(
            f"the numbers of a {type(model).__name__} overflow before any training: its logits are not finite; get the "
            "weights anew, or other ones"
        )
    pairs = list(zip((before, after), alone, strict=True))
    moved = max(float((one - other).abs().max()) for one, other in pairs)
    if not all(torch.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE) for one, other in pairs):
        raise InputError(
            f"packing: rows of a pack see each other in a {type(model).__name__} (its logits move by "
            f"{moved:.2g}); set `packing: false`"
        )
