"""Fine-tuning on rendered tokens: transformers' Trainer, whose batches are the planned updates.

One batch of the trainer is one update; the steps that make it up (`distill.training.steps`) are summed over all devices
and divided by the loss tokens of the whole update. So neither the packing, nor the rows per step, nor the number of
devices is in the arithmetic, and no update weighs a short row more than a long one.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill.config.recipes import LoraRecipe, TrainJob
from distill.runtime.errors import InputError
from distill.training import sharding
from distill.training.distillation import Taught, TeacherLogprobs
from distill.training.steps import (
    Layout,
    Tokens,
    attention_share,
    cheaper,
    check_isolation,
    lay_out,
    of_device,
    summed_loss,
    tensors,
)
from distill.training.updates import Update
from distill.training.watch import Watch, check_finite

CPU_TOKENS = 512  # per step: the mask of a pack is dense on a CPU, so twice the length costs four times the attention
GPU_TOKENS = 32768  # halved where that does not fit
OPTIMIZERS = {"adamw": "adamw_torch_fused", "adafactor": "adafactor", "sgd": "sgd"}


def options(recipe: TrainJob, seed: int, state: Path, updates: int, gpu: bool) -> dict[str, Any]:
    """Return transformers' `TrainingArguments` for a recipe; without `gpu`, on the processor."""
    warmup = recipe.warmup_updates or (recipe.warmup if recipe.warmup < 1 else 0.999999)
    return {
        "output_dir": str(state),
        "seed": seed,
        "data_seed": seed,
        "max_steps": updates,
        "per_device_train_batch_size": 1,
        "optim": OPTIMIZERS[recipe.optimizer],
        "learning_rate": recipe.lr,
        "lr_scheduler_type": recipe.schedule if recipe.schedule != "constant" else "constant_with_warmup",
        "warmup_steps": warmup,
        "weight_decay": recipe.weight_decay,
        "adam_beta1": recipe.beta1,
        "adam_beta2": recipe.beta2,
        "adam_epsilon": recipe.epsilon,
        "max_grad_norm": recipe.max_grad_norm,
        "bf16": recipe.precision == "bfloat16",
        "use_liger_kernel": recipe.liger,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # it would log 0 in place of a loss that is no number
        "save_strategy": "steps" if recipe.save_every else "no",  # `Watch` asks for saves where no number is given
        "save_steps": recipe.save_every or 500,
        "save_total_limit": 2,
        "ddp_find_unused_parameters": False,
        "dataloader_pin_memory": gpu,
        "report_to": list(recipe.report_to) or "none",
        "disable_tqdm": True,
        "use_cpu": not gpu,
        **sharding.options(recipe.sharding),
    }


def arguments(recipe: TrainJob, seed: int, state: Path, updates: int, kind: Any = None, **more: Any) -> Any:
    """Return transformers' arguments for a recipe, or those of a `kind` that extends them by `more`.

    Raises InputError for what this machine or environment lacks.
    """
    from importlib.util import find_spec

    import torch
    from transformers import TrainingArguments

    gpu = torch.cuda.is_available()
    kernels = {"liger": ("liger_kernel", recipe.liger),
               "flash_attention_2": ("flash_attn", recipe.attention == "flash_attention_2")}  # fmt: skip
    for name, (package, wanted) in kernels.items():
        if wanted and not gpu:
            raise InputError(f"training: {name} needs a GPU, and there is none; leave the key out here")
        if wanted and find_spec(package) is None:
            raise InputError(f"training: {name} needs {package.replace('_', '-')}; install it, or leave the key out")
    for package in recipe.report_to:
        if find_spec(package) is None:
            raise InputError(f"`report_to: [{package}]` needs the package {package}; install it, or leave it out")
    sharding.check(recipe.sharding, gpu)
    args = (kind or TrainingArguments)(**{**options(recipe, seed, state, updates, gpu), **more})
    args._n_gpu = min(args.n_gpu, 1)  # one process, one device: transformers would split its rows over all it sees
    sharding.keep_sums_exact(args)
    return args


def settle(seed: int) -> None:
    """Make the arithmetic the same each time."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    logging.getLogger("accelerate").setLevel(logging.WARNING)  # four lines for each saved state
    transformers.set_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else every large buffer is filled first: 15 times slower with a tiny model.
    torch.utils.deterministic.fill_uninitialized_memory = False


def adapt(model: Any, lora: LoraRecipe) -> Any:
    """Return the model with adapters. Raises InputError where it has no module of a name in `targets`."""
    from peft import LoraConfig, get_peft_model

    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    check_targets(model, targets)
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets,
                        use_rslora=lora.rslora, task_type="CAUSAL_LM")  # fmt: skip
    model.enable_input_require_grads()  # else checkpointed layers before the first adapter have no gradient
    return get_peft_model(model, config)


def check_targets(model: Any, targets: str | list[str]) -> None:
    """Raise InputError where `targets` names a module that the model has not (a text may be a regular expression)."""
    from peft.tuners.lora import LoraConfig, LoraModel

    linear = sorted({name.rsplit(".", 1)[-1] for name, m in model.named_modules() if "Linear" in type(m).__name__})
    for target in [targets] if isinstance(targets, str) else targets:
        config = LoraConfig(target_modules=target if isinstance(targets, str) else [target])
        found = target == "all-linear" or any(
            LoraModel._check_target_module_exists(config, name) for name, _ in model.named_modules()
        )
        if not found:
            raise InputError(f"lora.targets: no module {target!r}; this model has {', '.join(linear)}, or `all-linear`")


def build_trainer(
    model: Any, rendered: pa.Table, updates: Sequence[Update], recipe: TrainJob, args: Any, watch: Watch, pad: int = 0,
    teacher: TeacherLogprobs | None = None,
) -> Any:  # fmt: skip
    """Return a Trainer that takes the planned updates, in their order; with a `teacher` it distils as well."""
    from torch.utils.data import DataLoader
    from transformers import PrinterCallback, Trainer

    tokens = Tokens(rendered)
    share = attention_share(model) if args.use_cpu else 0.0

    class UpdateTrainer(Trainer):
        step_tokens = GPU_TOKENS if not args.use_cpu else CPU_TOKENS

        def create_accelerator_and_postprocess(self) -> None:
            super().create_accelerator_and_postprocess()
            sharding.use_on_cpu(self)

        def get_train_dataloader(self) -> DataLoader:
            """Return the updates as they are: every device sees all of them, and takes its own steps."""
            return DataLoader(updates, batch_size=1, collate_fn=lambda batch: {"rows": batch[0].rows})

        def _save_rng_state(self, output_dir: str) -> None:
            """Save it on each device, and wait: `trainer_state.json`, which says that a state is whole, comes after."""
            super()._save_rng_state(output_dir)
            self.accelerator.wait_for_everyone()

        def floating_point_ops(self, _inputs: Any) -> int:
            return 0

        def training_step(self, model: Any, inputs: dict[str, Any], *_: Any, **__: Any) -> Any:
            model.train()
            while True:
                try:
                    loss = self._backward(model, inputs["rows"])
                    break
                except RuntimeError as error:
                    self._take_less(error, inputs["rows"])
            check_finite("loss", float(loss), self.state.global_step + 1, recipe)
            return loss

        def _layout(self, rows: Sequence[int]) -> Layout:
            lengths = tokens.lengths(rows)
            if recipe.packing:
                return cheaper(rows, lengths, self.step_tokens, recipe.micro_batch, share)
            return Layout(lay_out(rows, lengths, self.step_tokens, recipe.micro_batch, packing=False), packed=False)

        def _inputs(self, step: Sequence[int], packed: bool) -> dict[str, Any]:
            return self._prepare_inputs(tensors(step, tokens, packed, pad, masked=not recipe.packing))

        def _backward(self, model: Any, rows: Sequence[int]) -> Any:
            """Add the gradients of this device's steps; return its share of the loss, times the number of devices."""
            from contextlib import nullcontext

            import torch

            devices = self.args.world_size
            layout = self._layout(rows)
            steps = of_device(layout.steps, self.args.process_index, devices)
            scale = devices / tokens.loss_tokens(rows)
            total = torch.zeros((), device=self.args.device)
            for number, step in enumerate(steps, 1):
                last = number == len(steps)
                self.accelerator.gradient_state._set_sync_gradients(last)
                # Cut-up gradients are summed after each step: whole ones, kept until the last, would fill a device.
                with nullcontext() if last or self.is_fsdp_enabled else self.accelerator.no_sync(model):
                    inputs = self._inputs(step, layout.packed)
                    loss = summed_loss(model, inputs, self._taught(step)) * scale
                    self.accelerator.backward(loss)
                total += loss.detach()
            return total

        def _taught(self, rows: Sequence[int]) -> Taught | None:
            # Not an input of the model: DeepSpeed would round it to bfloat16.
            return teacher.of(rows, self.args.device) if teacher else None

        def _take_less(self, error: RuntimeError, rows: Sequence[int]) -> None:
            """Halve the tokens of a step after an out-of-memory error, or raise it again, as words."""
            import torch

            if not (isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)):
                raise error
            longest = max(tokens.lengths(rows))
            if self.args.world_size > 1 or all(len(step) == 1 for step in self._layout(rows).steps):
                raise InputError(
                    f"out of memory at {self.step_tokens} tokens per step (the longest row has {longest}); "
                    + ("lower `micro_batch`, " if self.args.world_size > 1 else "lower the `cutoff`, ")
                    + "set `gradient_checkpointing: true`, train `lora`, or take more devices with `sharding`"
                ) from None
            self.step_tokens = min(self.step_tokens, sum(tokens.lengths(rows))) // 2
            logging.info("out of memory: going on with %d tokens per step", self.step_tokens)
            self.model.zero_grad()  # accelerate's optimiser keeps gradients in the middle of an update
            if not self.args.use_cpu:
                torch.cuda.empty_cache()

        def held_out_loss(self, rows: Sequence[int]) -> float:
            """Return the mean cross-entropy of rows that are not trained on, in nats per token."""
            import torch

            self.model_wrapped.eval()
            total, layout = 0.0, self._layout(rows)
            with torch.no_grad():
                for step in layout.steps:
                    total += float(summed_loss(self.model_wrapped, self._inputs(step, layout.packed)))
            return total / tokens.loss_tokens(rows)

    if recipe.packing:
        check_isolation(model, tokens)
    if recipe.lora is not None:
        model = adapt(model, recipe.lora)
    trainer = UpdateTrainer(model, args)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(watch.callback(trainer, tokens))
    return trainer
