"""The rows of `resources/real/`: problems and published traces for a real student of 135M parameters on a processor.

Reads Parquet files of a folder, one per source (resources/real/README.md says where each comes from and which columns
it needs), and writes JSON lines. Rows are chosen by a hash of their ids and by length alone, never by what a model or a
grader makes of them: which traces are correct the workflow finds out. A problem that is trained on and repeats one that
is measured on, by the workflow's own measure, is left out.

Run as: python scripts/tools/make_real.py FOLDER [--output resources/real]
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, also without PYTHONPATH

import pyarrow.parquet as pq

from distill.config.recipes import SimilarityRecipe
from distill.datasets.similarity import repeats
from distill.runtime.errors import InputError
from distill.runtime.run import run

Row = dict[str, Any]
# File of traces -> source, problems that they answer, teachers and styles, characters of a response, problems at most.
LENGTHS = ("eit_gsm8k_train_granularity", [("LLaMA-3-70B", "level1"), ("LLaMA-3-70B", "level2")], (1, 600), 400)
SIZES = (
    "zeroeval_gsm8k_test_large_small",
    [("google/gemma-2-27b-it@together", "short_json"), ("google/gemma-2-2b-it", "short_json")],
    (1, 600),
    500,
)
DIAL = ("eit_math_train_granularity", [("LLaMA-3-70B", f"level{n}") for n in (1, 3, 6)], (80, 600), 320)
LONGEST_STATEMENT = 300  # characters of a problem of MATH; the cost of a row is that of its prompt, too
STEPS = {"1-2 steps": (1, 2), "3 steps": (3, 3), "4 steps": (4, 4), "5-8 steps": (5, 8)}
OF_EACH = 60  # problems of GSM8K's benchmark per number of steps
EASY = {"mawps": 700, "svamp": 300}


def read(folder: Path, name: str, columns: list[str]) -> list[Row]:
    """Return the rows of a source. Raises InputError where the file or a column is not there."""
    path = folder / f"{name}.parquet"
    try:
        return pq.read_table(path, columns=columns).to_pylist()
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: {str(error).splitlines()[0]}; resources/real/README.md says what it must hold"
        ) from None


def place(identity: str) -> str:
    """Return where a row stands: its order is by a hash, so the first so many are a sample."""
    return hashlib.sha256(f"real\0{identity}".encode()).hexdigest()


def problem(row: Row, **more: str) -> Row:
    """Return a problem as it is written."""
    return {"id": row["id"], "problem": row["problem"], "answer": row["answer"], **more}


def unmeasured(rows: Iterable[Row], benchmarks: dict[str, list[Row]]) -> dict[str, Row]:
    """Return id -> problem of those that repeat none of a benchmark."""
    found, measured = ({row["id"]: row for row in rows}, {name: said(them) for name, them in benchmarks.items()})
    similar = SimilarityRecipe()
    again = {repeat.problem_id for repeat in repeats(said(found.values()), measured, similar.ngram, similar.overlap)}
    return {identity: row for identity, row in found.items() if identity not in again}


def said(rows: Iterable[Row]) -> dict[str, str]:
    """Return id -> statement."""
    return {row["id"]: row["problem"] for row in rows}


def traces(folder: Path, source: tuple[Any, ...], statements: dict[str, Row]) -> tuple[list[Row], list[Row]]:
    """Return the problems that all teachers of a source answer within its lengths, and their responses."""
    name, teachers, (least, most), count = source
    found: dict[str, dict[tuple[str, str], Row]] = {}
    for row in read(folder, name, ["problem_id", "teacher", "style", "response", "answer"]):
        if row["problem_id"] in statements and least <= len(row["response"] or "") <= most and row["answer"]:
            found.setdefault(row["problem_id"], {})[row["teacher"], row["style"]] = row
    whole = [identity for identity, rows in found.items() if all(teacher in rows for teacher in teachers)]
    chosen = sorted(whole, key=place)[:count]
    return [problem(statements[i]) for i in chosen], [found[i][teacher] for i in chosen for teacher in teachers]


def without_sums(solution: str) -> str:
    """Return a solution of GSM8K as text: without its calculator's notes and the line of its answer."""
    return re.sub(r"<<.*?>>", "", solution).split("\n####")[0].strip()


def by_steps(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield problems of GSM8K, one of each number of steps (notes in the solution) after the other, so many of each."""
    found: dict[str, list[Row]] = {level: [] for level in STEPS}
    for row in sorted(rows, key=lambda row: place(row["id"])):
        steps = row["solution"].count("<<")
        for level, (least, most) in STEPS.items():
            if least <= steps <= most:
                found[level].append(problem(row, solution=without_sums(row["solution"]), level=level))
    for each in list(zip(*found.values(), strict=False))[:OF_EACH]:
        yield from each


def easy_problems(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield word problems of each set, no statement twice."""
    room, seen = dict(EASY), set()
    for row in sorted(rows, key=lambda row: place(row["id"])):
        words = " ".join(re.findall(r"\w+", row["problem"].lower()))
        if room.get(row["source"]) and words not in seen:
            seen.add(words)
            room[row["source"]] -= 1
            yield problem(row, subject=f"{row['source']} {row['kind']}".lower())


def files(folder: Path) -> dict[str, list[Row]]:
    """Return the rows of each file of `resources/real/`."""
    of_gsm8k = ["id", "problem", "answer", "solution"]
    train, test = (read(folder, name, of_gsm8k) for name in ("gsm8k_train", "gsm8k_test"))
    short = [row for row in read(folder, "math_train", ["id", "problem", "answer"])
             if len(row["problem"]) <= LONGEST_STATEMENT and "[asy]" not in row["problem"]]  # fmt: skip
    easy = read(folder, "easy_word_problems", ["id", "problem", "answer", "source", "kind"])
    benchmarks = {"gsm8k_by_steps": list(by_steps(test)), "easy": list(easy_problems(easy))}
    found = dict(benchmarks)
    for name, source, problems in (("gsm8k_lengths", LENGTHS, train), ("gsm8k_sizes", SIZES, test),
                                   ("math_lengths", DIAL, short)):  # fmt: skip
        found[name], found[f"{name}_traces"] = traces(folder, source, unmeasured(problems, benchmarks))
    return found


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, choose, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the sources")
    parser.add_argument("--output", type=Path, default=Path("resources/real"))
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    for name, rows in files(args.folder).items():
        path = args.output / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        print(f"{path}: {len(rows)} rows, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    run(main)
