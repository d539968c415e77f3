"""A training in a group whose second process runs out of memory above so many tokens; such a process runs this."""

import os
import sys
from typing import Any

import torch

from distill.runtime.group import work
from distill.training import fit

load = fit.load_student


class Short(fit.Fit):
    """The job of such a training."""


def check(_model: Any, _args: Any, kwargs: dict[str, Any]) -> None:
    """Ask for more memory than there is, as a step that does not fit does."""
    if torch.is_grad_enabled() and kwargs["input_ids"].numel() > int(os.environ["MOST_TOKENS"]):
        torch.empty(1 << 52)


def load_short(*args: Any) -> Any:
    """Load a student that does so."""
    model = load(*args)
    if os.environ["RANK"] == "1":
        model.register_forward_pre_hook(check, with_kwargs=True)
    return model


if __name__ == "__main__":
    fit.load_student = load_short
    work(lambda job: fit.fit(Short.from_json(job)), sys.argv[1:])
