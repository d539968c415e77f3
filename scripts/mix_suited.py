"""Make a dataset as mix.py does, of the draws that suit a student best before its training.

Inputs and outputs: those of mix.py, and the suitability of each teacher's responses, a table for each of their files.

Run as: python scripts/mix_suited.py --problems P.parquet --recipe JSON --output results/datasets/D/train.parquet \
            --inputs '{"responses": {"long": ["R0.parquet"]}, "verdicts": {"long": ["V0.parquet"]},
                       "suitability": {"long": ["S0.parquet"]}}'
"""

import argparse
from pathlib import Path

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import DatasetEntry
from distill.datasets.draws import read_excluded_problems, read_texts
from distill.datasets.selection import select, train_rows
from distill.datasets.suited import SuitedInputs, read_suited
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.tables.golds import read_golds, stated_golds

PROBLEM_COLUMNS = ["problem_id", "problem", "origin", "level"]


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, mix, write the table and its ledger."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--inputs", required=True, help="JSON as of mix.py, with the key `suitability`")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    entry = DatasetEntry.model_validate_json(args.recipe)
    recipe, choose = entry.unsuited(), entry.curation.choose
    inputs, folder = SuitedInputs.read(args.inputs), args.output.parent
    inputs.check(recipe)
    record = Record(__file__, args.recipe, {"problems": args.problems, **inputs.files()}, folder, identity(folder))
    problems = tables.read(args.problems, tables.PROBLEMS, PROBLEM_COLUMNS).to_pylist()
    golds = stated_golds(read_golds(args.problems), inputs.agreement, judged=bool(inputs.judgements))
    levels = {problem["problem_id"]: problem["level"] for problem in problems}
    excluded = read_excluded_problems(list(levels), inputs, recipe.curation)
    draws = {teacher: read_suited(inputs, teacher, recipe, choose) for teacher in recipe.teachers}
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
