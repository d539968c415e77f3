"""Which token a student draws: a function of the seed, the update and the row's place in it alone.

torch draws the rows of a batch one after the other from one generator, so a response would change with the device that
writes it and with the rows beside it. Here each row has numbers of its own, one in [0, 1) for each of its tokens; the
token is the first whose cumulated probability exceeds the number, which has the student's own distribution.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from transformers import LogitsProcessor, LogitsProcessorList


def numbers(seed: int, update: int, places: Iterable[int], tokens: int) -> np.ndarray:
    """Return the numbers of some rows of an update, [rows, tokens]."""
    return np.stack([np.random.default_rng([seed, update, place]).random(tokens) for place in places])


class Draws(LogitsProcessor):
    """Of each row leave the one token that is drawn; for transformers' sampling, which can then take no other.

    numbers: [rows, tokens]; prompt: the tokens before the first that is drawn. Logits that are no numbers stay what
    they are.
    """

    def __init__(self, numbers: np.ndarray, prompt: int, temperature: float):
        self._numbers, self._prompt, self._temperature = torch.from_numpy(numbers), prompt, temperature

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return logits that are 0 for the drawn token and minus infinity for all others."""
        cumulated = (scores.double() / self._temperature).softmax(-1).cumsum(-1)
        number = self._numbers[:, input_ids.shape[1] - self._prompt, None].to(scores.device)
        token = torch.searchsorted(cumulated, number * cumulated[:, -1:], right=True).clamp(max=scores.shape[1] - 1)
        one = torch.full_like(scores, -torch.inf).scatter(1, token, 0.0)
        return one.masked_fill(~cumulated[:, -1:].isfinite(), torch.nan)


@contextmanager
def drawn(student: Any, draws: Draws) -> Iterator[None]:
    """Let what a student generates be drawn so."""
    student.generate = partial(student.generate, logits_processor=LogitsProcessorList([draws]))
    try:
        yield
    finally:
        del student.generate
