"""How fast responses are graded: a plain math-verify loop beside ours, in one run, on real solutions.

Rows are real responses with a boxed answer to MATH, GSM8K and OlympiadBench problems
(`outputs_processbench.parquet`). Longer ones are made
of several real ones in a row, ending in the row's own. Each way runs in a process of its own, which also gives its peak
memory (of the process and its largest worker).

Run as: python benchmarks/verify.py FOLDER_WITH_THE_PARQUET_FILE [--rows 1500]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

Pair = tuple[str, str]
SIZES = {"1 kB": (0, 1000), "50 kB": (50_000, 1500), "1 MB": (1_000_000, 60)}
WAYS = ("plain loop", "ours, 1 process", "ours, 2 processes")


def load(folder: Path, length: int, rows: int, copies: int) -> list[Pair]:
    """Return (gold, response) of distinct real responses, each made at least `length` characters long."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "outputs_processbench.parquet", columns=["gold", "response"])
    found = [(r["gold"], r["response"]) for r in table.to_pylist() if r["gold"] and "boxed" in (r["response"] or "")]
    distinct = list(dict.fromkeys(found))
    distinct = distinct[:: max(1, len(distinct) // rows)][:rows]
    pairs = []
    for index, (gold, response) in enumerate(distinct):
        text, other = response, index
        while len(text) < length:
            other += 1
            text = found[other % len(found)][1] + "\n\n" + text
        pairs.append((gold, text))
    return pairs * copies


def plain(pairs: list[Pair]) -> int:
    """Grade with math-verify as its README shows, one row after the other."""
    from math_verify import parse, verify

    return sum(bool(verify(parse(f"\\boxed{{{gold}}}"), parse(text))) for gold, text in pairs)


def ours(pairs: list[Pair], workers: int) -> int:
    """Grade as verify.py does."""
    from distill.workers import grade_all

    return sum(v.verdict == "correct" for v in grade_all(((g, t, "stop") for g, t in pairs), workers=workers))


def measure(way: str, pairs: list[Pair]) -> dict[str, float]:
    """Return rows per second, correct rows, and peak memory in MB of this process and its largest child."""
    started = time.perf_counter()
    correct = plain(pairs) if way == WAYS[0] else ours(pairs, 1 if way == WAYS[1] else 2)
    seconds = time.perf_counter() - started
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"rows_per_s": len(pairs) / seconds, "correct": correct, "peak_mb": peak / 1024}


def main() -> None:
    """Measure every way on every size, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1500, help="rows of the shortest kind")
    parser.add_argument("--one", nargs=3, metavar=("WAY", "SIZE", "COPIES"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        way, size, copies = args.one
        length, rows = SIZES[size]
        rows = args.rows if length == 0 else rows
        print(json.dumps(measure(way, load(args.folder, length, rows, int(copies)))))
        return
    print(f"{'responses':24}{'way':20}{'rows/s':>10}{'x plain':>9}{'correct':>9}{'peak MB':>9}")
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
            print(f"{name:24}{way:20}{found['rows_per_s']:>10.1f}{found['rows_per_s'] / base:>9.1f}"
                  f"{found['correct']:>9.0f}{found['peak_mb']:>9.0f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
