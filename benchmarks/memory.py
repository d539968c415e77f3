"""Peak memory and speed of verify.py and mix.py as the rows grow: they stream, so memory follows the problems only.

Makes problems and one file of responses with ever more draws of them, each with a distinct answer, and runs the real
programs.

Run as: python benchmarks/memory.py [--problems 20000] [--draws 5 20 50]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from distill import tables  # noqa: E402

TEXT = "First we add the numbers, then we halve the sum, and check it once more. " * 6


def names(count: int) -> list[str]:
    """Return problem ids in their order."""
    return [f"p{i:07d}" for i in range(count)]


def write_problems(path: Path, count: int) -> None:
    """Write a problems table."""
    rows = [
        {"problem_id": p, "problem": f"Say {i}.", "answer": str(i), "source": "b"} for i, p in enumerate(names(count))
    ]
    tables.write(path, tables.build(rows, tables.PROBLEMS), tables.PROBLEMS)


def responses(count: int, draws: int) -> Iterator[list[dict[str, object]]]:
    """Yield pieces of rows: every fourth response is wrong."""
    piece: list[dict[str, object]] = []
    for i, problem_id in enumerate(names(count)):
        for draw in range(draws):
            text = f"{TEXT} \\boxed{{{i if draw % 4 else -i - draw}}}"
            piece.append({"problem_id": problem_id, "draw": draw, "response": text, "finish_reason": "stop"})
        if len(piece) >= 10_000:
            yield piece
            piece = []
    yield piece


def run(*command: object) -> tuple[float, float]:
    """Run a program; return its seconds and its peak memory in MB (its workers are smaller and not added)."""
    started = time.perf_counter()
    code = "import resource, runpy, sys; sys.argv = sys.argv[1:]; sys.path.insert(0, sys.argv.pop(0))\n"
    code += "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code, str(SCRIPTS), *map(str, command)], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8")  # fmt: skip
    return time.perf_counter() - started, int(done.stdout.split()[-1]) / 1024


def main() -> None:
    """Print a line per number of draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=20_000)
    parser.add_argument("--draws", type=int, nargs="+", default=[5, 20, 50])
    args = parser.parse_args()
    print(f"{'rows':>10}{'verify s':>10}{'rows/s':>9}{'peak MB':>9}{'mix s':>9}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        problems = folder / "problems.parquet"
        write_problems(problems, args.problems)
        for draws in args.draws:
            answered, graded = folder / "r/responses.parquet", folder / "v/verdicts.parquet"
            with tables.Writer(answered, tables.RESPONSES) as writer:
                for piece in responses(args.problems, draws):
                    writer.write(tables.build(piece, tables.RESPONSES))
            inputs = ("--problems", problems, "--responses")
            verify = run(SCRIPTS / "verify.py", *inputs, answered, "--workers", 2, "--recipe", "{}", "--output", graded)
            recipe = '{"corpus": "c", "sources": ["t"]}'
            mix = run(SCRIPTS / "mix.py", *inputs, "t", answered, "--verdicts", "t", graded, "--recipe", recipe,
                      "--output", folder / "d/train.parquet")  # fmt: skip
            rows = writer.rows
            print(f"{rows:>10,}{verify[0]:>10.1f}{rows / verify[0]:>9.0f}{verify[1]:>9.0f}{mix[0]:>9.1f}{mix[1]:>9.0f}",
                  flush=True)  # fmt: skip
    print(f"largest child: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
