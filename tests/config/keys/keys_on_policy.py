"""Keys of on-policy trainings: TRL's arguments and trainer, the prompts of each update, and what the rules give."""

from pathlib import Path
from typing import Any

from keys import Keys, key
from keys_trainings import rendered
from world import ran, scratch

from distill.audit.expected import inputs_of
from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.lineage import TrainedModel
from distill.config.plan import Plan
from distill.config.recipes import (
    OnPolicy,
    OnPolicyJob,
    OnPolicyRecipe,
    OnPolicyTraining,
    Settings,
    TrainingRecipe,
)
from distill.models.folders import load_model, load_tokenizer
from distill.training import on_policy, prompts, sft
from distill.training.updates import split

OWN = {"max_updates": 2, "max_new_tokens": 5, "lr": 1.0, "global_batch": 4}


def job(recipe: OnPolicy) -> OnPolicyJob:
    return OnPolicyJob(
        **{name: value for name, value in recipe.model_dump().items() if name in OnPolicyJob.model_fields}
    )


def planned(recipe: OnPolicy) -> Any:
    """The rows of each update, and those held out."""
    rows, held_out = split(rendered(), prompts.fine_tuning(job(recipe)))
    return prompts.plan_updates(rows, job(recipe), 1), held_out


def arguments(recipe: OnPolicy) -> Any:
    """TRL's own object on this machine, or why there is none."""
    found: dict[str, Any] = {}
    error = ran(lambda _: found.update(on_policy.arguments(job(recipe), 1, Path("state")).to_dict()), "")
    return error or {k: str(v) for k, v in found.items() if k != "logging_dir"}


def words(recipe: OnPolicy) -> Any:
    """A recipe in transformers' words."""
    return sft.options(prompts.fine_tuning(job(recipe)), 1, Path("state"), 2, gpu=True)


def written(recipe: OnPolicy) -> Any:
    """The responses of the first update, and their divergence."""
    models = [load_model(Path("models", name), dtype="float32") for name in ("base-xs", "base-m")]
    shown = [[5, 6, 7], [8, 9], [10, 11], [12, 13, 14]]
    args = on_policy.arguments(job(recipe), 1, scratch())
    trainer = on_policy.build_trainer(*models, load_tokenizer(Path("models/base-xs")), shown, args)
    trainer.model.train()
    found = trainer._generate_and_score_completions([{"prompt": prompt} for prompt in shown])
    found["completion_ids"], loss = (
        found["completion_ids"].tolist(),
        float(trainer.compute_loss(trainer.model, found).detach()),
    )
    return found["completion_ids"], loss


def at_once(recipe: OnPolicy) -> Any:
    """The responses that the trainer learns at once."""
    models = [load_model(Path("models", name), dtype="float32") for name in ("base-xs", "base-m")]
    args = on_policy.arguments(job(recipe), 1, scratch())
    tokenizer = load_tokenizer(Path("models/base-xs"))
    return on_policy.build_trainer(*models, tokenizer, [[5, 6]] * 4, args, job(recipe).micro_batch).size.most


def divergence(recipe: OnPolicy) -> Any:
    """The divergence of fixed responses."""
    import torch

    models = [load_model(Path("models", name), dtype="float32") for name in ("base-xs", "base-m")]
    args = on_policy.arguments(job(recipe), 1, scratch())
    trainer = on_policy.build_trainer(*models, load_tokenizer(Path("models/base-xs")), [[5, 6]] * 4, args)
    ids, mask = torch.tensor([[5, 6, 7]]), torch.tensor([[1, 1, 1]])
    given = {"prompt_ids": ids, "prompt_mask": mask, "completion_ids": ids, "completion_mask": mask}
    return float(trainer.compute_loss(trainer.model, given).detach())


def catalogue(recipe: OnPolicyRecipe) -> Catalogue:
    starts = {"first": TrainingRecipe(lr=1, cutoff=9), "second": TrainingRecipe(lr=1, cutoff=9, held_out=0.5)}
    return Catalogue(Settings(studies=("toy",)), trainings=starts, on_policy={"t": recipe})


def passed_on(recipe: OnPolicyRecipe) -> Any:
    """What the job reads, and how it is done."""
    return jobs.on_policy_job(catalogue(recipe), "t").canonical(), recipe.execution()


def given(recipe: OnPolicyRecipe) -> Any:
    """The files that the job is given; tests/rules asks the rule itself."""
    return sorted(inputs_of(TrainedModel("s", "t", "d", 1), Plan(catalogue(recipe))) or ())


def _training(*passed: Any) -> dict[str, Any]:
    """Return the keys of an on-policy training, with the probes of what each does, or those of who passes them on."""

    def seen(*probes: Any) -> Any:
        return passed or probes

    return {
        "max_updates": key(3, *seen(planned, arguments)),
        "global_batch": key(2, *seen(planned, arguments)),
        "max_new_tokens": key(3, *seen(arguments, written)),
        "temperature": key(0.1, *seen(arguments, written, divergence)),
        "beta": key(0.5, *seen(arguments, divergence)),
        "lr": key(0.5, *seen(arguments)),
        "schedule": key("linear", *seen(arguments)),
        "warmup": key(0.5, *seen(arguments)),
        "precision": key("bfloat16", *seen(arguments)),
        "gradient_checkpointing": key(True, *seen(arguments)),
        "micro_batch": key(2, *seen(at_once), **({} if passed else {"same": planned})),
        "threads": key(3, *(passed or (lambda recipe: recipe.execution(),))),
        "save_every": key(7, *seen(arguments)),
        "report_to": key(["tensorboard"], *seen(words, arguments)),
    }


NAMED = {**OWN, "teacher": "toy-long", "start": "first"}
KEYS = {
    OnPolicy: Keys(OWN, _training()),
    OnPolicyJob: Keys(OWN, {**_training(), "held_out": key(0.4, planned)}),
    OnPolicyRecipe: Keys(NAMED, {
        **_training(passed_on),
        "teacher": key("toy-short", given),
        "start": key("second", given, passed_on),
    }),
    OnPolicyTraining: Keys({"on_policy": NAMED}, {
        "on_policy": key({**NAMED, "lr": 2.0}, lambda recipe: passed_on(recipe.on_policy)),
    }),
}  # fmt: skip
