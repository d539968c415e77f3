"""train_on_policy.py in several processes: the losses of one, one that writes, and a process that is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import train_on_policy
from helpers import REPOSITORY, manifest
from running import is_json
from safetensors.numpy import load_file
from test_on_policy import Home, home, log_of  # noqa: F401  # a fixture
from test_processes import AUDIT
from test_train import inputs, weights  # noqa: F401  # a fixture

LOGGED = ("loss", "grad_norm")
PROGRAM = str(REPOSITORY / "scripts/train_on_policy.py")
LONG = {"max_updates": 40, "global_batch": 4}


def largest_difference(one: Path, other: Path, file: str) -> float:
    first, second = load_file(one / file), load_file(other / file)
    assert first.keys() == second.keys()
    return max(float(np.abs(first[name] - second[name]).max()) for name in first)


@pytest.mark.parametrize("start", ["start", "adapter"])
def test_two_devices_train_as_one_does(
    home: Home,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: str,
) -> None:
    keys = {"max_updates": 6, "temperature": 1.5, "start": start}
    if start == "adapter":
        home.start("adapter", lora={"rank": 4})
    home.train(tmp_path / "one", **keys)
    (tmp_path / "sitecustomize.py").write_text(AUDIT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("AUDITED", str(tmp_path / "audited"))
    two = tmp_path / "two"
    train_on_policy.main([*home.arguments(two, execution={"micro_batch": 1}, **keys), "--processes", "2"])
    logs = log_of(tmp_path / "one"), log_of(two)
    for name in LOGGED:
        assert logs[1][name] == pytest.approx(logs[0][name], abs=1e-4), name
    for name in ("tokens", "loss_tokens"):  # of the very same responses
        assert logs[1][name] == logs[0][name]
    expected, found = manifest(tmp_path / "one/weights"), manifest(two / "weights")
    for facts in (expected, found):
        del facts["digest"]
        facts["final_loss"] = round(facts["final_loss"], 3)
    assert found == expected
    file = "adapter_model.safetensors" if start == "adapter" else "model.safetensors"
    assert largest_difference(tmp_path / "one/weights", two / "weights", file) < 1e-3
    assert json.loads((two / "provenance.json").read_text())["execution"] == {
        "rows_per_step": 1,
        "processes": 2,
        "halved": 0,
    }
    wrote = [(tmp_path / f"audited.{rank}").read_text().splitlines() for rank in (0, 1)]
    assert [line for line in wrote[0] if line.startswith(str(two)) and "/state/" not in line]
    assert [line for line in wrote[1] if line.startswith(str(two)) and "/state/" not in line] == []


class OnPolicy:
    """A training in two processes as a program; `log` is what it writes to stderr."""

    def __init__(self, home: Home, folder: Path):  # noqa: F811
        self.folder, self.log = folder, folder.with_suffix(".log")
        arguments = home.arguments(folder, execution={"save_every": 5}, **LONG)
        with open(self.log, "w") as file:
            command = [sys.executable, PROGRAM, *arguments, "--processes", "2"]
            self.program = subprocess.Popen(command, stderr=file)

    def states(self) -> list[Path]:
        return [path.parent for path in self.folder.glob("state/*/checkpoint-*/trainer_state.json") if is_json(path)]

    def ranks(self) -> list[int]:
        pid = self.program.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(each) for each in children if b"training.on_policy" in Path(f"/proc/{each}/cmdline").read_bytes()]

    def begins(self) -> list[int]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith('{"program"')]
        return [line["done"] for line in lines if line["seconds_left"] is None]


def test_a_lost_device_ends_all_and_the_next_run_goes_on(home: Home, tmp_path: Path) -> None:  # noqa: F811
    whole = OnPolicy(home, tmp_path / "whole")
    assert whole.program.wait(timeout=300) == 0, whole.log.read_text()
    cut = OnPolicy(home, tmp_path / "cut")
    deadline = time.monotonic() + 200
    while not cut.states():
        assert cut.program.poll() is None, cut.log.read_text()
        assert time.monotonic() < deadline, cut.log.read_text()
        time.sleep(0.02)
    first, second = cut.ranks()
    os.kill(second, signal.SIGKILL)
    assert cut.program.wait(timeout=100) == 1
    assert "train_on_policy.py: error: training process 2 of 2 was killed by SIGKILL; run again" in cut.log.read_text()
    assert not Path(f"/proc/{first}").exists()
    assert {path.name for path in cut.folder.iterdir()} == {"state"}
    again = OnPolicy(home, tmp_path / "cut")
    assert again.program.wait(timeout=300) == 0, again.log.read_text()
    (begin,) = again.begins()  # one process reports
    assert begin >= 5
    assert weights(again.folder / "weights") == weights(whole.folder / "weights")
    assert manifest(again.folder / "weights") == manifest(whole.folder / "weights")
    assert not (again.folder / "state").exists()
