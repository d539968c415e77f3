"""One training on all devices of a process group: rows and a model folder in, weights and a train log out.

`train.py` runs it in its own process for one device, and in processes of their own (`distill.training.launch`) for
several. Only the first process writes and reports; what is between the two is files.
"""

import re
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.recipes import TrainJob
from distill.models.folders import load_model, load_tokenizer
from distill.runtime import busy, execution
from distill.runtime.errors import InputError
from distill.runtime.group import Job, group_place, work
from distill.runtime.progress import Progress
from distill.runtime.run import run
from distill.training import sft, sharding
from distill.training.distillation import TeacherLogprobs
from distill.training.memory import told
from distill.training.outcome import save
from distill.training.rows import check_ids, check_rows
from distill.training.state import last_state
from distill.training.updates import plan_updates, split
from distill.training.watch import Signals, Watch, begun_from, check_moved, check_weights

REMEDY = "train `lora`, take `optimizer: adafactor`, or more devices with `sharding: fsdp`"


@dataclass(frozen=True)
class Fit(Job):
    """What a training reads and writes: a rendered table, a model folder, its state, a folder for the weights.

    logprobs: a teacher's log-probabilities of the rows, where the recipe distils from them.
    """

    rendered: Path
    model: Path
    seed: int
    recipe: str
    execution: str
    output: Path
    logprobs: Path | None = None


def fit(job: Fit) -> None:
    """Train to the end, from the last saved state if there is one; write the weights, and the log beside them."""
    with Signals() as signals:
        trainer, tokenizer = _train(job, signals)
        save(trainer, tokenizer, job.model, job.output)
    if trainer.args.world_size > 1:
        trainer.end()


def _train(job: Fit, signals: Signals) -> tuple[Any, Any]:
    """Return the trainer after its last update, and the tokenizer."""
    processes, rank = group_place()
    recipe = TrainJob.parse(job.recipe, job.execution)
    recipe = recipe.model_copy(update={"sharding": sharding.effective(recipe.sharding, processes)})
    rendered = tables.read(job.rendered, tables.RENDERED)
    check_rows(rendered, job.rendered)
    rows, held_out = split(rendered, recipe)
    updates = plan_updates(rows, recipe, job.seed)
    sft.settle(job.seed)
    # A state of cut-up weights is of use to those alone.
    state = job.state if recipe.sharding == "none" else job.state / recipe.sharding
    sft.check_machine(recipe)
    model = load_student(job.model, recipe)  # before the arguments, after which DeepSpeed would cut it up at once
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    check_ids(rendered, job.rendered, model.get_input_embeddings().num_embeddings, context)
    args = sft.arguments(recipe, job.seed, state, len(updates))
    tokenizer = load_tokenizer(job.model)
    saved = last_state(state)
    done = int(saved.name.split("-")[1]) if saved else 0
    teacher = TeacherLogprobs.read(job.logprobs, rendered, recipe.distil) if job.logprobs and recipe.distil else None
    reported = Progress(len(updates), unit="updates", desc="train", done=done) if rank == 0 else nullcontext()
    with reported as progress:
        on_update = (lambda tokens: progress.update(1, tokens)) if progress else lambda _tokens: None
        watch = Watch(recipe, updates, held_out, on_update, signals)
        trainer = sft.build_trainer(model, rendered, updates, recipe, args, watch, tokenizer.pad_token_id, teacher)
        trainer.size.begin(trainer, job.at_most)
        begun = begun_from(trainer.model)
        signals.begun = True
        busy.note("ready")
        with told(trainer, recipe.optimizer, REMEDY):
            trainer.train(resume_from_checkpoint=str(saved) if saved else None)
        watch.check_whole(trainer.state.global_step)
    execution.log()
    check_weights(trainer.model, trainer.state.global_step)
    check_moved(trainer.model, begun, trainer.state.global_step, recipe)
    return trainer, tokenizer


def load_student(folder: Path, recipe: TrainJob) -> Any:
    """Load a student. Its weights are float32 while they are trained; `precision` is that of the arithmetic.

    Raises InputError for a kernel of the attention that it does not support, and for adapters.
    """
    try:
        model = load_model(folder, dtype="float32", merge=False, attention=recipe.attention)
    except InputError as error:
        found = re.search(r"(\w+) does not support (an attention|Flash)", str(error))
        if found is None:
            raise
        raise InputError(f"{folder}: a {found[1]} does not support `attention: {recipe.attention}`; take "
                         "`attention: eager`") from None  # fmt: skip
    if hasattr(model, "peft_config"):
        raise InputError(f"{folder}: its weights are adapters on another model, which are trained on by "
                         "train_on_policy.py alone; name a model with weights of its own")  # fmt: skip
    return model


def main(argv: list[str] | None = None) -> None:
    """Train as one process of a group."""
    work(lambda job: fit(Fit.from_json(job)), sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    run(main)
