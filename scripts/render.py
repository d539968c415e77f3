"""Render a dataset as a student's tokens: chat template applied once, loss mask on the response.

Inputs: a train table, a model folder (tokenizer), the student's prompt template, a recipe. Outputs: a rendered table,
and `ledger.parquet` beside it with the rows over the cutoff, or with special tokens in their response. A template that
would train on anything else than what the student sees and must say at evaluation stops here.

Run as: python scripts/render.py --dataset results/datasets/D/train.parquet --model results/models/S/base \
            --prompt config/prompts/boxed.jinja --recipe JSON --output results/rendered/S/T/D/rendered.parquet
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import RenderJob
from distill.models.folders import load_generation_config, load_tokenizer, stop_ids
from distill.models.prompts import Prompt
from distill.models.rendering import Renderer
from distill.models.templates import ChatTemplate
from distill.runtime.errors import InputError
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run


def rendered_rows(train: pa.Table, renderer: Renderer, recipe: RenderJob) -> Iterator[dict[str, Any]]:
    """Yield a row per training row: rendered (cut at the cutoff if longer), or with the reason why it is `lost`."""
    for batch in train.to_batches(max_chunksize=256):
        for row in batch.select(["problem_id", "messages", "teacher"]).to_pylist():
            user, assistant = row["messages"]
            common = {"problem_id": row["problem_id"], "teacher": row["teacher"]}
            rendered = renderer.render(row["problem_id"], user["content"], assistant["content"])
            if rendered is None:
                yield {**common, "lost": "special_token", "over": False}
                continue
            ids, prompt = rendered
            over = len(ids) > recipe.cutoff
            ids = ids[: recipe.cutoff]
            mask = np.zeros(len(ids), np.int8)
            mask[prompt:] = 1
            lost = "over_cutoff" if over and recipe.over_cutoff == "drop" else None
            arrays = {"input_ids": np.array(ids, np.int32), "loss_mask": mask, "length": len(ids)}
            yield {**common, "lost": lost, "over": over, **arrays}


def summary(table: pa.Table, rows_in: int, over: int, lost: dict[str, int], cutoff: int, where: str) -> dict[str, Any]:
    """Return the manifest of a rendered table, without its digest."""
    lengths = table["length"].to_numpy()
    quantiles = np.percentile(lengths, [0, 50, 95, 100], method="lower").tolist()
    return {
        "kind": "rendered",
        "rows": table.num_rows,
        "cutoff": cutoff,
        "tokens": int(lengths.sum()),
        "loss_tokens": int(sum(mask.values.to_numpy().sum() for mask in table["loss_mask"].chunks)),
        "teachers": dict(sorted(Counter(table["teacher"].to_pylist()).items())),
        "length": dict(zip(("min", "p50", "p95", "max"), map(int, quantiles), strict=True)),
        "over_cutoff": over,
        "ledger": Ledger(rows_in, table.num_rows, lost).check(where),
    }


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, render, write the table and its ledger."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="a train table")
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--prompt", type=Path, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = RenderJob.model_validate_json(args.recipe)
    inputs = {"dataset": args.dataset, "model": args.model / "manifest.json", "prompt": args.prompt}
    record = Record(__file__, args.recipe, inputs, args.output.parent, identity(args.output.parent))
    train = tables.read(args.dataset, tables.TRAIN)
    tokenizer = load_tokenizer(args.model)
    stops = stop_ids(tokenizer, load_generation_config(args.model))
    template = ChatTemplate(tokenizer, recipe.template_args, recipe.date, recipe.think_tags)
    renderer = Renderer(template, stops, Prompt(args.prompt, recipe.system), recipe.cutoff)
    rows = list(rendered_rows(train, renderer, recipe))
    kept = [r for r in rows if r["lost"] is None]
    lost = [r for r in rows if r["lost"] is not None]
    if not kept:
        raise InputError(
            f"{args.dataset}: none of {len(rows)} rows is left; {sum(r['over'] for r in rows)} are longer than the "
            f"cutoff of {recipe.cutoff} tokens, the others spell a special token"
        )
    entries = [{"teacher": r["teacher"], "problem_id": r["problem_id"], "reason": r["lost"]} for r in lost]
    tables.write(args.output.parent / "ledger.parquet", tables.build(entries, tables.LEDGER), tables.LEDGER)
    table = tables.build(kept, tables.RENDERED)
    reasons = dict(Counter(r["lost"] for r in lost))
    manifest = summary(table, len(rows), sum(r["over"] for r in rows), reasons, recipe.cutoff, str(args.output))
    digest = tables.write(args.output, table, tables.RENDERED)
    record.write({**manifest, "digest": digest})


if __name__ == "__main__":
    run(main)
