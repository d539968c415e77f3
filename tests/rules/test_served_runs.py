"""A study whose models are served by the workflow: one start for all that each is asked, and nothing is left."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from helpers import REPOSITORY
from study import CATALOGUE, Study

from distill.runtime.files import read_json

PROGRAM = REPOSITORY / "tests/served_program.py"
TEACHER, STUDENT = "teachers/toy-long", "students/toy-xs/base"


class Served(Study):
    """A small study of one teacher and one untouched student, each behind a server of its own."""

    @classmethod
    def make(cls, folder: Path, **keys: Any) -> "Served":
        study = cls.whole(folder)
        study.edit(
            CATALOGUE + "corpora.yaml",
            **{"toy-train": {"stop": 60, "shards": 3}, "toy-test": {"stop": 40, "shards": 2}},
        )
        study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": 2}})
        study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": study.keys(**keys)})
        study.edit(CATALOGUE + "students.yaml", **{"toy-xs": study.keys(**keys)})
        path = folder / "config/studies/toy.yaml"
        content = yaml.safe_load(path.read_text())
        arm = {**content["arms"][0], "students": ["toy-xs"], "datasets": ["toy-long-arm"], "seeds": [1]}
        path.write_text(yaml.safe_dump({**content, "arms": [arm], "gaps": {}, "contrasts": {}}))
        return study

    def keys(self, *words: str, server: dict[str, Any] | None = None, **serve: Any) -> dict[str, Any]:
        command = [sys.executable, str(PROGRAM), "--host", "{host}", "--port", "{port}", "--name", "{name}",
                   "--folder", str(self.folder), *words]  # fmt: skip
        return {"engine": "openai", "serve": {"command": command, **serve}, **({"server": server} if server else {})}

    def starts(self, model: str) -> int:
        files = list((self.folder / f"results/models/{model}").glob("serving/*/starts.txt"))
        return sum(len(path.read_text().splitlines()) for path in files)

    def processes(self) -> list[psutil.Process]:
        """Return what runs of this study: programs, servers, their children."""
        children = self.folder / "processes.txt"
        pids = [int(line.split()[0]) for line in children.read_text().splitlines()] if children.exists() else []
        named = [p for p in psutil.process_iter(["cmdline"]) if str(self.folder) in " ".join(p.info["cmdline"] or ())]
        return named + [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]

    def gone(self) -> None:
        """Wait for what ends by itself, for less than a server stands idle."""
        assert psutil.wait_procs(self.processes(), 60)[1] == []

    def asked(self) -> int:
        path = self.folder / "asked.txt"
        return len(path.read_text().splitlines()) if path.exists() else 0


def bases(draws: int = 2) -> list[str]:
    """Return the targets: all that the teacher is asked, and the student before training."""
    train = [f"toy-train/{TEACHER}/toy-sampled/draw-{d}/0{shard}-of-03" for d in range(draws) for shard in range(3)]
    test = [f"toy-test/{STUDENT}/toy-greedy/draw-0/0{shard}-of-02" for shard in range(2)]
    return [f"results/responses/{place}/manifest.json" for place in (*train, *test)]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Served:
    study = Served.make(tmp_path_factory.mktemp("served") / "study")
    study.run(*bases())
    study.gone()
    return study


def test_each_model_is_started_once_and_leaves(done: Served) -> None:
    assert (done.starts("toy-long/base"), done.starts("toy-xs/base")) == (1, 1)
    assert done.asked() == 2 * 60 + 40
    assert done.processes() == []


def test_how_it_is_run_re_makes_nothing(done: Served, tmp_path: Path) -> None:
    study = done.copy(tmp_path / "study")
    assert study.planned(*bases()) == set()
    execution = {"execution_args": {"slots": 8}, "port": 9000, "hours": 2, "start_minutes": 5, "idle_minutes": 1,
                 "unhealthy_seconds": 50, "restarts": 1, "replicas": 2, "tensor_parallel": 2}  # fmt: skip
    keys = done.keys(
        server={"concurrency": 3}, **execution
    )  # asked of the folder of before: its name is in the command
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": keys})
    assert study.planned(*bases()) == set()
    keys["serve"] = {**keys["serve"], "args": {"quantization": "fp8"}}
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": keys})
    assert {name.split("/draw-")[0] for name in study.planned(*bases())} == {
        f"generate/toy-train/{TEACHER}/toy-sampled"
    }


def test_a_further_draw_is_one_start(done: Served, tmp_path: Path) -> None:
    study = done.copy(tmp_path / "study")
    study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": 3}})
    asked = done.asked()
    study.run(*bases(3))
    assert (study.starts("toy-long/base"), study.starts("toy-xs/base")) == (2, 1)
    assert done.asked() == asked + 60
    done.gone()


def test_a_judge_is_served_too(done: Served, tmp_path: Path) -> None:
    study = done.copy(tmp_path / "study")
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-short": study.keys("--reply", "True")})
    shards = [f"results/judgements/toy-test/{STUDENT}/toy-greedy/draw-0/0{n}-of-02" for n in range(2)]
    study.run(*(f"{shard}/manifest.json" for shard in shards), "--config", "judge={teacher: toy-short}")
    judged = [read_json(study.folder / shard / "manifest.json")["judgements"] for shard in shards]
    assert sum(each["equal"] for each in judged) > 30
    assert (study.starts("toy-short/base"), study.starts("toy-xs/base")) == (1, 1)
    study.gone()


@pytest.mark.parametrize("how", ["killed", "interrupted"])
def test_a_snakemake_that_ends_in_mid_shard_leaves_nothing(tmp_path: Path, how: str) -> None:
    study = Served.make(tmp_path / "study")
    keys = study.keys("--seconds", "0.3", server={"concurrency": 2})
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": keys})
    study.edit(CATALOGUE + "students.yaml", **{"toy-xs": keys})  # whoever of both is asked first
    with open(tmp_path / "log", "wb") as log:
        # Whom a shell has started in the background ignores Ctrl-C, and so would the study.
        job = subprocess.Popen(study.command(*bases()), cwd=study.folder, env=study.environment(), stdout=log,
                               stderr=log, start_new_session=True,
                               preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))  # fmt: skip
    deadline = time.monotonic() + 300
    while study.asked() < 20:
        assert job.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(job.pid, signal.SIGKILL if how == "killed" else signal.SIGINT)  # as a closed terminal, as Ctrl-C
    assert job.wait(60) != 0
    study.gone()
    study.run(*bases())
    assert study.asked() <= 160 + 4  # two jobs had two questions each under way
    study.gone()


def test_a_server_that_cannot_be_had_fails_its_jobs_in_one_line(tmp_path: Path) -> None:
    study = Served.make(tmp_path / "study")
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": study.keys("--says", "no such device")})
    done = study.snakemake(*bases())
    assert done.returncode == 1
    logs = sorted((study.folder / f"logs/generate/toy-train/{TEACHER}").rglob("*-of-03.log"))
    lines = [path.read_text().splitlines()[-1] for path in logs]
    assert len(lines) == 6
    told = "generate.py: error: the server ended with exit code 3 before it was ready: no such device (more in "
    assert all(line.startswith(told) for line in lines), lines
    assert study.starts("toy-long/base") == 1  # the others are told what the first has found
    assert study.starts("toy-xs/base") == 1
    study.gone()
