"""Trainings in a group whose second process runs out of memory above so much; such a process runs this."""

import os
import sys
from typing import Any

import torch

from distill.runtime.group import work
from distill.training import fit, on_policy


class Short(fit.Fit):
    """The job of such a training on rendered rows."""


class ShortOnPolicy(on_policy.OnPolicyFit):
    """The job of such a training on responses of its own."""


def short(load: Any, limit: str, size: Any, part: str) -> Any:
    """Return what loads a student that asks for more memory than there is, as a step that does not fit does."""

    def check(_model: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        if torch.is_grad_enabled() and size(kwargs["input_ids"]) > int(os.environ[limit]):
            torch.empty(1 << 52)

    def loaded(*args: Any) -> Any:
        model = load(*args)
        if os.environ["RANK"] == "1":
            (getattr(model, part) if part else model).register_forward_pre_hook(check, with_kwargs=True)
        return model

    return loaded


def train(job: str) -> None:
    """Train by the job's own program."""
    if "MOST_ROWS" in os.environ:
        on_policy.load_student = short(on_policy.load_student, "MOST_ROWS", len, "base_model")
        on_policy.fit(ShortOnPolicy.from_json(job))
    else:
        fit.load_student = short(fit.load_student, "MOST_TOKENS", torch.numel, "")
        fit.fit(Short.from_json(job))


if __name__ == "__main__":
    work(train, sys.argv[1:])
