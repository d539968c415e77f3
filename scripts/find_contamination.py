"""Find the problems of a corpus that repeat a problem of a benchmark: word for word, or in most of their n-grams.

Inputs: the corpus's statements tables, those of the benchmarks, a recipe. Output: a contamination table with a row per
problem and benchmark it repeats. Nothing is left out here; datasets that ask for it leave these problems out.

Run as: python scripts/find_contamination.py --statements S.parquet --inputs '{"benchmarks": {"aime": ["A.parquet"]}}' \
            --recipe JSON --output results/signals/C/contamination/contamination.parquet
"""

import argparse
from pathlib import Path

from distill import tables
from distill.config.inputs import Inputs
from distill.config.lineage import identity
from distill.config.recipes import SimilarityRecipe
from distill.datasets.similarity import Repeat, repeats
from distill.runtime.progress import Progress
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.tables.statements import statements


class ContaminationInputs(Inputs):
    """Name of a benchmark -> its statements tables."""

    benchmarks: dict[str, tuple[Path, ...]]


def summary(hits: list[Repeat], benchmark: str) -> dict[str, int]:
    """Return how many problems repeat one of a benchmark word for word, and how many in their n-grams."""
    exact = [r.exact for r in hits if r.benchmark == benchmark]
    return {"exact": sum(exact), "overlap": len(exact) - sum(exact)}


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, compare, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=Path, nargs="+", required=True, help="all shards of the corpus")
    parser.add_argument("--inputs", required=True, help='JSON: {"benchmarks": {"name": [all shards]}}')
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = SimilarityRecipe.model_validate_json(args.recipe)
    inputs = ContaminationInputs.read(args.inputs)
    shards = {f"statements/{index}": path for index, path in enumerate(args.statements)}
    record = Record(
        __file__, args.recipe, {**shards, **inputs.files()}, args.output.parent, identity(args.output.parent)
    )
    problems, benchmarks = statements(*args.statements), dict(sorted(inputs.benchmarks.items()))
    hits: list[Repeat] = []
    with Progress(len(benchmarks), unit="benchmarks", desc="find_contamination") as progress:
        for name, paths in benchmarks.items():
            hits += repeats(problems, {name: statements(*paths)}, recipe.ngram, recipe.overlap)
            progress.update()
    rows = [repeat._asdict() for repeat in hits]
    manifest = {
        "kind": "contamination",
        "digest": tables.write(args.output, tables.build(rows, tables.CONTAMINATION), tables.CONTAMINATION),
        "rows": len(rows),
        "repeating": len({r.problem_id for r in hits}),
        "problems": len(problems),
        "benchmarks": {name: summary(hits, name) for name in benchmarks},
    }
    record.write(manifest)


if __name__ == "__main__":
    run(main)
