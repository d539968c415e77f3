"""Every key of a training, at its program: with another value other weights come out, or work that is done otherwise.

Programs make equal bytes of equal recipes, so a key that a program passes over makes those of the recipe without it.
What `tests/config/keys` looks at is whom each key is handed to.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import train
from helpers import recipe
from test_distillation import distilled
from test_on_policy import KEYS as ON_POLICY
from test_on_policy import Home, home, inputs  # noqa: F401  # fixtures
from test_train import options, weights

from distill.config.recipes import Distillation, FineTuning, LoraRecipe, OnPolicyJob, TrainJob
from distill.runtime.errors import InputError
from distill.training import on_policy, sft, trainer

SHORT = {"max_updates": 4, "lr": 2e-3}
HARD = {"order": "easy_first", "hard_teacher": "odd"}
# Key -> another value, and what it is compared with where that is not SHORT alone.
WEIGHTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "lr": (1e-3, {}),
    "epochs": (0.5, {"max_updates": None}),
    "max_updates": (3, {}),
    "max_tokens": (500, {"max_updates": None}),
    "global_batch": (5, {}),
    "batch_unit": ("loss_tokens", {"global_batch": 16}),
    "pack_tokens": (200, {"batch_unit": "packs", "pack_tokens": 400}),
    "order": ("short_first", {}),
    "hard_last_share": (0.5, HARD),
    "hard_teacher": ("even", HARD),
    "optimizer": ("sgd", {}),
    "beta1": (0.5, {}),
    "beta2": (0.9, {}),
    "epsilon": (1e-2, {}),
    "weight_decay": (0.5, {}),
    "max_grad_norm": (1e-3, {"optimizer": "sgd"}),
    "schedule": ("linear", {}),
    "warmup": (0.5, {}),
    "warmup_updates": (2, {}),
    "precision": ("bfloat16", {}),
    "held_out": (0.3, {}),
}
LORA = {"rank": (4, {}), "alpha": (64, {}), "dropout": (0.5, {}), "targets": (["q_proj"], {}), "rslora": (True, {})}
DISTIL = {"top_k": 3, "temperature": 3.0, "weight": 0.9}


@pytest.fixture(scope="module")
def trained(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:  # noqa: F811
    """Return what trains by a recipe, once by each, and returns the weights."""
    folder, made = tmp_path_factory.mktemp("keys"), {}

    def by(**keys: Any) -> bytes:
        keys = {name: value for name, value in {**SHORT, **keys}.items() if value is not None}
        text = recipe(**keys)
        if text not in made:
            output = folder / str(len(made)) / "weights"
            train.main(options(inputs, output, **keys))
            made[text] = b"".join(path.read_bytes() for path in sorted(output.glob("*.safetensors")))
        return made[text]

    return by


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_key_makes_other_weights(trained: Callable[..., bytes], name: str) -> None:
    value, base = WEIGHTS[name]
    assert trained(**base) != trained(**{**base, name: value})


def test_adapters_are_not_all_weights(trained: Callable[..., bytes]) -> None:
    assert len(trained(lora={})) < len(trained()) / 2


@pytest.mark.parametrize("name", LORA)
def test_a_key_of_an_adapter_makes_another_one(trained: Callable[..., bytes], name: str) -> None:
    assert trained(lora={}, max_updates=3) != trained(lora={name: LORA[name][0]}, max_updates=3)


@pytest.mark.parametrize("name", DISTIL)
def test_a_key_of_a_distillation_makes_other_weights(inputs: Path, tmp_path: Path, name: str) -> None:  # noqa: F811
    one = distilled(inputs, tmp_path / "one")
    assert weights(one) != weights(distilled(inputs, tmp_path / "other", distil={name: DISTIL[name]}))


# Keys that say how the work is done


class Built:
    """The trainers that programs have built, and the inputs of their steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.trainers: list[Any] = []
        self.steps: list[dict[str, Any]] = []
        for module in (sft, on_policy):
            build = module.build_trainer
            monkeypatch.setattr(module, "build_trainer", lambda *a, build=build: self.kept(build(*a)))
        inputs_of = trainer.UpdateTrainer.inputs

        def noted(*args: Any) -> Any:
            self.steps.append(inputs_of(*args))
            return self.steps[-1]

        monkeypatch.setattr(trainer.UpdateTrainer, "inputs", noted)

    def kept(self, built: Any) -> Any:
        self.trainers.append(built)
        return built


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Built:
    return Built(monkeypatch)


def checkpoints(own: Any) -> bool:
    return any(getattr(module, "gradient_checkpointing", False) for module in own.model.modules())


WORK: dict[str, tuple[Any, Callable[[Any, list[dict[str, Any]]], Any]]] = {
    "packing": (False, lambda _, steps: sorted({name for step in steps for name in step})),
    "attention": ("eager", lambda own, _: own.model.config._attn_implementation),
    "gradient_checkpointing": (True, lambda own, _: checkpoints(own)),
    "micro_batch": (1, lambda _, steps: len(steps)),
    "save_every": (1, lambda own, _: sorted(path.name for path in Path(own.args.output_dir).glob("checkpoint-*"))),
}


@pytest.mark.parametrize("name", WORK)
def test_a_key_of_the_work_is_in_effect(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    built: Built,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    value, shown = WORK[name]
    monkeypatch.setattr(train.shutil, "rmtree", lambda *_, **__: None)  # saved states stay to be looked at
    seen = []
    for keys in ({}, {name: value}):
        built.steps.clear()
        content = {k: v for k, v in keys.items() if TrainJob.model_fields[k].json_schema_extra is None}
        arguments = options(inputs, tmp_path / f"{len(seen)}/weights", **SHORT, save_every=50, micro_batch=9, **content)
        more = {k: v for k, v in keys.items() if k not in content}
        train.main([*arguments, "--execution", json.dumps(more)])
        seen.append(shown(built.trainers[-1], built.steps))
    assert seen[0] != seen[1]


SAID = {
    "sharding": ("fsdp", "sharding: fsdp has no effect, since one process trains"),
    "nodes": (3, "nodes: 3 has no effect outside of a SLURM job"),
}


@pytest.mark.parametrize("name", SAID)
def test_what_this_machine_lacks_is_said(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    value, words = SAID[name]
    with caplog.at_level("INFO"):
        train.main([*options(inputs, tmp_path / "w", **SHORT), "--execution", json.dumps({name: value})])
    assert words in caplog.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_liger_wants_a_gpu(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(InputError, match="liger needs a GPU"):
        train.main(options(inputs, tmp_path / "w", liger=True))


# On-policy

OWN: dict[str, Any] = {"max_updates": 2, "global_batch": 3, "max_new_tokens": 5, "temperature": 0.5, "beta": 0.5,
                       "lr": 5e-4, "schedule": "linear", "warmup": 0.5, "precision": "bfloat16"}  # fmt: skip


@pytest.fixture(scope="module")
def plain(home: Home) -> bytes:  # noqa: F811
    home.train(home.folder / "plain")
    return weights(home.folder / "plain/weights")


@pytest.mark.parametrize("name", OWN)
def test_a_key_of_an_on_policy_training_makes_other_weights(
    home: Home,  # noqa: F811
    plain: bytes,
    tmp_path: Path,
    name: str,
) -> None:
    assert OWN[name] != getattr(OnPolicyJob(**ON_POLICY), name)
    home.train(tmp_path, **{name: OWN[name]})
    assert weights(tmp_path / "weights") != plain


def test_keys_of_the_work_of_an_on_policy_training(home: Home, tmp_path: Path, built: Built) -> None:  # noqa: F811
    home.train(tmp_path / "one", gradient_checkpointing=True)
    home.train(tmp_path / "two", execution={"micro_batch": 1})
    one, two = built.trainers
    home.start("held-out", held_out=0.3)
    home.train(tmp_path / "three", start="held-out", held_out=0.3)
    assert (checkpoints(one), checkpoints(two)) == (True, False)
    assert [json.loads((tmp_path / n / "provenance.json").read_text())["execution"]["rows_per_step"]
            for n in ("one", "two")] == [4, 1]  # fmt: skip
    ledgers = [json.loads((tmp_path / n / "manifest.json").read_text())["ledger"]["lost"] for n in ("one", "three")]
    assert ("held_out" in ledgers[0], "held_out" in ledgers[1]) == (False, True)


# What is tested elsewhere: `threads` is the rule's (tests/rules), `report_to` wants a package that few have.
ELSEWHERE = {"threads", "report_to"}


def test_no_key_is_left_out() -> None:
    alone = {"lora", "distil", "liger"}
    assert set(TrainJob.model_fields) == {*WEIGHTS, *WORK, *SAID, *alone, *ELSEWHERE}
    assert set(FineTuning.model_fields) <= set(TrainJob.model_fields)
    assert set(LoraRecipe.model_fields) == set(LORA)
    assert set(Distillation.model_fields) == set(DISTIL)
    assert set(OnPolicyJob.model_fields) == {
        *OWN, "gradient_checkpointing", "micro_batch", "held_out", "save_every", *ELSEWHERE
    }  # fmt: skip
