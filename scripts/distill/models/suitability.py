"""How well a response suits a student before training: ranks and likelihoods of its tokens, whole and piece by piece.

Everything is read with teacher forcing, of the tokens that a training would teach: those of the response and its stop
token, never of the prompt. Logits are held for some thousand tokens at a time (`distill.models.loglikelihood`).

Sources. Ranks, clipped at 100, and surprisal: arXiv 2601.14249 and its code (UmeanNever/RankSurprisalRatio).
Pieces seen with a short window: arXiv 2510.03988, whose abstract names sentences and a small window; how many sentences
it has is not known to us. Four are ours, and that the prompt is always seen.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice, pairwise
from typing import Any, NamedTuple

import numpy as np

from distill.models.loglikelihood import CausalModel, Tokens, batches

MAX_RANK = 100  # a larger rank counts as this
TOP = 10
WINDOW_PIECES = 4  # pieces before one, with which it is seen
TOGETHER = 512  # pieces that are sorted by length and read together
_ENDS = (".", "!", "?")
_CLOSING = "\"')]}*\u201d\u2019"
_TAIL = 256  # characters of a piece that are looked at

Span = tuple[int, int]
Given = tuple[list[int], list[bool]]
"""Token ids, and which of them count."""


class TokenValues(NamedTuple):
    """Of each token of a response, in their order: its log-likelihood in nats, and its rank (1: the likeliest)."""

    loglikelihoods: np.ndarray
    ranks: np.ndarray


class Suitability(NamedTuple):
    """Facts of one response, as the table of suitability has them."""

    tokens: int
    loglikelihood: float
    ranks: int
    top_1: int
    top_10: int
    pieces: int
    local: float


class SuitabilityModel(CausalModel):
    """A student before training, which reads responses."""

    def read(self, rows: Sequence[Tokens], pieces: Sequence[Sequence[Span]]) -> list[Suitability]:
        """Return the facts of each response; `pieces` are its pieces as spans of its tokens, one after the other."""
        wholes = self.of_tokens([_given(ids, prompt, len(ids)) for ids, prompt in rows])
        means = [[float(own.loglikelihoods[start:end].mean()) for start, end in spans]
                 for own, spans in zip(wholes, pieces, strict=True)]  # fmt: skip
        # What stands within the first window is seen whole already.
        places = [(row, place) for row, spans in enumerate(pieces) for place in range(WINDOW_PIECES + 1, len(spans))]
        todo = iter(places)
        while some := list(islice(todo, TOGETHER)):
            given = [_windowed(rows[row], pieces[row], place) for row, place in some]
            for (row, place), own in zip(some, self.of_tokens(given), strict=True):
                means[row][place] = float(own.loglikelihoods.mean())
        return [_facts(*each) for each in zip(wholes, means, strict=True)]

    def of_tokens(self, rows: Sequence[Given]) -> list[TokenValues]:
        """Return the values of the tokens that count, of each row; rows of like length share a batch."""
        found: list[list[np.ndarray]] = [[] for _ in rows]
        for batch in batches([len(ids) for ids, _ in rows]):
            for logits, targets, counted in self.windows([rows[index] for index in batch]):
                values = _values(logits, targets).cpu().numpy()
                for index, own, counts in zip(batch, values, counted.cpu().numpy(), strict=True):
                    found[index].append(own[counts])
        return [TokenValues(*np.concatenate(own).T) for own in found]


def _values(logits: Any, targets: Any) -> Any:
    """Return [rows, tokens, 2]: log-likelihood and rank of each target; of equally likely tokens all are the first."""
    import torch

    own = logits.gather(-1, targets[..., None])
    ranks = 1 + (logits > own).sum(-1)
    return torch.stack([(own[..., 0] - logits.logsumexp(-1)).double(), ranks.double()], dim=-1)


def _given(ids: list[int], start: int, end: int) -> Given:
    """Return ids of which those from `start` up to `end` count."""
    return ids, [start <= place < end for place in range(len(ids))]


def _windowed(row: Tokens, spans: Sequence[Span], place: int) -> Given:
    """Return a piece after the prompt and the few pieces before it; the tokens of the piece count."""
    ids, prompt = row
    first, (start, end) = spans[place - WINDOW_PIECES][0], spans[place]
    seen = ids[:prompt] + ids[prompt + first : prompt + end]
    return _given(seen, len(seen) - (end - start), len(seen))


def _facts(whole: TokenValues, means: Sequence[float]) -> Suitability:
    ranks = whole.ranks
    return Suitability(
        tokens=len(ranks),
        loglikelihood=float(whole.loglikelihoods.sum()),
        ranks=int(np.minimum(ranks, MAX_RANK).sum()),
        top_1=int((ranks <= 1).sum()),
        top_10=int((ranks <= TOP).sum()),
        pieces=len(means),
        local=float(np.mean(means)),
    )


class Splitter:
    """Cuts a response's tokens into pieces: at line ends, and after a sentence's sign that white space follows.

    Every token is in one piece; white space after a piece belongs to it, and so does the stop token to the last.
    """

    def __init__(self, tokenizer: Any):
        self._tokenizer = tokenizer
        self._word = cache(lambda token: self._text([token]))

    def _text(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def pieces(self, ids: Sequence[int]) -> list[Span]:
        """Return the pieces of a response as spans of its tokens; the last of these is its stop token."""
        starts = [0, *self._breaks(ids), len(ids)]
        return list(pairwise(starts))

    def _breaks(self, ids: Sequence[int]) -> Iterator[int]:
        text = ""
        for place in range(1, len(ids) - 1):  # the stop token begins none
            text = (text + self._word(ids[place - 1]))[-_TAIL:]
            if self._word(ids[place]).strip() and self._is_over(text, ids[place - 1 : place + 1]):
                yield place
                text = ""

    def _is_over(self, text: str, pair: Sequence[int]) -> bool:
        """Whether a piece ends before the second token of a pair."""
        body = text.rstrip()
        space = text[len(body) :]
        if not body or "\n" in space:
            return bool(body)
        if not body.rstrip(_CLOSING).endswith(_ENDS):
            return False
        # Decoders may leave out the space before a token that stands alone.
        both, second = self._text(list(pair)), self._word(pair[1]).lstrip()
        return bool(space) or both[: len(both) - len(second)][-1:].isspace()
