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

import math
from collections.abc import Sequence
from typing import Any

from distill import tables
from distill.models.rendering import Renderer
from distill.models.suitability import Splitter, SuitabilityModel
from distill.responses.ratings import OfResponses, Row, rate_responses
from distill.runtime.run import run


class Suitabilities(OfResponses):
    """Responses to the problems of a corpus, each with the facts of its tokens and pieces."""

    contract = tables.SUITABILITY

    def rate(self, rows: Sequence[Row], renderer: Renderer, model: SuitabilityModel) -> list[Row]:
        """Return the facts of each response, none where it cannot be read."""
        read = list(self.readable(rows, renderer, model.context))
        splitter = Splitter(renderer.tokenizer)
        pieces = [splitter.pieces(rendered.ids[rendered.prompt :]) for _, rendered in read]
        facts = model.read([(rendered.ids, rendered.prompt) for _, rendered in read], pieces)
        ratings: list[Row] = [{} for _ in rows]
        for (place, _), own in zip(read, facts, strict=True):
            ratings[place] = {name: round(value, 6) if isinstance(value, float) else value
                              for name, value in own._asdict().items()}  # fmt: skip
        return ratings

    def summary(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the counts of a suitability table, and the signals of all its responses together.

        Each response counts alike in a mean; the ratio is that of the means, as arXiv 2601.14249 has it for a dataset.
        """
        rated = [row for row in rows if "tokens" in row]
        facts = {
            "kind": "suitability",
            "rows": len(rows),
            "rated": len(rated),
            "tokens": sum(r["tokens"] for r in rated),
        }
        if not rated:
            return facts

        def mean(name: str, per_token: bool = True) -> float:
            values = (row[name] / row["tokens"] if per_token else row[name] for row in rated)
            return round(math.fsum(values) / len(rated), 6)

        return {**facts, "surprisal": -mean("loglikelihood"), "rank": mean("ranks"), "overlap_1": mean("top_1"),
                "overlap_10": mean("top_10"), "local_naturalness": mean("local", per_token=False)}  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, rate what is not kept, write the table."""
    rate_responses(__file__, __doc__, argv, Suitabilities, SuitabilityModel)


if __name__ == "__main__":
    run(main)
