"""A training that diverges stops with its update and leaves no model."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from test_train import inputs, run  # noqa: F401  # `inputs` is a fixture

from distill.config.recipes import TrainJob
from distill.runtime.errors import InputError
from distill.training import watch

LORA = {"rank": 4, "alpha": 8}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"lr": 1e30, "max_updates": 4}, r"^update 2: (loss|grad_norm) is (nan|inf), .* lower `lr` \(1e\+30\)"),
        ({"lr": 1e30, "max_updates": 4, "precision": "bfloat16"}, r"^update 2: (loss|grad_norm) is (nan|inf)"),
        ({"lr": 1e30, "max_updates": 4, "lora": LORA}, r"^update [23]: (loss|grad_norm) is (nan|inf)"),
        ({"lr": 1e300, "max_updates": 1}, r"^update 1: .* holds numbers that are not finite"),
        ({"lr": 1e300, "max_updates": 1, "lora": LORA}, r"^update 1: .*lora.* holds numbers that are not finite"),
    ],
    ids=str,
)
def test_a_diverged_training_stops_and_leaves_nothing(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    keys: dict[str, Any],
    message: str,
) -> None:
    output = tmp_path / "out/weights"
    with pytest.raises(InputError, match=message) as caught:
        run(inputs, output, warmup=0, schedule="constant", max_grad_norm=1e9, **keys)
    assert "\n" not in str(caught.value)
    assert not output.exists()
    assert not output.with_name("manifest.json").exists()


@pytest.mark.parametrize(
    "keys",
    [{"lr": 5e-324}, {"lr": 1e-30}, {"lr": 5e-324, "lora": LORA}, {"schedule": "linear", "warmup_updates": 1},
     {"lr": 1e-30, "optimizer": "sgd"}, {"lr": 1e-30, "precision": "bfloat16"}],
    ids=str,
)  # fmt: skip
def test_a_training_that_changes_no_weight_leaves_nothing(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    keys: dict[str, Any],
) -> None:
    output = tmp_path / "out/weights"
    with pytest.raises(InputError, match=r"^update 1: no weight has changed, .* `lr` \(") as caught:
        run(inputs, output, **{"warmup": 0, "schedule": "constant", "max_updates": 1, **keys})
    assert "\n" not in str(caught.value)
    assert not output.with_name("manifest.json").exists()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_norm_that_is_no_number_stops(value: float) -> None:
    recipe = TrainJob(lr=1e-3)
    with pytest.raises(InputError, match="update 7: grad_norm is"):
        watch.check_finite("grad_norm", value, 7, recipe)
    watch.check_finite("grad_norm", 1e38, 7, recipe)


def test_one_weight_that_is_no_number_is_named() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    watch.check_weights(model, 5)
    with torch.no_grad():
        model[1].bias[2] = math.nan
    with pytest.raises(InputError, match=r"update 5: 1\.bias holds numbers"):
        watch.check_weights(model, 5)
    model[1].bias.requires_grad_(False)  # what is not trained is not this training's doing
    watch.check_weights(model, 5)


def test_a_spike_is_three_times_the_median_before_it() -> None:
    flat = [1.0] * 20
    assert watch.spikes([]) == watch.spikes([9.0, *flat]) == 0
    assert watch.spikes([*flat, 3.0]) == 0
    assert watch.spikes([*flat, 3.1, 1.0, 3.2]) == 2
    assert watch.spikes([*flat[1:], 3.1]) == 0  # nothing to compare with yet
