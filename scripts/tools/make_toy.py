"""Builds everything under resources/toy from nothing: problem files, base students and teachers.

All seeds are fixed; a rebuild on the same machine gives the same bytes. Each model takes one process and one thread.

Run as: python scripts/tools/make_toy.py [--only NAME ...] [--jobs 2] [--output resources/toy]
"""

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tools.toy import problems as toy
from tools.toy.models import Spec, build

PROBLEMS = "problems"
STUDENT_STYLES = {"short": 0.5, "steps": 0.3, "large": 0.2}
MODELS = {
    "base-xs": Spec(32, 2, 2, 96, STUDENT_STYLES, 50_000, 3e-3, seed=1),
    "base-m": Spec(96, 3, 4, 288, STUDENT_STYLES, 50_000, 2e-3, seed=1),
    "teacher-long": Spec(96, 3, 4, 288, {"long": 1.0}, 40_000, 2e-3, seed=11),
    "teacher-short": Spec(96, 3, 4, 288, {"short": 1.0}, 80_000, 2e-3, seed=12),
    "teacher-large": Spec(96, 3, 4, 288, {"large": 1.0}, 64_000, 2e-3, seed=13),
    "teacher-small": Spec(
        32, 2, 2, 96, {"steps": 1.0}, 50_000, 3e-3, seed=14, levels={1: 0.5, 2: 0.4, 3: 0.07, 4: 0.03}
    ),
}


def write_problems(output: Path) -> None:
    """Writes train.jsonl and test.jsonl (id, problem, answer, level) to the folder `output`."""
    for split, problems in (("train", toy.training_problems()), ("test", toy.heldout_problems())):
        lines = [json.dumps(toy.row(problem, split, number)) for number, problem in enumerate(problems, start=1)]
        temporary = output / f".{split}.jsonl.{os.getpid()}"
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(temporary, output / f"{split}.jsonl")


def write_model(name: str, output: Path) -> str:
    """Trains one model of `MODELS` and puts its folder in place; returns a line about it."""
    started = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=output))
    try:
        folder.chmod(0o755)
        build(MODELS[name], folder, toy.reserved_keys(), lambda line: print(f"{name}: {line}", flush=True))
        shutil.rmtree(output / name, ignore_errors=True)
        os.replace(folder, output / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    size = sum(file.stat().st_size for file in (output / name).iterdir())
    return f"{name}: {size / 1e6:.2f} MB in {time.perf_counter() - started:.0f} s"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Command line arguments; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = (PROBLEMS, *MODELS)
    parser.add_argument("--only", nargs="+", choices=names, default=list(names), metavar="NAME", help=", ".join(names))
    parser.add_argument("--jobs", type=int, default=2, help="models trained at the same time")
    parser.add_argument("--output", type=Path, default=Path("resources/toy"), help="folder to fill")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what the command line asks for; returns the exit code."""
    options = parse(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    if PROBLEMS in options.only:
        write_problems(options.output)
    names = [name for name in options.only if name in MODELS]
    os.environ["OMP_NUM_THREADS"] = "1"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=options.jobs, mp_context=spawn) as pool:
        for line in pool.map(partial(write_model, output=options.output), names):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
