"""Take one shard's ids and statements out of a corpus: all that a model is asked depends on them, not on gold answers.

Input: a problems table. Output: a statements table.

Run as: python scripts/split_problems.py --problems P.parquet --shard 00-of-02 \
            --output results/problems/C/statements/00-of-02/statements.parquet
"""

import argparse
from pathlib import Path

from distill import tables
from distill.config.lineage import identity
from distill.config.shards import in_shard, parse_shard
from distill.runtime.record import Record
from distill.runtime.run import run


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, select, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--shard", required=True, help="for example 00-of-02")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    index, count = parse_shard(args.shard)
    record = Record(__file__, "{}", {"problems": args.problems}, args.output.parent, identity(args.output.parent))
    problems = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "problem"]).to_pylist()
    rows = [row for row in problems if in_shard(row["problem_id"], index, count)]
    digest = tables.write(args.output, tables.build(rows, tables.STATEMENTS), tables.STATEMENTS)
    record.write({"kind": "statements", "digest": digest, "rows": len(rows)})


if __name__ == "__main__":
    run(main)
