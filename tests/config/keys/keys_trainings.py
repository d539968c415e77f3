"""Keys of trainings: TRL's arguments, the optimiser, adapters, rendered rows, loglikelihoods."""

import os
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import compute_loglikelihood
import compute_teacher_logprobs
import render
from keys import Keys, key
from keys_responses import by_template, templating
from planned import commands, option
from world import SAYINGS, ran, read, scratch

from distill import tables
from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.recipes import (
    DatasetRecipe,
    Distillation,
    DistilRecipe,
    FineTuning,
    LoglikelihoodJob,
    LoraRecipe,
    ModelRecipe,
    RenderJob,
    Settings,
    StudentRecipe,
    TeacherLogprobsJob,
    TrainingRecipe,
    TrainJob,
)
from distill.models.folders import load_model, load_tokenizer
from distill.runtime.group import nodes_of
from distill.training import sft
from distill.training.distillation import TeacherLogprobs
from distill.training.fit import load_student
from distill.training.loss import summed_loss
from distill.training.steps import Tokens, tensors
from distill.training.updates import plan_updates, split
from distill.training.watch import Watch

GROUP = ("lr", "betas", "eps", "weight_decay")
LORA = {"lora": {}}


def words(recipe: TrainJob) -> Any:
    """A recipe in transformers' words, as on a GPU."""
    return sft.options(recipe, 1, Path("state"), 10, gpu=True)


def arguments(recipe: TrainJob) -> Any:
    """Transformers' own object on this machine, or why there is none."""
    found: dict[str, Any] = {}
    error = ran(lambda _: found.update(sft.arguments(recipe, 1, Path("state"), 10).to_dict()), "")
    return error or {k: str(v) for k, v in found.items() if k != "logging_dir"}


def planned(recipe: TrainJob) -> Any:
    """The rows of each update, and those held out."""
    hard = "t0" if recipe.order == "easy_first" else None
    job = TrainJob(**{**recipe.model_dump(), "hard_teacher": getattr(recipe, "hard_teacher", None) or hard})
    rows, held_out = split(rendered(), job)
    return plan_updates(rows, job, 1), held_out


def laid_out(recipe: TrainJob) -> Any:
    """The rows of the first update's steps, and their inputs."""
    built = trainer(recipe)
    layout = built.layout(planned(recipe)[0][0].rows)
    return layout, sorted(built.inputs(layout.steps[0], layout.packed))


def attending(recipe: TrainJob) -> Any:
    """The kernel of the model that fit.py loads."""
    return load_student(Path("models/base-xs"), recipe).config._attn_implementation


def rule_threads(recipe: TrainJob) -> Any:
    """What the rule reads of a job; tests/rules asks the rule itself."""
    return TrainJob(**recipe.model_dump()).execution()


def machines(recipe: TrainJob) -> Any:
    """On how many machines a job of SLURM trains, or what it lacks."""
    found: list[int] = []
    with mock.patch.dict(os.environ, SLURM_JOB_ID="1"):
        error = ran(lambda _: found.append(nodes_of(recipe.nodes)), "")
    return error or found


def saves(recipe: TrainJob) -> Any:
    """Whether the pace of saved states is left to the program."""
    return sft.options(recipe, 1, Path("state"), 10, gpu=False)["save_steps"], recipe.save_every is None


@cache
def rendered() -> Any:
    lengths = [4, 9, 5, 7, 6, 12, 3, 8]
    rows = [{"problem_id": str(i), "teacher": f"t{i % 2}", "input_ids": [5 + i] * n, "loss_mask": [0] + [1] * (n - 1),
             "length": n} for i, n in enumerate(lengths)]  # fmt: skip
    return tables.build(rows, tables.RENDERED)


def trainer(recipe: TrainJob) -> Any:
    model, tokenizer = load_model(Path("models/base-xs"), dtype="float32"), load_tokenizer(Path("models/base-xs"))
    updates, held_out = planned(recipe)
    options = sft.arguments(recipe, 1, scratch(), len(updates))
    watch = Watch(recipe, updates, held_out, lambda _: None)
    distil = recipe.distil
    teacher = distil and TeacherLogprobs.read(stored(distil.top_k, distil.temperature), rendered(), distil)
    return sft.build_trainer(model, rendered(), updates, recipe, options, watch, tokenizer.pad_token_id, teacher)


def lost(recipe: TrainJob) -> Any:
    """The loss of the first rows."""
    built, rows = trainer(recipe), [0, 1, 2]
    return float(summed_loss(built.model, tensors(rows, Tokens(rendered()), True, 0), built.taught(rows)).detach())


def taught(recipe: Distillation) -> Any:
    return lost(TrainJob(lr=1, distil=recipe, global_batch=2))


@cache
def stored(top_k: int, temperature: float) -> Path:
    """The table of compute_teacher_logprobs.py."""
    home, recipe = scratch(), TeacherLogprobsJob(top_k=top_k, temperature=temperature)
    tables.write(home / "rendered.parquet", rendered(), tables.RENDERED)
    options = ("--rendered", home / "rendered.parquet", "--teacher", "models/base-m", "--student", "models/base-xs")
    output = home / "out/teacher_logprobs.parquet"
    assert not ran(compute_teacher_logprobs.main, *options, "--recipe", recipe.canonical(), "--output", output)
    return output


def likeliest(recipe: TeacherLogprobsJob) -> Any:
    return read(stored(recipe.top_k, recipe.temperature), tables.TEACHER_LOGPROBS)


def distilled(recipe: DistilRecipe) -> Any:
    """What the jobs of a training and of its teacher read."""
    data, training = {"d": DatasetRecipe(corpus="c", teachers=("t0",))}, TrainingRecipe(lr=1, cutoff=9, distil=recipe)
    catalogue = Catalogue(Settings(studies=("toy",)), datasets=data, trainings={"t": training})
    return jobs.train_job(catalogue, "t", "d").canonical(), jobs.teacher_logprobs_job(catalogue, "t").canonical()


def teachers(recipe: DistilRecipe) -> Any:
    """The models that the rules give compute_teacher_logprobs.py."""
    entries = {"toy-sft": {"distil": recipe.model_dump()}}
    found = commands("compute_teacher_logprobs", kind="trainings", entries=entries)
    return {option(words, "--teacher") for words in found}


def optimiser(recipe: TrainJob) -> Any:
    """The optimiser's groups, and the learning rates of ten updates."""
    built = trainer(recipe)
    built.create_optimizer_and_scheduler(10)
    groups = [{name: group.get(name) for name in GROUP} for group in built.optimizer.param_groups]
    rates = []
    for _ in range(10):
        rates.append(built.lr_scheduler.get_last_lr()[0])
        built.optimizer.step()
        built.lr_scheduler.step()
    return type(built.optimizer).__name__, groups, rates


def trained(recipe: TrainJob) -> Any:
    """Each weight that is trained, its shape, and what an adapter does to it."""
    model = trainer(recipe).model
    shapes = sorted((name, tuple(p.shape)) for name, p in model.named_parameters() if p.requires_grad)
    scale = [
        (n, str(m.scaling), str(m.lora_dropout), str(m.use_rslora))
        for n, m in model.named_modules()
        if hasattr(m, "lora_dropout")
    ]
    return shapes, scale


def adapted(recipe: LoraRecipe) -> Any:
    return trained(TrainJob(lr=1, lora=recipe, global_batch=2))


def passed_on(recipe: TrainingRecipe) -> Any:
    """What the jobs of training and rendering read."""
    student = StudentRecipe(model=ModelRecipe(path="m"))
    data = {"d": DatasetRecipe(corpus="c", teachers=("t0", "t1"), alpha=0.5)}
    catalogue = Catalogue(Settings(studies=("toy",)), datasets=data, students={"s": student}, trainings={"t": recipe})
    job = jobs.train_job(catalogue, "t", "d")
    return job.canonical(), job.execution(), jobs.render_job(catalogue, "s", "t").canonical()


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


def _training(*passed: Any) -> dict[str, Any]:
    """Return the keys of a training, with the probes of what each does, or those of who passes them on."""

    def seen(*probes: Any) -> Any:
        return passed or probes

    return {
        "lr": key(0.5, *seen(arguments, optimiser)),
        "epochs": key(3.0, *seen(planned)),
        "max_updates": key(7, *seen(planned)),
        "max_tokens": key(30, *seen(planned)),
        "global_batch": key(3, *seen(planned)),
        "batch_unit": key("loss_tokens", *seen(planned)),
        "pack_tokens": key(16, *seen(planned), batch_unit="packs", pack_tokens=30),
        "order": key("short_first", *seen(planned)),
        "hard_last_share": key(0.5, *seen(planned), order="easy_first"),
        "optimizer": key("sgd", *seen(arguments, optimiser)),
        "beta1": key(0.5, *seen(arguments, optimiser)),
        "beta2": key(0.9, *seen(arguments, optimiser)),
        "epsilon": key(1e-3, *seen(arguments, optimiser)),
        "weight_decay": key(0.1, *seen(arguments, optimiser)),
        "max_grad_norm": key(0.5, *seen(arguments)),
        "schedule": key("linear", *seen(arguments, optimiser)),
        "warmup": key(0.5, *seen(arguments, optimiser)),
        "warmup_updates": key(5, *seen(arguments, optimiser)),
        "precision": key("bfloat16", *seen(arguments)),
        "packing": key(False, *seen(laid_out)),
        "attention": key("eager", *seen(attending)),
        "liger": key(True, *seen(words, arguments)),
        "gradient_checkpointing": key(True, *seen(arguments)),
        "held_out": key(0.4, *seen(planned)),
        "lora": key({}, *seen(trained)),
        "distil": key({"teacher": "t0"}, passed_on) if passed else key({}, lost),
        "micro_batch": key(2, *seen(laid_out), global_batch=8),
        "threads": key(3, *seen(rule_threads)),
        "save_every": key(7, *seen(arguments, saves)),
        "report_to": key(["tensorboard"], *seen(words, arguments)),
        "sharding": key("fsdp", *seen(words)),
        "nodes": key(2, *seen(machines)),
    }


KEYS = {
    FineTuning: Keys({"lr": 1.0, "global_batch": 2}, _training()),
    TrainJob: Keys({"lr": 1.0, "global_batch": 2}, {
        **_training(),
        "hard_last_share": key(0.5, planned, order="easy_first", hard_teacher="t0"),
        "hard_teacher": key("t1", planned, order="easy_first", hard_teacher="t0"),
    }),
    TrainingRecipe: Keys({"lr": 1.0, "cutoff": 64}, {
        **_training(passed_on),
        "cutoff": key(32, passed_on),
        "over_cutoff": key("keep", passed_on),
        "max_unrenderable": key(0.5, passed_on),
    }),
    TeacherLogprobsJob: Keys({}, {"top_k": key(4, likeliest), "temperature": key(2.0, likeliest)}),
    Distillation: Keys({}, {"top_k": key(4, taught), "temperature": key(2.0, taught), "weight": key(0.1, taught)}),
    DistilRecipe: Keys({"teacher": "toy-long"}, {
        "teacher": key("toy-short", teachers),
        "top_k": key(4, distilled),
        "temperature": key(2.0, distilled),
        "weight": key(0.1, distilled),
    }),
    LoraRecipe: Keys({}, {
        "rank": key(4, adapted),
        "alpha": key(64, adapted),
        "dropout": key(0.5, adapted),
        "rslora": key(True, adapted),
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
