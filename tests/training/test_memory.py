"""Out of memory: a step with half the tokens where there is one, else a line with numbers."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import train
from helpers import manifest
from short_of_memory import Short
from test_train import inputs, options, run  # noqa: F401  # `inputs` is a fixture

from distill import tables
from distill.models.folders import load_model
from distill.runtime.errors import InputError
from distill.training import fit


def too_big() -> None:
    """Ask for more memory than there is, as a step that does not fit does."""
    torch.empty(1 << 52)


def raise_as_cuda_does() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that lets students run out of memory above so many tokens, in the way given."""
    load = fit.load_student

    def limit(tokens: int, fail: Any) -> list[int]:
        seen: list[int] = []

        def check(_model: Any, _args: Any, kwargs: dict[str, Any]) -> None:
            if torch.is_grad_enabled():
                seen.append(kwargs["input_ids"].numel())
                if seen[-1] > tokens:
                    fail()

        def loaded(*args: Any) -> Any:
            model = load(*args)
            model.register_forward_pre_hook(check, with_kwargs=True)
            return model

        monkeypatch.setattr(fit, "load_student", loaded)
        return seen

    return limit


def losses(output: Path) -> list[float]:
    return tables.read(output.with_name("train_log.parquet"), tables.TRAIN_LOG)["loss"].to_pylist()


@pytest.mark.parametrize("fail", [too_big, raise_as_cuda_does])
@pytest.mark.parametrize("packing", [True, False], ids=["packed", "padded"])
def test_a_step_that_does_not_fit_is_halved(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    small: Any,
    caplog: pytest.LogCaptureFixture,
    packing: bool,
    fail: Any,
) -> None:
    keys = {"global_batch": 11, "micro_batch": None, "epochs": 1, "packing": packing}
    run(inputs, tmp_path / "whole/weights", **keys)
    longest = max(tables.read(inputs / "rendered.parquet", tables.RENDERED)["length"].to_pylist())
    seen = small(2 * longest, fail)
    with caplog.at_level(logging.INFO):
        run(inputs, tmp_path / "halved/weights", **keys)
    assert "out of memory: going on with" in caplog.text
    assert max(seen) > 2 * longest  # the step that did not fit
    assert len(seen) > 4
    assert losses(tmp_path / "halved/weights") == pytest.approx(losses(tmp_path / "whole/weights"), abs=1e-4)
    laid_out = [
        json.loads((tmp_path / name / "provenance.json").read_text())["execution"] for name in ("whole", "halved")
    ]
    halved = caplog.text.count("out of memory: going on with")
    (last,) = re.findall(r"going on with (\d+) tokens", caplog.text)[-1:]
    assert laid_out == [
        {"step_tokens": 512, "halved": 0, "processes": 1},
        {"step_tokens": int(last), "halved": halved, "processes": 1},
    ]
    assert f"laid out: step_tokens {last}, halved {halved}, processes 1" in caplog.text
    one, two = (manifest(tmp_path / name / "weights") for name in ("whole", "halved"))
    assert (one["tokens"], one["updates"], one["recipe"]) == (two["tokens"], two["updates"], two["recipe"])


def test_a_row_that_does_not_fit_ends_the_training_with_numbers(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    small: Any,
) -> None:
    lengths = tables.read(inputs / "rendered.parquet", tables.RENDERED)["length"].to_pylist()
    small(min(lengths) - 1, too_big)
    words = (
        r"^out of memory at \d+ tokens per step \(the longest row has \d+\); lower the `cutoff`, "
        r"set `gradient_checkpointing: true`, train `lora`"
    )
    with pytest.raises(InputError, match=words) as caught:
        run(inputs, tmp_path / "m/weights", global_batch=11, micro_batch=None)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m/weights").exists()
    assert not (tmp_path / "m/manifest.json").exists()


def test_another_error_is_not_taken_for_it(inputs: Path, tmp_path: Path, small: Any) -> None:  # noqa: F811
    def fail() -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    small(1, fail)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        run(inputs, tmp_path / "m/weights")


def in_two_processes(inputs: Path, output: Path, monkeypatch: pytest.MonkeyPatch, most: int, **keys: Any) -> None:  # noqa: F811
    """Train in two processes, the second of which has room for so many tokens."""
    monkeypatch.setattr(train, "Fit", Short)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("MOST_TOKENS", str(most))
    train.main([*options(inputs, output, **keys), "--processes", "2"])


def test_several_devices_begin_again_with_half(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    keys = {"global_batch": 22, "micro_batch": None, "epochs": 2}
    run(inputs, tmp_path / "whole/weights", **keys)
    with caplog.at_level(logging.INFO):
        in_two_processes(inputs, tmp_path / "two/weights", monkeypatch, 300, **keys)
    again = re.findall(r"out of memory at (\d+) tokens per step: all processes begin again with (\d+)", caplog.text)
    assert again[0][0] == "512"
    assert [int(last) for _, last in again] == [512 >> n for n in range(1, len(again) + 1)]
    laid_out = json.loads((tmp_path / "two/provenance.json").read_text())["execution"]
    assert laid_out == {"step_tokens": 512 >> len(again), "halved": len(again), "processes": 2}
    assert losses(tmp_path / "two/weights") == pytest.approx(losses(tmp_path / "whole/weights"), abs=1e-4)
    one, two = (manifest(tmp_path / name / "weights") for name in ("whole", "two"))
    assert (one["tokens"], one["updates"], one["recipe"]) == (two["tokens"], two["updates"], two["recipe"])


def test_a_row_that_does_not_fit_into_one_of_several_devices(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = r"^out of memory at \d+ tokens per step \(the longest row has \d+\); lower the `cutoff`, set"
    with pytest.raises(InputError, match=words):
        in_two_processes(inputs, tmp_path / "two/weights", monkeypatch, 10, global_batch=2, micro_batch=1)
    assert not (tmp_path / "two/weights").exists()


@pytest.mark.parametrize(
    ("optimizer", "lora", "gigabytes"),
    [("adamw", None, 16), ("sgd", None, 8), ("adamw", {"rank": 2, "alpha": 4}, None)],
)
def test_memory_that_lacks_beside_the_steps(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    optimizer: str,
    lora: dict[str, int] | None,
    gigabytes: int | None,
) -> None:
    """As where the optimiser makes its state; `gigabytes`: bytes per weight."""
    monkeypatch.setattr("torch.nn.utils.clip_grad_norm_", lambda *_, **__: raise_as_cuda_does())
    with pytest.raises(InputError) as caught:
        run(inputs, tmp_path / "m/weights", optimizer=optimizer, lora=lora)
    said = re.fullmatch(
        rf"out of memory at update 1, beside its steps: weights, gradients and the state of `optimizer: {optimizer}` "
        r"take (\S+) GB; train `lora`, take `optimizer: adafactor`, or more devices with `sharding: fsdp`",
        str(caught.value),
    )
    assert said
    weights = sum(p.numel() for p in load_model(inputs / "base").parameters())
    if gigabytes is not None:
        assert float(said[1]) == pytest.approx(gigabytes * weights / 1e9, rel=0.05)
    else:  # adapters are few, and the weights below them do not learn
        assert 4 * weights / 1e9 * 0.95 < float(said[1]) < 8 * weights / 1e9
