"""Find the gold answers of a corpus that no answer can be graded against, once, before anything is graded.

Inputs: a problems table, a grading recipe; the agreement that stands for gold answers, where there is one. Output: a
golds table that says for each problem whether its gold answer ('' where it has none) is verifiable. It stands beside
the verdicts, not in the problems table: a change of the grader must not re-make responses.

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
from distill.tables.golds import read_golds, stated_golds
from distill.verdicts.workers import check_golds


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, check, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument(
        "--agreement", type=Path, nargs="?", help="manifest of the agreement that stands for the gold answers"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes; the result does not depend on it")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = GradingRecipe.model_validate_json(args.recipe)
    record = Record(
        __file__,
        args.recipe,
        {"problems": args.problems, "agreement": args.agreement},
        args.output.parent,
        identity(args.output.parent),
    )
    golds = read_golds(args.problems, args.agreement)
    limits = {"timeout_seconds": recipe.timeout_seconds, "deadline_seconds": recipe.deadline_seconds}
    verifiable = check_golds(
        (gold for gold in golds.values() if gold), workers=args.workers, memory_mb=recipe.memory_mb, **limits
    )
    rows = [{"problem_id": i, "answer": gold, "verifiable": verifiable.get(gold, False)} for i, gold in golds.items()]
    flagged = [row for row in rows if row["answer"] and not row["verifiable"]]
    for row in flagged:
        logging.info("unverifiable gold: %s (%r)", row["problem_id"], row["answer"])
    digest = tables.write(args.output, tables.build(rows, tables.GOLDS), tables.GOLDS)
    manifest = {"kind": "golds", "digest": digest, "rows": len(rows), "unverifiable": len(flagged)}
    examples = {r["problem_id"]: r["answer"] for r in flagged[:20]}
    record.write({**manifest, "examples": examples, **stated_golds(golds, args.agreement)})


if __name__ == "__main__":
    run(main)
