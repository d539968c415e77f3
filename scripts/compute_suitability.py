"""Rate how well responses suit a student before training: ranks and likelihoods of the tokens that it would be taught.

Inputs: a statements table, a shard of responses, the student's model folder and prompt template, a recipe. Output: a
suitability table with, of each response and its stop token: the tokens, their log-likelihood (nats, summed), their
ranks in the student's distribution (clipped at 100, summed), how many are its likeliest token and among its ten
likeliest; and the response's pieces (sentences, lines) with the mean of their log-likelihoods per token where each is
seen after the prompt and the four pieces before it alone. Null for a failed request, a response that the chat template
cannot carry, and one that does not fit into the student's context.

Run as: python scripts/compute_suitability.py --statements S.parquet --responses R.parquet \
            --model results/models/S/base --prompt config/prompts/boxed.jinja --recipe JSON --output S.parquet
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.lineage import found_identity
from distill.config.recipes import LoglikelihoodJob
from distill.models.folders import load_generation_config, load_tokenizer, stop_ids
from distill.models.prompts import Prompt
from distill.models.rendering import RenderedRow, Renderer
from distill.models.suitability import Splitter, SuitabilityModel
from distill.models.templates import ChatTemplate
from distill.runtime.devices import take
from distill.runtime.errors import InputError
from distill.runtime.progress import Progress
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.tables.statements import statements
from distill.tables.words import FinishReason

PIECE = 1024  # responses that are sorted by length and rated together
Rows = list[dict[str, Any]]


def rate(rows: Rows, problems: Mapping[str, str], renderer: Renderer, model: SuitabilityModel) -> Rows:
    """Return one row of the suitability table per response row, its values absent where it cannot be rated."""
    ratings: Rows = [{"problem_id": row["problem_id"], "draw": row["draw"]} for row in rows]
    taught = []
    for row, rating in zip(rows, ratings, strict=True):
        if row["finish_reason"] == FinishReason.ERROR:
            continue
        rendered = renderer.render(problems[row["problem_id"]], row["response"])
        if isinstance(rendered, RenderedRow) and len(rendered.ids) <= model.context:
            taught.append((rating, rendered))
    splitter = Splitter(renderer.tokenizer)
    pieces = [splitter.pieces(rendered.ids[rendered.prompt :]) for _, rendered in taught]
    facts = model.read([(rendered.ids, rendered.prompt) for _, rendered in taught], pieces)
    for (rating, _), own in zip(taught, facts, strict=True):
        rating |= {name: round(value, 6) if isinstance(value, float) else value
                   for name, value in own._asdict().items()}  # fmt: skip
    return ratings


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the counts of a suitability table, and the signals of all its responses together.

    Each response counts alike in a mean; the ratio is that of the means, as arXiv 2601.14249 has it for a dataset.
    """
    rated = [row for row in rows if "tokens" in row]
    facts = {"kind": "suitability", "rows": len(rows), "rated": len(rated), "tokens": sum(r["tokens"] for r in rated)}
    if not rated:
        return facts

    def mean(name: str, per_token: bool = True) -> float:
        values = (row[name] / row["tokens"] if per_token else row[name] for row in rated)
        return round(math.fsum(values) / len(rated), 6)

    return {**facts, "surprisal": -mean("loglikelihood"), "rank": mean("ranks"), "overlap_1": mean("top_1"),
            "overlap_10": mean("top_10"), "local_naturalness": mean("local", per_token=False)}  # fmt: skip


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=Path, required=True, help="of the problems that the responses answer")
    parser.add_argument("--responses", type=Path, required=True)
    parser.add_argument("--prompt", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--recipe", required=True)
    parser.add_argument(
        "--gpus", type=int, default=0, help="GPUs to take for this program alone; 0 leaves things as they are"
    )
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, rate, write the table."""
    args = _arguments(argv)
    recipe, folder = LoglikelihoodJob.model_validate_json(args.recipe), args.output.parent
    inputs = {"statements": args.statements, "responses": args.responses, "prompt": args.prompt}
    inputs["model"] = args.model / "manifest.json"
    record = Record(__file__, args.recipe, inputs, folder, found_identity(folder))
    problems = statements(args.statements)
    columns = ["problem_id", "draw", "response", "finish_reason"]
    table = tables.read(args.responses, tables.RESPONSES, columns)
    if unknown := set(table["problem_id"].to_pylist()) - problems.keys():
        raise InputError(f"{args.responses}: problem {min(unknown)!r} is not in {args.statements}")
    take(args.gpus)
    tokenizer, model = load_tokenizer(args.model), SuitabilityModel(args.model)
    template = ChatTemplate(tokenizer, recipe.template_args, recipe.date, recipe.think_tags)
    stops = stop_ids(tokenizer, load_generation_config(args.model))
    renderer = Renderer(template, stops, Prompt(args.prompt, recipe.system))
    renderer.check()
    rows: Rows = []
    with Progress(table.num_rows, desc="compute_suitability") as progress:
        for start in range(0, table.num_rows, PIECE):
            rows += rate(table.slice(start, PIECE).to_pylist(), problems, renderer, model)
            read = sum(row.get("tokens", 0) for row in rows[start:])
            progress.update(len(rows) - start, tokens=read)
    facts = summary(rows)
    record.write(
        {"digest": tables.write(args.output, tables.build(rows, tables.SUITABILITY), tables.SUITABILITY), **facts}
    )


if __name__ == "__main__":
    run(main)
