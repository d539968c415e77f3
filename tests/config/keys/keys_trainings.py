"""Keys of trainings: TRL's arguments, the optimiser, adapters, rendered rows, loglikelihoods."""

from functools import cache
from pathlib import Path
from typing import Any

import compute_loglikelihood
import render
from keys import Keys, key
from keys_responses import by_template, templating
from world import SAYINGS, ran, read, scratch

from distill import tables
from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.recipes import (
    LoglikelihoodJob,
    LoraRecipe,
    ModelRecipe,
    RenderJob,
    Settings,
    StudentRecipe,
    TrainingRecipe,
    TrainJob,
)
from distill.models.folders import load_model, load_tokenizer
from distill.training import sft

GROUP = ("lr", "betas", "weight_decay")
LORA = {"lora": {}}


def words(recipe: TrainJob) -> Any:
    """A recipe in TRL's words, as on a GPU."""
    return sft.options(recipe, 1, Path("state"), 1, gpu=True)


def arguments(recipe: TrainJob) -> Any:
    """TRL's own object, on this machine."""
    plain = recipe.model_copy(update={"packing": False})
    found = sft.arguments(plain, 1, Path("state"), 1).to_dict()
    return {k: str(v) for k, v in found.items() if k != "logging_dir"}


def packed(recipe: TrainJob) -> Any:
    """Where there is no GPU, packing is refused."""
    import torch

    return torch.cuda.is_available() or ran(lambda _: sft.arguments(recipe, 1, Path("state"), 1), "")


@cache
def rendered() -> Any:
    rows = [{"problem_id": str(i), "teacher": "t", "input_ids": [5, 6, 7, 8], "loss_mask": [0, 0, 1, 1], "length": 4}
            for i in range(4)]  # fmt: skip
    return tables.build(rows, tables.RENDERED)


def trainer(recipe: TrainJob) -> Any:
    model, tokenizer = load_model(Path("models/base-xs"), dtype="float32"), load_tokenizer(Path("models/base-xs"))
    options = sft.arguments(recipe, 1, scratch(), 1)
    return sft.build_trainer(model, tokenizer, rendered(), recipe, options, lambda _: None)


def optimiser(recipe: TrainJob) -> Any:
    """The optimiser's groups, and the learning rates of ten updates."""
    built = trainer(recipe)
    built.create_optimizer_and_scheduler(10)
    groups = [{name: group[name] for name in GROUP} for group in built.optimizer.param_groups]
    rates = []
    for _ in range(10):
        rates.append(built.lr_scheduler.get_last_lr()[0])
        built.optimizer.step()
        built.lr_scheduler.step()
    return groups, rates


def trained(recipe: TrainJob) -> Any:
    """Each weight that is trained, its shape, and what an adapter does to it."""
    model = trainer(recipe).model
    shapes = sorted((name, tuple(p.shape)) for name, p in model.named_parameters() if p.requires_grad)
    scale = [(n, str(m.scaling), str(m.lora_dropout)) for n, m in model.named_modules() if hasattr(m, "lora_dropout")]
    return shapes, scale


def adapted(recipe: LoraRecipe) -> Any:
    return trained(TrainJob(lr=1, lora=recipe, global_batch=2, micro_batch=2))


def passed_on(recipe: TrainingRecipe) -> Any:
    """What the jobs of training and rendering read."""
    student = StudentRecipe(model=ModelRecipe(path="m"))
    catalogue = Catalogue(Settings(studies=("toy",)), students={"s": student}, trainings={"t": recipe})
    return jobs.train_job(catalogue, "t").canonical(), jobs.render_job(catalogue, "s", "t").canonical()


def shown(recipe: RenderJob) -> Any:
    """The rows and the ledger of render.py."""
    home = scratch()
    rows = [
        {"problem_id": r["problem_id"], "source": "test", "teacher": "t", "draw": 0,
         "messages": [{"role": "user", "content": r["problem"]},
                      {"role": "assistant", "content": "1" + " up 1" * int(r["answer"])}]}
        for r in SAYINGS
    ]  # fmt: skip
    tables.write(home / "train.parquet", tables.build(rows, tables.TRAIN), tables.TRAIN)
    options = ("--dataset", home / "train.parquet", "--model", "models/any", "--prompt", "prompts/plain.jinja")
    output = home / "out/rendered.parquet"
    refusal = ran(render.main, *options, "--recipe", recipe.canonical(), "--output", output)
    assert not refusal, refusal
    return read(output, tables.RENDERED), read(output.with_name("ledger.parquet"), tables.LEDGER)


def bounded(recipe: RenderJob) -> Any:
    """How render.py ends where one of the rows cannot be rendered."""
    home = scratch()
    texts = ("1 up 1", "1 <|end|>")
    rows = [
        {"problem_id": str(i), "source": "test", "teacher": "t", "draw": 0,
         "messages": [{"role": "user", "content": "1 + 1"}, {"role": "assistant", "content": text}]}
        for i, text in enumerate(texts)
    ]  # fmt: skip
    tables.write(home / "train.parquet", tables.build(rows, tables.TRAIN), tables.TRAIN)
    options = ("--dataset", home / "train.parquet", "--model", "models/any", "--prompt", "prompts/plain.jinja")
    return ran(render.main, *options, "--recipe", recipe.model_copy(update={"cutoff": 300}).canonical(),
               "--output", home / "out/rendered.parquet")  # fmt: skip


def likelihoods(recipe: LoglikelihoodJob) -> Any:
    home = scratch()
    rows = [{"problem_id": r["problem_id"], "draw": 0, "response": r["answer"], "finish_reason": "stop"}
            for r in SAYINGS]  # fmt: skip
    tables.write(home / "r.parquet", tables.build(rows, tables.RESPONSES), tables.RESPONSES)
    options = ("--statements", "statements.parquet", "--responses", home / "r.parquet", "--model", "models/any",
               "--prompt", "prompts/plain.jinja")  # fmt: skip
    output = home / "loglikelihoods.parquet"
    assert not ran(compute_loglikelihood.main, *options, "--recipe", recipe.canonical(), "--output", output)
    return read(output, tables.LOGLIKELIHOODS)


def _training(*probes: Any, deep: bool) -> dict[str, Any]:
    """Return the keys of a training; `deep` also asks the optimiser and the model."""
    more = (optimiser,) if deep else ()
    model = (trained,) if deep else ()
    own = (arguments, words) if deep else probes
    return {
        "lr": key(0.5, *own, *more),
        "epochs": key(3.0, *own),
        "max_updates": key(7, *own),
        "global_batch": key(32, *own),
        "micro_batch": key(8, *own),
        "schedule": key("linear", *own, *more),
        "warmup": key(0.5, *own, *more),
        "weight_decay": key(0.1, *own, *more),
        "beta2": key(0.9, *own, *more),
        "max_grad_norm": key(0.5, *own),
        "precision": key("bfloat16", *own),
        "packing": key(True, words, packed) if deep else key(True, *own),
        "gradient_checkpointing": key(True, *own),
        "lora": key({}, *(model or own)),
        "save_every": key(7, *own),
    }


KEYS = {
    TrainJob: Keys({"lr": 1.0}, _training(deep=True)),
    TrainingRecipe: Keys({"lr": 1.0, "cutoff": 64}, {
        **_training(passed_on, deep=False),
        "cutoff": key(32, passed_on),
        "over_cutoff": key("keep", passed_on),
        "max_unrenderable": key(0.5, passed_on),
    }),
    LoraRecipe: Keys({}, {
        "rank": key(4, adapted),
        "alpha": key(64, adapted),
        "dropout": key(0.5, adapted),
        "targets": key(["q_proj"], adapted),
    }),
    RenderJob: Keys({"system": None, "cutoff": 10, "over_cutoff": "drop"}, {
        "system": key("1 + 2", shown, cutoff=300),
        "cutoff": key(300, shown),
        "over_cutoff": key("keep", shown),
        "max_unrenderable": key(1.0, bounded),
        **templating(by_template, date="2026-01-01"),
    }),
    LoglikelihoodJob: Keys({"system": None}, {
        "system": key("1 + 2", likelihoods),
        **templating(by_template, date="2026-01-01"),
    }),
}  # fmt: skip
