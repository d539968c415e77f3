"""Dry runs, each in a process that is forked from one which has loaded Snakemake: to load it takes half of a dry run.

What a study has itself, its workflow and its scripts, is loaded anew in each.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

# Other people's modules, which no test changes.
LOADED = ("snakemake.cli", "snakemake.workflow", "snakemake.report", "smart_open", "yte", "pydantic", "pyarrow.parquet",
          "scipy.special")  # fmt: skip


def dry_run(options: list[str], folder: Path, env: dict[str, str], seconds: int) -> subprocess.CompletedProcess[str]:
    """Run `python -m snakemake` with these options, `--dry-run` among them, in a folder and an environment."""
    with TemporaryDirectory() as said:
        output, errors = Path(said, "stdout"), Path(said, "stderr")
        asked = {"options": options, "folder": str(folder), "env": env, "seconds": seconds}
        server = _server()
        server.stdin.write(json.dumps({**asked, "output": str(output), "errors": str(errors)}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(options, code, output.read_text(), errors.read_text())


@cache
def _server() -> subprocess.Popen[str]:
    """Start the process; it ends with the one that it serves."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.Popen([sys.executable, __file__], env=env, text=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)  # fmt: skip


def _become(options: list[str], folder: str, env: dict[str, str], seconds: int, output: str, errors: str) -> None:
    """Make this process one that was started in a folder and an environment."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for number, (path, flags) in enumerate(
        ((os.devnull, os.O_RDONLY), (output, os.O_WRONLY | os.O_CREAT), (errors, os.O_WRONLY | os.O_CREAT))
    ):
        os.dup2(os.open(path, flags), number)
    signal.alarm(seconds)
    own = [os.path.abspath(path) for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:1] = [os.getcwd(), *own]
    sys.argv = ["snakemake", *options]
    sys.modules["snakemake.workflow"].Workflow._rundir = os.getcwd()  # all that is noted of a folder when it is loaded


def _serve() -> None:
    for name in LOADED:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
            runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
