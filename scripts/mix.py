"""Make a dataset: select one response per problem and teacher, pair the problems, mix at a fixed budget.

Inputs: a problems table; per teacher its responses and verdicts (all draws and shards), and its judgements where the
policy is `rule+judge`; what the curation of the recipe asks for (contamination, duplicates, loglikelihoods, draws of
the teacher whose pass rate counts); the agreement that stands for gold answers, where there is one; a dataset recipe.
Outputs: a train table, and `ledger.parquet` beside it that says for each teacher why a problem's response is not in it.

Run as: python scripts/mix.py --problems P.parquet --recipe JSON --output results/datasets/D/train.parquet \
            --inputs '{"responses": {"long": ["R0.parquet"]}, "verdicts": {"long": ["V0.parquet"]}}'
"""

import argparse
from pathlib import Path

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import DatasetRecipe
from distill.datasets.draws import MixInputs, read_draws, read_excluded_problems, read_texts
from distill.datasets.selection import select, train_rows
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.tables.golds import read_golds, stated_golds

PROBLEM_COLUMNS = ["problem_id", "problem", "origin", "level"]


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, mix, write the table and its ledger."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument(
        "--inputs", required=True, help='JSON: {"responses": {"teacher": [files in order]}, "verdicts": {...}, '
        '"judgements": {...}, "loglikelihoods": {...}, "contamination": file, "duplicates": file, '
        '"agreement": its manifest}'
    )  # fmt: skip
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = DatasetRecipe.model_validate_json(args.recipe)
    inputs, folder = MixInputs.read(args.inputs), args.output.parent
    inputs.check(recipe)
    record = Record(__file__, args.recipe, {"problems": args.problems, **inputs.files()}, folder, identity(folder))
    problems = tables.read(args.problems, tables.PROBLEMS, PROBLEM_COLUMNS).to_pylist()
    golds = stated_golds(read_golds(args.problems), inputs.agreement, judged=bool(inputs.judgements))
    levels = {problem["problem_id"]: problem["level"] for problem in problems}
    excluded = read_excluded_problems(list(levels), inputs, recipe.curation)
    draws = {teacher: read_draws(inputs, teacher, recipe) for teacher in recipe.teachers}
    selection = select(levels, draws, excluded, recipe, folder.name)
    texts = dict[str, str]()
    for each in selection.contributions:
        texts |= read_texts(inputs.responses[each.teacher], each.draws)
    manifest = selection.manifest(folder.name, recipe, texts)
    ledger = tables.build(selection.ledger_rows(), tables.LEDGER)
    tables.write(folder / "ledger.parquet", ledger, tables.LEDGER)
    train = tables.build(train_rows(problems, selection.chosen(), texts), tables.TRAIN)
    digest = tables.write(args.output, train, tables.TRAIN)
    record.write({**manifest, **golds, "digest": digest}, seed=recipe.seed)


if __name__ == "__main__":
    run(main)
