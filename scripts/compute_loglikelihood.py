"""Rate responses by a student: how likely is each, to the base student, as the answer to its problem?

Inputs: a statements table, a shard of responses, the student's model folder and prompt template, a recipe. Output: a
loglikelihoods table with the log-likelihood (natural logarithm, summed) of each response and its stop token, and the
number of those tokens. Both are null for a failed request, a response that the chat template cannot carry, and one that
does not fit into the student's context.

Run as: python scripts/compute_loglikelihood.py --statements S.parquet --responses R.parquet \
            --model results/models/S/base --prompt config/prompts/boxed.jinja --recipe JSON --output L.parquet
"""

import argparse
import math
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import LoglikelihoodJob
from distill.models.folders import load_generation_config, load_tokenizer, stop_ids
from distill.models.loglikelihood import LoglikelihoodModel
from distill.models.prompts import Prompt
from distill.models.rendering import RenderedRow, Renderer
from distill.models.templates import ChatTemplate
from distill.runtime.devices import take
from distill.runtime.errors import InputError
from distill.runtime.progress import Progress
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.tables.statements import statements
from distill.tables.words import FinishReason

PIECE = 1024  # responses that are sorted by length and rated together


def rate(
    rows: list[dict[str, Any]], problems: dict[str, str], renderer: Renderer, scorer: LoglikelihoodModel
) -> list[Any]:
    """Return one row of the loglikelihoods table per response row, its values absent where it cannot be rated."""
    ratings: list[dict[str, Any]] = [{"problem_id": r["problem_id"], "draw": r["draw"]} for r in rows]
    sequences = []
    for index, row in enumerate(rows):
        if row["finish_reason"] == FinishReason.ERROR:
            continue
        rendered = renderer.render(problems[row["problem_id"]], row["response"])
        if isinstance(rendered, RenderedRow) and len(rendered.ids) <= scorer.context:
            sequences.append((index, rendered.ids, rendered.prompt))
    values = scorer.loglikelihoods([(ids, prompt) for _, ids, prompt in sequences])
    for (index, ids, prompt), value in zip(sequences, values, strict=True):
        ratings[index] |= {"loglikelihood": round(value, 6), "tokens": len(ids) - prompt}
    return ratings


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the counts of a loglikelihoods table, and the perplexity per token of all rated responses together."""
    rated = [r for r in rows if "tokens" in r]
    tokens, total = sum(r["tokens"] for r in rated), sum(r["loglikelihood"] for r in rated)
    perplexity = round(math.exp(-total / tokens), 6) if tokens else None
    return {"rows": len(rows), "rated": len(rated), "tokens": tokens, "perplexity": perplexity}


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, rate, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("statements", "responses", "prompt"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--recipe", required=True)
    parser.add_argument(
        "--gpus", type=int, default=0, help="GPUs to take for this program alone; 0 leaves things as they are"
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = LoglikelihoodJob.model_validate_json(args.recipe)
    inputs = {"statements": args.statements, "responses": args.responses, "prompt": args.prompt}
    record = Record(
        __file__,
        args.recipe,
        {**inputs, "model": args.model / "manifest.json"},
        args.output.parent,
        identity(args.output.parent),
    )
    problems = statements(args.statements)
    answered = tables.read(args.responses, tables.RESPONSES, ["problem_id", "draw", "response", "finish_reason"])
    if unknown := set(answered["problem_id"].to_pylist()) - problems.keys():
        raise InputError(f"{args.responses}: problem {min(unknown)!r} is not in {args.statements}")
    take(args.gpus)
    tokenizer, scorer = load_tokenizer(args.model), LoglikelihoodModel(args.model)
    stops = stop_ids(tokenizer, load_generation_config(args.model))
    template = ChatTemplate(tokenizer, recipe.template_args, recipe.date, recipe.think_tags)
    renderer = Renderer(template, stops, Prompt(args.prompt, recipe.system))
    renderer.check()
    rows: list[dict[str, Any]] = []
    with Progress(answered.num_rows, desc="compute_loglikelihood") as progress:
        for start in range(0, answered.num_rows, PIECE):
            rows += rate(answered.slice(start, PIECE).to_pylist(), problems, renderer, scorer)
            progress.update(len(rows) - start, tokens=sum(r.get("tokens", 0) for r in rows[start:]))
    digest = tables.write(args.output, tables.build(rows, tables.LOGLIKELIHOODS), tables.LOGLIKELIHOODS)
    record.write({"kind": "loglikelihoods", "digest": digest, **summary(rows)})


if __name__ == "__main__":
    run(main)
