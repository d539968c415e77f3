"""Find the problems of a corpus that are nearly the same as an earlier one, which stays.

Inputs: the statements tables of a corpus, a recipe. Output: a duplicates table with a row per problem that could go.
Nothing is left out here; datasets that ask for it leave these problems out. Of problems alike the first by id stays,
whatever the responses to it.

Run as: python scripts/find_duplicates.py --statements S.parquet --recipe JSON \
            --output results/signals/C/duplicates/duplicates.parquet
"""

import argparse
from pathlib import Path

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import SimilarityRecipe
from distill.datasets.similarity import near_duplicates
from distill.runtime.progress import Progress
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.tables.statements import statements


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, compare, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=Path, nargs="+", required=True, help="all shards of the corpus")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = SimilarityRecipe.model_validate_json(args.recipe)
    shards = {f"statements/{index}": path for index, path in enumerate(args.statements)}
    record = Record(__file__, args.recipe, shards, args.output.parent, identity(args.output.parent))
    problems = statements(*args.statements)
    with Progress(len(problems), desc="find_duplicates") as progress:
        duplicates = list(near_duplicates(problems, recipe.near_duplicate, progress.update))
    rows = [duplicate._asdict() for duplicate in duplicates]
    digest = tables.write(args.output, tables.build(rows, tables.DUPLICATES), tables.DUPLICATES)
    record.write({"kind": "duplicates", "digest": digest, "rows": len(rows), "problems": len(problems)})


if __name__ == "__main__":
    run(main)
