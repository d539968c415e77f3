"""Whether a verdict depends on how busy the machine is: all public files graded twice, and compared byte for byte.

Every file of the folder with a gold answer and a response (or, without one, a bare answer, which is put in a
box) becomes one verdicts table, first beside whatever else the machine does, then beside eight busy loops. The two
tables of a file are compared as bytes. To the public rows come hand-made ones that need seconds of CPU or never end.

Run as: python benchmarks/verdicts_under_load.py FOLDER_WITH_THE_PARQUET_FILES [--every 1] [--workers 1] [--check]
With --check the exit code is 1 when a goal is missed.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from goals import Goal, add_check, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

LOOPS = 8
SLOW = [
    ("10^{10^{10}}", r"\boxed{9^{9^{9^{9}}}}"), ("x+1", r"\boxed{1000000000!}"), ("x+1", r"\boxed{5!!!!}"),
    (r"\sin x", r"\boxed{\sum_{k=1}^{100000} k^k}"), ("y", r"\boxed{" + "(" * 39 + "x" + ")" * 39 + "}"),
    (r"x^{2}", r"\boxed{\binom{10000000}{5000000}x}"), ("(x+1)^{200}", r"\boxed{(1+x)^{200}}"),
    ("1+x", r"\boxed{x+1}"), (r"\frac{x}{2}", r"\boxed{0.5x}"), ("(a+b)^{60}", r"\boxed{(b+a)^{60}}"),
]  # fmt: skip


def pairs(path: Path, every: int) -> list[tuple[str, str]]:
    """Return (gold, response) of every n-th row of a file; none where it has no such columns."""
    import pyarrow.parquet as pq

    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()][::every]
        return [(row["gold"], row["response"]) for row in rows]
    names = pq.read_schema(path).names
    text = next((name for name in ("response", "output", "answer") if name in names), None)
    if "gold" not in names or text is None:
        return []
    rows = pq.read_table(path, columns=["gold", text]).to_pylist()[::every]
    box = text == "answer"
    return [(str(r["gold"]), rf"\boxed{{{r[text]}}}" if box else r[text]) for r in rows if r["gold"] and r[text]]


def files(folder: Path, every: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the name and the pairs of each file that has some, and the slow ones last."""
    for path in sorted((*folder.glob("*.parquet"), *folder.glob("public_*.jsonl"))):
        if found := pairs(path, every):
            yield path.name, found
    yield "slow", SLOW


def write(sets: list[tuple[str, list[tuple[str, str]]]], folder: Path, workers: int) -> Counter[str]:
    """Grade every set into a verdicts table as verify.py does; return how often each verdict came."""
    from distill import tables
    from distill.verdicts.workers import grade_all

    counts: Counter[str] = Counter()
    for name, rows in sets:
        grades = grade_all(((gold, text, "stop") for gold, text in rows), workers=workers)
        columns: list[dict[str, Any]] = [
            {"problem_id": f"{index:07}", "draw": 0, "verdict": grade.verdict, "extracted": grade.extracted,
             "method": grade.method, "matcher": grade.verdict, "lenient": grade.verdict}
            for index, grade in enumerate(grades)
        ]  # fmt: skip
        counts.update(str(row["verdict"]) for row in columns)
        tables.write(folder / f"{name}.verdicts", tables.build(columns, tables.VERDICTS), tables.VERDICTS)
    return counts


def timed(label: str, sets: list[tuple[str, list[tuple[str, str]]]], folder: Path, workers: int) -> dict[str, str]:
    """Grade once, print how long it took; return the digest of each table's bytes."""
    folder.mkdir()
    start, load = time.perf_counter(), os.getloadavg()[0]
    counts = write(sets, folder, workers)
    shown = ", ".join(f"{word} {count}" for word, count in sorted(counts.items()))
    print(f"{label:<12}{counts.total():>8} rows{time.perf_counter() - start:>8.0f} s  load before {load:.1f}, "
          f"after {os.getloadavg()[0]:.1f}  {shown}", flush=True)  # fmt: skip
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def main() -> None:
    """Grade twice, compare, print one goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="grade every n-th row of each file only")
    parser.add_argument("--workers", type=int, default=1)
    add_check(parser)
    args = parser.parse_args()

    sets = list(files(args.folder, args.every))
    print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"{len(sets)} sets, every {args.every}. row, {args.workers} worker(s)")  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        quiet = timed("as it is", sets, Path(scratch, "quiet"), args.workers)
        loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(LOOPS)]
        try:
            busy = timed(f"{LOOPS} loops", sets, Path(scratch, "busy"), args.workers)
        finally:
            for loop in loops:
                loop.kill()
                loop.wait()
    unequal = [name for name in quiet if quiet[name] != busy[name]]
    met = not unequal and len(quiet) == len(sets)
    print("\n".join(unequal))
    report([Goal("verdict tables unequal under load", f"{len(unequal)} of {len(quiet)}", "0", met)], args.check)


if __name__ == "__main__":
    main()
