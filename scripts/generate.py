"""Let a model answer a shard of problems: one response per problem for one draw.

Inputs: a problems table, a model folder of `results/models/`, a prompt template, a recipe. Output: a responses table
with a row for every problem of the shard; what went wrong is a row with finish_reason `error`.

Run as: python scripts/generate.py --problems P.parquet --model results/models/base-xs/base \
            --prompt resources/prompts/plain.jinja --draw 0 --shard 00-of-02 --recipe JSON --output R.parquet
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import tables
from distill.artefacts import Record
from distill.engines import Completion, Engine, Request, load_engine, module_of
from distill.errors import run
from distill.progress import Progress
from distill.prompts import Prompt
from distill.recipes import GenerateRecipe
from distill.shards import in_shard, parse_shard, stable_hash


def select(problems: pa.Table, shard: str) -> list[dict[str, str]]:
    """Return the problems of a shard as rows with problem_id and problem."""
    index, count = parse_shard(shard)
    rows = problems.select(["problem_id", "problem"]).to_pylist()
    return [row for row in rows if in_shard(row["problem_id"], index, count)]


def row_seed(decoding_seed: int, problem_id: str, draw: int) -> int:
    """Return the seed of one response: it follows from the recipe's seed, the problem and the draw alone."""
    return stable_hash("row", decoding_seed, problem_id, draw)


def answer(
    engine: Engine, problems: list[dict[str, str]], prompt: Prompt, seed: int, draw: int
) -> list[dict[str, Any]]:
    """Return one response row per problem."""
    requests = [Request(prompt.messages(p["problem"]), row_seed(seed, p["problem_id"], draw)) for p in problems]
    rows: list[dict[str, Any]] = []
    with Progress(len(requests), unit="rows", desc="generate") as progress:
        for index, completion in engine.generate(requests):
            rows.append(_row(problems[index]["problem_id"], draw, requests[index], completion))
            progress.update(1, tokens=completion.response_tokens or 0)
    return rows


def _row(problem_id: str, draw: int, request: Request, completion: Completion) -> dict[str, Any]:
    return {
        "problem_id": problem_id,
        "draw": draw,
        "response": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "response_tokens": completion.response_tokens,
        "seed": request.seed,
        "error": completion.error,
    }


def summary(table: pa.Table, digest: str) -> dict[str, Any]:
    """Return the manifest of a responses table."""
    reasons = Counter(table["finish_reason"].to_pylist())
    return {
        "kind": "responses",
        "digest": digest,
        "rows": table.num_rows,
        "finish_reason": {word: reasons[word] for word in ("stop", "length", "error")},
        "prompt_tokens": sum(filter(None, table["prompt_tokens"].to_pylist())),
        "response_tokens": sum(filter(None, table["response_tokens"].to_pylist())),
    }


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, answer the shard, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--prompt", type=Path, required=True)
    parser.add_argument("--draw", type=int, required=True)
    parser.add_argument("--shard", required=True, help="for example 00-of-02")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--limits", default="{}", help='keys of the recipe that change no row: {"batch_size": 64}')
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = GenerateRecipe.parse(args.recipe, args.limits)
    inputs = {"problems": args.problems, "model": args.model / "manifest.json", "prompt": args.prompt}
    record = Record(__file__, args.recipe, inputs, args.output.parent, also=(module_of(recipe.engine),))
    problems = select(tables.read(args.problems, tables.PROBLEMS), args.shard)
    prompt = Prompt(args.prompt, recipe.system)
    rows = answer(load_engine(args.model, recipe), problems, prompt, recipe.decoding.seed, args.draw)
    table = tables.build(rows, tables.RESPONSES)
    digest = tables.write(args.output, table, tables.RESPONSES)
    record.publish(summary(table, digest), draw=args.draw, shard=args.shard)


if __name__ == "__main__":
    run(main)
