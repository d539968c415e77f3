"""On-policy distillation: the student writes responses, and learns its teacher's probabilities of their tokens.

TRL's DistillationTrainer does it (Agarwal et al. 2023, arXiv 2306.13649, with every response the student's own). Here
is what the trainer is given: the prompts of each update, planned before (`distill.training.prompts`), as the very
tokens that the student was shown in the training that it goes on from; a student that starts from that one; a teacher
with the same vocabulary; and the recipe. The loss of an update is the mean divergence over its responses' tokens.

On several devices each writes, scores and learns its share of an update's responses; the gradients are summed. The
draws of a response follow from the seed, the update and the row's place in it (`distill.training.draws`), so neither
the devices, nor a kill, nor the rows of a step are in them.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.recipes import OnPolicyJob
from distill.models.folders import load_model, load_tokenizer
from distill.models.teaching import check_same_vocabulary
from distill.runtime import busy, execution
from distill.runtime.errors import InputError
from distill.runtime.group import Job, group_place, work
from distill.runtime.progress import Progress
from distill.runtime.run import run
from distill.training import sft
from distill.training.memory import told
from distill.training.outcome import save
from distill.training.prompts import fine_tuning, plan_updates, prompts
from distill.training.rows import check_ids, check_prompts, check_rows
from distill.training.state import last_state
from distill.training.updates import split
from distill.training.watch import Signals, Watch, begun_from, check_moved, check_weights

REMEDY = "start from adapters (`lora`), or give the job more memory: the teacher is in it, too"


def check_room(shown: Sequence[Sequence[int]], recipe: OnPolicyJob, models: dict[Path, Any]) -> None:
    """Raise InputError where a prompt and a response of `max_new_tokens` are longer than a model reads."""
    longest = max(map(len, shown))
    for folder, model in models.items():
        room = model.config.get_text_config().max_position_embeddings
        if longest + recipe.max_new_tokens > room:
            raise InputError(f"{folder} reads {room} tokens, and the longest prompt has {longest}: lower "
                             f"`max_new_tokens` ({recipe.max_new_tokens}) to {max(room - longest, 0)}")  # fmt: skip


def check_head(student: Any, folder: Path) -> None:
    """Raise InputError where adapters are on the student's output layer, which TRL's trainer does not train."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    if isinstance(student.get_output_embeddings(), BaseTunerLayer):
        raise InputError(f"{folder}: it has an adapter on its output layer, which TRL's trainer does not train; start "
                         "from a training whose `lora.targets` leave out that layer")  # fmt: skip


def share(recipe: OnPolicyJob, devices: int = 1) -> int:
    """Return the responses of an update that each device writes. Raises InputError where they cannot share it."""
    if recipe.global_batch % devices:
        fits = [n for n in range(1, devices) if recipe.global_batch % n == 0]
        raise InputError(f"`global_batch` {recipe.global_batch} cannot be shared evenly by {devices} devices; give "
                         f"{fits[-1]}, or a multiple of {devices} as the batch")  # fmt: skip
    return recipe.global_batch // devices


def options(recipe: OnPolicyJob, devices: int = 1) -> dict[str, Any]:
    """Return what TRL's `DistillationConfig` has beyond the keys of any training.

    Its batch is all that a device writes of an update; the trainer cuts that into steps.
    """
    return {
        "per_device_train_batch_size": share(recipe, devices),
        "max_completion_length": recipe.max_new_tokens,
        "temperature": recipe.temperature,
        "top_p": 1.0,  # the student's own distribution, whole
        "top_k": 0,
        "beta": recipe.beta,
        "shuffle_dataset": False,  # the updates are planned
    }


def build_trainer(
    student: Any, teacher: Any, tokenizer: Any, shown: Sequence[Sequence[int]], args: Any, step_rows: int | None = None
) -> Any:
    """Return TRL's trainer, which takes the prompts in their order, as many per update as `args` say.

    It learns `step_rows` responses at once at most (absent: all of its own).
    """
    from transformers import PrinterCallback

    from distill.training.prompt_trainer import PromptTrainer

    dataset = [{"prompt": list(prompt)} for prompt in shown]
    trainer = PromptTrainer(student, teacher, args, dataset, tokenizer, step_rows)
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
class OnPolicyFit(Job):
    """What a training reads and writes: a rendered table, model folders, its state, a folder for the weights."""

    rendered: Path
    start: Path
    teacher: Path
    seed: int
    recipe: str
    execution: str
    output: Path


def fit(job: OnPolicyFit) -> None:
    """Train to the end, from the last saved state if there is one; write the weights, and the log beside them.

    Raises InputError for models that do not go together, prompts that leave
    no room, too little memory, a training that diverges, or one that a signal ended.
    """
    with Signals() as signals:
        trainer, tokenizer = _train(job, signals)
        save(trainer, tokenizer, job.start, job.output)
    if trainer.args.world_size > 1:
        trainer.end()


def _train(job: OnPolicyFit, signals: Signals) -> tuple[Any, Any]:
    """Return the trainer after its last update, and the tokenizer."""
    devices, rank = group_place()
    recipe = OnPolicyJob.parse(job.recipe, job.execution)
    common = fine_tuning(recipe)
    rendered = tables.read(job.rendered, tables.RENDERED)
    check_rows(rendered, job.rendered)
    rows, _ = split(rendered, common)
    updates = plan_updates(rows, recipe, job.seed)
    places = list(chain.from_iterable(update.rows for update in updates))
    shown = prompts(rendered, places)
    check_prompts(shown, rendered, places, job.rendered)
    check_same_vocabulary(job.teacher, job.start)
    sft.settle(job.seed)
    args = arguments(recipe, job.seed, job.state, devices)
    tokenizer, student, teacher = load_tokenizer(job.start), load_student(job.start), load_model(job.teacher)
    check_ids(rendered, job.rendered, len(student.get_input_embeddings().weight), None)
    check_room(shown, recipe, {job.start: student, job.teacher: teacher})
    check_head(student, job.start)
    trainer = build_trainer(student, teacher, tokenizer, shown, args, recipe.micro_batch)
    trainer.size.begin(trainer, job.at_most)
    begun = begun_from(trainer.model)
    saved = last_state(job.state)
    done = int(saved.name.split("-")[1]) if saved else 0
    reported = Progress(len(updates), unit="updates", desc="train_on_policy", done=done) if rank == 0 else nullcontext()
    with reported as progress:
        on_update = (lambda tokens: progress.update(1, tokens)) if progress else lambda _tokens: None
        watch = OnPolicyWatch(common, updates, [], on_update, signals)
        trainer.add_callback(watch.callback(trainer, recipe.global_batch))
        signals.begun = True
        busy.note("ready")
        with told(trainer, "adamw", REMEDY), _in_words(trainer, recipe):
            trainer.train(resume_from_checkpoint=str(saved) if saved else None)
        watch.check_whole(trainer.state.global_step)
    execution.log()
    check_weights(trainer.model, trainer.state.global_step)
    if any(entry.get("grad_norm") for entry in trainer.state.log_history):
        check_moved(trainer.model, begun, trainer.state.global_step, recipe)
    else:
        logging.info("the teacher says what the student says itself, so nothing was taught")
    return trainer, tokenizer


def arguments(recipe: OnPolicyJob, seed: int, state: Path, devices: int = 1) -> Any:
    """Return TRL's arguments for a recipe. Raises InputError for what this environment lacks."""
    from trl import DistillationConfig

    logging.getLogger("trl").setLevel(logging.WARNING)
    more = options(recipe, devices)
    return sft.arguments(fine_tuning(recipe), seed, state, recipe.max_updates, DistillationConfig, **more)


def load_student(folder: Path) -> Any:
    """Load the student that was trained before, its weights in float32; an adapter is loaded to be trained on."""
    student = load_model(folder, dtype="float32", merge=False)
    for name, weight in student.named_parameters():
        if "lora_" in name:
            weight.requires_grad_()  # PEFT loads adapters to be used
    return student


@contextmanager
def _in_words(trainer: Any, recipe: OnPolicyJob) -> Iterator[None]:
    """Turn torch's error of a student whose probabilities are no numbers into InputError."""
    try:
        yield
    except RuntimeError as error:
        if "probability tensor" not in str(error):
            raise
        raise InputError(f"update {trainer.state.global_step + 1}: the student's probabilities are no numbers, so the "
                         f"training has diverged and stops; lower `lr` ({recipe.lr})") from None  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Train as one process of a group."""
    work(lambda job: fit(OnPolicyFit.from_json(job)), sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    run(main)
