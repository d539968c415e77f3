"""Who is there: seen at once on one's own machine, by the age of a file from another."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from distill.runtime import presence
from distill.runtime.presence import STALE_SECONDS, Presence, age, facts_of, is_there


def test_a_process_is_there_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "who.json"
    assert not is_there(path)
    code = "import pathlib, sys; from distill.runtime import presence; presence.Presence(pathlib.Path(sys.argv[1]))"
    other = subprocess.Popen([sys.executable, "-c", f"{code}; print(flush=True); input()", str(path)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "scripts"},
                             cwd=Path(__file__).parents[2])  # fmt: skip
    assert other.stdout
    other.stdout.readline()
    assert is_there(path)
    other.kill()  # nobody has waited for it yet: a dead process still has its number
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert facts_of(path)["pid"] == other.pid
    assert not is_there(path)
    other.communicate()
    assert not is_there(path)


def test_another_process_with_the_same_number_is_not_the_one(tmp_path: Path) -> None:
    with Presence(tmp_path / "who.json", run="x") as me:
        assert is_there(me.path)
        facts = facts_of(me.path)
        assert (facts["pid"], facts["run"]) == (os.getpid(), "x")
        me.path.write_text(json.dumps({**facts, "born": facts["born"] + "1"}))
        assert not is_there(me.path)
    assert not me.path.exists()


def test_one_of_another_machine_is_there_while_its_file_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "who.json"
    path.write_text(json.dumps({"host": "another", "pid": os.getpid(), "born": "x"}))
    assert is_there(path)
    old = time.time() - STALE_SECONDS - 5
    os.utime(path, (old, old))
    assert age(path) > STALE_SECONDS
    assert not is_there(path)
    assert [each.name for each in tmp_path.iterdir()] == ["who.json"]


def test_facts_change_and_the_last_may_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    left = 3
    me = Presence(tmp_path / "who.json", lambda: {"left": left})
    assert facts_of(me.path)["left"] == 3
    left = 2
    os.utime(me.path, (0, 0))
    while facts_of(me.path).get("left") != 2 or me.path.stat().st_mtime == 0:
        time.sleep(0.01)
    me.close(left=0)
    assert facts_of(me.path)["left"] == 0


def test_a_torn_file_is_nobody(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"host"'):
        (tmp_path / "who.json").write_text(text)
        assert not is_there(tmp_path / "who.json")
