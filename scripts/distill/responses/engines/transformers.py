"""The default engine: batched decoding with transformers, on whatever device torch finds.

Prompts are sorted by length and padded on the left. A row that has finished makes room for the next prompt while the
others go on, so no step is spent on rows that are done. Sampling draws one uniform number per row and step from that
row's own generator: a row's text does not depend on which rows share its batch (beyond rounding of the arithmetic).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distill.config.recipes import DecodingRecipe, GenerateJob
from distill.models.folders import load_generation_config, load_model, load_tokenizer, stop_ids
from distill.responses.batch import Batch
from distill.responses.engines import Completion, Request, cut, load_template, tokens_or_error

if TYPE_CHECKING:
    import torch


def load(model: Path, recipe: GenerateJob, _seed: int) -> "TransformersEngine":
    """Load tokenizer and weights of a model folder; every row has its own seed."""
    return TransformersEngine(model, recipe)


class TransformersEngine:
    """A causal language model with its tokenizer on one device."""

    seeds = "row"

    def __init__(self, folder: Path, recipe: GenerateJob):
        import torch
        import transformers

        self.version = f"transformers {transformers.__version__}"
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer = load_tokenizer(folder)
        self.template = load_template(self._tokenizer, recipe)
        self._model = load_model(folder).to(self._device).eval()
        self._decoding, self._batch_size = recipe.decoding, recipe.batch_size
        self._stops = set(stop_ids(self._tokenizer, load_generation_config(folder)))
        self._context = self._model.config.max_position_embeddings

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield (index, completion) as rows finish; a prompt that fills the context is an `error`."""
        fitting = []
        prompts = [tokens_or_error(self.template, request) for request in requests]
        for index, ids in enumerate(prompts):
            if isinstance(ids, Completion):
                yield index, ids
            elif len(ids) < self._context:
                fitting.append(index)
            else:
                message = f"prompt of {len(ids)} tokens, context of {self._context}"
                yield index, Completion("", "error", len(ids), 0, message)
        fitting.sort(key=lambda i: (len(prompts[i]), i))
        for row, ids in self._decode([prompts[i] for i in fitting], [requests[i].seed for i in fitting]):
            yield fitting[row], self._completion(len(prompts[fitting[row]]), ids)

    def _decode(self, prompts: list[list[int]], seeds: list[int]) -> Iterator[tuple[int, list[int]]]:
        """Yield (place of the prompt, new tokens) as rows finish."""
        import torch

        batch = Batch(self._model, self._tokenizer.pad_token_id, self._batch_size, self._device)
        limits = [min(self._decoding.max_new_tokens, self._context - len(ids)) for ids in prompts]
        sampler, taken, logits = Sampler(self._decoding, seeds), 0, None
        with torch.inference_mode():
            while True:
                joining = batch.room(prompts, taken)
                if joining or batch.is_sparse():
                    logits = batch.rebuild(logits, {taken + i: prompts[taken + i] for i in range(joining)})
                    taken += joining
                if not batch.alive:
                    return
                tokens = sampler.choose(logits, batch.rows)
                grown = batch.append(tokens)
                for (row, ids), at_stop_text in zip(grown, self._at_stop_text(grown), strict=True):
                    if at_stop_text or ids[-1] in self._stops or len(ids) == limits[row]:
                        yield row, batch.finish(row)
                        sampler.forget(row)
                if batch.alive:
                    logits = batch.step()

    def _at_stop_text(self, grown: list[tuple[int, list[int]]]) -> list[bool]:
        """Return for each row whether a stop text has just come; it may span as many tokens as it has bytes."""
        stops = self._decoding.stop
        if not stops:
            return [False] * len(grown)
        longest = max(len(stop.encode()) for stop in stops) + 1
        last = [ids[-longest:] for _, ids in grown]
        ends = self._tokenizer.batch_decode(last, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [any(stop in end for stop in stops) for end in ends]

    def _completion(self, prompt_tokens: int, ids: list[int]) -> Completion:
        stopped = ids[-1] in self._stops
        text = self.template.response_text(ids[:-1] if stopped else ids)
        whole = cut(text, self._decoding.stop)
        return Completion(whole, "stop" if stopped or whole != text else "length", prompt_tokens, len(ids))


class Sampler:
    """Chooses tokens: greedy, or by inverting the distribution at one uniform number per row and step.

    The filters (temperature, top-k, top-p, min-p) are those of transformers. `seeds` has one seed per row.
    """

    def __init__(self, decoding: DecodingRecipe, seeds: Sequence[int]):
        self._filters = _filters(decoding)
        self._greedy = decoding.temperature == 0
        self._seeds = seeds
        self._generators: dict[int, np.random.Generator] = {}

    def choose(self, logits: "torch.Tensor", rows: Sequence[int | None]) -> "torch.Tensor":
        """Return one token id per row of `logits` [rows, vocabulary]; `rows` are their places in `seeds`, or None."""
        import torch

        if self._greedy:
            return logits.argmax(-1)
        for keep in self._filters:
            logits = keep(None, logits)
        cumulated = logits.double().softmax(-1).cumsum(-1)
        uniform = torch.tensor([[self._uniform(row)] for row in rows], dtype=torch.float64, device=logits.device)
        # Scaled to the last sum, which rounding leaves a hair off 1, so that a token of probability 0 is never hit.
        return torch.searchsorted(cumulated, uniform * cumulated[:, -1:], right=True)[:, 0]

    def _uniform(self, row: int | None) -> float:
        if row is None:
            return 0.0
        if row not in self._generators:
            self._generators[row] = np.random.Generator(np.random.Philox(self._seeds[row]))
        return self._generators[row].random()

    def forget(self, row: int) -> None:
        """Drop the generator of a row that has finished."""
        self._generators.pop(row, None)


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
