"""Log-likelihoods of given tokens under a causal language model, in bounded memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from distill.models.folders import load_model

STEP_TOKENS = 2048  # tokens whose logits are held at once; with a vocabulary of 150,000 they take 1.2 GB in float32
WINDOW = 512  # tokens of each row per step

Tokens = tuple[list[int], int]
"""Token ids of prompt and response, and how many of them are the prompt."""


class CausalModel:
    """A causal language model on one device that reads given tokens."""

    def __init__(self, folder: Path):
        import torch

        self.folder = folder
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = load_model(folder).to(self._device).eval()
        self.context: int = self._model.config.max_position_embeddings

    def windows(self, rows: Sequence[tuple[Sequence[int], Sequence[bool]]]) -> Iterator[tuple[Any, Any, Any]]:
        """Yield the logits of rows (token ids, and which of them count), window by window: a batch, run with a cache.

        Each time [rows, tokens, vocabulary] in float32, [rows, tokens] the token that follows each position, and
        whether that one counts. Padding on the right is not seen by a causal model, and does not count.
        """
        import torch
        from transformers import DynamicCache

        width = max(len(ids) for ids, _ in rows)
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        counted = torch.zeros(len(rows), width, dtype=torch.bool)
        for row, (tokens, counts) in enumerate(rows):
            ids[row, : len(tokens)] = torch.as_tensor(tokens)
            counted[row, : len(tokens)] = torch.as_tensor(counts)
        ids, counted = ids.to(self._device), counted.to(self._device)
        cache = DynamicCache(config=self._model.config)
        for start in range(0, width - 1, WINDOW):
            end = min(start + WINDOW, width - 1)
            with torch.inference_mode():
                out = self._model(input_ids=ids[:, start:end], past_key_values=cache, use_cache=True)
                logits = out.logits.float()
            yield logits, ids[:, start + 1 : end + 1], counted[:, start + 1 : end + 1]


class LoglikelihoodModel(CausalModel):
    """A causal language model on one device, which computes the log-likelihood of responses."""

    def loglikelihoods(self, rows: Sequence[Tokens]) -> list[float]:
        """Return, per row, the log-likelihood of its response after its prompt: nats, summed over the tokens.

        Rows of like length share a batch. A batch is run in windows with a key-value cache, so that logits are held for
        STEP_TOKENS tokens at most.
        """
        sums = [0.0] * len(rows)
        for batch in batches([len(ids) for ids, _ in rows]):
            for index, value in zip(batch, self._batch([rows[i] for i in batch]), strict=True):
                sums[index] = value
        return sums

    def of_tokens(self, rows: Sequence[Tokens]) -> list[list[float]]:
        """Return, per row, the log-likelihood of each token of its response in nats, in batches as above."""
        found: list[list[float]] = [[] for _ in rows]
        for batch in batches([len(ids) for ids, _ in rows]):
            for logits, targets, counted in self.windows([_masked(rows[index]) for index in batch]):
                values = (logits.gather(-1, targets[..., None])[..., 0] - logits.logsumexp(-1)).double().cpu()
                for index, own, counts in zip(batch, values, counted.cpu(), strict=True):
                    found[index] += own[counts].tolist()
        return found

    def _batch(self, rows: Sequence[Tokens]) -> list[float]:
        import torch

        total = torch.zeros(len(rows), dtype=torch.float64)
        for logits, targets, counted in self.windows([_masked(row) for row in rows]):
            log_probability = logits.gather(-1, targets[..., None])[..., 0] - logits.logsumexp(-1)
            total += (log_probability * counted).sum(-1).double().cpu()
        return total.tolist()


def _masked(row: Tokens) -> tuple[list[int], list[bool]]:
    """Return the token ids of a row, and which of them are its response."""
    ids, prompt = row
    return ids, [place >= prompt for place in range(len(ids))]


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield indices of rows of like length, as many as STEP_TOKENS allows in one step, at least one."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and (len(batch) + 1) * min(lengths[index], WINDOW) > STEP_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
