"""Weights of others: one number that is none is seen when the model is fetched, whatever the type."""

import math
import shutil
from pathlib import Path

import fetch_model
import pytest
import torch
from helpers import REPOSITORY, recipe
from safetensors.torch import load_file, save_file

from distill.models import finite
from distill.runtime.errors import InputError

BASE = REPOSITORY / "resources/toy/base-xs"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return shutil.copytree(BASE, tmp_path / "model")


def fetch(model: Path) -> Path:
    output = model.parent / "base/manifest.json"
    fetch_model.main(["--recipe", recipe(path=str(model)), "--output", str(output)])
    return output


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_weight_that_is_no_number_is_named(
    model: Path, kind: torch.dtype, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finite, "_PIECE", 64)
    weights = {name: tensor.to(kind) for name, tensor in load_file(model / "model.safetensors").items()}
    name = sorted(weights)[-1]
    weights[name].view(-1)[-1] = value
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=rf"model\.safetensors: {name} holds numbers that are not finite"):
        fetch(model)
    assert not (model.parent / "base/manifest.json").exists()


def test_large_and_small_numbers_masks_and_whole_numbers_are_right(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    next(iter(weights.values())).view(-1)[:3] = torch.tensor([3.4e38, -1e-45, 0.0])
    more = {"attn.mask": torch.full((2,), -math.inf), "ids": torch.tensor([-1, 2**62]), "none": torch.zeros(0)}
    save_file({**weights, **more}, model / "model.safetensors", {"format": "pt"})
    assert fetch(model).exists()


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\xff" * 99, b"\x02" + b"\0" * 7 + b"[]", b"\x04" + b"\0" * 7 + b"null"]
)
def test_what_is_no_file_of_weights_is_one_line(model: Path, content: bytes) -> None:
    (model / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="not a whole safetensors file") as caught:
        fetch(model)
    assert "\n" not in str(caught.value)


def test_weights_that_were_cut_short_are_refused(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        fetch(model)
