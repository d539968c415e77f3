"""A key-value cache for batches whose rows change: it grows in place, and rows are dropped and added in one copy.

The library's dynamic cache copies all keys and values at every step. Imports torch: only engines may import it.
"""

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

BLOCK = 64  # columns that a buffer is larger than what it holds, each time it is made


class Buffers(DynamicLayer):
    """One layer's keys and values [rows, heads, columns, width of a head], with room for further columns."""

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Add columns; return all keys and all values, each [rows, heads, columns, width of a head]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._all = (key_states[:, :, :0], value_states[:, :, :0])
            self.keys, self.values = self._all
        start = self.keys.shape[-2]
        end = start + key_states.shape[-2]
        if end > self._all[0].shape[-2]:
            self._all = (_roomier(self.keys, end), _roomier(self.values, end))
        for buffer, states in zip(self._all, (key_states, value_states), strict=True):
            buffer[:, :, start:end] = states
        self._show(end)
        return self.keys, self.values

    def merge(self, index: torch.Tensor, other: "Buffers | None", width: int) -> None:
        """Keep some rows, add those of another cache below them, and set the number of columns.

        `index` holds the places of the rows that stay, shape (rows,); `width` is the new number of columns (tokens).
        Longer rows are cut on the left, shorter ones padded there with zeros. Keys and values have the shape (rows,
        heads, width, size of a head).
        """
        parts = [(self.keys, other.keys), (self.values, other.values)] if other else [(self.keys,), (self.values,)]
        self._all = tuple(_merged(index, *pair, width=width) for pair in parts)
        self._show(width)

    def _show(self, columns: int) -> None:
        self.keys, self.values = (buffer[:, :, :columns] for buffer in self._all)


def _roomier(states: torch.Tensor, columns: int) -> torch.Tensor:
    rows, heads, used, size = states.shape
    buffer = states.new_empty(rows, heads, columns + BLOCK, size)
    buffer[:, :, :used] = states
    return buffer


def _merged(index: torch.Tensor, mine: torch.Tensor, theirs: torch.Tensor | None = None, *, width: int) -> torch.Tensor:
    rows = len(index) + (0 if theirs is None else len(theirs))
    # Zeros, since what is masked is multiplied by zero and must be a number.
    buffer = mine.new_zeros(rows, mine.shape[1], width + BLOCK, mine.shape[3])
    used = min(width, mine.shape[2])
    buffer[: len(index), :, width - used : width] = mine[:, :, mine.shape[2] - used :].index_select(0, index)
    if theirs is not None:
        buffer[len(index) :, :, width - theirs.shape[2] : width] = theirs
    return buffer


def is_plain(config: Any) -> bool:
    """Whether all layers of a model attend to everything before, so that its cache may be held in buffers."""
    layers = DynamicCache(config=config).layers
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


def plain_cache(config: Any) -> DynamicCache:
    """Return an empty cache of buffers."""
    cache = DynamicCache(config=config)
    cache.layers = [Buffers() for _ in cache.layers]
    return cache
