"""Grade a shard of responses: the last boxed answer of each against the gold answer of its problem.

The verdict is that of the rule (`distill.verdicts.grading`); beside it stands what a second rule, a matcher, says, and
a lenient verdict: that on the answer which a response without a box states in words (`distill.verdicts.lenient`). A
number that is not the gold answer is correct within the error that the benchmark states (`distill.verdicts.tolerance`).
Inputs: a problems table, a responses table, a grading recipe; for a corpus whose gold answers teachers agree on, that
agreement. Output: a verdicts table with a row for every response; `unverifiable` where a problem has no gold answer.
The manifest says how often the two agree with each other, and with the publisher's labels where there are some.

Run as: python scripts/verify.py --problems P.parquet --responses R.parquet --workers 2 --recipe JSON --output V.parquet
"""

import argparse
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import VerifyJob
from distill.runtime.errors import InputError
from distill.runtime.progress import Progress
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.tables.golds import read_golds, read_tolerances, stated_golds
from distill.tables.words import Verdict
from distill.verdicts.grading import Grade
from distill.verdicts.lenient import unboxed
from distill.verdicts.matcher import match
from distill.verdicts.tolerance import is_within
from distill.verdicts.workers import grade_all

LABEL = pa.field("label", pa.bool_())
Row = dict[str, Any]


def verdict_rows(
    batches: Iterable[pa.RecordBatch], golds: dict[str, str], recipe: VerifyJob, workers: int,
    tolerances: Mapping[str, float],
) -> Iterator[Row]:  # fmt: skip
    """Yield one verdict row per response, in order. Raises InputError for a response to an unknown problem."""
    waiting: deque[tuple[Row, bool]] = deque()  # what is graded runs ahead of what is yielded

    def pairs() -> Iterator[tuple[str, str, str]]:
        for batch in batches:
            for row in batch.to_pylist():
                if row["problem_id"] not in golds:
                    raise InputError(f"a response answers problem {row['problem_id']!r}, which is not in the corpus")
                pair = golds[row["problem_id"]], row["response"], row["finish_reason"]
                kept = {k: v for k, v in row.items() if k in ("problem_id", "draw", LABEL.name)}
                answer = unboxed(row["response"], row["finish_reason"])
                waiting.append((kept | {"matcher": match(*pair)}, answer is not None))
                yield pair
                if answer is not None:
                    yield pair[0], rf"\boxed{{{answer}}}", row["finish_reason"]

    limits = {"timeout_seconds": recipe.timeout_seconds, "deadline_seconds": recipe.deadline_seconds}
    grades = grade_all(pairs(), workers=workers, memory_mb=recipe.memory_mb, **limits)
    for each in grades:
        row, is_unboxed = waiting.popleft()
        gold, absolute = golds[row["problem_id"]], tolerances.get(row["problem_id"])
        graded = tolerated(each, gold, recipe.tolerance, absolute)
        columns = {"verdict": graded.verdict, "extracted": graded.extracted, "method": graded.method}
        lenient = tolerated(next(grades), gold, recipe.tolerance, absolute) if is_unboxed else graded
        yield {**row, **columns, "lenient": lenient.verdict}


def tolerated(graded: Grade, gold: str, relative: float, absolute: float | None) -> Grade:
    """Return a grade, or `correct` for a wrong number within the error that it may have."""
    may_err = graded.verdict == Verdict.WRONG and (relative or absolute)
    if may_err and is_within(gold, graded.extracted, relative, absolute):
        return replace(graded, verdict=Verdict.CORRECT, method="tolerance")
    return graded


class Tally:
    """Counts verdicts, and how the rule, the string matcher and the publisher's labels agree on what is correct."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.lenient: Counter[str] = Counter()
        self._pairs: dict[tuple[str, str], Counter[tuple[bool, bool]]] = defaultdict(Counter)

    def add(self, row: Row) -> None:
        """Count a verdict row; log its label where that disagrees with the rule."""
        self.verdicts[row["verdict"]] += 1
        self.lenient[row["lenient"]] += 1
        is_correct = {"rule": row["verdict"] == Verdict.CORRECT, "matcher": row["matcher"] == Verdict.CORRECT}
        if (label := row.get(LABEL.name)) is not None:
            is_correct["label"] = label
            if label != is_correct["rule"]:
                facts = (label, row["verdict"], row["problem_id"], row["extracted"])
                logging.info("label %s, verdict %s: %s (%r)", *facts)
        for one, other in combinations(is_correct, 2):
            self._pairs[one, other][is_correct[one], is_correct[other]] += 1

    def agreement(self) -> dict[str, dict[str, int]]:
        """Return, per pair of graders, e.g. `rule, label`, on how many rows they agree or only one says correct."""
        return {
            f"{one}, {other}": {
                "rows": counts.total(),
                "agree": counts[True, True] + counts[False, False],
                f"{one}_only": counts[True, False],
                f"{other}_only": counts[False, True],
            }
            for (one, other), counts in self._pairs.items()
        }


def summary(digest: str, tally: Tally, ledger: Row) -> Row:
    """Return the counts of a verdicts table, and how its graders agree."""
    verdicts = dict(sorted(tally.verdicts.items()))
    return {
        "kind": "verdicts",
        "digest": digest,
        "rows": ledger["rows_out"],
        "ledger": ledger,
        "verdicts": verdicts,
        "lenient": dict(sorted(tally.lenient.items())),
        "agreement": tally.agreement(),
    }


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, grade, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--responses", type=Path, required=True)
    parser.add_argument(
        "--agreement", type=Path, nargs="?", help="manifest of the agreement that stands for the gold answers"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes; the verdicts do not depend on it")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = VerifyJob.model_validate_json(args.recipe)
    record = Record(
        __file__,
        args.recipe,
        {"problems": args.problems, "responses": args.responses, "agreement": args.agreement},
        args.output.parent,
        identity(args.output.parent),
    )
    golds = read_golds(args.problems, args.agreement)
    footer = tables.footer(args.responses)
    extra = [LABEL] if LABEL.name in footer.schema.to_arrow_schema().names else []
    columns, tally = ["problem_id", "draw", "response", "finish_reason", *(f.name for f in extra)], Tally()
    batches = tables.stream(args.responses, tables.RESPONSES, columns)
    rows = verdict_rows(batches, golds, recipe, args.workers, read_tolerances(args.problems))
    with (
        tables.Writer(args.output, tables.VERDICTS, extra) as writer,
        Progress(footer.num_rows, desc="verify") as progress,
    ):
        while piece := list(islice(rows, tables.ROW_GROUP)):
            for row in piece:
                tally.add(row)
            writer.write(tables.build(piece, tables.VERDICTS, extra))
            progress.update(len(piece))
    ledger = Ledger(footer.num_rows, writer.rows).check(str(args.output))
    record.write({**summary(writer.digest, tally, ledger), **stated_golds(golds, args.agreement)})


if __name__ == "__main__":
    run(main)
