"""What the programs that make a dataset share: their options, and the way from draws to the tables."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import DatasetRecipe
from distill.datasets.draws import MixInputs, read_excluded_problems, read_texts
from distill.datasets.mixing import Draw
from distill.datasets.selection import select, train_rows
from distill.runtime.record import Record
from distill.tables.golds import read_golds, stated_golds

PROBLEM_COLUMNS = ["problem_id", "problem", "origin", "level"]


def arguments(description: str, inputs: str, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of such a program: problems, inputs (`inputs` says what they are), recipe, output."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--inputs", required=True, help=inputs)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args(argv)


def make(
    program: str,
    args: argparse.Namespace,
    recipe: DatasetRecipe,
    inputs: MixInputs,
    draws: Callable[[str], Iterable[Draw]],
) -> None:
    """Select, pair and mix the `draws` of each teacher; write the table, its ledger and the records of `program`.

    Raises InputError where inputs lack what the recipe needs, or a budget cannot be met.
    """
    inputs.check(recipe)
    folder = args.output.parent
    record = Record(program, args.recipe, {"problems": args.problems, **inputs.files()}, folder, identity(folder))
    problems = tables.read(args.problems, tables.PROBLEMS, PROBLEM_COLUMNS).to_pylist()
    golds = stated_golds(read_golds(args.problems), inputs.agreement, judged=bool(inputs.judgements))
    levels = {problem["problem_id"]: problem["level"] for problem in problems}
    excluded = read_excluded_problems(list(levels), inputs, recipe.curation)
    selection = select(levels, {teacher: draws(teacher) for teacher in recipe.teachers}, excluded, recipe, folder.name)
    texts = dict[str, str]()
    for each in selection.contributions:
        texts |= read_texts(inputs.responses[each.teacher], each.draws)
    manifest = selection.manifest(folder.name, recipe, texts)
    ledger = tables.build(selection.ledger_rows(), tables.LEDGER)
    tables.write(folder / "ledger.parquet", ledger, tables.LEDGER)
    train = tables.build(train_rows(problems, selection.chosen(), texts), tables.TRAIN)
    digest = tables.write(args.output, train, tables.TRAIN)
    record.write({**manifest, **golds, "digest": digest}, seed=recipe.seed)
