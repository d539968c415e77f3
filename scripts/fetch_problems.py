"""Make a corpus: read problems from a local file or the hub, map their columns, give them stable ids.

Input: a corpus recipe. Outputs: a problems table, and `ledger.parquet` beside it with the rows that have no usable
answer or repeat another. With `--preview N --recipe JSON` alone it prints what the first rows become, and writes
nothing.

Run as: python scripts/fetch_problems.py --recipe JSON --output results/problems/C/problems.parquet
"""

import argparse
import logging
from collections import Counter
from pathlib import Path

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import CorpusRecipe
from distill.problems.mapping import read_corpus
from distill.problems.preview import is_preview, preview_corpus
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, read and map the rows, write the table and its ledger."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--preview", type=int, metavar="N", help="print the first N problems and end")
    if not is_preview(argv):
        parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = CorpusRecipe.model_validate_json(args.recipe)
    if args.preview is not None:
        preview_corpus(read_corpus(recipe), args.preview)
        return
    record = Record(
        __file__,
        args.recipe,
        {f"rows/{i}": path for i, path in enumerate(recipe.local_files())},
        args.output.parent,
        identity(args.output.parent),
    )
    corpus = read_corpus(recipe)
    for problem_id, reason in corpus.lost.items():
        logging.info("left out: %s (%s)", problem_id, reason)
    ledger = Ledger(corpus.rows_in, len(corpus.rows), dict(Counter(corpus.lost.values()))).check(str(args.output))
    entries = [{"problem_id": i, "reason": r} for i, r in corpus.lost.items()]
    tables.write(
        args.output.parent / "ledger.parquet", tables.build(entries, tables.PROBLEMS_LEDGER), tables.PROBLEMS_LEDGER
    )
    extra = [tables.TOLERANCE] if recipe.columns.tolerance else []
    digest = tables.write(args.output, tables.build(corpus.rows, tables.PROBLEMS, extra), tables.PROBLEMS)
    record.write({"kind": "problems", "digest": digest, "rows": len(corpus.rows), "ledger": ledger})


if __name__ == "__main__":
    run(main)
