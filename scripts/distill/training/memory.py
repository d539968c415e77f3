"""Too little memory: the same work in smaller steps where there are any, else a line that says what it takes."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from distill.runtime import execution
from distill.runtime.errors import InputError, StepTooLargeError, is_out_of_memory

STATE_BYTES = {"adamw": 8, "adafactor": 0, "sgd": 0}  # per weight that learns; of Adafactor less than 0.1


@dataclass
class Size:
    """The most of something that is worked on at once, `most` of what `unit` counts; `fact` names it in provenance."""

    most: int
    unit: str
    fact: str

    def begin(self, trainer: Any, most: int | None = None) -> None:
        """Begin with so many at most, where more have not fitted before; note how the work is laid out."""
        self.most = min(self.most, most or self.most)
        execution.note(**{self.fact: self.most}, halved=0, processes=trainer.args.world_size)

    def __str__(self) -> str:
        """Return how many of what, in words."""
        return f"{self.most} {self.unit}"


def fitted(
    work: Callable[[], Any], size: Size, trainer: Any, less: Callable[[], int], remedy: str, waited_for: bool = True
) -> Any:
    """Return what `work` gives; where it runs out of memory it is done again, with the size that `less` gives.

    `less` gives 0 where nothing smaller is left; `remedy` are the words behind the size, with what then helps. Raises
    InputError for that, StepTooLargeError where the other ones of several devices wait for this work (`waited_for`),
    and what is no out-of-memory error again.
    """
    while True:
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            next_most = less()
            if not next_most:
                raise InputError(f"out of memory at {size}{remedy}") from None
            if waited_for and trainer.args.world_size > 1:
                raise StepTooLargeError(f"out of memory at {size}", next_most) from None
        # Not above: there the error still holds what the work had in memory.
        size.most = next_most
        logging.info("out of memory: going on with %s", size)
        execution.note(**{size.fact: size.most})
        execution.count("halved")
        trainer.model.zero_grad()  # accelerate's optimiser keeps gradients in the middle of an update
        if not trainer.args.use_cpu:
            import torch

            torch.cuda.empty_cache()


@contextmanager
def told(trainer: Any, optimizer: str, remedy: str) -> Iterator[None]:
    """Turn an out-of-memory error beside the steps into InputError, with what a training holds between them."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        sizes = [(weight.numel(), weight.requires_grad) for weight in trainer.model.parameters()]
        held = sum(4 * size + (4 + STATE_BYTES[optimizer]) * size * learns for size, learns in sizes)
        raise InputError(
            f"out of memory at update {trainer.state.global_step + 1}, beside its steps: weights, gradients and the "
            f"state of `optimizer: {optimizer}` take {held / 1e9:.2g} GB; {remedy}"
        ) from None
