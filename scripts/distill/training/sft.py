"""Fine-tuning on rendered tokens: transformers' Trainer, whose batches are the planned updates.

One batch of the trainer is one update; the steps that make it up (`distill.training.steps`) are summed over all devices
and divided by the loss tokens of the whole update. So neither the packing, nor the rows per step, nor the number of
devices is in the arithmetic, and no update weighs a short row more than a long one.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill.config.recipes import LoraRecipe, TrainJob
from distill.runtime.errors import InputError
from distill.training import sharding
from distill.training.distillation import TeacherLogprobs
from distill.training.steps import Tokens, check_isolation
from distill.training.updates import Update
from distill.training.watch import Watch

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
        **sharding.options(recipe.sharding, recipe.precision),
    }


def arguments(recipe: TrainJob, seed: int, state: Path, updates: int, kind: Any = None, **more: Any) -> Any:
    """Return transformers' arguments for a recipe, or those of a `kind` that extends them by `more`.

    Raises InputError for what this machine or environment lacks.
    """
    from transformers import TrainingArguments

    gpu = check_machine(recipe)
    args = (kind or TrainingArguments)(**{**options(recipe, seed, state, updates, gpu), **more})
    args._n_gpu = min(args.n_gpu, 1)  # one process, one device: transformers would split its rows over all it sees
    sharding.keep_sums_exact(args)
    return args


def check_machine(recipe: TrainJob) -> bool:
    """Return whether there is a GPU. Raises InputError for what this machine or environment lacks."""
    from importlib.util import find_spec

    import torch

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
    return gpu


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
    """Raise InputError where `targets` (a text may be a pattern) has none in the model, or one without adapters."""
    from peft.tuners.lora import LoraConfig, LoraModel

    linear = sorted({name.rsplit(".", 1)[-1] for name, m in model.named_modules() if "Linear" in type(m).__name__})
    has = f"this model has {', '.join(linear)}, or `all-linear`"
    if not targets:
        raise InputError(f"lora.targets: names no module; {has}")
    for target in [targets] if isinstance(targets, str) else targets:
        config = LoraConfig(target_modules=target if isinstance(targets, str) else [target])
        try:
            found = [m for n, m in model.named_modules() if LoraModel._check_target_module_exists(config, n)]
        except re.error as error:
            raise InputError(f"lora.targets: {target!r} is no regular expression ({error}); {has}") from None
        if not found and target != "all-linear":
            raise InputError(f"lora.targets: no module {target!r}; {has}")
        if unfit := [type(m).__name__ for m in found if not _takes_adapter(m)]:
            raise InputError(f"lora.targets: {target!r} is a {unfit[0]}, which takes no adapter; {has}")


def _takes_adapter(module: Any) -> bool:
    """Whether PEFT has adapters for a module."""
    import torch

    name = type(module).__name__
    is_known = isinstance(module, (torch.nn.Embedding, torch.nn.MultiheadAttention))
    return is_known or "Linear" in name or name.startswith("Conv")


def build_trainer(
    model: Any, rendered: pa.Table, updates: Sequence[Update], recipe: TrainJob, args: Any, watch: Watch, pad: int = 0,
    teacher: TeacherLogprobs | None = None,
) -> Any:  # fmt: skip
    """Return a Trainer that takes the planned updates, in their order; with a `teacher` it distils as well."""
    from transformers import PrinterCallback

    from distill.training.trainer import UpdateTrainer

    tokens = Tokens(rendered)
    if recipe.packing:
        check_isolation(model, tokens)
    if recipe.lora is not None:
        model = adapt(model, recipe.lora)
    trainer = UpdateTrainer(model, args, tokens, updates, recipe, pad, teacher)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(watch.callback(trainer, tokens))
    return trainer
