"""Look up where the tokens that a model wrote stand among those that a student before training would have written.

Inputs: a statements table, a shard of responses (of a trained student, of an untouched one, of a teacher), the model
folder and prompt template of the student before training, a recipe. The responses are read as the student's tokens: the
text is tokenised anew, which may cut it otherwise than it was written. Output: a token_shift table with, of each
response, its tokens, how many are marginal (rank 2 or 3) and shifted (rank above 3), their log-likelihood (nats,
summed), and the same by the text and kind of the token. The stop token counts where the response ended by itself. Null
for a failed request, a response that the chat template cannot carry, and one that does not fit into the context.

Run as: python scripts/compute_token_shift.py --statements S.parquet --responses R.parquet \
            --model results/models/S/base --prompt config/prompts/boxed.jinja --recipe JSON --output T.parquet
"""

import math
from collections.abc import Sequence
from typing import Any

from distill import tables
from distill.models.rendering import Renderer
from distill.models.suitability import SuitabilityModel
from distill.models.token_shift import Spelling, shifts
from distill.responses.ratings import OfResponses, Row, rate_responses
from distill.runtime.run import run
from distill.tables.words import FinishReason


class TokenShifts(OfResponses):
    """Responses to the problems of a corpus, each with the ranks of its tokens."""

    contract = tables.TOKEN_SHIFT

    def rate(self, rows: Sequence[Row], renderer: Renderer, model: SuitabilityModel) -> list[Row]:
        """Return the facts of each response, none where it cannot be read."""
        spelling, given, read = Spelling(renderer.tokenizer), [], []
        for place, rendered in self.readable(rows, renderer, model.context):
            stops = rows[place]["finish_reason"] == FinishReason.STOP
            ids = rendered.ids if stops else rendered.ids[:-1]  # it did not write the stop token
            given.append((ids, [at >= rendered.prompt for at in range(len(ids))]))
            read.append((place, spelling.words(ids[rendered.prompt :]), stops))
        ratings: list[Row] = [{} for _ in rows]
        for (place, words, stops), values in zip(read, model.of_tokens(given), strict=True):
            ratings[place] = shifts(words, values, stops)
        return ratings

    def summary(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the counts of a token_shift table; the surprisal is in nats per token."""
        known = [row for row in rows if row.get("tokens")]
        facts = {name: sum(row[name] for row in known) for name in ("tokens", "marginal", "shifted")}
        nats = math.fsum(row["loglikelihood"] for row in known)
        surprisal = round(-nats / facts["tokens"], 6) if known else None
        return {"kind": "token_shift", "rows": len(rows), "read": len(known), **facts, "surprisal": surprisal}


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, read what is not kept, write the table."""
    rate_responses(__file__, __doc__, argv, TokenShifts, SuitabilityModel)


if __name__ == "__main__":
    run(main)
