"""Signals and kills in mid-training: an update is finished, a state saved, and the weights come out the same."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REPOSITORY, manifest
from running import LONG, Training
from test_train import inputs, options, run, weights  # noqa: F401  # `inputs` is a fixture


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    output = tmp_path_factory.mktemp("undisturbed") / "m/weights"
    run(inputs, output, **LONG)
    return output


def interrupted(training: Training, number: int) -> int:
    """Check how a training that got a signal has ended; return after which update."""
    assert training.ended() == 1
    line = training.error()
    name = signal.Signals(number).name
    found = line.removeprefix(f"train.py: error: {name} ended the training after update ").split(" ", 1)
    assert found[1] == "of 120; its state is saved: run again to go on"
    done = int(found[0])
    assert done in {int(path.name.split("-")[1]) for path in training.saved()}
    assert training.left() == {"state"}
    return done


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_a_training_after_its_update(
    inputs: Path,  # noqa: F811
    undisturbed: Path,
    tmp_path: Path,
    number: signal.Signals,
    capfd: pytest.CaptureFixture[str],
) -> None:
    training = Training(inputs, tmp_path / "m/weights", **LONG)
    training.until_saved()
    training.program.send_signal(number)
    done = interrupted(training, number)
    capfd.readouterr()
    run(inputs, training.output, **LONG)
    assert json.loads(capfd.readouterr().err.splitlines()[0])["done"] == done
    assert weights(training.output) == weights(undisturbed)
    assert manifest(training.output) == manifest(undisturbed)


def test_a_signal_before_the_first_update_is_told(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    training = Training(inputs, tmp_path / "m/weights", **LONG)
    while not catches(training.program.pid):
        assert training.program.poll() is None
    training.program.terminate()
    assert training.ended() == 1
    assert training.error() == "train.py: error: SIGTERM ended the training before its first update; run again"


def catches(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_a_killed_training_goes_on_and_comes_out_the_same(
    inputs: Path,  # noqa: F811
    undisturbed: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    training = Training(inputs, tmp_path / "m/weights", **LONG)
    training.until_saved()
    training.program.send_signal(signal.SIGKILL)
    assert training.ended() == -signal.SIGKILL
    assert training.left() == {"state"}
    # A state that was cut short while it was written must not be taken up.
    (state,) = training.output.parent.glob("state/*")
    shutil.copytree(next(state.glob("checkpoint-*")), state / "checkpoint-9999")
    (state / "checkpoint-9999/trainer_state.json").write_text('{"global_')
    capfd.readouterr()
    run(inputs, training.output, **LONG)
    assert json.loads(capfd.readouterr().err.splitlines()[0])["done"] > 0
    assert weights(training.output) == weights(undisturbed)
    assert manifest(training.output) == manifest(undisturbed)
    assert "state" not in training.left()


# Trains in a child that is killed at a random moment, ten times, then to the end. What torch needs to start is loaded
# once, by the parent.
KILLS = """
import json, os, random, signal, sys, time
from pathlib import Path
import peft, torch, transformers.trainer, transformers.models.qwen3.modeling_qwen3, train
argv, output, rng = json.loads(sys.argv[1]), Path(sys.argv[2]), random.Random(int(sys.argv[3]))

def last():
    walked = os.walk(output.parent / "state")  # not a glob: some folders go meanwhile
    return max([0, *(int(f.rsplit("-", 1)[1]) for f, _, names in walked if "trainer_state.json" in names)])

killed = []
for _ in range(10):
    before, more = last(), rng.randint(1, 4)
    if (child := os.fork()) == 0:
        train.main(argv)
        os._exit(0)
    while last() < before + more:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "ended too early"
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.3))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    killed.append(last())
train.main(argv)
print(json.dumps(killed))
"""


def test_ten_kills_at_random_moments_change_nothing(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    keys = {"epochs": 40, "save_every": 1}  # 240 updates; more than half of the time a state is being saved
    run(inputs, tmp_path / "whole/weights", **keys)
    output = tmp_path / "killed/weights"
    seed = random.Random(7).randrange(1000)
    command = [sys.executable, "-c", KILLS, json.dumps(options(inputs, output, **keys)), str(output), str(seed)]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    killed = json.loads(done.stdout.splitlines()[-1])
    assert killed == sorted(set(killed)), "each time at another update"
    assert len(killed) == 10
    assert weights(output) == weights(tmp_path / "whole/weights")
    assert manifest(output) == manifest(tmp_path / "whole/weights")
