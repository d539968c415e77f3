"""Render a dataset as a student's tokens: chat template applied once, loss mask on the response.

Inputs: a train table, a model folder (tokenizer), the student's prompt template, a recipe. Outputs: a rendered table,
and `ledger.parquet` beside it with the rows over the cutoff, and those that the student's chat template cannot carry
(`distill.models.rendering` says why): each costs itself, and a share of them above `max_unrenderable` ends the job.

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
from distill.config.recipes import RenderJob, canonical_json
from distill.models.folders import load_generation_config, load_tokenizer, stop_ids
from distill.models.prompts import Prompt
from distill.models.rendering import REMEDIES, Refusal, Renderer, Unrenderable
from distill.models.templates import ChatTemplate
from distill.models.trial import check_prompt
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest, text_digest
from distill.runtime.imports import import_without_torch
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run


def rendered_rows(train: pa.Table, renderer: Renderer, recipe: RenderJob) -> Iterator[dict[str, Any]]:
    """Yield a row per training row: rendered (cut at the cutoff if longer), or with the reason why it is `lost`.

    A row whose prompt alone reaches the cutoff is lost either way: nothing of its response would be taught.
    """
    for batch in train.to_batches(max_chunksize=256):
        for row in batch.select(["problem_id", "messages", "teacher"]).to_pylist():
            user, assistant = row["messages"]
            common = {"problem_id": row["problem_id"], "teacher": row["teacher"]}
            rendered = renderer.render(user["content"], assistant["content"])
            if isinstance(rendered, Refusal):
                yield {**common, "lost": str(rendered.reason), "over": False, "example": rendered.example}
                continue
            over = len(rendered.ids) > recipe.cutoff
            ids = rendered.ids[: recipe.cutoff]
            mask = np.zeros(len(ids), np.int8)
            mask[rendered.prompt :] = 1
            lost = "over_cutoff" if over and (recipe.over_cutoff == "drop" or not mask.any()) else None
            arrays = {"input_ids": np.array(ids, np.int32), "loss_mask": mask, "length": len(ids)}
            yield {**common, "lost": lost, "over": over, "added": rendered.added, "added_tokens": rendered.added_tokens,
                   **arrays}  # fmt: skip


def check_bound(rows: list[dict[str, Any]], bound: float, model: str) -> None:
    """Raise InputError where the template cannot carry a larger share of the rows; names the commonest reason."""
    refused = [r for r in rows if "example" in r]
    if len(refused) <= bound * len(rows):
        return
    reason, count = Counter(r["lost"] for r in refused).most_common(1)[0]
    first = next(r for r in refused if r["lost"] == reason)
    raise InputError(
        f"{model}: its chat template cannot carry {len(refused)} of {len(rows)} rows, more than `max_unrenderable` "
        f"{bound:g}; {count} of them: {reason} (problem {first['problem_id']}: {first['example']}); "
        f"{REMEDIES[Unrenderable(reason)]}"
    )


def added_by_template(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the template added to the kept responses (white space aside): it is in the loss, but no teacher's."""
    tokens = [r["added_tokens"] for r in rows]
    texts = Counter(r["added"] for r in rows if r["added"])
    return {"min": min(tokens), "max": max(tokens), "total": sum(tokens), "texts": dict(texts.most_common(5))}


def summary(
    table: pa.Table, rows_in: int, over: int, lost: dict[str, int], recipe: RenderJob, where: str
) -> dict[str, Any]:
    """Return the manifest of a rendered table, without its digest."""
    lengths = table["length"].to_numpy()
    quantiles = np.percentile(lengths, [0, 50, 95, 100], method="lower").tolist()
    return {
        "kind": "rendered",
        "rows": table.num_rows,
        "cutoff": recipe.cutoff,
        "truncated": over if recipe.over_cutoff == "keep" else 0,
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
    template = ChatTemplate(tokenizer, recipe.template_args, recipe.date, recipe.think_tags, recipe.system)
    renderer = Renderer(template, stops, Prompt(args.prompt, recipe.system))
    renderer.check()
    check_prompt(template, renderer.prompt)
    rows = list(rendered_rows(train, renderer, recipe))
    check_bound(rows, recipe.max_unrenderable, tokenizer.name_or_path)
    kept = [r for r in rows if r["lost"] is None]
    lost = [r for r in rows if r["lost"] is not None]
    if not kept:
        raise InputError(
            f"{args.dataset}: none of {len(rows)} rows is left; {sum(r['over'] for r in rows)} are longer than the "
            f"`cutoff` of {recipe.cutoff} tokens, the chat template cannot carry the others"
        )
    entries = [{"teacher": r["teacher"], "problem_id": r["problem_id"], "reason": r["lost"]} for r in lost]
    tables.write(args.output.parent / "ledger.parquet", tables.build(entries, tables.LEDGER), tables.LEDGER)
    table = tables.build(kept, tables.RENDERED)
    reasons = dict(Counter(r["lost"] for r in lost))
    manifest = summary(table, len(rows), sum(r["over"] for r in rows), reasons, recipe, str(args.output))
    digest = tables.write(args.output, table, tables.RENDERED)
    shown = text_digest(canonical_json([file_digest(args.prompt), recipe.system, recipe.template_args, recipe.date]))
    facts = {"prompt": shown, "added_by_template": added_by_template(kept), "digest": digest}
    record.write({**manifest, **facts})


if __name__ == "__main__":
    import_without_torch("transformers")
    run(main)
