"""Out of memory in an on-policy training: fewer responses at once where that helps, else a line with numbers."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import train_on_policy
from short_of_memory import ShortOnPolicy
from test_memory import raise_as_cuda_does, too_big
from test_on_policy import Home, difference, home, inputs, log_of, trained  # noqa: F401  # fixtures

from distill.models.folders import load_model
from distill.runtime.errors import InputError
from distill.training import on_policy

Limit = Callable[..., list[int]]
LEARNING, WRITING = True, False


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Return a function that lets students run out of memory above so many rows, as they learn or as they write."""
    load = on_policy.load_student

    def limit(rows: int, learning: bool, fail: Callable[[], None] = too_big) -> list[int]:
        seen: list[int] = []

        def check(_model: Any, _args: Any, kwargs: dict[str, Any]) -> None:
            if torch.is_grad_enabled() == learning:
                seen.append(len(kwargs["input_ids"]))
                if seen[-1] > rows:
                    fail()

        def loaded(folder: Path) -> Any:
            student = load(folder)
            student.base_model.register_forward_pre_hook(check, with_kwargs=True)
            return student

        monkeypatch.setattr(on_policy, "load_student", loaded)
        return seen

    return limit


def execution(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "provenance.json").read_text())["execution"]


@pytest.mark.parametrize("fail", [too_big, raise_as_cuda_does])
def test_a_step_that_does_not_fit_is_halved(
    home: Home,  # noqa: F811
    trained: Path,  # noqa: F811
    tmp_path: Path,
    small: Limit,
    caplog: pytest.LogCaptureFixture,
    fail: Callable[[], None],
) -> None:
    seen = small(1, LEARNING, fail)
    with caplog.at_level(logging.INFO):
        facts = home.train(tmp_path)
    # The responses stay: they are learned in halves, then one by one; so is all that follows.
    assert seen == [4, 2, *[1] * 4 * 4]
    assert [r.message for r in caplog.records if "out of memory" in r.message] == [
        "out of memory: going on with 2 response(s) per step",
        "out of memory: going on with 1 response(s) per step",
    ]
    assert execution(tmp_path) == {"rows_per_step": 1, "halved": 2, "processes": 1}
    assert execution(trained) == {"rows_per_step": 4, "halved": 0, "processes": 1}
    assert log_of(tmp_path)["loss"] == pytest.approx(log_of(trained)["loss"], abs=1e-4)
    assert log_of(tmp_path)["grad_norm"] == pytest.approx(log_of(trained)["grad_norm"], rel=1e-3)
    assert difference(trained, tmp_path) < 1e-4
    assert (facts["tokens"], facts["updates"]) == (log_of(trained)["tokens"][-1], 4)


def test_gradients_of_a_step_that_fitted_are_not_counted_twice(
    home: Home,  # noqa: F811
    trained: Path,  # noqa: F811
    tmp_path: Path,
    small: Limit,
) -> None:
    """Of two steps the second fails: the first is taken again."""
    times: list[int] = []

    def once() -> None:
        times.append(1)
        if len(times) == 2:
            too_big()

    seen = small(1, LEARNING, once)
    home.train(tmp_path, execution={"micro_batch": 2})
    assert seen[:6] == [2, 2, 1, 1, 1, 1]
    assert log_of(tmp_path)["grad_norm"] == pytest.approx(log_of(trained)["grad_norm"], rel=1e-3)


def test_responses_that_cannot_be_written_at_once_are_written_in_parts(
    home: Home,  # noqa: F811
    trained: Path,  # noqa: F811
    tmp_path: Path,
    small: Limit,
) -> None:
    seen = small(3, WRITING)
    home.train(tmp_path)
    assert (seen[0], set(seen[1:])) == (4, {2})
    assert execution(tmp_path) == {"rows_per_step": 4, "halved": 1, "processes": 1, "rows_written": 2}
    assert log_of(tmp_path)["tokens"] == log_of(trained)["tokens"]  # the very same responses
    assert log_of(tmp_path)["loss"] == pytest.approx(log_of(trained)["loss"], abs=1e-4)


@pytest.mark.parametrize(
    ("learning", "words"),
    [
        (LEARNING, "out of memory at 1 response(s) per step; lower `max_new_tokens`, or set `gradient_checkpointing"),
        (
            WRITING,
            "out of memory at 1 response(s) written at once; lower `max_new_tokens`, or give the job more memory",
        ),
    ],
    ids=["learned", "written"],
)
def test_a_response_that_does_not_fit_ends_the_training(
    home: Home,  # noqa: F811
    tmp_path: Path,
    small: Limit,
    learning: bool,
    words: str,
) -> None:
    small(0, learning)
    with pytest.raises(InputError, match="^" + re.escape(words)) as caught:
        home.train(tmp_path)
    assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} <= {"state"}


def test_another_error_is_not_taken_for_it(home: Home, tmp_path: Path, small: Limit) -> None:  # noqa: F811
    def fail() -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    small(0, LEARNING, fail)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        home.train(tmp_path)


def test_several_devices_begin_again_with_half(
    home: Home,  # noqa: F811
    trained: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(train_on_policy, "OnPolicyFit", ShortOnPolicy)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("MOST_ROWS", "1")
    with caplog.at_level(logging.INFO):
        train_on_policy.main([*home.arguments(tmp_path), "--processes", "2"])
    assert "out of memory at 2 response(s) per step: all processes begin again with 1, from the last" in caplog.text
    assert execution(tmp_path) == {"rows_per_step": 1, "halved": 1, "processes": 2}
    assert log_of(tmp_path)["loss"] == pytest.approx(log_of(trained)["loss"], abs=1e-4)


def test_memory_that_lacks_beside_the_steps(
    home: Home,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where the optimiser makes its state."""
    monkeypatch.setattr("torch.nn.utils.clip_grad_norm_", lambda *_, **__: raise_as_cuda_does())
    with pytest.raises(InputError) as caught:
        home.train(tmp_path)
    size = sum(p.numel() for p in load_model(home.start()).parameters())
    assert str(caught.value) == (
        "out of memory at update 1, beside its steps: weights, gradients and the state of `optimizer: adamw` take "
        f"{16 * size / 1e9:.2g} GB; start from adapters (`lora`), or give the job more memory: the teacher is in it, "
        "too"
    )
