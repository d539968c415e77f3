"""What the rules would run: dry runs of the study of the world, with changed settings and entries."""

import json
import os
import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

from dry_runs import dry_run
from helpers import REPOSITORY
from study import GUARD_SECONDS
from world import edit

JUDGE = {"teacher": "toy-large", "prompt": "equal"}
Options = dict[str, Any]


@cache
def _dry_run(settings: str, kind: str, entries: str) -> list[list[str]]:
    folder = json.loads(settings).get("folder") or f"config-{abs(hash((settings, kind, entries)))}"
    shutil.copytree("config", folder, dirs_exist_ok=True)
    if kind:
        edit(Path(folder, f"catalogue/{kind}.yaml"), json.loads(entries))
    given = {"studies": ["toy"], "judge": JUDGE, **json.loads(settings), "folder": folder}
    chosen = [f"{name}={json.dumps(value)}" for name, value in given.items()]
    options = ["--dry-run", "-p", "--cores", "1", "--nolock", "--workflow-profile", "none",
               "-s", str(REPOSITORY / "workflow/Snakefile"), "--config", *chosen]  # fmt: skip
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = dry_run(options, Path.cwd(), {**os.environ, "PATH": path}, GUARD_SECONDS)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    lines = re.findall(r"^Shell command: exec python (.*)$", done.stdout + done.stderr, re.MULTILINE)
    # `--prompt=x` is taken apart, to be found as the others are
    return [[p for word in shlex.split(line) for p in re.split(r"(?<=^--prompt)=", word)] for line in lines]


def commands(
    program: str, settings: Options | None = None, kind: str = "", entries: Options | None = None
) -> list[list[str]]:
    """Return the command lines of one program, sorted."""
    found = _dry_run(json.dumps(settings or {}), kind, json.dumps(entries or {}))
    return sorted(words for words in found if Path(words[0]).stem == program)


def option(words: list[str], name: str) -> str:
    """Return what follows an option."""
    return words[words.index(name) + 1]


def recipes(program: str, **where: Any) -> list[Any]:
    """Return the recipes that the rules give a program, without repeats."""
    return [json.loads(text) for text in sorted({option(words, "--recipe") for words in commands(program, **where)})]


def prompts(kind: str, name: str, prompt: str) -> list[str]:
    """Return the prompts of the jobs of a teacher or student whose entry names `prompt`."""
    folder = r"config-?\d*/"
    return [
        re.sub(folder, "", option(words, "--prompt"))
        for program in ("generate", "render")
        for words in commands(program, kind=kind, entries={name: {"prompt": prompt}})
        if f"results/models/{name}/base" in words and "--prompt" in words
    ]
