"""One training on all devices of a process group: rows and a model folder in, weights and a train log out.

`train.py` runs it in its own process for one device, and in processes of their own (`distill.training.launch`) for
several. Only the first process writes and reports; what is between the two is files.
"""

import json
import logging
import os
import re
import sys
import threading
import traceback
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.recipes import TrainJob
from distill.models.folders import load_model, load_tokenizer
from distill.runtime import busy
from distill.runtime.errors import InputError
from distill.runtime.files import write_json
from distill.runtime.progress import Progress
from distill.runtime.run import run
from distill.training import sft, sharding
from distill.training.distillation import TeacherLogprobs
from distill.training.outcome import save
from distill.training.state import last_state
from distill.training.updates import plan_updates, split
from distill.training.watch import Signals, Watch, check_weights


@dataclass(frozen=True)
class Fit:
    """What a training reads and writes: a rendered table, a model folder, its state, a folder for the weights.

    logprobs: a teacher's log-probabilities of the rows, where the recipe distils from them.
    """

    rendered: Path
    model: Path
    seed: int
    recipe: str
    execution: str
    state: Path
    output: Path
    logprobs: Path | None = None

    def to_json(self) -> str:
        """Return it as one text, for another process."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Fit":
        """Read it back."""
        found = json.loads(text)
        names = ("rendered", "model", "state", "output", "logprobs")
        return cls(**found | {name: Path(found[name]) for name in names if found[name] is not None})


def fit(job: Fit) -> None:
    """Train to the end, from the last saved state if there is one; write the weights, and the log beside them."""
    with Signals() as signals:
        trainer, tokenizer = _train(job, signals)
        save(trainer, tokenizer, job.model, job.output)
    if trainer.args.world_size > 1:
        trainer.end()


def _train(job: Fit, signals: Signals) -> tuple[Any, Any]:
    """Return the trainer after its last update, and the tokenizer."""
    processes, rank = (int(os.environ.get(name, default)) for name, default in (("WORLD_SIZE", 1), ("RANK", 0)))
    recipe = TrainJob.parse(job.recipe, job.execution)
    recipe = recipe.model_copy(update={"sharding": sharding.effective(recipe.sharding, processes)})
    rendered = tables.read(job.rendered, tables.RENDERED)
    rows, held_out = split(rendered, recipe)
    updates = plan_updates(rows, recipe, job.seed)
    sft.settle(job.seed)
    # A state of cut-up weights is of use to those alone.
    state = job.state if recipe.sharding == "none" else job.state / recipe.sharding
    args = sft.arguments(recipe, job.seed, state, len(updates))
    tokenizer = load_tokenizer(job.model)
    model = load_student(job.model, recipe)
    saved = last_state(state)
    done = int(saved.name.split("-")[1]) if saved else 0
    teacher = TeacherLogprobs.read(job.logprobs, rendered, recipe.distil) if job.logprobs and recipe.distil else None
    reported = Progress(len(updates), unit="updates", desc="train", done=done) if rank == 0 else nullcontext()
    with reported as progress:
        on_update = (lambda tokens: progress.update(1, tokens)) if progress else lambda _tokens: None
        watch = Watch(recipe, updates, held_out, on_update, signals)
        trainer = sft.build_trainer(model, rendered, updates, recipe, args, watch, tokenizer.pad_token_id, teacher)
        signals.begun = True
        busy.note("ready")
        trainer.train(resume_from_checkpoint=str(saved) if saved else None)
        watch.check_whole(trainer.state.global_step)
    check_weights(trainer.model, trainer.state.global_step)
    return trainer, tokenizer


def load_student(folder: Path, recipe: TrainJob) -> Any:
    """Load a student. Its weights are float32 while they are trained; `precision` is that of the arithmetic.

    Raises InputError for a kernel of the attention that it does not support.
    """
    try:
        return load_model(folder, dtype="float32", merge=False, attention=recipe.attention)
    except InputError as error:
        found = re.search(r"(\w+) does not support (an attention|Flash)", str(error))
        if found is None:
            raise
        raise InputError(f"{folder}: a {found[1]} does not support `attention: {recipe.attention}`; take "
                         "`attention: eager`") from None  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Train as one process of a group: the job, and the folder where a file tells `launch` what went wrong."""
    text, told = sys.argv[1:] if argv is None else argv
    if "RANK" not in os.environ:  # srun has started it
        of_srun = {"RANK": "SLURM_PROCID", "LOCAL_RANK": "SLURM_LOCALID", "WORLD_SIZE": "SLURM_NTASKS"}
        os.environ |= {name: os.environ[other] for name, other in of_srun.items()}
    if os.environ["RANK"] != "0":
        logging.getLogger().setLevel(logging.WARNING)
    threading.Thread(target=_end_with_the_program, daemon=True).start()
    try:
        fit(Fit.from_json(text))
    except OSError:
        raise
    except Exception as error:
        is_input = isinstance(error, InputError)
        words = str(error) if is_input else traceback.format_exc()
        write_json(Path(told, os.environ["RANK"]), {"is_input": is_input, "text": words})
        sys.exit(1)


def _end_with_the_program() -> None:
    """End with the program that holds the other end of the input, however that ends."""
    os.read(0, 1)  # not through sys.stdin, which the interpreter locks when it ends
    os._exit(1)


if __name__ == "__main__":
    run(main)
