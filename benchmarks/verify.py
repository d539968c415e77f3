"""How fast responses are graded: a plain math-verify loop beside ours, in one run, on real solutions.

Rows are real responses with a boxed answer to MATH, GSM8K and OlympiadBench problems (`outputs_processbench.parquet`,
`outputs_qwen25math.parquet`). Longer ones are made of several real ones in a row, ending in the row's own. Each way
runs in a process of its own, which also gives its peak memory (of the process and its largest worker).

Other rows come first, in every way: they import the libraries, start the workers and fill the tables of math-verify's
parser, which takes seconds in each process that parses. Their time stands apart, as `start s`.

Run as: python benchmarks/verify.py FOLDER_WITH_THE_PARQUET_FILES [--rows 1200]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

Pair = tuple[str, str]
FILES = ("outputs_processbench.parquet", "outputs_qwen25math.parquet")
SIZES = {"1 kB": (0, 1200), "50 kB": (50_000, 1200), "1 MB": (1_000_000, 60)}
FIRST = 400  # rows that are not timed
WAYS = ("plain loop", "ours, 1 process", "ours, 2 processes")


def load(folder: Path, length: int, rows: int, copies: int) -> tuple[list[Pair], list[Pair]]:
    """Return distinct (gold, response): FIRST short ones, and then `rows` of at least `length` characters."""
    import random

    import pyarrow.parquet as pq

    tables = [pq.read_table(folder / name, columns=["gold", "response"]).to_pylist() for name in FILES]
    found = [(r["gold"], r["response"]) for t in tables for r in t if r["gold"] and "boxed" in (r["response"] or "")]
    distinct = sorted(set(found))
    random.Random(0).shuffle(distinct)
    pairs = []
    for index, (gold, response) in enumerate(distinct[FIRST : FIRST + rows]):
        text, other = response, index
        while len(text) < length:
            other += 1
            text = found[other % len(found)][1] + "\n\n" + text
        pairs.append((gold, text))
    return distinct[:FIRST], pairs * copies


def plain(pairs: list[Pair]) -> int:
    """Grade with math-verify as its README shows, one row after the other."""
    from math_verify import parse, verify

    return sum(bool(verify(parse(f"\\boxed{{{gold}}}"), parse(text))) for gold, text in pairs)


def ours(pairs: list[Pair], count: int) -> Iterator[bool]:
    """Grade as verify.py does, a piece of FIRST rows at a time (it takes some thousands)."""
    from distill.verdicts import workers

    workers.CHUNK = FIRST
    for verdict in workers.grade_all(((g, t, "stop") for g, t in pairs), workers=count):
        yield verdict.verdict == "correct"


def measure(way: str, first: list[Pair], pairs: list[Pair]) -> dict[str, float]:
    """Return rows per second, correct rows, and peak memory in MB of this process and its largest child."""
    clock = [time.perf_counter()]
    if way == WAYS[0]:
        plain(first)
        clock.append(time.perf_counter())
        correct = plain(pairs)
    else:
        verdicts = ours([*first, *pairs], 1 if way == WAYS[1] else 2)
        for _ in range(len(first)):
            next(verdicts)
        clock.append(time.perf_counter())
        correct = sum(verdicts)
    clock.append(time.perf_counter())
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"rows_per_s": len(pairs) / (clock[2] - clock[1]), "start": clock[1] - clock[0], "correct": correct,
            "rows": len(pairs), "peak_mb": peak / 1024}  # fmt: skip


def main() -> None:
    """Measure every way on every size, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1200, help="rows of the shortest kind")
    parser.add_argument("--one", nargs=3, metavar=("WAY", "SIZE", "COPIES"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        way, size, copies = args.one
        length, rows = SIZES[size]
        rows = args.rows if length == 0 else rows
        print(json.dumps(measure(way, *load(args.folder, length, rows, int(copies)))))
        return
    print(f"{'responses':24}{'way':20}{'start s':>9}{'rows':>7}{'rows/s':>9}{'x plain':>9}{'correct':>9}{'peak MB':>9}")
    for size, copies in (*((s, 1) for s in SIZES), ("1 kB", 4)):
        base = None
        for way in WAYS:
            command = [
                sys.executable,
                __file__,
                str(args.folder),
                "--rows",
                str(args.rows),
                "--one",
                way,
                size,
                str(copies),
            ]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=1800)
            found = json.loads(done.stdout)
            base = base or found["rows_per_s"]
            name = f"{size}, each {copies} times" if copies > 1 else f"{size}, distinct"
            print(f"{name:24}{way:20}{found['start']:>9.1f}{found['rows']:>7.0f}{found['rows_per_s']:>9.1f}"
                  f"{found['rows_per_s'] / base:>9.1f}{found['correct']:>9.0f}{found['peak_mb']:>9.0f}",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
