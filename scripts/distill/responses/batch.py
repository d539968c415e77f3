"""The rows that the transformers engine decodes together: their tokens, attention mask and key-value cache.

All rows end at the right edge, so a row that joins is padded on the left to the width of the widest. Rows that have
finished stay as dead lines until there are enough of them, or enough room, to be worth copying the cache once.
"""

from typing import TYPE_CHECKING, Any

from distill.responses.buffers import is_plain, plain_cache

if TYPE_CHECKING:
    import torch

# The cache is copied, to drop finished rows, once one in so many of its rows is finished.
WORTH = 8
# Rows join while at least this share of the cache holds tokens; beside one very long row the rest would be padding.
LEAST_FILLED = 0.25


class Batch:
    """Up to `size` rows; `rows` has the number of the row in each line, None where it has finished."""

    def __init__(self, model: Any, pad: int, size: int, device: str):
        self._model, self._pad, self._size, self._device = model, pad, size, device
        self._plain = is_plain(model.config)
        self.rows: list[int | None] = []
        self._new: dict[int, list[int]] = {}
        self._prompt: dict[int, int] = {}  # tokens of the prompts of living rows
        self._mask: Any = None
        self._cache: Any = None
        self._last: Any = None

    @property
    def alive(self) -> int:
        """Return how many rows are being decoded."""
        return len(self._new)

    def room(self, prompts: list[list[int]], taken: int) -> int:
        """Return how many of the prompts from `taken` on should join now."""
        count = min(self._size - self.alive, len(prompts) - taken)
        if not self.alive:
            return count
        if not self._plain or count < max(1, self._size // WORTH):
            return 0
        lengths = [len(ids) for ids in prompts[taken : taken + count]]
        widths = [self._prompt[row] + len(ids) for row, ids in self._new.items()]
        width = max(*widths, *lengths)
        return count if sum(widths) + sum(lengths) >= LEAST_FILLED * width * (len(widths) + count) else 0

    def is_sparse(self) -> bool:
        """Whether so many lines are dead that they should go."""
        dead = len(self.rows) - self.alive
        return self.alive > 0 and dead >= max(1, len(self.rows) // WORTH)

    def rebuild(self, logits: "torch.Tensor | None", joining: dict[int, list[int]]) -> "torch.Tensor":
        """Drop dead lines, run the prompts of the rows that join, and return the logits [rows, vocabulary] of all."""
        import torch

        keep = [line for line, row in enumerate(self.rows) if row is not None]
        index = torch.tensor(keep, dtype=torch.long, device=self._device)
        old = (self._mask[index], self._cache, index, logits[index]) if keep else None
        self.rows = [self.rows[line] for line in keep]
        if not joining:
            self._mask, _, _, logits = old
            self._drop(index)
            return logits
        mask, cache, fresh = self._prefill(list(joining.values()))
        self._prompt |= {row: len(ids) for row, ids in joining.items()}
        self._new |= {row: [] for row in joining}
        self.rows += list(joining)
        if old is None:
            self._mask, self._cache = mask, cache
            return fresh
        width = max(self._prompt[row] + len(ids) for row, ids in self._new.items())
        self._mask = torch.cat([_fitted(old[0], width), _fitted(mask, width)])
        for mine, theirs in zip(self._cache.layers, cache.layers, strict=True):
            mine.merge(old[2], theirs, width)
        return torch.cat([old[3], fresh])

    def _drop(self, index: "torch.Tensor") -> None:
        """Keep only the lines of `index` in the cache, and as much of its width as they need."""
        if not self._plain:
            self._cache.batch_select_indices(index)
            return
        width = max(self._prompt[row] + len(ids) for row, ids in self._new.items())
        self._mask = _fitted(self._mask, width)
        for layer in self._cache.layers:
            layer.merge(index, None, width)

    def _prefill(self, prompts: list[list[int]]) -> tuple["torch.Tensor", Any, "torch.Tensor"]:
        """Run prompts; return their mask [rows, width], cache, and the logits of the next token."""
        import torch
        from transformers import DynamicCache

        width = max(len(ids) for ids in prompts)
        ids = [[self._pad] * (width - len(prompt)) + prompt for prompt in prompts]
        mask = torch.tensor(
            [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=self._device
        )
        cache = plain_cache(self._model.config) if self._plain else DynamicCache(config=self._model.config)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        return mask, cache, self._forward(torch.tensor(ids, device=self._device), mask, positions, cache)

    def append(self, tokens: "torch.Tensor") -> list[tuple[int, list[int]]]:
        """Add one token to each living row; return (row, its new tokens) of each."""
        import torch

        grown = []
        for row, token in zip(self.rows, tokens.tolist(), strict=True):
            if row is not None:
                self._new[row].append(token)
                grown.append((row, self._new[row]))
        self._last = tokens[:, None]
        # A dead line's tokens are masked, so its position stands still.
        living = torch.tensor([[int(row is not None)] for row in self.rows], device=self._device)
        self._mask = torch.cat([self._mask, living], 1)
        return grown

    def finish(self, row: int) -> list[int]:
        """Let a row's line go dead and return the row's new tokens."""
        self.rows[self.rows.index(row)] = None
        del self._prompt[row]
        return self._new.pop(row)

    def step(self) -> "torch.Tensor":
        """Run the last token of each line; return the logits [lines, vocabulary] of the next."""
        positions = self._mask.sum(1, keepdim=True) - 1
        return self._forward(self._last, self._mask, positions, self._cache)

    def _forward(self, ids: "torch.Tensor", mask: "torch.Tensor", positions: "torch.Tensor", cache: Any) -> Any:
        out = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[:, -1].float()


def _fitted(mask: "torch.Tensor", width: int) -> "torch.Tensor":
    """Return a mask cut or padded with zeros on the left."""
    import torch

    return torch.nn.functional.pad(mask, (width - mask.shape[1], 0))
