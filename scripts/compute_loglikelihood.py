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

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.lineage import identity
from distill.models.loglikelihood import LoglikelihoodModel
from distill.models.rendering import Refusal, Renderer
from distill.models.spans import Span, tokens_of
from distill.responses.ratings import OfResponses, Rating, Row, arguments, make
from distill.runtime.errors import InputError
from distill.runtime.record import Record
from distill.runtime.run import run


class Responses(OfResponses):
    """Responses to the problems of a corpus, each rated as a whole."""

    contract = tables.LOGLIKELIHOODS

    def rate(self, rows: Sequence[Row], renderer: Renderer, scorer: LoglikelihoodModel) -> list[Row]:
        """Return the log-likelihood and tokens of each response, none where it cannot be read."""
        read = list(self.readable(rows, renderer, scorer.context))
        values = scorer.loglikelihoods([(rendered.ids, rendered.prompt) for _, rendered in read])
        ratings: list[Row] = [{} for _ in rows]
        for (place, rendered), value in zip(read, values, strict=True):
            ratings[place] = {"loglikelihood": round(value, 6), "tokens": len(rendered.ids) - rendered.prompt}
        return ratings

    def summary(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the counts of a loglikelihoods table, and the perplexity per token of all its responses together."""
        rated = [r for r in rows if "tokens" in r]
        tokens, total = sum(r["tokens"] for r in rated), sum(r["loglikelihood"] for r in rated)
        perplexity = round(math.exp(-total / tokens), 6) if tokens else None
        counts = {"rows": len(rows), "rated": len(rated), "tokens": tokens}
        return {"kind": "loglikelihoods", **counts, "perplexity": perplexity}


class Solutions(Rating):
    """Solutions of a corpus, each rated in its parts: the solution, and the answer after it."""

    contract = tables.LIKELIHOODS

    def __init__(self, solutions: Path):
        self.rows: list[Row] = tables.read(solutions, tables.SOLUTIONS).to_pylist()
        self._path = solutions
        self._refused = "longer than its context"

    def source(self, row: Row) -> list[Any]:
        """Return problem, response, and where solution and answer stand in it."""
        return [row[name] for name in ("problem", "response", "solution_end", "answer_start", "answer_end")]

    def rate(self, rows: Sequence[Row], renderer: Renderer, scorer: LoglikelihoodModel) -> list[Row]:
        """Return log-likelihood and tokens of both parts of each solution, none where it cannot be read."""
        ratings: list[Row] = [{} for _ in rows]
        sequences = []
        for row, rating in zip(rows, ratings, strict=True):
            spans = {"solution": (0, row["solution_end"]), "answer": (row["answer_start"], row["answer_end"])}
            known = {name: Span(*span) for name, span in spans.items() if None not in span}
            rendered = renderer.render(row["problem"], row["response"])
            if isinstance(rendered, Refusal):
                self._refused = f"{rendered.reason}: {rendered.example}"
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

    def summary(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the counts of a likelihoods table; of solutions and answers the nats per token, mean over problems.

        Raises InputError where the model could read none of them.
        """
        facts: dict[str, Any] = {"kind": "likelihoods", "rows": len(rows)}
        for name in ("solution", "answer"):
            known = [row for row in rows if row.get(f"{name}_tokens")]
            nats = [-row[f"{name}_loglikelihood"] / row[f"{name}_tokens"] for row in known]
            facts[f"{name}s"] = len(known)
            facts[f"{name}_nats"] = round(math.fsum(nats) / len(nats), 6) if nats else None
        if rows and not facts["solutions"] and not facts["answers"]:
            raise InputError(f"{self._path}: the model can read none of its solutions ({self._refused})")
        return facts


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, rate what is not kept, write the table."""
    args = arguments(__doc__, argv, extra=("solutions",), required=False)
    if (args.solutions is None) == (args.responses is None) or (args.statements is None) != (args.responses is None):
        raise InputError("give either --statements and --responses, or --solutions")
    folder = args.output.parent
    named = {"statements": args.statements, "responses": args.responses, "solutions": args.solutions}
    inputs = {**{name: path for name, path in named.items() if path}, "prompt": args.prompt}
    record = Record(__file__, args.recipe, {**inputs, "model": args.model / "manifest.json"}, folder, identity(folder))
    rating = Solutions(args.solutions) if args.solutions else Responses(args.statements, args.responses)
    facts, reused = make(args, rating, LoglikelihoodModel, record.code, "compute_loglikelihood")
    record.write(facts, reused=reused)


if __name__ == "__main__":
    run(main)
