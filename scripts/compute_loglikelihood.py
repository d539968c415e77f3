"""Rate responses by a student: how likely is each, to the base student, as the answer to its problem?

Inputs: a statements table, a shard of responses, the student's model folder and prompt template, a recipe. Output: a
loglikelihoods table with the log-likelihood (natural logarithm, summed) of each response and its stop token, and the
number of those tokens. Both are null for a failed request, a response that the chat template cannot carry, and one that
does not fit into the student's context.

Or solutions of a benchmark, by any arm (`--solutions` in place of statements and responses): of each the log-likelihood
of its solution and, given what stands before it, of its answer, from one reading, with the tokens of both: those that
hold some character of it. Output: a likelihoods table; null is what the problem lacks or the model cannot read.

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
from distill.models.rendering import Refusal, RenderedRow, Renderer
from distill.models.spans import Span, tokens_of
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


class Responses:
    """Responses to the problems of a corpus, each rated as a whole.

    Raises InputError for a response to a problem that is not among the statements.
    """

    contract = tables.LOGLIKELIHOODS

    def __init__(self, problems: Path, responses: Path):
        self._problems = statements(problems)
        self.table = tables.read(responses, tables.RESPONSES, ["problem_id", "draw", "response", "finish_reason"])
        if unknown := set(self.table["problem_id"].to_pylist()) - self._problems.keys():
            raise InputError(f"{responses}: problem {min(unknown)!r} is not in {problems}")

    @staticmethod
    def tokens(row: dict[str, Any]) -> int:
        """Return the tokens of a rated row, 0 for one that was not rated."""
        return row.get("tokens", 0)

    def rate(self, rows: Rows, renderer: Renderer, scorer: LoglikelihoodModel) -> Rows:
        """Return one row of the loglikelihoods table per response row, its values absent where it cannot be rated."""
        ratings: Rows = [{"problem_id": r["problem_id"], "draw": r["draw"]} for r in rows]
        sequences = []
        for index, row in enumerate(rows):
            if row["finish_reason"] == FinishReason.ERROR:
                continue
            rendered = renderer.render(self._problems[row["problem_id"]], row["response"])
            if isinstance(rendered, RenderedRow) and len(rendered.ids) <= scorer.context:
                sequences.append((index, rendered.ids, rendered.prompt))
        values = scorer.loglikelihoods([(ids, prompt) for _, ids, prompt in sequences])
        for (index, ids, prompt), value in zip(sequences, values, strict=True):
            ratings[index] |= {"loglikelihood": round(value, 6), "tokens": len(ids) - prompt}
        return ratings

    def summary(self, rows: Rows) -> dict[str, Any]:
        """Return the counts of a loglikelihoods table, and the perplexity per token of all its responses together."""
        rated = [r for r in rows if "tokens" in r]
        tokens, total = sum(r["tokens"] for r in rated), sum(r["loglikelihood"] for r in rated)
        perplexity = round(math.exp(-total / tokens), 6) if tokens else None
        counts = {"rows": len(rows), "rated": len(rated), "tokens": tokens}
        return {"kind": "loglikelihoods", **counts, "perplexity": perplexity}


class Solutions:
    """Solutions of a corpus, each rated in its parts: the solution, and the answer after it."""

    contract = tables.LIKELIHOODS

    def __init__(self, solutions: Path):
        self.table = tables.read(solutions, tables.SOLUTIONS)
        self.refused = "longer than its context"

    @staticmethod
    def tokens(row: dict[str, Any]) -> int:
        """Return the tokens of a rated row, 0 for one that was not rated."""
        return row.get("solution_tokens", 0) + row.get("answer_tokens", 0)

    def rate(self, rows: Rows, renderer: Renderer, scorer: LoglikelihoodModel) -> Rows:
        """Return one row of the likelihoods table per solution, its values absent where it cannot be rated."""
        ratings: Rows = [{"problem_id": row["problem_id"]} for row in rows]
        sequences = []
        for row, rating in zip(rows, ratings, strict=True):
            spans = {"solution": (0, row["solution_end"]), "answer": (row["answer_start"], row["answer_end"])}
            known = {name: Span(*span) for name, span in spans.items() if None not in span}
            rendered = renderer.render(row["problem"], row["response"])
            if isinstance(rendered, Refusal):
                self.refused = f"{rendered.reason}: {rendered.example}"
            elif len(rendered.ids) <= scorer.context:
                places = tokens_of(renderer.tokenizer, rendered, row["response"], list(known.values()))
                if places is not None:
                    sequences.append((rating, rendered, dict(zip(known, places, strict=True))))
        values = scorer.of_tokens([(rendered.ids, rendered.prompt) for _, rendered, _ in sequences])
        for (rating, _, places), own in zip(sequences, values, strict=True):
            for name, place in places.items():
                rating[f"{name}_loglikelihood"] = round(math.fsum(own[at] for at in place), 6)
                rating[f"{name}_tokens"] = len(place)
        return ratings

    def summary(self, rows: Rows) -> dict[str, Any]:
        """Return the counts of a likelihoods table; of solutions and answers the nats per token, mean over problems."""
        facts: dict[str, Any] = {"kind": "likelihoods", "rows": len(rows)}
        for name in ("solution", "answer"):
            known = [row for row in rows if row.get(f"{name}_tokens")]
            nats = [-row[f"{name}_loglikelihood"] / row[f"{name}_tokens"] for row in known]
            facts[f"{name}s"] = len(known)
            facts[f"{name}_nats"] = round(math.fsum(nats) / len(nats), 6) if nats else None
        return facts


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, rate, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompt", type=Path, required=True)
    parser.add_argument("--statements", type=Path, help="of the problems that the responses answer")
    parser.add_argument("--responses", type=Path)
    parser.add_argument("--solutions", type=Path, help="in place of statements and responses")
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--recipe", required=True)
    parser.add_argument(
        "--gpus", type=int, default=0, help="GPUs to take for this program alone; 0 leaves things as they are"
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = LoglikelihoodJob.model_validate_json(args.recipe)
    if (args.solutions is None) == (args.responses is None) or (args.statements is None) != (args.responses is None):
        raise InputError("give either --statements and --responses, or --solutions")
    named = {"statements": args.statements, "responses": args.responses, "solutions": args.solutions}
    inputs = {**{name: path for name, path in named.items() if path}, "prompt": args.prompt}
    record = Record(
        __file__,
        args.recipe,
        {**inputs, "model": args.model / "manifest.json"},
        args.output.parent,
        identity(args.output.parent),
    )
    texts = Solutions(args.solutions) if args.solutions else Responses(args.statements, args.responses)
    take(args.gpus)
    tokenizer, scorer = load_tokenizer(args.model), LoglikelihoodModel(args.model)
    stops = stop_ids(tokenizer, load_generation_config(args.model))
    template = ChatTemplate(tokenizer, recipe.template_args, recipe.date, recipe.think_tags)
    renderer = Renderer(template, stops, Prompt(args.prompt, recipe.system))
    renderer.check()
    rows: Rows = []
    with Progress(texts.table.num_rows, desc="compute_loglikelihood") as progress:
        for start in range(0, texts.table.num_rows, PIECE):
            rows += texts.rate(texts.table.slice(start, PIECE).to_pylist(), renderer, scorer)
            progress.update(len(rows) - start, tokens=sum(map(texts.tokens, rows[start:])))
    facts = texts.summary(rows)
    if rows and not any(map(texts.tokens, rows)) and args.solutions:
        raise InputError(f"{args.solutions}: {args.model} can read none of its solutions ({texts.refused})")
    record.write({"digest": tables.write(args.output, tables.build(rows, texts.contract), texts.contract), **facts})


if __name__ == "__main__":
    run(main)
