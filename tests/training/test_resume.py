"""A training that was cut short goes on where its state was saved: with dropout, too, and without a repeated update."""

from pathlib import Path
from typing import Any

import pytest
from helpers import manifest
from test_train import inputs, run  # noqa: F401  # `inputs` is a fixture

from distill import tables
from distill.training import fit, outcome, trainer

DROPOUT = {"lora": {"rank": 4, "alpha": 8, "dropout": 0.5}}


class Cut(fit.Progress):
    """Progress of a training that is killed in its fifth update."""

    def update(self, *args: Any, **keys: Any) -> None:
        super().update(*args, **keys)
        if self._done == 5:
            raise KeyboardInterrupt


@pytest.mark.parametrize("keys", [{}, DROPOUT, {"schedule": "linear", "warmup": 0.5}], ids=["full", "dropout", "warm"])
def test_a_training_goes_on_where_its_state_was_saved(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keys: dict[str, Any],
) -> None:
    keys = {"save_every": 2, **keys}
    run(inputs, tmp_path / "whole/weights", **keys)
    monkeypatch.setattr(fit, "Progress", Cut)
    with pytest.raises(KeyboardInterrupt):
        run(inputs, tmp_path / "cut/weights", **keys)
    monkeypatch.undo()
    made: list[Any] = []
    backward = trainer.UpdateTrainer._backward
    monkeypatch.setattr(trainer.UpdateTrainer, "_backward", lambda *args: made.append(args) or backward(*args))
    facts = run(inputs, tmp_path / "cut/weights", **keys)
    assert len(made) == facts["updates"] - 4
    assert facts == manifest(tmp_path / "whole/weights")
    name = "adapter_model.safetensors" if "lora" in keys else "model.safetensors"
    assert (tmp_path / "cut/weights" / name).read_bytes() == (tmp_path / "whole/weights" / name).read_bytes()
    logs = [tables.read(tmp_path / n / "train_log.parquet", tables.TRAIN_LOG).to_pydict() for n in ("cut", "whole")]
    for column in ("update", "loss", "lr", "grad_norm", "tokens"):
        assert logs[0][column] == logs[1][column]


def test_dropout_is_in_effect(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    """Else the test above would say nothing of the state of the random numbers."""
    losses = []
    for name, dropout in (("with", 0.5), ("without", 0.0)):
        run(inputs, tmp_path / name / "weights", max_updates=4, lora={"rank": 4, "alpha": 8, "dropout": dropout})
        losses.append(tables.read(tmp_path / name / "train_log.parquet", tables.TRAIN_LOG)["loss"].to_pylist())
    assert losses[0] != losses[1]


@pytest.mark.parametrize("name", ["updates", "epochs", "tokens", "loss_tokens"])
def test_what_ran_is_compared_with_the_plan(inputs: Path, tmp_path: Path, name: str) -> None:  # noqa: F811
    facts = run(inputs, tmp_path / "m/weights", max_updates=2)
    plan = {each: facts[each] for each in ("updates", "epochs", "tokens", "loss_tokens")}
    assert outcome.outcome(tmp_path / "m/weights", plan)["updates"] == 2
    assert outcome.outcome(tmp_path / "m/weights", {"updates": 2})["tokens"] == facts["tokens"]  # nothing was planned
    with pytest.raises(RuntimeError, match=f"planned against ran: .*'{name}'"):
        outcome.outcome(tmp_path / "m/weights", {**plan, name: plan[name] + 1})
