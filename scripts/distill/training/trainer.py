"""transformers' Trainer, whose batches are planned updates. Imports torch and transformers; `sft` builds it."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import Trainer

from distill.config.recipes import TrainJob
from distill.training import sharding
from distill.training.distillation import Taught, TeacherLogprobs
from distill.training.loss import Head, summed_loss
from distill.training.memory import Size, fitted
from distill.training.steps import Layout, Tokens, attention_share, cheaper, lay_out, of_device, tensors
from distill.training.updates import Update
from distill.training.watch import check_finite

CPU_TOKENS = 512  # per step: the mask of a pack is dense on a CPU, so twice the length costs four times the attention
GPU_TOKENS = 32768  # with flash-attention; halved where that does not fit
MASKED_GPU_TOKENS = 8192  # the mask of a pack is dense, in bytes the square of its tokens for each layer


class UpdateTrainer(Trainer):
    """Takes the planned updates in their order; with a `teacher` it distils as well.

    pad: the token that fills up rows which stand side by side.
    """

    def __init__(
        self, model: Any, args: Any, tokens: Tokens, updates: Sequence[Update], recipe: TrainJob, pad: int,
        teacher: TeacherLogprobs | None,
    ):  # fmt: skip
        self._tokens, self._updates, self._recipe, self._pad, self._teacher = tokens, updates, recipe, pad, teacher
        self._share = attention_share(model, recipe.attention)
        on_gpu = GPU_TOKENS if recipe.attention == "flash_attention_2" else MASKED_GPU_TOKENS
        self.size = Size(CPU_TOKENS if args.use_cpu else on_gpu, "tokens per step", "step_tokens")
        super().__init__(model, args)
        longest = max(self.size.most, *tokens.lengths(range(len(tokens.ids))))
        # Weights that are cut up are whole in the model's own forward alone.
        self._head = Head.of(model, longest, self.accelerator.autocast) if recipe.sharding == "none" else None

    def create_accelerator_and_postprocess(self) -> None:
        """Let FSDP be in effect without GPUs, too."""
        super().create_accelerator_and_postprocess()
        sharding.use_on_cpu(self)

    def get_train_dataloader(self) -> DataLoader:
        """Return the updates as they are: every device sees all of them, and takes its own steps."""
        return DataLoader(self._updates, batch_size=1, collate_fn=lambda batch: {"rows": batch[0].rows})

    def _save_rng_state(self, output_dir: str) -> None:
        """Save it on each device, and wait: `trainer_state.json`, which says that a state is whole, comes after."""
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()

    def floating_point_ops(self, _inputs: Any) -> int:
        """Return 0: the watch counts them."""
        return 0

    def training_step(self, model: Any, inputs: dict[str, Any], *_: Any, **__: Any) -> Any:
        """Return the loss of an update, its gradients added; with half the tokens a step where they do not fit."""
        model.train()
        rows = inputs["rows"]
        longest = max(self._tokens.lengths(rows))
        remedy = (
            f" (the longest row has {longest}); lower the `cutoff`, set `gradient_checkpointing: true`, train `lora`, "
            "or take more devices with `sharding`"
        )
        loss = fitted(lambda: self._backward(model, rows), self.size, self, lambda: self._less(rows), remedy)
        check_finite("loss", float(loss), self.state.global_step + 1, self._recipe)
        return loss

    def layout(self, rows: Sequence[int]) -> Layout:
        """Return the steps of an update's rows."""
        lengths, recipe = self._tokens.lengths(rows), self._recipe
        if recipe.packing:
            return cheaper(rows, lengths, self.size.most, recipe.micro_batch, self._share)
        return Layout(lay_out(rows, lengths, self.size.most, recipe.micro_batch, packing=False), packed=False)

    def inputs(self, step: Sequence[int], packed: bool) -> dict[str, Any]:
        """Return the inputs of a step on its device."""
        return self._prepare_inputs(tensors(step, self._tokens, packed, self._pad, masked=not self._recipe.packing))

    def taught(self, rows: Sequence[int]) -> Taught | None:
        """Return what the teacher says of rows; no input of the model, which DeepSpeed would round to bfloat16."""
        return self._teacher.of(rows, self.args.device) if self._teacher else None

    def _backward(self, model: Any, rows: Sequence[int]) -> Any:
        """Add the gradients of this device's steps; return its share of the loss, times the number of devices."""
        devices = self.args.world_size
        layout = self.layout(rows)
        steps = of_device(layout.steps, self.args.process_index, devices)
        scale = devices / self._tokens.loss_tokens(rows)
        total = torch.zeros((), device=self.args.device)
        for number, step in enumerate(steps, 1):
            last = number == len(steps)
            self.accelerator.gradient_state._set_sync_gradients(last)
            # Cut-up gradients are summed after each step: whole ones, kept until the last, would fill a device.
            with nullcontext() if last or self.is_fsdp_enabled else self.accelerator.no_sync(model):
                loss = summed_loss(model, self.inputs(step, layout.packed), self.taught(step), self._head) * scale
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _less(self, rows: Sequence[int]) -> int:
        """Return how many tokens a step has at most that is smaller than those of these rows, 0 where there is none."""
        if all(len(step) <= 1 for step in self.layout(rows).steps):
            return 0
        return min(self.size.most, sum(self._tokens.lengths(rows))) // 2

    def held_out_loss(self, rows: Sequence[int]) -> float:
        """Return the mean cross-entropy of rows that are not trained on, in nats per token."""
        self.model_wrapped.eval()
        total, layout = 0.0, self.layout(rows)
        with torch.no_grad():
            for step in layout.steps:
                total += float(summed_loss(self.model_wrapped, self.inputs(step, layout.packed), head=self._head))
        return total / self._tokens.loss_tokens(rows)
