"""A training watched: the loss of what is held out, the cost of saved states, and what a processor does not tell."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers import manifest
from test_train import inputs, run  # noqa: F401  # `inputs` is a fixture

from distill import tables
from distill.config.recipes import TrainJob
from distill.models.folders import load_model
from distill.training import watch
from distill.training.updates import Update, is_held_out
from distill.training.watch import SavePace, Watch


def summed(network: torch.nn.Module, row: dict) -> float:
    """The loss of one row alone, in nats, from the probabilities of all its positions."""
    ids = torch.tensor([row["input_ids"]])
    with torch.no_grad():
        logs = network(ids).logits.log_softmax(-1)[0]
    return -sum(float(logs[t - 1, ids[0, t]]) for t in range(1, ids.shape[1]) if row["loss_mask"][t])


@pytest.mark.parametrize("packing", [True, False], ids=["packed", "padded"])
def test_the_held_out_loss_is_that_of_rows_nobody_trained_on(
    inputs: Path,  # noqa: F811
    tmp_path: Path,
    packing: bool,
) -> None:
    output = tmp_path / "m/weights"
    facts = run(inputs, output, held_out=0.2, epochs=4, packing=packing)
    rows = tables.read(inputs / "rendered.parquet", tables.RENDERED).to_pylist()
    out = [row for row in rows if is_held_out(row["problem_id"], 0.2)]
    assert 0 < len(out) < len(rows)
    ledger = tables.read(output.with_name("ledger.parquet"), tables.LEDGER).to_pylist()
    assert [(row["problem_id"], row["reason"]) for row in ledger] == [(row["problem_id"], "held_out") for row in out]
    assert facts["ledger"]["lost"] == {"held_out": len(out)}
    log = tables.read(output.with_name("train_log.parquet"), tables.TRAIN_LOG).to_pydict()
    taken = [number for number, loss in zip(log["update"], log["held_out_loss"], strict=True) if loss is not None]
    total = facts["updates"]
    assert taken == [-(-total * tenth // 10) for tenth in range(1, 11)]
    assert log["mfu"] == [None] * total
    tokens = sum(sum(row["loss_mask"][1:]) for row in out)
    network = load_model(output.parent, dtype="float32").eval()
    expected = sum(summed(network, row) for row in out) / tokens
    assert log["held_out_loss"][-1] == pytest.approx(expected, rel=1e-4)
    assert facts["held_out_loss"] == round(log["held_out_loss"][-1], 6)
    assert manifest(output)["tokens"] == 4 * sum(row["length"] for row in rows if row not in out)


def test_the_held_out_loss_is_taken_without_dropout(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    output = tmp_path / "m/weights"
    run(inputs, output, held_out=0.2, max_updates=2, lora={"rank": 4, "alpha": 8, "dropout": 0.9}, lr=0.05)
    rows = tables.read(inputs / "rendered.parquet", tables.RENDERED).to_pylist()
    out = [row for row in rows if is_held_out(row["problem_id"], 0.2)]
    network = load_model(output.parent, dtype="float32").eval()
    expected = sum(summed(network, row) for row in out) / sum(sum(row["loss_mask"][1:]) for row in out)
    log = tables.read(output.with_name("train_log.parquet"), tables.TRAIN_LOG).to_pydict()
    assert log["held_out_loss"][-1] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "processes", "share"),
    [
        ("NVIDIA H100 80GB HBM3", 1, 6 * 24 / 989e12),
        ("NVIDIA A100-SXM4-80GB", 4, 6 * 24 / (4 * 312e12)),
        ("NVIDIA H100 PCIe", 1, 6 * 24 / 756e12),
        ("NVIDIA L40S", 1, 6 * 24 / 362e12),
        ("NVIDIA A10G", 1, 6 * 24 / 70e12),
        ("NVIDIA GeForce RTX 3060", 1, None),
    ],
)
def test_the_share_of_the_peak_by_hand(
    monkeypatch: pytest.MonkeyPatch, name: str, processes: int, share: float | None
) -> None:
    """Six operations per weight and token, of all devices' peak together; this many per token and second."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: name)
    args = SimpleNamespace(use_cpu=False, world_size=processes)
    trainer = SimpleNamespace(args=args, model=torch.nn.Linear(5, 4))  # 24 weights
    watched = Watch(TrainJob(lr=1), [], [], lambda _: None)
    assert watched.flops(trainer) == (share and pytest.approx(share, rel=1e-9, abs=0))
    trainer.model.weight.requires_grad_(False)  # 20 that do not learn, of 24
    assert watched.flops(trainer) == (share and pytest.approx(share * (20 * 4 + 4 * 6) / (24 * 6), rel=1e-9, abs=0))


@pytest.mark.parametrize(("updates", "at"), [(1, {1}), (3, {1, 2, 3}), (25, {3, 5, 8, 10, 13, 15, 18, 20, 23, 25})])
def test_the_held_out_loss_is_taken_ten_times_and_at_the_end(updates: int, at: set[int]) -> None:
    planned = [Update((0,), 1.0)] * updates
    assert Watch(TrainJob(lr=1), planned, [1], lambda _: None).held_out_at() == at
    assert Watch(TrainJob(lr=1), planned, [], lambda _: None).held_out_at() == set()


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 1000.0
        monkeypatch.setattr(watch.time, "monotonic", lambda: self.now)


@pytest.mark.parametrize(("cost", "update"), [(0.1, 1.0), (4.0, 1.0), (60.0, 0.5), (60.0, 100.0), (1.0, 1000.0)])
def test_saved_states_cost_a_twentieth_of_the_time_at_most(
    monkeypatch: pytest.MonkeyPatch, cost: float, update: float
) -> None:
    clock = Clock(monkeypatch)
    pace, saves, seconds, longest, since = SavePace(True, last=clock.now), 0, 0.0, 0.0, 0.0
    for _ in range(20_000):
        clock.now += update
        seconds, since = seconds + update, since + update
        due = pace.is_due(at_end=False)
        pace.started = clock.now
        if due:
            clock.now += cost
            pace.ended()
            longest, since = max(longest, since), 0.0
            saves, seconds = saves + 1, seconds + cost
    assert saves > 0
    assert (saves - 1) * cost <= watch.SAVED_SHARE * seconds  # the cost of the first is not known before
    assert longest <= max(watch.FIRST_SAVE, cost / watch.SAVED_SHARE) + update  # and no seldomer than that


def test_no_state_is_saved_at_the_end_or_where_a_number_of_updates_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    free, given = (SavePace(active, last=clock.now) for active in (True, False))
    clock.now += watch.FIRST_SAVE - 1
    assert not free.is_due(at_end=False)
    clock.now += 1
    assert free.is_due(at_end=False)
    assert not free.is_due(at_end=True)
    assert not given.is_due(at_end=False)
