"""Weights on several devices: whole on each, or cut up by FSDP2 (accelerate's) or DeepSpeed ZeRO-3.

What a recipe asks for is in effect or refused: `effective` says what a number of processes makes of it, `check` what
this machine lacks, and `check_in_effect` looks at the prepared model.
"""

import logging
import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from distill.runtime.errors import InputError
from distill.runtime.files import read_json

RESOURCES = Path(__file__).resolve().parents[3] / "resources" / "sharding"


def effective(sharding: str, processes: int) -> str:
    """Return what a recipe's `sharding` comes to: nothing to cut up, said in the log, where there is one process."""
    if sharding == "none" or processes > 1:
        return sharding
    logging.info("sharding: %s has no effect, since one process trains; its weights are whole", sharding)
    return "none"


def check(sharding: str, gpu: bool) -> None:
    """Raise InputError where this environment cannot cut weights up in the way that a recipe asks for.

    Without `gpu` DeepSpeed is told to work between processes on processors.
    """
    if sharding != "deepspeed":
        return
    if find_spec("deepspeed") is None:
        raise InputError("`sharding: deepspeed` needs the package deepspeed; install it, or take `sharding: fsdp`")
    # It warns of torch's own names at each exchange.
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
    if not gpu:
        _use_deepspeed_on_cpu()


def _use_deepspeed_on_cpu() -> None:
    """Begin DeepSpeed's group by gloo: transformers begins one that it does not know of where there are no GPUs."""
    os.environ |= {"DS_ACCELERATOR": "cpu", "ACCELERATE_USE_DEEPSPEED": "true"}
    import deepspeed
    from deepspeed.comm import torch as backend

    if not deepspeed.comm.is_initialized():
        backend.build_shm_op = lambda: None  # built with a compiler at the start, and gloo does without it
        deepspeed.init_distributed("gloo", verbose=False)


def options(sharding: str, precision: str) -> dict[str, Any]:
    """Return transformers' `TrainingArguments` that ask for it.

    DeepSpeed's own bfloat16 would hold the weights in 16 bits, and save them so: it casts as the others do (autocast).
    """
    if sharding == "fsdp":
        return {"fsdp": True, "fsdp_config": str(RESOURCES / "fsdp2.json")}
    if sharding != "deepspeed":
        return {}
    config = read_json(RESOURCES / "deepspeed-zero3.json")
    autocast = {"enabled": precision == "bfloat16", "dtype": "bfloat16"}
    return {"deepspeed": {**config, "torch_autocast": autocast}, "bf16": False}


def keep_sums_exact(args: Any) -> None:
    """Let FSDP compute in bfloat16 but sum gradients in float32, as whole weights do; accelerate's own sums are not."""
    import torch
    from torch.distributed.fsdp import MixedPrecisionPolicy

    if args.fsdp_plugin_args is not None and args.bf16:
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
        args.fsdp_plugin_args["mixed_precision_policy"] = policy


def use_on_cpu(trainer: Any) -> None:
    """Let FSDP be in effect between processes without GPUs, where accelerate leaves it out without a word."""
    from accelerate import PartialState
    from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin

    state = trainer.accelerator.state
    if trainer.args.fsdp_plugin_args is not None and state.distributed_type == DistributedType.MULTI_CPU:
        # As `AcceleratorState` does with GPUs; each new view of it is filled from the shared part.
        state.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
        state.fsdp_plugin = FullyShardedDataParallelPlugin(**trainer.args.fsdp_plugin_args)
        trainer.is_fsdp_enabled = True


def check_in_effect(trainer: Any, sharding: str) -> None:
    """Raise RuntimeError unless the prepared weights lie on the devices as was asked for."""
    from torch.distributed.tensor import DTensor
    from torch.nn.parallel import DistributedDataParallel

    model = trainer.model_wrapped
    if trainer.is_deepspeed_enabled:
        found = "deepspeed"
    elif trainer.accelerator.is_fsdp2 and all(isinstance(weight, DTensor) for weight in model.parameters()):
        found = "fsdp"
    elif isinstance(model, DistributedDataParallel) or trainer.args.world_size == 1:
        found = "none"
    else:
        found = f"a {type(model).__name__} that no other device knows of"
    if found != sharding:
        raise RuntimeError(f"sharding: {sharding} was asked for, and the weights are under: {found}")


def tied(model: Any, weights: dict[str, Any]) -> dict[str, Any]:
    """Return gathered weights in which those that are one in the model are one again, so that they are written once."""
    first: dict[int, str] = {}
    names = {
        name: first.setdefault(id(weight), name) for name, weight in model.named_parameters(remove_duplicate=False)
    }
    return {name: weights[names.get(name, name)] for name in weights}
