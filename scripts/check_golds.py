"""Find the gold answers of a corpus that no answer can be graded against, once, before anything is graded.

Inputs: a problems table, a grading recipe. Output: a golds table that says for each problem whether its answer is
verifiable. It stands beside the verdicts, not in the problems table: a change of the grader must not re-make responses.

Run as: python scripts/check_golds.py --problems P.parquet --recipe JSON --output results/verdicts/C/golds/golds.parquet
"""

import argparse
import logging
from pathlib import Path

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import GradingRecipe
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.verdicts.workers import check_golds


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, check, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes; the result does not depend on it")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = GradingRecipe.model_validate_json(args.recipe)
    record = Record(
        __file__, args.recipe, {"problems": args.problems}, args.output.parent, identity(args.output.parent)
    )
    golds = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "answer"]).to_pylist()
    limits = {"timeout_seconds": recipe.timeout_seconds, "deadline_seconds": recipe.deadline_seconds}
    verifiable = check_golds(
        (gold["answer"] for gold in golds), workers=args.workers, memory_mb=recipe.memory_mb, **limits
    )
    rows = [{**gold, "verifiable": verifiable[gold["answer"]]} for gold in golds]
    flagged = [row for row in rows if not row["verifiable"]]
    for row in flagged:
        logging.info("unverifiable gold: %s (%r)", row["problem_id"], row["answer"])
    digest = tables.write(args.output, tables.build(rows, tables.GOLDS), tables.GOLDS)
    manifest = {"kind": "golds", "digest": digest, "rows": len(rows), "unverifiable": len(flagged)}
    record.write({**manifest, "examples": {r["problem_id"]: r["answer"] for r in flagged[:20]}})


if __name__ == "__main__":
    run(main)
