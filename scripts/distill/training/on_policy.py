"""On-policy distillation: the student writes responses, and learns its teacher's probabilities of their tokens.

TRL's DistillationTrainer does it (Agarwal et al. 2023, arXiv 2306.13649, with every response the student's own). Here
is what the trainer is given: the prompts of each update, planned before (`distill.training.prompts`), as the very
tokens that the student was shown in the training that it goes on from; a student that starts from that one; a teacher
with the same vocabulary; and the recipe. The loss of an update is the mean divergence over its responses' tokens.

One process on one device. The draws of a response follow from the seed and the rows of its update: a saved state holds
the generators too, so a killed training goes on with the responses that it would have written.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.recipes import OnPolicyJob
from distill.models.folders import load_model, load_tokenizer
from distill.models.teaching import check_same_vocabulary
from distill.runtime import busy
from distill.runtime.errors import InputError
from distill.runtime.progress import Progress
from distill.training import sft
from distill.training.outcome import save
from distill.training.prompts import fine_tuning, plan_updates, prompts
from distill.training.state import last_state
from distill.training.updates import split
from distill.training.watch import Signals, Watch, check_weights


def check_room(shown: Sequence[Sequence[int]], recipe: OnPolicyJob, models: dict[Path, Any]) -> None:
    """Raise InputError where a prompt and a response of `max_new_tokens` are longer than a model reads."""
    longest = max(map(len, shown))
    for folder, model in models.items():
        room = model.config.get_text_config().max_position_embeddings
        if longest + recipe.max_new_tokens > room:
            raise InputError(f"{folder} reads {room} tokens, and the longest prompt has {longest}: lower "
                             f"`max_new_tokens` ({recipe.max_new_tokens}) to {max(room - longest, 0)}")  # fmt: skip


def step_rows(recipe: OnPolicyJob) -> int:
    """Return the rows of a step: the most that `micro_batch` allows and an update can be cut into."""
    most = recipe.micro_batch or recipe.global_batch
    return max(n for n in range(1, min(most, recipe.global_batch) + 1) if recipe.global_batch % n == 0)


def options(recipe: OnPolicyJob) -> dict[str, Any]:
    """Return what TRL's `DistillationConfig` has beyond the keys of any training."""
    return {
        "per_device_train_batch_size": step_rows(recipe),
        "gradient_accumulation_steps": recipe.global_batch // step_rows(recipe),
        "max_completion_length": recipe.max_new_tokens,
        "temperature": recipe.temperature,
        "top_p": 1.0,  # the student's own distribution, whole
        "top_k": 0,
        "beta": recipe.beta,
        "shuffle_dataset": False,  # the updates are planned
    }


def build_trainer(student: Any, teacher: Any, tokenizer: Any, shown: Sequence[Sequence[int]], args: Any) -> Any:
    """Return TRL's trainer, which takes the prompts in their order, as many per update as `args` say."""
    from transformers import PrinterCallback
    from trl import DistillationTrainer

    class PromptTrainer(DistillationTrainer):
        def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
            return prompts, None, {}  # tokens already: texts of them might be other tokens

        def _send_telemetry(self) -> None:
            """Tell nobody."""

        def create_model_card(self, *_: Any, **__: Any) -> None:
            """Write none beside a saved state."""

    dataset = [{"prompt": list(prompt)} for prompt in shown]
    trainer = PromptTrainer(student, teacher, args, dataset, processing_class=tokenizer)
    trainer.remove_callback(PrinterCallback)
    return trainer


class OnPolicyWatch(Watch):
    """A watch whose tokens are known when an update has been made."""

    def tally(self, tokens: int) -> Callable[[Sequence[dict[str, Any]]], tuple[int, int, int]]:
        """Return what tells the tokens of an update from its log; `tokens` are its responses."""

        def of(history: Sequence[dict[str, Any]]) -> tuple[int, int, int]:
            entry = history[-1]
            before = next((e for e in history[-2::-1] if "loss_tokens" in e), {"tokens": 0, "loss_tokens": 0})
            own, seen = round(entry["completions/mean_length"] * tokens), int(entry["num_tokens"])
            return seen - before["tokens"], seen, before["loss_tokens"] + own

        return of

    def flops(self, trainer: Any) -> None:
        """Return None: most of the time the student writes."""


@dataclass(frozen=True)
class OnPolicyFit:
    """What a training reads and writes: a rendered table, model folders, its state, a folder for the weights."""

    rendered: Path
    start: Path
    teacher: Path
    seed: int
    recipe: str
    execution: str
    state: Path
    output: Path


def fit(job: OnPolicyFit) -> None:
    """Train to the end, from the last saved state if there is one; write the weights, and the log beside them.

    Raises InputError for models that do not go together, prompts that leave
    no room, too little memory, a training that diverges, or one that a signal ended.
    """
    with Signals() as signals:
        recipe = OnPolicyJob.parse(job.recipe, job.execution)
        common = fine_tuning(recipe)
        rendered = tables.read(job.rendered, tables.RENDERED)
        rows, _ = split(rendered, common)
        updates = plan_updates(rows, recipe, job.seed)
        shown = prompts(rendered, list(chain.from_iterable(update.rows for update in updates)))
        check_same_vocabulary(job.teacher, job.start)
        sft.settle(job.seed)
        args = arguments(recipe, job.seed, job.state)
        tokenizer, student, teacher = load_tokenizer(job.start), load_student(job.start), load_model(job.teacher)
        check_room(shown, recipe, {job.start: student, job.teacher: teacher})
        trainer = build_trainer(student, teacher, tokenizer, shown, args)
        saved = last_state(job.state)
        done = int(saved.name.split("-")[1]) if saved else 0
        with Progress(len(updates), unit="updates", desc="train_on_policy", done=done) as progress:
            watch = OnPolicyWatch(common, updates, [], lambda tokens: progress.update(1, tokens), signals)
            trainer.add_callback(watch.callback(trainer, recipe.global_batch))
            signals.begun = True
            busy.note("ready")
            with _in_words(trainer, recipe):
                trainer.train(resume_from_checkpoint=str(saved) if saved else None)
            watch.check_whole(trainer.state.global_step)
        check_weights(trainer.model, trainer.state.global_step)
        save(trainer, tokenizer, job.start, job.output)


def arguments(recipe: OnPolicyJob, seed: int, state: Path) -> Any:
    """Return TRL's arguments for a recipe. Raises InputError for what this environment lacks."""
    from trl import DistillationConfig

    logging.getLogger("trl").setLevel(logging.WARNING)
    return sft.arguments(fine_tuning(recipe), seed, state, recipe.max_updates, DistillationConfig, **options(recipe))


def load_student(folder: Path) -> Any:
    """Load the student that was trained before, its weights in float32; an adapter is loaded to be trained on."""
    student = load_model(folder, dtype="float32", merge=False)
    for name, weight in student.named_parameters():
        if "lora_" in name:
            weight.requires_grad_()  # PEFT loads adapters to be used
    return student


@contextmanager
def _in_words(trainer: Any, recipe: OnPolicyJob) -> Iterator[None]:
    """Turn errors of torch that a recipe can cause into InputError."""
    import torch

    try:
        yield
    except RuntimeError as error:
        update = trainer.state.global_step + 1
        if "probability tensor" in str(error):
            raise InputError(f"update {update}: the student's probabilities are no numbers, so the training has "
                             f"diverged and stops; lower `lr` ({recipe.lr})") from None  # fmt: skip
        if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
            raise InputError(
                f"out of memory at update {update}, with {step_rows(recipe)} responses per step; lower `micro_batch`, "
                "`max_new_tokens` or `global_batch` (all responses of an update are written at once), or set "
                "`gradient_checkpointing: true`"
            ) from None
        raise
