"""A training watched: its log, its losses, when its state is saved, and how a signal ends it."""

import math
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from distill.config.recipes import TrainJob
from distill.runtime.errors import InputError
from distill.runtime.group import SIGNALS
from distill.training.sharding import check_in_effect
from distill.training.updates import Update

SPIKE, SPIKE_WINDOW = 3.0, 20  # times the median loss, of so many updates before
SAVED_SHARE = 0.05  # of the time goes into saved states at most
FIRST_SAVE = 30.0  # seconds before the first state is saved, whose cost is not known yet
COMPARED = 256  # numbers of each weight
HELD_OUT_TIMES = 10  # the held-out loss is taken so often, and at the end
# Dense bfloat16 FLOP/s without sparsity, by what the GPU's name holds, the first that it holds; NVIDIA's data sheets.
PEAK_FLOPS = {"H200": 989e12, "H100 PCIe": 756e12, "H100 NVL": 835e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12,
              "L40": 181e12, "L4": 121e12, "A10G": 70e12, "A10": 125e12}  # fmt: skip


@dataclass
class Signals:
    """SIGTERM and SIGUSR1 (SLURM's warning before a time limit): a context manager that catches them.

    Before the training has `begun` they end the program at once. Then they are noted: the training ends after its
    update, and weights are written to the end.
    """

    caught: list[int] = field(default_factory=list)
    begun: bool = False
    before: list[Any] = field(default_factory=list)

    def __enter__(self) -> "Signals":
        self.before = [signal.signal(number, self._catch) for number in SIGNALS]
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in zip(SIGNALS, self.before, strict=True):
            signal.signal(number, handler)

    @property
    def name(self) -> str:
        """Return the name of the signal that came first; another device may have caught it."""
        return signal.Signals(self.caught[0]).name if self.caught else "a signal"

    def _catch(self, number: int, _frame: object) -> None:
        self.caught.append(number)
        if not self.begun:  # not an error, which an import that it interrupts might swallow
            sys.exit(f"{Path(sys.argv[0]).name}: error: {self.name} ended the training before its first update; "
                     "run again")  # fmt: skip


@dataclass
class Watch:
    """What a training reports while it runs.

    updates: the planned ones; held_out: places of the rows that are not trained on; on_update: called with the tokens
    of each update.
    """

    recipe: TrainJob
    updates: Sequence[Update]
    held_out: Sequence[int]
    on_update: Callable[[int], None]
    signals: Signals = field(default_factory=Signals)

    def check_whole(self, done: int) -> None:
        """Raise InputError where a signal ended the training before its last update."""
        if done < len(self.updates):
            raise InputError(f"{self.signals.name} ended the training after update {done} of {len(self.updates)}; its "
                             "state is saved: run again to go on")  # fmt: skip

    def held_out_at(self) -> set[int]:
        """Return the updates after which the held-out loss is taken."""
        total = len(self.updates)
        return {math.ceil(total * i / HELD_OUT_TIMES) for i in range(1, HELD_OUT_TIMES + 1)} if self.held_out else set()

    def callback(self, trainer: Any, tokens: Any) -> Any:
        """Return transformers' callback that does all this; `tokens` are the rows' own, for `tally`."""
        from transformers import TrainerCallback

        watch, at = self, self.held_out_at()
        tally, flops = self.tally(tokens), self.flops(trainer)
        saves = SavePace(self.recipe.save_every is None)

        class Report(TrainerCallback):
            since = time.monotonic()
            held_out_loss: float | None = None

            def on_train_begin(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
                check_in_effect(trainer, watch.recipe.sharding)
                self.since = time.monotonic()

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                self.held_out_loss = trainer.held_out_loss(watch.held_out) if state.global_step in at else None
                due = saves.is_due(state.global_step == len(watch.updates))
                stop, save = _anywhere((bool(watch.signals.caught), due), args)
                control.should_training_stop |= stop
                control.should_save |= stop or save
                saves.started = time.monotonic()

            def on_save(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
                saves.ended()

            def on_log(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
                entry, now = state.log_history[-1], time.monotonic()
                if "loss" not in entry:
                    return  # the summary at the end
                for name in ("loss", "grad_norm"):  # before a state is saved
                    check_finite(name, entry.get(name) or 0.0, state.global_step, watch.recipe)
                own, seen, seen_loss = tally(state.log_history)
                speed = own / max(now - self.since, 1e-9)
                self.since = now
                entry.update(
                    tokens=seen, loss_tokens=seen_loss, tokens_per_second=speed,
                    epoch=watch.updates[state.global_step - 1].epoch, held_out_loss=self.held_out_loss,
                    mfu=flops and speed * flops,
                )  # fmt: skip
                watch.on_update(own)

        return Report()

    def tally(self, tokens: Any) -> Callable[[Sequence[dict[str, Any]]], tuple[int, int, int]]:
        """Return what tells, from the log up to an update, its tokens, and all tokens and loss tokens so far."""
        counts = [(sum(tokens.lengths(u.rows)), tokens.loss_tokens(u.rows)) for u in self.updates]
        seen, seen_loss = (list(accumulate(column)) for column in zip(*counts, strict=True))

        def of(history: Sequence[dict[str, Any]]) -> tuple[int, int, int]:
            number = history[-1]["step"] - 1
            return counts[number][0], seen[number], seen_loss[number]

        return of

    def flops(self, trainer: Any) -> float | None:
        """Return the share of all devices' peak that one token per second needs, None where unknown."""
        return _flops(trainer)


@dataclass
class SavePace:
    """When a state is saved: so seldom that saving costs `SAVED_SHARE` of the time. Nothing, unless `active`."""

    active: bool
    cost: float = 0.0
    last: float = field(default_factory=time.monotonic)
    started: float = 0.0

    def is_due(self, at_end: bool) -> bool:
        """Whether a state should be saved now; none at the end, where the weights themselves follow."""
        wait = max(FIRST_SAVE, self.cost / SAVED_SHARE)
        return self.active and not at_end and time.monotonic() - self.last >= wait

    def ended(self) -> None:
        """Take note of a save that has just ended."""
        self.last = time.monotonic()
        self.cost = self.last - self.started


def _anywhere(flags: Sequence[bool], args: Any) -> list[bool]:
    """Return which flags are set on any device, so that all stop, and save what they share, after the same update."""
    if args.world_size == 1:
        return list(flags)
    import torch

    values = torch.tensor(flags, dtype=torch.int32, device=args.device)
    torch.distributed.all_reduce(values, op=torch.distributed.ReduceOp.MAX)
    return [bool(value) for value in values]


def _flops(trainer: Any) -> float | None:
    """Return the share of all devices' peak that one token per second needs, None where unknown.

    6 FLOPs per weight and token: Kaplan et al. 2020, arXiv 2001.08361, section 2.1; attention is not counted. A weight
    that does not learn takes 4, as it has no gradient of its own.
    """
    if trainer.args.use_cpu:
        return None
    import torch

    name = torch.cuda.get_device_name()
    peak = next((peak for part, peak in PEAK_FLOPS.items() if part in name), None)
    flops = sum((6 if weight.requires_grad else 4) * weight.numel() for weight in trainer.model.parameters())
    return None if peak is None else flops / (peak * trainer.args.world_size)


def check_finite(name: str, value: float, update: int, recipe: TrainJob) -> None:
    """Raise InputError when a loss or gradient norm is no finite number: what follows would be no training."""
    if not math.isfinite(value):
        raise InputError(
            f"update {update}: {name} is {value}, so the training has diverged and stops; lower `lr` ({recipe.lr}), "
            f"warm up for longer (`warmup`), or compute in float32 (`precision`)"
        )


def check_weights(model: Any, update: int) -> None:
    """Raise InputError when a weight is no finite number after the last update."""
    import torch

    for name, weight in model.named_parameters():
        own = weight.to_local() if hasattr(weight, "to_local") else weight  # of cut-up weights, this device's part
        if weight.requires_grad and not bool(torch.isfinite(own).all()):
            raise InputError(
                f"update {update}: {name} holds numbers that are not finite, so the training has diverged; lower `lr`"
            )


def begun_from(model: Any) -> dict[str, Any]:
    """Return the first numbers of each weight that is trained, to be compared at the end (`check_moved`)."""
    return {
        name: (weight.to_local() if hasattr(weight, "to_local") else weight).detach().flatten()[:COMPARED].cpu().clone()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


def check_moved(model: Any, before: dict[str, Any], update: int, recipe: Any) -> None:
    """Raise InputError when no weight is another than before the training, as far as they can be compared."""
    import torch

    after = begun_from(model)
    pairs = [(before[name], now) for name, now in after.items() if name in before and len(now) == len(before[name])]
    if update and any(len(now) for _, now in pairs) and all(torch.equal(*pair) for pair in pairs):
        raise InputError(
            f"update {update}: no weight has changed, so the student was taught nothing; `lr` ({recipe.lr}) is too "
            "small, or there are no updates after the warm-up (`warmup`)"
        )


def spikes(losses: list[float]) -> int:
    """Return how many updates had a loss of more than three times the median of the `SPIKE_WINDOW` before them."""
    windows = ((losses[i - SPIKE_WINDOW : i], losses[i]) for i in range(SPIKE_WINDOW, len(losses)))
    return sum(loss > SPIKE * statistics.median(before) for before, loss in windows)


def log_rows(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the train log, one per update."""
    names = {"update": "step", "lr": "learning_rate"}
    columns = ("update", "epoch", "loss", "lr", "grad_norm", "tokens", "loss_tokens", "tokens_per_second",
               "held_out_loss", "mfu")  # fmt: skip
    return [
        {column: entry.get(names.get(column, column)) for column in columns}
        for entry in history
        if "loss" in entry and "tokens" in entry
    ]
