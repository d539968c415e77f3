"""Fine-tuning with TRL on rendered tokens: what is handed to the trainer, and how a killed training goes on."""

import itertools
import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from distill.config.recipes import TrainJob
from distill.runtime.errors import InputError

IGNORED = -100
SPIKE, SPIKE_WINDOW = 3.0, 20  # times the median loss, of so many updates before


def labels(rendered: pa.Table) -> pa.Table:
    """Return the columns the trainer reads: input_ids, and labels that are -100 outside the loss mask."""
    ids = pc.list_flatten(rendered["input_ids"].combine_chunks())
    mask = pc.list_flatten(rendered["loss_mask"].combine_chunks())
    masked = pc.if_else(pc.equal(mask, 1), ids, pa.scalar(IGNORED, ids.type))
    offsets = rendered["input_ids"].combine_chunks().offsets
    return pa.table({"input_ids": rendered["input_ids"], "labels": pa.ListArray.from_arrays(offsets, masked)})


def accumulation(recipe: TrainJob, devices: int) -> int:
    """Return the accumulation steps that make up the global batch. Raises InputError when they are no whole number."""
    per_step = recipe.micro_batch * devices
    if recipe.global_batch % per_step:
        raise InputError(
            f"global_batch {recipe.global_batch} is no multiple of micro_batch {recipe.micro_batch} on {devices} "
            "devices; change `micro_batch` or the number of devices"
        )
    return recipe.global_batch // per_step


def planned_updates(recipe: TrainJob, rows: int) -> int:
    """Return how many updates a training takes; the last of an epoch may hold fewer rows than the global batch."""
    updates = math.ceil(math.ceil(rows / recipe.global_batch) * recipe.epochs)
    return updates if recipe.max_updates is None else recipe.max_updates


@dataclass
class Counter:
    """Tokens that the model has seen, and the seconds it took; kept in the trainer's log, so it survives a kill."""

    tokens: int = 0
    loss_tokens: int = 0
    seconds: float = 0.0
    since: float = field(default_factory=time.monotonic)

    def restore(self, log: list[dict[str, Any]]) -> None:
        """Go on from a saved log."""
        if log:
            self.tokens, self.loss_tokens = log[-1]["tokens"], log[-1]["loss_tokens"]

    def stamp(self, entry: dict[str, Any], before: int) -> None:
        """Write the counts and the speed into a log entry; `before` are the tokens at the entry before it."""
        now = time.monotonic()
        speed = (self.tokens - before) / max(now - self.since, 1e-9)
        entry.update(tokens=self.tokens, loss_tokens=self.loss_tokens, tokens_per_second=speed)
        self.since = now


def rows_seen(trainer: Any, rows: int) -> list[int] | None:
    """Return the indices of the rows that a finished training has seen, sorted; None where packing hides them.

    All of them after a whole epoch; else the first in the order that the first epoch's sampler gives again.
    """
    if trainer.state.epoch >= 1:
        return list(range(rows))
    if trainer.args.packing:
        return None
    steps = trainer.state.global_step * trainer.args.gradient_accumulation_steps
    batches = itertools.islice(trainer.get_train_dataloader().batch_sampler, steps)
    return sorted(index for batch in batches for index in batch)


def options(recipe: TrainJob, seed: int, state: Path, devices: int, gpu: bool) -> dict[str, Any]:
    """Return the arguments of TRL's `SFTConfig` for a recipe, on so many devices; without `gpu`, on the processor.

    Raises InputError when the global batch is no whole number of steps on these devices.
    """
    return {
        "output_dir": str(state),
        "seed": seed,
        "data_seed": seed,
        "num_train_epochs": recipe.epochs,
        "max_steps": recipe.max_updates or -1,
        "per_device_train_batch_size": recipe.micro_batch,
        "gradient_accumulation_steps": accumulation(recipe, devices),
        "learning_rate": recipe.lr,
        "lr_scheduler_type": recipe.schedule if recipe.schedule != "constant" else "constant_with_warmup",
        "warmup_steps": recipe.warmup if recipe.warmup < 1 else 0.999999,
        "weight_decay": recipe.weight_decay,
        "adam_beta2": recipe.beta2,
        "max_grad_norm": recipe.max_grad_norm,
        "bf16": recipe.precision == "bfloat16",
        "packing": recipe.packing,
        "max_length": None,  # rows are rendered to the cutoff already
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would log 0 in place of a loss that is no number
        "save_strategy": "steps",
        "save_steps": recipe.save_every,
        "save_total_limit": 2,
        "dataloader_pin_memory": gpu,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not gpu,
    }


def arguments(recipe: TrainJob, seed: int, state: Path, devices: int) -> Any:
    """Return TRL's arguments for a recipe. Raises InputError for `packing` without a GPU."""
    import torch
    from trl import SFTConfig

    gpu = torch.cuda.is_available()
    if recipe.packing and not gpu:
        raise InputError("`packing` keeps rows apart with flash-attention, which needs a GPU; set `packing: false`")
    return SFTConfig(**options(recipe, seed, state, devices, gpu))


def devices() -> int:
    """Return how many devices share a batch: torchrun's processes, or the GPUs of this one."""
    import torch

    return int(os.environ.get("WORLD_SIZE", 0)) or max(1, torch.cuda.device_count())


def build_trainer(
    model: Any, tokenizer: Any, rendered: pa.Table, recipe: TrainJob, args: Any, on_update: Callable[[int], None]
) -> Any:
    """Return TRL's trainer on rendered tokens; it counts what the model really sees."""
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTTrainer

    counter = Counter()

    class CountingTrainer(SFTTrainer):
        def training_step(self, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
            counter.tokens += int(inputs["attention_mask"].sum())
            counter.loss_tokens += int((inputs["labels"] != IGNORED).sum())
            loss = super().training_step(model, inputs, *rest, **named)
            check_finite("loss", float(loss), self.state.global_step + 1, recipe)
            return loss

    class Log(TrainerCallback):
        def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            counter.restore([e for e in state.log_history if "tokens" in e])

        def on_log(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            if "loss" not in state.log_history[-1]:
                return  # the summary at the end
            earlier = [e["tokens"] for e in state.log_history[:-1] if "tokens" in e]
            before = earlier[-1] if earlier else 0
            counter.stamp(state.log_history[-1], before)
            for name in ("loss", "grad_norm"):  # before a state is saved
                check_finite(name, state.log_history[-1].get(name) or 0.0, state.global_step, recipe)
            on_update(counter.tokens - before)

    dataset = Dataset(labels(rendered))
    trainer = CountingTrainer(model, args, train_dataset=dataset, processing_class=tokenizer, peft_config=_lora(recipe))
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Log())
    return trainer


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
        if weight.requires_grad and not bool(torch.isfinite(weight).all()):
            raise InputError(
                f"update {update}: {name} holds numbers that are not finite, so the training has diverged; lower `lr`"
            )


def spikes(losses: list[float]) -> int:
    """Return how many updates had a loss of more than three times the median of the `SPIKE_WINDOW` before them."""
    windows = ((losses[i - SPIKE_WINDOW : i], losses[i]) for i in range(SPIKE_WINDOW, len(losses)))
    return sum(loss > SPIKE * statistics.median(before) for before, loss in windows)


def _lora(recipe: TrainJob) -> Any:
    if recipe.lora is None:
        return None
    from peft import LoraConfig

    lora = recipe.lora
    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    return LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets,
                      task_type="CAUSAL_LM")  # fmt: skip


def log_rows(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the train log, one per update."""
    return [
        {
            "update": entry["step"],
            "epoch": entry["epoch"],
            "loss": entry["loss"],
            "lr": entry["learning_rate"],
            "grad_norm": entry.get("grad_norm"),
            "tokens": entry["tokens"],
            "tokens_per_second": entry["tokens_per_second"],
        }
        for entry in history
        if "loss" in entry and "tokens" in entry
    ]
