"""One training on all devices of a process group: rows and a model folder in, weights and a train log out.

`train.py` runs it in its own process for one device, and through torchrun (`distill.training.launch`) for several. Only
the first process writes; what is between the two is files.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.recipes import TrainJob
from distill.models.folders import load_generation_config, load_model, load_tokenizer, stop_ids
from distill.runtime.files import read_json, replacing_folder, write_json
from distill.runtime.progress import Progress
from distill.runtime.run import run
from distill.training import sft
from distill.training.distillation import TeacherLogprobs
from distill.training.state import last_state
from distill.training.updates import plan_updates, split
from distill.training.watch import Watch, check_weights, log_rows

LOG = "train_log.parquet"


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
    import torch
    import transformers

    recipe = TrainJob.parse(job.recipe, job.execution)
    rendered = tables.read(job.rendered, tables.RENDERED)
    rows, held_out = split(rendered, recipe)
    updates = plan_updates(rows, recipe, job.seed)
    transformers.logging.set_verbosity_error()
    transformers.set_seed(job.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else every large buffer is filled first: 15 times slower with a tiny model.
    torch.utils.deterministic.fill_uninitialized_memory = False
    args = sft.arguments(recipe, job.seed, job.state, len(updates))
    tokenizer = load_tokenizer(job.model)
    model = load_student(job.model, recipe)
    saved = last_state(job.state)
    done = int(saved.name.split("-")[1]) if saved else 0
    teacher = TeacherLogprobs.read(job.logprobs, rendered, recipe.distil) if job.logprobs and recipe.distil else None
    with Progress(len(updates), unit="updates", desc="train", done=done) as progress:
        watch = Watch(recipe, updates, held_out, lambda tokens: progress.update(1, tokens))
        trainer = sft.build_trainer(model, rendered, updates, recipe, args, watch, tokenizer.pad_token_id, teacher)
        with watch.listening():
            trainer.train(resume_from_checkpoint=str(saved) if saved else None)
    watch.check_whole(trainer.state.global_step)
    check_weights(trainer.model, trainer.state.global_step)
    save(trainer, tokenizer, job)


def load_student(folder: Path, recipe: TrainJob) -> Any:
    """Load a student. Its weights are float32 while they are trained; `precision` is that of the arithmetic."""
    return load_model(folder, dtype="float32", merge=False, attention=recipe.attention)


def save(trainer: Any, tokenizer: Any, job: Fit) -> None:
    """Write weights (or the adapter), tokenizer with its chat template, generation config and log, atomically."""
    from transformers import GenerationConfig

    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)  # gathers those that are cut up
    if trainer.args.process_index:
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    with replacing_folder(job.output) as folder:
        model.save_pretrained(folder, state_dict=weights, safe_serialization=True)
        tokenizer.save_pretrained(folder)
        config = load_generation_config(job.model) or GenerationConfig()
        stops = stop_ids(tokenizer, config)  # those of the base: both end their responses alike
        config.eos_token_id = stops if len(stops) > 1 else stops[0]
        config.save_pretrained(folder)
        _sort_adapter(folder / "adapter_config.json")
    log = tables.build(log_rows(trainer.state.log_history), tables.TRAIN_LOG)
    tables.write(job.output.with_name(LOG), log, tables.TRAIN_LOG)


def _sort_adapter(path: Path) -> None:
    """Write the names of an adapter's layers in one order: they come from a set, in another order in each process."""
    if path.is_file():
        config = read_json(path)
        write_json(
            path, {k: sorted(v) if k == "target_modules" and isinstance(v, list) else v for k, v in config.items()}
        )


def main(argv: list[str] | None = None) -> None:
    """Train as one process of a group; the job is the only argument."""
    (text,) = sys.argv[1:] if argv is None else argv
    fit(Fit.from_json(text))


if __name__ == "__main__":
    run(main)
