"""What the journal of generate.py costs: per row against the time that generating the row takes, and at a restart.

Rows hold words of LaTeX-like text, 4 bytes a token. The restart is that of the program: open a journal, find which of
the shard's problems are missing; then (reported apart) the table is written from it. Each part runs in a process of
its own; the peak is its resident memory.

Run as: python benchmarks/journal.py [--rows 100000] [--kilobytes 30] [--folder /tmp]
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from distill.runtime.journal import Journal

TOKENS_PER_SECOND = 10_000
BYTES_PER_TOKEN = 4
WORDS = [
    "so",
    "\\frac{3}{4}",
    "hence",
    "\n\n",
    "we",
    "get",
    '"x"',
    "is",
    "≤",
    "12",
    "\\boxed{",
    "}",
    "check:",
    "√2",
    "+",
]


def row(number: int, size: int) -> dict[str, object]:
    """Return a row as generate.py keeps it, its response of `size` bytes or a little more."""
    source, words, length = random.Random(number), [], 0
    while length < size:
        words.append(source.choice(WORDS) + str(source.randrange(1000)))
        length += len(words[-1].encode()) + 1
    return {"response": " ".join(words), "finish_reason": "stop", "prompt_tokens": 120, "error": None,
            "response_tokens": size // BYTES_PER_TOKEN, "seed": number, "engine": "benchmark 1.0"}  # fmt: skip


def cost_per_row(folder: Path, size: int, rows: int) -> float:
    """Return the seconds that keeping one row takes, the best of three runs."""
    made = [row(n, size) for n in range(min(rows, 50))]
    best = float("inf")
    for run in range(3):
        journal = Journal(folder / f"cost-{size}-{run}.jsonl")
        started = time.perf_counter()
        for n in range(rows):
            journal.add((f"p{n:07d}", 0, "0" * 16), made[n % len(made)])
        best = min(best, (time.perf_counter() - started) / rows)
        journal.close()
    return best


def fill(path: Path, rows: int, size: int) -> None:
    """Write a journal in an order that is not the table's."""
    made = [row(n, size) for n in range(500)]
    journal = Journal(path)
    numbers = list(range(rows))
    random.Random(0).shuffle(numbers)
    for n in numbers:
        journal.add((f"p{n:07d}", 0, "0" * 16), made[n % len(made)])
    journal.close()


def restart(path: Path, rows: int, write: bool) -> dict[str, float]:
    """Open the journal and find what is missing; write the table if asked. Return seconds and peak MB."""
    import generate

    from distill.responses.asking import Task
    from distill.responses.kept import Question

    questions = {f"p{n:07d}": Question([], "0" * 16, None) for n in range(rows + 10)}
    task = Task(None, 0, "00-of-01")
    started = time.perf_counter()
    journal = Journal(path)
    missing = [i for i in questions if task.key(i, questions) not in journal]
    assert len(missing) == 10
    opened = time.perf_counter() - started
    if write:
        generate.write(path.with_suffix(".parquet"), task, dict(list(questions.items())[:rows]), journal, {})
    seconds = time.perf_counter() - started - opened if write else opened
    return {"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    """Print one table of each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kilobytes", type=int, default=30)
    parser.add_argument("--folder", type=Path, help="where the journal is written; a temporary folder when absent")
    parser.add_argument("--one", nargs=3, metavar=("PATH", "ROWS", "WRITE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        path, rows, write = args.one
        print(json.dumps(restart(Path(path), int(rows), write == "write")))
        return
    print(f"{'response':>10}{'us a row':>10}{f'ms at {TOKENS_PER_SECOND} tokens/s':>24}{'share':>10}")
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        for size, rows in ((400, 20_000), (4_000, 10_000), (30_000, 3_000)):
            seconds = cost_per_row(Path(name), size, rows)
            generation = size / BYTES_PER_TOKEN / TOKENS_PER_SECOND
            print(f"{size:>8} B{seconds * 1e6:>10.1f}{generation * 1e3:>24.1f}{seconds / generation:>10.4%}")
        path = Path(name) / "journal.jsonl"
        fill(path, args.rows, args.kilobytes * 1000)
        print(f"\n{args.rows:,} rows of {args.kilobytes} kB, a journal of {path.stat().st_size / 1e9:.2f} GB")
        print(f"{'':24}{'seconds':>10}{'peak MB':>10}")
        for what, word in (("index and find missing", "index"), ("write the table", "write")):
            command = [sys.executable, __file__, "--one", str(path), str(args.rows), word]
            found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=3600).stdout)
            print(f"{what:24}{found['seconds']:>10.1f}{found['peak_mb']:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
