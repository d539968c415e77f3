"""The default engine: batched decoding with transformers, on whatever device torch finds.

Prompts are sorted by length and padded on the left. A finished row leaves the batch at once, so no step is spent on
rows that are done. Sampling draws one uniform number per
row and step from that row's own generator: a row's text does not depend on which rows share its batch (beyond
rounding of the arithmetic).
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distill.engines import Completion, Request, cut
from distill.models import load_generation_config, load_model, load_tokenizer, stop_ids
from distill.prompts import prompt_ids
from distill.recipes import DecodingRecipe, GenerateRecipe

if TYPE_CHECKING:
    import torch


def load(model: Path, recipe: GenerateRecipe, _seed: int) -> "TransformersEngine":
    """Load tokenizer and weights of a model folder; every row has its own seed."""
    return TransformersEngine(model, recipe)


class TransformersEngine:
    """A causal language model with its tokenizer on one device."""

    seeds = "row"

    def __init__(self, folder: Path, recipe: GenerateRecipe):
        import torch
        import transformers

        self.version = f"transformers {transformers.__version__}"
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer = load_tokenizer(folder)
        self._model = load_model(folder).to(self._device).eval()
        self._decoding, self._batch_size = recipe.decoding, recipe.batch_size
        stops = stop_ids(self._tokenizer, load_generation_config(folder))
        self._stops = torch.tensor(stops, device=self._device)
        self._context = self._model.config.max_position_embeddings

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield (index, completion) as rows finish; a prompt that fills the context is an `error`."""
        fitting = []
        prompts = [prompt_ids(self._tokenizer, request.messages) for request in requests]
        for index, ids in enumerate(prompts):
            if len(ids) < self._context:
                fitting.append(index)
            else:
                message = f"prompt of {len(ids)} tokens, context of {self._context}"
                yield index, Completion("", "error", len(ids), 0, message)
        fitting.sort(key=lambda i: (len(prompts[i]), i))
        for start in range(0, len(fitting), self._batch_size):
            batch = fitting[start : start + self._batch_size]
            for row, completion in self._decode([prompts[i] for i in batch], [requests[i].seed for i in batch]):
                yield batch[row], completion

    def _decode(self, prompts: list[list[int]], seeds: list[int]) -> Iterator[tuple[int, Completion]]:
        """Decode one batch; rows leave it as they finish."""
        import torch

        batch = _Batch(self._model, prompts, self._tokenizer.pad_token_id, self._device)
        room = [self._context - len(ids) for ids in prompts]
        limits = torch.tensor(room, device=self._device).clamp(max=self._decoding.max_new_tokens)
        sampler = Sampler(self._decoding, seeds, int(limits.max()))
        with torch.inference_mode():
            logits = batch.prefill()
            for step in itertools.count():
                tokens = sampler.choose(logits, batch.rows, step)
                batch.append(tokens)
                done = torch.isin(tokens, self._stops) | (limits[batch.rows] == step + 1)
                if self._decoding.stop:
                    done |= torch.tensor(self._at_stop_text(batch), device=self._device)
                if done.any():
                    for row, ids in batch.take(done):
                        yield row, self._completion(len(prompts[row]), ids)
                if not batch.rows:
                    return
                logits = batch.step()

    def _at_stop_text(self, batch: "_Batch") -> list[bool]:
        """Return for each row whether a stop text has just come; it may span as many tokens as it has bytes."""
        stops = self._decoding.stop
        longest = max(len(stop.encode()) for stop in stops) + 1
        ends = self._tokenizer.batch_decode([ids[-longest:] for ids in batch.new()], skip_special_tokens=True)
        return [any(stop in end for stop in stops) for end in ends]

    def _completion(self, prompt_tokens: int, ids: list[int]) -> Completion:
        stopped = ids[-1] in self._stops.tolist()
        text = self._tokenizer.decode(ids[:-1] if stopped else ids, skip_special_tokens=True)
        whole = cut(text, self._decoding.stop)
        return Completion(whole, "stop" if stopped or whole != text else "length", prompt_tokens, len(ids))


class _Batch:
    """The rows still being decoded: their tokens, attention mask and key-value cache."""

    def __init__(self, model: Any, prompts: list[list[int]], pad: int, device: str):
        import torch
        from transformers import DynamicCache

        self._model = model
        self.rows = list(range(len(prompts)))
        width = max(len(ids) for ids in prompts)
        padding = [width - len(ids) for ids in prompts]
        ids = [[pad] * p + own for p, own in zip(padding, prompts, strict=True)]
        mask = [[0] * p + [1] * (width - p) for p in padding]
        self._last = torch.tensor(ids, device=device)
        self._mask = torch.tensor(mask, device=device)
        self._cache = DynamicCache(config=model.config)
        self._new: dict[int, list[int]] = {row: [] for row in self.rows}

    def prefill(self) -> "torch.Tensor":
        """Run the prompts; return the logits [rows, vocabulary] of the next token."""
        positions = (self._mask.cumsum(1) - 1).clamp(min=0)
        return self._forward(self._last, positions)

    def step(self) -> "torch.Tensor":
        """Run the last token of each row; return the logits of the next."""
        positions = self._mask.sum(1, keepdim=True) - 1
        return self._forward(self._last, positions)

    def _forward(self, ids: "torch.Tensor", positions: "torch.Tensor") -> "torch.Tensor":
        out = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[:, -1].float()

    def append(self, tokens: "torch.Tensor") -> None:
        """Add one token to each row."""
        import torch

        for row, token in zip(self.rows, tokens.tolist(), strict=True):
            self._new[row].append(token)
        self._last = tokens[:, None]
        self._mask = torch.cat([self._mask, torch.ones_like(self._last)], 1)

    def new(self) -> list[list[int]]:
        """Return the new tokens of each row."""
        return [self._new[row] for row in self.rows]

    def take(self, done: "torch.Tensor") -> list[tuple[int, list[int]]]:
        """Remove the rows marked done [rows] and return each with its new tokens."""
        flags = done.tolist()
        taken = [(r, self._new.pop(r)) for r, f in zip(self.rows, flags, strict=True) if f]
        self.rows = [r for r, f in zip(self.rows, flags, strict=True) if not f]
        if self.rows:
            keep = (~done).nonzero()[:, 0]
            self._last, self._mask = self._last[keep], self._mask[keep]
            self._cache.batch_select_indices(keep)
        return taken


class Sampler:
    """Chooses tokens: greedy, or by inverting the distribution at one uniform number per row and step.

    The filters (temperature, top-k, top-p, min-p) are those of transformers. `uniforms` has shape [rows, steps].
    """

    def __init__(self, decoding: DecodingRecipe, seeds: Sequence[int], steps: int):
        self._filters = _filters(decoding)
        self._greedy = decoding.temperature == 0
        if not self._greedy:
            self._uniforms = np.stack([np.random.Generator(np.random.Philox(s)).random(steps) for s in seeds])

    def choose(self, logits: "torch.Tensor", rows: Sequence[int], step: int) -> "torch.Tensor":
        """Return one token id per row of `logits` [rows, vocabulary]; `rows` are their places in `seeds`."""
        import torch

        if self._greedy:
            return logits.argmax(-1)
        for keep in self._filters:
            logits = keep(None, logits)
        cumulated = logits.double().softmax(-1).cumsum(-1)
        uniform = torch.as_tensor(self._uniforms[list(rows), step], device=logits.device)[:, None]
        # Scaled to the last sum, which rounding leaves a hair off 1, so that a token of probability 0 is never hit.
        return torch.searchsorted(cumulated, uniform * cumulated[:, -1:], right=True)[:, 0]


def _filters(decoding: DecodingRecipe) -> list[Any]:
    from transformers.generation import logits_process as lp

    filters: list[Any] = []
    if decoding.temperature not in (0, 1):
        filters.append(lp.TemperatureLogitsWarper(decoding.temperature))
    if decoding.top_k:
        filters.append(lp.TopKLogitsWarper(decoding.top_k))
    if decoding.top_p < 1:
        filters.append(lp.TopPLogitsWarper(decoding.top_p))
    if decoding.min_p:
        filters.append(lp.MinPLogitsWarper(decoding.min_p))
    return filters
