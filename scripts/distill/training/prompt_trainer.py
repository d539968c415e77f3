"""TRL's DistillationTrainer, whose prompts are tokens. Imports torch and trl; `on_policy` builds it.

One batch of the trainer is what this device writes of one update. All of it is written at once and learned step by
step, with fewer responses at once where that does not fit into memory. The loss of every step is divided by the tokens
of all responses of the update, so the steps change rounding only.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from trl import DistillationTrainer

from distill.training.draws import Draws, drawn, numbers
from distill.training.memory import Size, fitted


class PromptTrainer(DistillationTrainer):
    """Takes the prompts in their order; learns `step_rows` of its responses at once at most, all if None."""

    def __init__(
        self, student: Any, teacher: Any, args: Any, prompts: list[dict[str, Any]], tokenizer: Any,
        step_rows: int | None,
    ):  # fmt: skip
        own = args.per_device_train_batch_size
        self.size = Size(min(step_rows or own, own), "response(s) per step", "rows_per_step")
        self._written = Size(own, "response(s) written at once", "rows_written")
        super().__init__(student, teacher, args, prompts, processing_class=tokenizer)

    def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return prompts, None, {}  # tokens already: texts of them might be other tokens

    def _generate_single_turn(self, prompt_ids: list[list[int]], *more: Any) -> list[list[int]]:
        """Write this device's responses, whose rows stand beside each other in the update."""
        remedy = "; lower `max_new_tokens`, or give the job more memory"
        return fitted(
            lambda: self._write(prompt_ids, *more), self._written, self, lambda: self._written.most // 2, remedy,
            waited_for=False,
        )  # fmt: skip

    def _write(self, prompt_ids: list[list[int]], *more: Any) -> list[list[int]]:
        """Write them, as many at once as fit."""
        first, tokens = self.args.process_index * len(prompt_ids), self.args.max_completion_length
        found: list[list[int]] = []
        for start in range(0, len(prompt_ids), self._written.most):
            shown = prompt_ids[start : start + self._written.most]
            places = range(first + start, first + start + len(shown))
            own = numbers(self.args.seed, self.state.global_step, places, tokens)
            with drawn(self.accelerator.unwrap_model(self.model), Draws(own, max(map(len, shown)), self.temperature)):
                found += super()._generate_single_turn(shown, *more)
        return found

    def training_step(self, model: Any, inputs: list[dict[str, Any]], *_: Any, **__: Any) -> Any:
        """Write the responses of an update; return this device's share of their loss, its gradients added."""
        model.train()
        written = self._prepare_inputs(inputs)
        self._step += 1
        remedy = "; lower `max_new_tokens`, or set `gradient_checkpointing: true`"
        return fitted(lambda: self._learn(model, written), self.size, self, lambda: self.size.most // 2, remedy)

    def _learn(self, model: Any, written: dict[str, Any]) -> Any:
        """Add the gradients of written responses, step by step; return their loss."""
        steps = cut(written, self.size.most)
        total = torch.zeros((), device=self.args.device)
        for number, step in enumerate(steps, 1):
            last = number == len(steps)
            self.accelerator.gradient_state._set_sync_gradients(last)
            with nullcontext() if last else self.accelerator.no_sync(model):
                with self.compute_loss_context_manager():
                    loss = self.compute_loss(model, step)
                self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def _save_rng_state(self, output_dir: str) -> None:
        """Save it on each device, and wait: `trainer_state.json`, which says that a state is whole, comes after."""
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()

    def _send_telemetry(self) -> None:
        """Tell nobody."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write none beside a saved state."""


def cut(written: dict[str, Any], rows: int) -> Sequence[dict[str, Any]]:
    """Return written responses in steps of so many rows at most; what is no row (the tokens of all) stays whole."""
    size = len(written["completion_ids"])
    return [
        {name: value[start : start + rows] if value.ndim else value for name, value in written.items()}
        for start in range(0, size, rows)
    ]
