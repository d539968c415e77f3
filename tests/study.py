"""A small copy of the toy study in a folder of its own, and Snakemake run in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from dry_runs import dry_run
from helpers import REPOSITORY

CATALOGUE = "config/catalogue/"
GUARD_SECONDS = 1800  # against a hang, however busy the machine is
MADE = ("problems", "responses", "verdicts", "datasets", "rendered", "scores")


class Study:
    """A copy of the project that can be edited and run."""

    python = sys.executable

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def whole(cls, folder: Path) -> "Study":
        """Copy the project with its toy study as it is."""
        for name in ("workflow", "scripts", "config", "profiles", "envs"):
            # Compiled modules too, but for those that another process is about to write.
            unfinished = shutil.ignore_patterns("*.pyc.*", "*.tmp")
            shutil.copytree(REPOSITORY / name, folder / name, ignore=unfinished)
        (folder / "resources").mkdir()
        for name in ("toy", "real", "reference", "speeds.csv"):
            (folder / "resources" / name).symlink_to(REPOSITORY / "resources" / name)
        return cls(folder)

    @classmethod
    def small(cls, folder: Path) -> "Study":
        """Copy the project with a toy study of few problems and four arms: three of toy-xs, one of toy-m."""
        study = cls.whole(folder)
        study.edit(CATALOGUE + "corpora.yaml", **{"toy-train": {"stop": 120}, "toy-test": {"stop": 60}})
        study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"epochs": 2, "save_every": 2}})
        path = folder / "config/studies/toy.yaml"
        content = yaml.safe_load(path.read_text())
        block = {**content["arms"][0], "seeds": [1]}
        small = {**block, "students": ["toy-xs"], "datasets": ["toy-long-arm", "toy-short-arm", "toy-mix-long"]}
        content["arms"] = [small, {**block, "students": ["toy-m"], "datasets": ["toy-short-arm"], "seeds": [1]}]
        content["gaps"] = {n: g for n, g in content["gaps"].items() if n in ("long_cot_gap", "mix_long_gain")}
        content["contrasts"] = {}
        path.write_text(yaml.safe_dump(content))
        return study

    def copy(self, folder: Path) -> "Study":
        """Return a copy with all results, file times and Snakemake's records."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return type(self)(folder)

    def edit(self, file: str, **entries: dict) -> None:
        """Change keys of entries of a catalogue file; a new entry is added."""
        path = self.folder / file
        content = yaml.safe_load(path.read_text())
        for name, keys in entries.items():
            content.setdefault(name, {}).update(keys)
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace text that must be there in a file."""
        path = self.folder / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    def command(self, *options: str) -> list[str]:
        """Return the command line that runs Snakemake here."""
        return [self.python, "-m", "snakemake", "--cores", "2", "--nolock", *options]

    def environment(self) -> dict[str, str]:
        """Return an environment in which `python` is the one of the tests."""
        path = f"{Path(self.python).parent}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path}

    def snakemake(self, *options: str, seconds: int = GUARD_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end."""
        start, rest = self.command(*options)[:3], self.command(*options)[3:]
        if "--dry-run" in options and start == [sys.executable, "-m", "snakemake"]:
            return dry_run(rest, self.folder, self.environment(), seconds)
        return subprocess.run(self.command(*options), cwd=self.folder, capture_output=True, text=True, timeout=seconds,
                              env=self.environment())  # fmt: skip

    def run(self, *options: str, seconds: int = GUARD_SECONDS) -> None:
        """Run Snakemake, which must succeed."""
        done = self.snakemake(*options, seconds=seconds)
        assert done.returncode == 0, (done.stdout + done.stderr)[-10_000:]

    def planned(self, *options: str) -> set[str]:
        """Return the jobs of a dry run, each by its log without suffix (`train/toy-xs/...`)."""
        done = self.snakemake("--dry-run", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return {m[1] for m in re.finditer(r"^ +log: logs/(\S+)\.log", done.stdout + done.stderr, re.MULTILINE)}

    def contents(self) -> dict[str, bytes]:
        """Return the bytes of all tables and manifests; provenance and the analysis of cost hold times: left out."""
        root = self.folder / "results"
        tables = [p for kind in MADE for p in (root / kind).rglob("*.parquet")]
        return {str(p.relative_to(root)): p.read_bytes() for p in [*tables, *root.rglob("manifest.json")]
                if p.parent.name != "cost"}  # fmt: skip
