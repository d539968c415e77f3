"""Keep a server for the model of a model folder, until no program asks it any more.

A generation with `serve` starts it, on its machine or as a job of SLURM (`distill.responses.served`); no rule does.
Inputs: the model folder, whose weights are checked against its manifest; the recipe `serve`. It starts the server, says
in its folder where it is, starts it again when it dies or is unwell, and ends it. What went wrong stands in the
folder's `failed.json` as one line.

Run as: python scripts/serve.py --model results/models/base-xs/base --recipe JSON --folder FOLDER
"""

import argparse
import importlib.util
import os
import shutil
import socket
import subprocess
from pathlib import Path

from distill.config.recipes import ServeRecipe
from distill.responses.launching import check, command
from distill.runtime.devices import take, visible
from distill.runtime.errors import InputError
from distill.runtime.ports import claimed
from distill.runtime.run import run
from distill.runtime.supervisor import Limits, Supervisor

ANY, HERE = "0.0.0.0", "127.0.0.1"


def check_program(keys: ServeRecipe) -> None:
    """Raise InputError where the program that serves is not installed, or several nodes are wanted outside SLURM."""
    if keys.nodes > 1 and "SLURM_JOB_ID" not in os.environ:
        raise InputError(f"`serve.nodes: {keys.nodes}`: several nodes are had on SLURM only (profiles/slurm)")
    if keys.command:
        if shutil.which(keys.command[0]) is None and "{" not in keys.command[0]:
            raise InputError(f"`serve.command`: no program {keys.command[0]!r} here")
        return
    if keys.python is None:
        found = importlib.util.find_spec(keys.program) is not None
    else:
        probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({keys.program!r}) is None)"
        try:
            found = subprocess.run([keys.python, "-c", probe]).returncode == 0
        except OSError as error:
            raise InputError(f"`serve.python`: {keys.python}: {error.strerror}") from None
    if not found:
        where = keys.python or "this Python"
        raise InputError(
            f"`serve`: {keys.program} is not installed in {where}; envs/vllm.yaml has vllm (`snakemake --sdm conda`), "
            "or name a Python that has it under `serve.python`"
        )


def of_processor(keys: ServeRecipe) -> list[str]:
    """Return the words that vLLM needs on a processor, where the recipe does not decide it: prompts are read whole.

    vLLM 0.32 dies there when it reads a prompt in pieces and then rewinds the seed of its request (`CPU Generator does
    not use offset`).
    """
    given = {name.replace("-", "_") for name in (*keys.args, *keys.execution_args)}
    if keys.program != "vllm" or keys.command or visible() or "enable_chunked_prefill" in given:
        return []
    return ["--no-enable-chunked-prefill"]


def limits_of(keys: ServeRecipe) -> Limits:
    """Return the recipe's limits in seconds."""
    start, idle = 60 * keys.start_minutes, 60 * keys.idle_minutes
    return Limits(start, idle, keys.unhealthy_seconds, keys.restarts, keys.port)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, check what is needed, serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--recipe", required=True, help="all of `serve`, with the keys that change no row")
    parser.add_argument("--folder", type=Path, required=True, help="where it says how it stands")
    parser.add_argument("--cluster", action="store_true", help="other machines ask it")
    args = parser.parse_args(argv)

    keys = ServeRecipe.model_validate_json(args.recipe)
    args.folder.mkdir(parents=True, exist_ok=True)
    name = socket.gethostname()
    host, listen = (name, ANY) if args.cluster else (HERE, HERE)

    def words(listen: str, port: int) -> list[str]:
        meet = claimed(0, "")  # where the parts of one on several nodes find each other
        meet.give_back()
        return command(keys, args.model, args.folder, listen, port, (name, meet.number)) + of_processor(keys)

    def prepare() -> None:
        check_program(keys)
        check(args.model)
        if keys.nodes == 1:
            take(keys.gpus, least=keys.gpus)

    Supervisor(args.folder, words, limits_of(keys), host, listen).run(prepare)


if __name__ == "__main__":
    run(main)
