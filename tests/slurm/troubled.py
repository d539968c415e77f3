"""A study of one arm whose jobs are long enough to be met in the midst of their work, and Snakemake on a cluster."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import yaml
from cluster import Cluster
from study import CATALOGUE, Study

TRAINING = "models/toy-xs/toy-sft/toy-mix-long/seed-1"
TEACHER = "responses/toy-train/teachers/toy-long/toy-sampled/draw-0/00-of-01"
OTHER_TEACHER = "responses/toy-train/teachers/toy-short/toy-sampled/draw-0/00-of-01"
STUDENT = "responses/toy-test/students/toy-xs/base/toy-greedy/draw-0/00-of-01"
# How the plugin's comment on the job of a place begins.
COMMENTS = {
    TRAINING: "rule_train_wildcards",
    TEACHER: "rule_answers.teachers.toy-long.",
    OTHER_TEACHER: "rule_answers.teachers.toy-short.",
    STUDENT: "rule_answers.students.toy-xs.base.",
}
# Programs run as they do here, on one core.
IMPATIENT = Path(__file__).with_name("impatient.py")
PROFILES = ("--profile", "profiles/slurm", "--profile", "profiles/own")
OWN = {
    "set-threads": {"generate": 1, "verify": 1, "check_golds": 1},
    "latency-wait": 20,
}


class SlurmStudy(Study):
    """The study, and the cluster that its jobs are sent to once there is one."""

    cluster: Cluster | None = None

    @classmethod
    def make(cls, folder: Path) -> "SlurmStudy":
        """Copy the project with a toy study of two teachers, one student and one dataset."""
        study = cls.whole(folder)
        study.edit(CATALOGUE + "corpora.yaml", **{"toy-train": {"stop": 100, "shards": 1}, "toy-test": {"stop": 100}})
        study.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": 1}})
        study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"epochs": 200, "save_every": 20}})
        study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": {"batch_size": 10}, "toy-short": {"batch_size": 1}})
        study.edit(CATALOGUE + "students.yaml", **{"toy-xs": {"batch_size": 2}})
        path = folder / "config/studies/toy.yaml"
        content = yaml.safe_load(path.read_text())
        arm = {"students": ["toy-xs"], "datasets": ["toy-mix-long"], "seeds": [1]}
        path.write_text(
            yaml.safe_dump({**content, "arms": [{**content["arms"][0], **arm}], "gaps": {}, "contrasts": {}})
        )
        return study

    def on(self, cluster: Cluster, resources: dict[str, dict[str, Any]] | None = None, **keys: Any) -> "SlurmStudy":
        """Send jobs to a cluster; `resources` of rules and further `keys` are those of the site's profile."""
        self.cluster = cluster
        ours = yaml.safe_load((self.folder / "profiles/slurm/profile.v9+.yaml").read_text())["set-resources"]
        profile = self.folder / "profiles/own/profile.v9+.yaml"
        profile.parent.mkdir(exist_ok=True)
        profile.write_text(yaml.safe_dump({**OWN, "set-resources": {**ours, **(resources or {})}, **keys}))
        return self

    def command(self, *options: str) -> list[str]:
        """Return the command line that runs Snakemake here."""
        if self.cluster is None:
            return super().command(*options)
        return [self.python, str(IMPATIENT), *PROFILES, *options]

    def environment(self) -> dict[str, str]:
        """Return an environment that finds the clients of the cluster first."""
        own = super().environment()
        return own if self.cluster is None else {**own, "PATH": f"{self.cluster.folder}/bin:{own['PATH']}"}

    def begin(self, *targets: str) -> subprocess.Popen[str]:
        """Start Snakemake in a process group of its own; what it says goes to the file `said`."""
        with open(self.folder / "said", "a") as said:
            return subprocess.Popen(self.command(*targets), cwd=self.folder, env=self.environment(), text=True,
                                    start_new_session=True, stdout=said, stderr=said)  # fmt: skip

    def said(self) -> str:
        """Return what Snakemake has said since the first `begin`."""
        return (self.folder / "said").read_text()

    def program(self, place: str) -> int | None:
        """Return the process that makes a place, once it has kept a response or saved a state."""
        state = self.folder / "results" / place / "state"
        if not any(
            _is_filled(path) for end in ("*.jsonl", "*/checkpoint-*/trainer_state.json") for path in state.glob(end)
        ):
            return None
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words, at = (folder / "cmdline").read_text().split("\0"), (folder / "cwd").readlink()
            except OSError:
                continue  # it has ended
            if at == self.folder and words[0].endswith("python") and words[-2].startswith(f"results/{place}/"):
                return int(folder.name)
        return None

    def provenance(self, place: str) -> dict[str, Any]:
        """Return how a place came about."""
        return json.loads((self.folder / f"results/{place}/provenance.json").read_text())

    def logs(self, place: str) -> list[Path]:
        """Return the logs of the attempts at a place of responses or models, the last attempt last."""
        kind, _, rest = place.partition("/")
        program = {"models": "train", "responses": "generate"}[kind]
        log = self.folder / f"logs/{program}/{rest}.log"
        return [path for path in (*sorted(log.parent.glob(f"{log.stem}.2*.log")), log) if path.exists()]

    def readings(self, place: str) -> list[list[dict[str, Any]]]:
        """Return the lines of progress in each of these logs; one that is being written has two names and is one."""
        logs = {path.stat().st_ino: path.read_text().splitlines() for path in self.logs(place)}
        return [[json.loads(line) for line in own if line.startswith('{"program"')] for own in logs.values()]


def _is_filled(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False  # it has gone meanwhile


class Stopped:
    """Programs that are stopped in the midst of their work, each once: a quick one would be through before its trouble.

    SLURM lets a program go on before it ends it.
    """

    def __init__(self, study: SlurmStudy, *places: str):
        self._study, self._places, self._ended = study, list(places), False
        self._stopped: queue.Queue[tuple[str, int]] = queue.Queue()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while self._places and not self._ended:
            for place in list(self._places):
                if (program := self._study.program(place)) is not None:
                    os.kill(program, signal.SIGSTOP)
                    self._places.remove(place)
                    self._stopped.put((place, program))
            time.sleep(0.02)

    def next(self, seconds: float) -> tuple[str, int]:
        """Wait for the next program that is stopped; return its place and process."""
        return self._stopped.get(timeout=seconds)

    def end(self) -> None:
        """Stop no more programs."""
        self._ended = True
