"""Out of memory: a step with half the tokens where there is one, else a line with numbers."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import manifest
from test_train import inputs, run  # noqa: F401  # `inputs` is a fixture

from distill import tables
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
