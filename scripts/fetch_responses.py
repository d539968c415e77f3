"""Take over published responses in place of a teacher that we run.

Inputs: statements tables and the teacher's `published` recipe. Output: a responses table with one draw of a shard;
the k-th response of a problem in the file (that is not blank) is its draw k. Token counts and seeds are unknown and
stay null. With `--preview N --recipe JSON` alone it prints what the first rows become, and writes nothing.

Run as: python scripts/fetch_responses.py --statements S.parquet ... --draw 0 --shard 00-of-01 --recipe JSON \
            --output R.parquet
"""

import argparse
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import PublishedRecipe
from distill.config.shards import in_shard, parse_shard
from distill.models.thinking import report_unnamed, unnamed_tags
from distill.problems.preview import is_preview, preview_traces
from distill.problems.traces import Trace, join, read_traces
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.tables.statements import statements
from distill.tables.words import FinishReason

LABEL = pa.field("label", pa.bool_())


def response_rows(traces: dict[str, Trace], draw: int) -> list[dict[str, Any]]:
    """Return the rows of the responses table (without token counts) for the trace of each problem."""
    return [
        {
            "problem_id": problem_id,
            "draw": draw,
            "response": trace.response,
            "finish_reason": trace.finish_reason,
            "label": trace.label,
        }
        for problem_id, trace in traces.items()
    ]


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, read and join the rows, write one draw of one shard."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--preview", type=int, metavar="N", help="print the first N responses and end")
    if not is_preview(argv):
        parser.add_argument("--statements", type=Path, nargs="+", required=True, help="all shards of the corpus")
        parser.add_argument("--draw", type=int, required=True)
        parser.add_argument("--shard", required=True, help="for example 00-of-01")
        parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = PublishedRecipe.model_validate_json(args.recipe)
    if args.preview is not None:
        preview_traces(read_traces(recipe), args.preview)
        return
    inputs = {f"statements/{i}": path for i, path in enumerate(args.statements)}
    record = Record(
        __file__,
        args.recipe,
        {**inputs, **{f"rows/{i}": path for i, path in enumerate(recipe.local_files())}},
        args.output.parent,
        identity(args.output.parent),
    )
    index, count = parse_shard(args.shard)
    whole = read_traces(recipe)
    joined, unknown = join(whole.traces, statements(*args.statements), recipe)
    shard = {i: traces for i, traces in joined.items() if in_shard(i, index, count)}
    rows = response_rows({i: traces[args.draw] for i, traces in shard.items() if args.draw < len(traces)}, args.draw)

    pairs, shard_pairs = (sum(map(len, part.values())) for part in (joined, shard))
    lost = {"no_response": whole.empty, "unknown_problem": unknown}
    lost |= {"other_shard": pairs - shard_pairs, "other_draw": shard_pairs - len(rows)}
    ledger = Ledger(whole.empty + unknown + pairs, len(rows), lost).check(str(args.output))
    report_unnamed(unnamed := unnamed_tags(row["response"] for row in rows), len(rows))
    table = tables.build(rows, tables.RESPONSES, [LABEL] if recipe.columns.label else [])
    manifest = {
        "kind": "responses",
        "digest": tables.write(args.output, table, tables.RESPONSES),
        "rows": table.num_rows,
        "finish_reason": {str(word): sum(r["finish_reason"] == word for r in rows) for word in FinishReason},
        "unnamed_think_tags": unnamed,
        "prompt_tokens": None,
        "response_tokens": None,
        "ledger": ledger,
    }
    record.write(manifest, draw=args.draw, shard=args.shard)


if __name__ == "__main__":
    run(main)
