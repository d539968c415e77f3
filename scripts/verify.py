"""Grade a shard of responses: the last boxed answer of each against the gold answer of its problem.

Inputs: a problems table, a responses table, a grading recipe. Output: a verdicts table with a row for every response.
Where the responses carry a publisher's label, the manifest says how often the grader agrees with it.

Run as: python scripts/verify.py --problems P.parquet --responses R.parquet --workers 2 --recipe JSON --output V.parquet
"""

import argparse
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from distill import tables
from distill.artefacts import Record
from distill.errors import InputError, run
from distill.progress import Progress
from distill.recipes import GradingRecipe
from distill.workers import grade_all

LABEL = pa.field("label", pa.bool_())


def graded(responses: pa.Table, golds: dict[str, str], recipe: GradingRecipe, workers: int) -> list[dict[str, Any]]:
    """Return one verdict row per response. Raises InputError for a response to an unknown problem."""
    ids = responses["problem_id"].to_pylist()
    if unknown := sorted(set(ids) - golds.keys()):
        raise InputError(f"{len(unknown)} responses answer problems that are not in the corpus, e.g. {unknown[0]}")

    def pairs() -> Iterator[tuple[str, str, str]]:
        for batch in responses.to_batches(max_chunksize=1024):
            for row in batch.select(["problem_id", "response", "finish_reason"]).to_pylist():
                yield golds[row["problem_id"]], row["response"], row["finish_reason"]

    limits = {"timeout_seconds": recipe.timeout_seconds, "deadline_seconds": recipe.deadline_seconds}
    verdicts = grade_all(pairs(), workers=workers, memory_mb=recipe.memory_mb, **limits)
    rows = []
    with Progress(len(ids), unit="rows", desc="verify") as progress:
        for problem_id, draw, verdict in zip(ids, responses["draw"].to_pylist(), verdicts, strict=True):
            words = {"verdict": verdict.verdict, "extracted": verdict.extracted, "method": verdict.method}
            rows.append({"problem_id": problem_id, "draw": draw, **words})
            progress.update()
    return rows


def agreement(rows: list[dict[str, Any]]) -> dict[str, int] | None:
    """Return how the verdicts agree with the publisher's labels, or None without labels."""
    pairs = [(r["verdict"] == "correct", r["label"]) for r in rows if r.get("label") is not None]
    if not pairs:
        return None
    for row in rows:
        if row["label"] is not None and row["label"] != (row["verdict"] == "correct"):
            logging.info(
                "label %s, verdict %s: %s (%r)", row["label"], row["verdict"], row["problem_id"], row["extracted"]
            )
    return {
        "rows": len(pairs),
        "agree": sum(ours == label for ours, label in pairs),
        "label_only": sum(label and not ours for ours, label in pairs),
        "grader_only": sum(ours and not label for ours, label in pairs),
    }


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, grade, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--responses", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes; the verdicts do not depend on it")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = GradingRecipe.model_validate_json(args.recipe)
    record = Record(__file__, args.recipe, {"problems": args.problems, "responses": args.responses}, args.output.parent)
    problems = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "answer"])
    if empty := [r["problem_id"] for r in problems.to_pylist() if not r["answer"].strip()]:
        raise InputError(f"{args.problems}: problem {empty[0]} has an empty answer; nothing can be graded against it")
    golds = dict(zip(problems["problem_id"].to_pylist(), problems["answer"].to_pylist(), strict=True))
    wanted = ["problem_id", "draw", "response", "finish_reason"]
    wanted += [LABEL.name] if _has_label(args.responses) else []
    responses = tables.read(args.responses, tables.RESPONSES, wanted)
    rows = graded(responses, golds, recipe, args.workers)
    if LABEL.name in wanted:
        rows = [{**r, "label": label} for r, label in zip(rows, responses[LABEL.name].to_pylist(), strict=True)]
    table = tables.build(rows, tables.VERDICTS, [LABEL] if LABEL.name in wanted else [])
    manifest = {
        "kind": "verdicts",
        "digest": tables.write(args.output, table, tables.VERDICTS),
        "rows": table.num_rows,
        "verdicts": dict(sorted(Counter(table["verdict"].to_pylist()).items())),
        "label_agreement": agreement(rows),
    }
    record.publish(manifest)


def _has_label(path: Path) -> bool:
    try:
        return LABEL.name in pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return False  # tables.read says what is wrong with it


if __name__ == "__main__":
    run(main)
