"""Take over published responses in place of a teacher that we run.

Inputs: statements tables and the teacher's `published` recipe. Output: a responses table with one draw of a shard;
the k-th response of a problem in the file is its draw k. Token counts and seeds are unknown and stay null.

Run as: python scripts/fetch_responses.py --statements S.parquet ... --draw 0 --shard 00-of-01 --recipe JSON \
            --output R.parquet
"""

import argparse
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import PublishedRecipe
from distill.config.shards import in_shard, parse_shard
from distill.problems.readers import as_text, origin_name, read_rows
from distill.problems.statements import statements
from distill.runtime.errors import InputError
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run

LABEL = pa.field("label", pa.bool_())
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def teacher_rows(rows: list[dict[str, Any]], recipe: PublishedRecipe) -> list[dict[str, Any]]:
    """Return the rows of this teacher: those that match `where` and `id_pattern`. Raises InputError for none."""
    rows = [r for r in rows if all(as_text(r[c]) == value for c, value in recipe.where.items())]
    if recipe.id_pattern and recipe.columns.problem_id:
        rows = [r for r in rows if re.search(recipe.id_pattern, as_text(r[recipe.columns.problem_id]))]
    if not rows:
        raise InputError(f"{origin_name(recipe)}: no row matches where={recipe.where} id_pattern={recipe.id_pattern!r}")
    return rows


def normal_text(statement: str) -> str:
    """Return a statement with its white space made uniform: published sets differ in line ends and margins."""
    return " ".join(statement.split())


def join(
    rows: list[dict[str, Any]], problems: dict[str, str], recipe: PublishedRecipe
) -> dict[str, list[dict[str, Any]]]:
    """Return problem_id -> its rows, in their order; rows of unknown problems stand under ''.

    Raises InputError when all problems are unknown.
    """
    columns = recipe.columns
    if columns.problem:
        ids_by_key = {normal_text(text): problem_id for problem_id, text in sorted(problems.items())}
        keys = [normal_text(as_text(r[columns.problem])) for r in rows]
    else:
        ids_by_key = {problem_id: problem_id for problem_id in problems}
        keys = [_expand(as_text(r[columns.problem_id]), recipe) for r in rows]
    joined: dict[str, list[dict[str, Any]]] = {}
    for key, row in zip(keys, rows, strict=True):
        joined.setdefault(ids_by_key.get(key, ""), []).append(row)
    if set(joined) == {""}:
        raise InputError(
            f"{origin_name(recipe)}: none of {len(rows)} rows belongs to a problem of the corpus; the first key is "
            f"{keys[0][:80]!r}, the corpus has e.g. {next(iter(ids_by_key))[:80]!r}"
        )
    return joined


def _expand(text: str, recipe: PublishedRecipe) -> str:
    match = re.search(recipe.id_pattern, text) if recipe.id_pattern else None
    return match.expand(recipe.id_template) if match else text


def response_row(problem_id: str, draw: int, row: dict[str, Any], recipe: PublishedRecipe) -> dict[str, Any]:
    """Return one row of the responses table (without token counts), its rewrites applied.

    Raises InputError for a finish reason or a label that is none.
    """
    columns = recipe.columns
    response = as_text(row[columns.response])
    for rewrite in recipe.rewrites:
        response = re.sub(rewrite.pattern, rewrite.replacement, response, flags=re.MULTILINE)
    reason = as_text(row[columns.finish_reason]) if columns.finish_reason else "stop"
    if reason not in ("stop", "length", "error"):
        raise InputError(
            f"{origin_name(recipe)}: finish_reason {reason!r} of {problem_id}; expected stop, length, error"
        )
    label = as_text(row[columns.label]).lower() if columns.label else None
    if label is not None and label not in _TRUTH:
        raise InputError(f"{origin_name(recipe)}: label {label!r} of {problem_id}; expected true or false")
    return {
        "problem_id": problem_id,
        "draw": draw,
        "response": response,
        "finish_reason": reason,
        "label": None if label is None else _TRUTH[label],
    }


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, read and join the rows, write one draw of one shard."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=Path, nargs="+", required=True, help="all shards of the corpus")
    parser.add_argument("--draw", type=int, required=True)
    parser.add_argument("--shard", required=True, help="for example 00-of-01")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = PublishedRecipe.model_validate_json(args.recipe)
    inputs = {f"statements/{i}": path for i, path in enumerate(args.statements)}
    record = Record(
        __file__,
        args.recipe,
        {**inputs, "rows": Path(recipe.path) if recipe.path else None},
        args.output.parent,
        identity(args.output.parent),
    )
    index, count = parse_shard(args.shard)
    columns = [c for c in recipe.columns.model_dump().values() if c] + list(recipe.where)
    published = teacher_rows(read_rows(recipe, list(dict.fromkeys(columns))), recipe)
    joined = join(published, statements(*args.statements), recipe)
    unknown = len(joined.pop("", []))
    shard = {i: draws for i, draws in joined.items() if in_shard(i, index, count)}
    chosen = {i: draws[args.draw] for i, draws in shard.items() if args.draw < len(draws)}
    rows = [response_row(i, args.draw, row, recipe) for i, row in chosen.items()]

    known_rows = len(published) - unknown
    shard_rows = sum(len(draws) for draws in shard.values())
    lost = {"unknown_problem": unknown, "other_shard": known_rows - shard_rows, "other_draw": shard_rows - len(rows)}
    ledger = Ledger(len(published), len(rows), lost).check(str(args.output))
    table = tables.build(rows, tables.RESPONSES, [LABEL] if recipe.columns.label else [])
    manifest = {
        "kind": "responses",
        "digest": tables.write(args.output, table, tables.RESPONSES),
        "rows": table.num_rows,
        "finish_reason": {w: Counter(r["finish_reason"] for r in rows)[w] for w in ("stop", "length", "error")},
        "prompt_tokens": None,
        "response_tokens": None,
        "ledger": ledger,
    }
    record.write(manifest, draw=args.draw, shard=args.shard)


if __name__ == "__main__":
    run(main)
