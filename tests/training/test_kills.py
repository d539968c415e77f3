"""Two processes that train together, killed at random moments again and again: the weights come out as without.

Each start takes seconds, so there are four kills; `KILLS=10` asks for ten (four minutes on two busy cores).
"""

import os
import random
import signal
import time
from pathlib import Path

from helpers import manifest
from running import Training
from test_train import inputs, weights  # noqa: F401  # `inputs` is a fixture

KILLS = int(os.environ.get("KILLS", "4"))
KEYS = {"epochs": 12, "save_every": 1}  # 72 updates; more than half of the time a state is being saved


def done(training: Training) -> int:
    """Return the last update of which a whole state is saved, 0 where there is none."""
    return max((int(path.name.split("-")[1]) for path in training.saved()), default=0)


def kill(training: Training, victim: int) -> None:
    """Kill one of the two processes, or (2) the program that started them; wait until all have ended."""
    ranks = training.ranks()
    os.kill([*ranks, training.program.pid][victim], signal.SIGKILL)
    assert training.ended() == (1 if victim < 2 else -signal.SIGKILL)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{rank}").exists() for rank in ranks):  # they write no more
        assert time.monotonic() < deadline, ranks
        time.sleep(0.02)


def test_kills_at_random_moments_change_nothing(inputs: Path, tmp_path: Path) -> None:  # noqa: F811
    whole = Training(inputs, tmp_path / "whole/weights", 2, **KEYS)
    assert whole.ended() == 0, whole.log.read_text()
    rng, killed = random.Random(7), []
    for number in range(KILLS):
        training = Training(inputs, tmp_path / "killed/weights", 2, **KEYS)
        before, more = done(training), rng.randint(1, 4)
        while done(training) < before + more:
            assert training.program.poll() is None, training.log.read_text()
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.2))
        kill(training, {1: 0, 2: 1}.get(number, 2))  # where one process is lost, the other has ten seconds to end
        killed.append(done(training))
        assert training.left() == {"state"}
    assert killed == sorted(set(killed)), "each time at another update"
    last = Training(inputs, tmp_path / "killed/weights", 2, **KEYS)
    assert last.ended() == 0, last.log.read_text()
    assert last.begins()[0] >= killed[-1] > 0
    assert weights(last.output) == weights(whole.output)
    assert manifest(last.output) == manifest(whole.output)
