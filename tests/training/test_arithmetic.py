"""The weights of a training against a few lines of arithmetic: every number of a recipe counts as what it says."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import train
from safetensors.torch import load_file
from test_train import inputs, options, run  # noqa: F401  # `inputs` is a fixture
from torch.nn.functional import cross_entropy

from distill import tables
from distill.config.recipes import LoraRecipe, TrainJob
from distill.models.folders import load_model
from distill.training import sft
from distill.training.updates import plan_updates, split

SEED = 3


def rate(recipe: TrainJob, update: int, updates: int) -> float:
    """The learning rate of an update, counted from 0."""
    warm = recipe.warmup_updates or math.ceil(recipe.warmup * updates)
    if update < warm:
        return recipe.lr * update / warm
    done = (update - warm) / (updates - warm)
    falls = {"cosine": (1 + math.cos(math.pi * done)) / 2, "linear": 1 - done, "constant": 1.0}
    return recipe.lr * falls[recipe.schedule]


def by_hand(data: Path, recipe: TrainJob) -> dict[str, torch.Tensor]:
    """The weights after a training whose rows stand alone, each update as AdamW's paper has it (arXiv 1711.05101)."""
    rendered = tables.read(data / "rendered.parquet", tables.RENDERED)
    rows, model = rendered.to_pylist(), load_model(data / "base", dtype="float32").train()
    weights = dict(model.named_parameters())
    first, second = ({name: torch.zeros_like(w) for name, w in weights.items()} for _ in range(2))
    updates = plan_updates(split(rendered, recipe)[0], recipe, SEED)
    for number, update in enumerate(updates):
        model.zero_grad()
        tokens = sum(sum(rows[row]["loss_mask"]) for row in update.rows)
        for row in update.rows:
            ids, mask = torch.tensor(rows[row]["input_ids"]), torch.tensor(rows[row]["loss_mask"][1:]).bool()
            logits = model(ids[None]).logits[0, :-1][mask]
            (cross_entropy(logits, ids[1:][mask], reduction="sum") / tokens).backward()
        norm = math.sqrt(sum(float((w.grad**2).sum()) for w in weights.values()))
        clip, lr = min(1.0, recipe.max_grad_norm / norm), rate(recipe, number, len(updates))
        for name, weight in weights.items():
            gradient, step = weight.grad * clip, number + 1
            first[name] = recipe.beta1 * first[name] + (1 - recipe.beta1) * gradient
            second[name] = recipe.beta2 * second[name] + (1 - recipe.beta2) * gradient**2
            mean, spread = first[name] / (1 - recipe.beta1**step), second[name] / (1 - recipe.beta2**step)
            moved = mean / (spread.sqrt() + recipe.epsilon) if recipe.optimizer == "adamw" else gradient
            decay = recipe.weight_decay if weight.ndim > 1 else 0.0  # norms and biases do not decay
            with torch.no_grad():
                weight -= lr * (moved + decay * weight)
    return {name: weight.detach() for name, weight in weights.items()}


ODD = {"lr": 5e-3, "global_batch": 5, "epochs": 1.5, "beta1": 0.7, "beta2": 0.93, "epsilon": 3e-3, "weight_decay": 0.3,
       "max_grad_norm": 0.8}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "cosine": {**ODD, "warmup": 0.3},
    "linear": {**ODD, "schedule": "linear", "warmup_updates": 3},
    "constant": {**ODD, "schedule": "constant", "warmup_updates": 2, "max_grad_norm": 1e3},
    "warm to the end": {**ODD, "schedule": "constant", "warmup": 1.0},
    "sgd": {"lr": 0.2, "global_batch": 4, "optimizer": "sgd", "max_grad_norm": 0.5, "schedule": "linear", "epochs": 1},
    "loss tokens": {**ODD, "global_batch": 300, "batch_unit": "loss_tokens", "order": "short_first", "held_out": 0.2},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("packing", [True, False], ids=["packed", "padded"])
def test_the_weights_are_those_of_the_formulas(inputs: Path, tmp_path: Path, name: str, packing: bool) -> None:  # noqa: F811
    keys = {**CASES[name], "packing": packing}
    expected = by_hand(inputs, TrainJob(**keys))
    train.main(options(inputs, tmp_path / "m/weights", SEED, **keys))
    found = load_model(tmp_path / "m", dtype="float32").state_dict()
    before = load_model(inputs / "base", dtype="float32").state_dict()
    for weight, own in expected.items():
        moved = float((own - before[weight]).abs().max())
        assert float((found[weight] - own).abs().max()) < 1e-3 * moved + 1e-6, weight


def test_an_adapter_is_scaled_as_the_recipe_says(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    for rslora, scale in ((False, 6 / 4), (True, 6 / 2)):
        model = sft.adapt(load_model(inputs / "base"), LoraRecipe(rank=4, alpha=6, dropout=0.25, rslora=rslora))
        layers = [module for module in model.modules() if hasattr(module, "lora_dropout")]
        assert layers
        for layer in layers:
            assert layer.scaling == {"default": scale}
            assert layer.lora_dropout["default"].p == 0.25
            assert layer.lora_A["default"].weight.shape[0] == 4
    run(inputs, tmp_path / "m/weights", max_updates=1, lora={"rank": 4, "alpha": 6, "targets": ["q_proj"]})
    config = json.loads((tmp_path / "m/weights/adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["target_modules"]) == (4, 6, ["q_proj"])


def test_a_seed_draws_the_adapter_and_is_the_trainers(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    keys = {"max_updates": 1, "lora": {"rank": 2, "alpha": 4}}
    drawn = {}
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        train.main(options(inputs, tmp_path / name / "weights", seed, **keys))
        adapter = load_file(tmp_path / name / "weights/adapter_model.safetensors")
        drawn[name] = {n: w for n, w in adapter.items() if "lora_A" in n}  # without a gradient in the first update
    assert all(torch.equal(drawn["one"][n], drawn["again"][n]) for n in drawn["one"])
    assert not any(torch.equal(drawn["one"][n], drawn["two"][n]) for n in drawn["one"])
    found = sft.options(TrainJob(lr=1), 7, tmp_path, 3, gpu=False)
    assert (found["seed"], found["data_seed"]) == (7, 7)


@pytest.mark.parametrize("keys", [{}, {"lora": {"rank": 2, "alpha": 4}}], ids=["full", "adapter"])
def test_checkpointed_activations_change_nothing(inputs: Path, tmp_path: Path, keys: dict[str, Any]) -> None:  # noqa: F811
    logs = []
    for checkpointing in (False, True):
        output = tmp_path / str(checkpointing) / "weights"
        run(inputs, output, max_updates=3, gradient_checkpointing=checkpointing, **keys)
        logs.append(tables.read(output.with_name("train_log.parquet"), tables.TRAIN_LOG).to_pydict())
    for column in ("loss", "grad_norm"):
        assert logs[1][column] == pytest.approx(logs[0][column], rel=1e-4)
    assert min(logs[0]["grad_norm"]) > 0
