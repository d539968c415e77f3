"""Distillation from a teacher's probabilities: the divergence that a training adds, and the table that it reads.

Per token that the loss counts, with the logits of teacher and student divided by the temperature T: p are the teacher's
probabilities, q the student's, K the `top_k` tokens that the teacher finds likeliest, p_r and q_r what all other tokens
have together. The divergence is

    T^2 * ( sum over K of p log(p / q)  +  p_r log(p_r / q_r) )    in nats,

the forward Kullback-Leibler divergence of teacher and student after all other tokens are taken as one. It is at most
that over all tokens (data-processing inequality), and equal to it where K is the whole vocabulary. T^2 keeps the size
of the gradients when T changes: Hinton, Vinyals and Dean 2015, arXiv 1503.02531, section 2. Of a row's loss it is
`weight`, and the cross-entropy is the rest; both are summed, and divided by the loss tokens of the whole update.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from distill import tables
from distill.config.recipes import Distillation
from distill.runtime.errors import InputError
from distill.runtime.files import read_json
from distill.training.kept import rows_digest


@dataclass(frozen=True)
class Taught:
    """The teacher's likeliest tokens and their log-probabilities, [tokens that the loss counts, top_k] each."""

    ids: Any
    logprobs: Any
    temperature: float
    weight: float

    def divergence(self, logits: Any) -> Any:
        """Return the divergence of the student's logits [tokens, vocabulary], summed over the tokens."""
        import torch

        scaled = logits / self.temperature
        total = scaled.logsumexp(-1)
        theirs = self.logprobs.exp()
        divergence = (theirs * (self.logprobs - scaled.gather(-1, self.ids) + total[:, None])).sum(-1)
        if self.ids.shape[-1] < logits.shape[-1]:
            # Of the others' own logits, as 1 - q would lose the digits of a small rest.
            others = scaled.scatter(-1, self.ids, -torch.inf).logsumexp(-1) - total
            rest = (1 - self.logprobs.double().exp().sum(-1)).clamp(min=0).float()
            divergence = divergence + torch.special.xlogy(rest, rest) - rest * others
        return self.temperature**2 * divergence.sum()

    def part(self, start: int, end: int) -> "Taught":
        """Return what the teacher says of some of the tokens."""
        return replace(self, ids=self.ids[start:end], logprobs=self.logprobs[start:end])


class TeacherLogprobs:
    """A teacher's log-probabilities of the rows of a rendered table, in memory: 8 bytes times `top_k` per token."""

    def __init__(self, ids: Sequence[np.ndarray], logprobs: Sequence[np.ndarray], recipe: Distillation):
        self._ids, self._logprobs, self._recipe = ids, logprobs, recipe

    @classmethod
    def read(cls, path: Path, rendered: pa.Table, recipe: Distillation) -> "TeacherLogprobs":
        """Read a table. Raises InputError where its rows or their tokens are not those of the rendered table."""
        problems: list[str] = []
        found: dict[str, list[np.ndarray]] = {"ids": [], "logprobs": []}
        for batch in tables.stream(path, tables.TEACHER_LOGPROBS, ["problem_id", *found]):
            problems += batch["problem_id"].to_pylist()
            for name, values in found.items():
                values += list(batch[name].to_numpy(zero_copy_only=False))
        wanted = [int(np.sum(mask[1:])) * recipe.top_k for mask in rendered["loss_mask"].to_numpy()]
        if problems != rendered["problem_id"].to_pylist() or any(
            [len(each) for each in values] != wanted for values in found.values()
        ):
            raise InputError(f"{path}: not {recipe.top_k} values per loss token of the rendered rows; make it again")
        return cls(found["ids"], found["logprobs"], recipe)

    def of(self, rows: Sequence[int], device: Any = "cpu") -> Taught:
        """Return what the teacher says of rows, in their order."""
        import torch

        def joined(values: Sequence[np.ndarray], kind: type) -> Any:
            whole = np.concatenate([np.empty(0, kind), *(values[row] for row in rows)]).astype(kind)
            return torch.from_numpy(whole.reshape(-1, self._recipe.top_k)).to(device)

        ids, logprobs = joined(self._ids, np.int64), joined(self._logprobs, np.float32)
        return Taught(ids, logprobs, self._recipe.temperature, self._recipe.weight)


def check_logprobs(path: Path | None, rendered: pa.Table, recipe: Distillation | None) -> dict[str, Any]:
    """Return the manifest of a teacher's table, nothing where there is none and the recipe wants none.

    Raises InputError where only one of the two is given, or the table is of other rows, top_k or temperature.
    """
    if path is None or recipe is None:
        if (path is None) != (recipe is None):
            raise InputError("--teacher-logprobs and `distil` of the recipe go together; give both or none")
        return {}
    manifest = read_json(path.with_name("manifest.json"))
    made_of = {"rendered": rows_digest(rendered), "top_k": recipe.top_k, "temperature": recipe.temperature}
    for name, value in made_of.items():
        if manifest.get(name) != value:
            raise InputError(f"{path}: its manifest says {name} {manifest.get(name)}, and the training wants {value}; "
                             "make it again (compute_teacher_logprobs.py)")  # fmt: skip
    return manifest
