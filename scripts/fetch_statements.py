"""Take one shard's ids and statements out of a corpus: all that a model is asked depends on them, not on gold answers.

Input: a corpus recipe, whose rows are read as `fetch_problems.py` reads them; not its problems table, which a corrected
gold answer makes anew. Output: a statements table.

Every shard reads the whole corpus: 5.4 CPU seconds for 100,000 problems (160 MB of JSONL), 86 for 16 shards, once. One
job for all of them would spare 80, but Snakemake takes all that a job wrote for new, bytes or not: an added problem
would have every shard answered anew and not only its own.

Run as: python scripts/fetch_statements.py --recipe JSON --shard 00-of-02 \
            --output results/problems/C/statements/00-of-02/statements.parquet
"""

import argparse
from pathlib import Path

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import CorpusRecipe
from distill.config.shards import in_shard, parse_shard
from distill.problems.mapping import read_corpus
from distill.runtime.record import Record
from distill.runtime.run import run


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, read, select, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--shard", required=True, help="for example 00-of-02")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe, (index, count) = CorpusRecipe.model_validate_json(args.recipe), parse_shard(args.shard)
    folder, source = args.output.parent, {f"rows/{i}": path for i, path in enumerate(recipe.local_files())}
    record = Record(__file__, args.recipe, source, folder, identity(folder))
    rows = [
        {"problem_id": row["problem_id"], "problem": row["problem"]}
        for row in read_corpus(recipe).rows
        if in_shard(row["problem_id"], index, count)
    ]
    digest = tables.write(args.output, tables.build(rows, tables.STATEMENTS), tables.STATEMENTS)
    record.write({"kind": "statements", "digest": digest, "rows": len(rows)})


if __name__ == "__main__":
    run(main)
