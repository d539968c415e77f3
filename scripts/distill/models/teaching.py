"""A teacher's probabilities of the tokens of a student: what both vocabularies share, and the likeliest tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distill.models.folders import load_tokenizer, origin
from distill.models.loglikelihood import CausalModel, batches
from distill.runtime.errors import InputError
from distill.runtime.files import read_json

REMEDY = "a teacher whose probabilities are used has the student's vocabulary; take one of its family"


def shared_ids(teacher: Path, student: Path, used: Sequence[int]) -> list[int]:
    """Return the ids that are the same token to two model folders; padding and tokens that one lacks are none.

    Raises InputError that names the first id that is another token to each, or that is in `used` and not shared.
    """
    known = [_tokens(folder) for folder in (teacher, student)]
    size = min(_size(folder) for folder in (teacher, student))
    both = sorted(i for i in known[0].keys() & known[1].keys() if i < size)
    for i in both:
        if known[0][i] != known[1][i]:
            words = f"token {i} is {known[0][i]!r}, and {known[1][i]!r} in {student}"
            raise InputError(f"{teacher}: {words}; {REMEDY}")
    if alien := sorted(set(used) - set(both)):
        words = f"token {alien[0]}, {known[1].get(alien[0])!r} in {student}, is in the rows and unknown here"
        raise InputError(f"{teacher}: {words}; {REMEDY}")
    return both


def check_same_vocabulary(teacher: Path, student: Path) -> None:
    """Raise InputError where two model folders have not one vocabulary: the same tokens, and as many logits."""
    shared = set(shared_ids(teacher, student, []))
    for i, folder, other in ((i, *pair) for pair in ((teacher, student), (student, teacher)) for i in _tokens(pair[0])):
        if i not in shared:
            words = f"token {i}, {_tokens(folder)[i]!r} in {folder}, is unknown in {other}"
            raise InputError(f"{teacher}: {words}; {REMEDY}")
    one, two = _size(teacher), _size(student)
    if one != two:
        raise InputError(f"{teacher}: it has {one} logits, and {student} {two} (`vocab_size` of config.json); {REMEDY}")


def _tokens(folder: Path) -> dict[int, str]:
    """Return id -> token of a model's tokenizer."""
    return {i: token for token, i in load_tokenizer(folder).get_vocab().items()}


def _size(folder: Path) -> float:
    """Return how many ids a model has logits for, as far as its configuration says so."""
    return read_json(Path(origin(folder).folder()) / "config.json").get("vocab_size", float("inf"))


class TeacherModel(CausalModel):
    """A teacher on one device, which gives its likeliest tokens among `ids`, whose probabilities sum to 1."""

    def __init__(self, folder: Path, ids: Sequence[int], top_k: int, temperature: float):
        import torch

        super().__init__(folder)
        self._ids = torch.as_tensor(ids).to(self._device)
        self._top_k, self._temperature = top_k, temperature

    def logprobs(self, rows: Sequence[tuple[Sequence[int], Sequence[bool]]]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return, per row (token ids, and which of them count), ids and log-probabilities [counted tokens, top_k].

        Both are of the distribution before each counted token, its logits divided by the temperature; the likeliest
        come first. Log-probabilities are natural and in float32.
        """
        found: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0), np.empty(0))] * len(rows)
        for batch in batches([len(ids) for ids, _ in rows]):
            for index, pair in zip(batch, self._batch([rows[i] for i in batch]), strict=True):
                found[index] = pair
        return found

    def _batch(self, rows: Sequence[tuple[Sequence[int], Sequence[bool]]]) -> list[tuple[np.ndarray, np.ndarray]]:
        nothing = np.empty((0, self._top_k), np.int32), np.empty((0, self._top_k), np.float32)
        parts = [[nothing] for _ in rows]
        for logits, _, counted in self.windows(rows):
            for own, each, counts in zip(parts, logits, counted, strict=True):
                own.append(self._likeliest(each[counts]))
        return [
            (np.concatenate([ids for ids, _ in own]), np.concatenate([values for _, values in own])) for own in parts
        ]

    def _likeliest(self, logits: Any) -> tuple[np.ndarray, np.ndarray]:
        import torch

        logs = (logits[:, self._ids] / self._temperature).log_softmax(-1)
        values, places = logs.topk(self._top_k, dim=-1)
        values = values.clamp(min=torch.finfo(values.dtype).min)  # a masked logit: 0 times infinity is no number
        return self._ids[places].int().cpu().numpy(), values.cpu().numpy()
