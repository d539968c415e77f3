"""Token shift: where the tokens of a response stand among those that a student before training would have written.

After Lin et al. (arXiv 2312.01552), as the paper's Fig. 8 uses them: at each position the student reads what stands
before the token, and the token's rank in its distribution is looked up. Rank 1 is unshifted, 2 and 3 marginal, above 3
shifted. What kind of token each is, is ours (the paper has no list): words of style and mathematics are told apart.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from itertools import chain, pairwise
from typing import Any

from distill.models.suitability import MAX_RANK, TokenValues

MARGINAL = 3  # the highest rank that is not shifted

# Words with which one speaks of one's own thinking, or joins steps; in small letters.
STYLE = frozenset((
    "actually", "again", "ah", "alright", "also", "alternatively", "and", "anyway", "because", "but", "check",
    "correct", "double", "finally", "first", "firstly", "given", "hence", "hm", "hmm", "hold", "however", "i", "if",
    "indeed", "instead", "just", "let", "let's", "lets", "look", "maybe", "me", "mistake", "must", "my", "next",
    "no", "now", "oh", "ok", "okay", "once", "or", "perhaps", "probably", "rather", "really", "recheck", "remember",
    "right", "second", "see", "seems", "similarly", "since", "so", "start", "step", "suppose", "sure", "then",
    "therefore", "think", "third", "though", "thus", "to", "try", "unless", "verify", "wait", "we", "well", "what",
    "whether", "why", "yes", "yet", "you",
))  # fmt: skip
_SIGNS = frozenset("\\^_{}=<>+/%$")


class TokenKind(StrEnum):
    """What a token is: a word of style, another word, mathematics, layout (signs, white space), or the stop token."""

    STYLE = "style"
    WORDS = "words"
    MATHEMATICS = "mathematics"
    LAYOUT = "layout"
    STOP = "stop"


class Spelling:
    """How the tokens of a tokenizer are spelled, and whether one goes on within the word of the token before it."""

    def __init__(self, tokenizer: Any):
        self._tokenizer = tokenizer
        self._text = cache(lambda token: self._decoded([token]))
        self._joint = cache(self._is_joint)

    def words(self, ids: Sequence[int]) -> list[tuple[str, bool]]:
        """Return the text of each token, and whether it goes on within the word of the token before it."""
        joints = (self._joint(*pair) for pair in pairwise(ids))
        return list(zip(map(self._text, ids), chain((False,), joints), strict=False))

    def _decoded(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def _is_joint(self, before: int, token: int) -> bool:
        one, other = self._text(before), self._text(token).lstrip()
        if not (one[-1:].isalpha() and other[:1].isalpha()):
            return False
        # Decoders may leave out the space before a token that stands alone, so both are decoded together.
        return self._decoded([before, token]).endswith(one.lstrip() + other)


def kinds(words: Sequence[tuple[str, bool]], stops: bool) -> Iterator[TokenKind]:
    """Yield the kind of each token of a response, from `Spelling.words`; `stops`: the last one is the stop token.

    A piece of a word, or of a command of LaTeX, is of the kind of what it goes on from.
    """
    before, kind = "\n", TokenKind.LAYOUT
    for place, (text, is_joint) in enumerate(words):
        if stops and place == len(words) - 1:
            kind = TokenKind.STOP
        elif not is_joint:
            kind = _kind(text.strip(), before)
        yield kind
        before = text


def _kind(word: str, before: str) -> TokenKind:
    """Return the kind of a token without the space around it; `before` is the token before."""
    if before.endswith("\\") and word[:1].isalpha():
        return TokenKind.MATHEMATICS  # a command of LaTeX
    if word in ("-", "*"):  # the sign of a list at the begin of a line
        return TokenKind.LAYOUT if "\n" in before else TokenKind.MATHEMATICS
    if any(sign.isdigit() or sign in _SIGNS or unicodedata.category(sign) == "Sm" for sign in word):
        return TokenKind.MATHEMATICS
    if _is_variable(word):
        return TokenKind.MATHEMATICS
    if any(sign.isalpha() for sign in word):
        return TokenKind.STYLE if word.casefold().strip("'\u2019\".,:;!?()") in STYLE else TokenKind.WORDS
    return TokenKind.LAYOUT


def _is_variable(word: str) -> bool:
    return len(word) == 1 and word not in "aAI" and unicodedata.name(word, "").startswith(("LATIN", "GREEK"))


def shifts(words: Sequence[tuple[str, bool]], values: TokenValues, stops: bool) -> dict[str, Any]:
    """Return the facts of a response as the table of token shift has them; its tokens by text and kind, in that order.

    Ranks above 100 count as 100 in their sum.
    """
    types: dict[tuple[str, str], list[int]] = {}
    for (text, _), kind, rank in zip(words, kinds(words, stops), values.ranks.astype(int).tolist(), strict=True):
        own = types.setdefault((text.strip() or text, kind.value), [0, 0, 0, 0])
        counted = 1, 1 < rank <= MARGINAL, rank > MARGINAL, min(rank, MAX_RANK)
        own[:] = [old + new for old, new in zip(own, counted, strict=True)]
    names = ("count", "marginal", "shifted", "ranks")
    listed = [{"token": token, "kind": kind, **dict(zip(names, types[token, kind], strict=True))}
              for token, kind in sorted(types)]  # fmt: skip
    return {
        "tokens": len(words),
        "marginal": sum(own["marginal"] for own in listed),
        "shifted": sum(own["shifted"] for own in listed),
        "loglikelihood": round(float(values.loglikelihoods.sum()), 6),
        "types": listed,
    }
