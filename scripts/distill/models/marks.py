"""Marks of turns: the texts and tokens by which a chat template parts a conversation, wherever they are spelled."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

THINK_TAG = re.compile(r"\s*(</?think>)\s*")
# How templates mark turns, whether or not the tokenizer has a token for the mark.
_MARK_LIKE = re.compile(r"\W.*\w.*\W", re.DOTALL)  # tokenizers have words, digits and white space as added tokens, too
_MARK = re.compile(r"<\|[^|<>\s]+\|>|<\uff5c[^\uff5c<>\s]+\uff5c>|</?[a-z]+_of_[a-z]+>|\[/?[A-Z][A-Z_]+\]|<</?SYS>>")


class Marks:
    """What must not be spelled in a text: special tokens, stop tokens (ids), and all that the chat template writes."""

    def __init__(self, tokenizer: Any, stops: Sequence[int] = ()):
        source = tokenizer.get_chat_template()
        tokens = {
            token.content
            for token in tokenizer.added_tokens_decoder.values()
            if token.special or (_MARK_LIKE.fullmatch(token.content) and token.content in source)
        }
        marks = {*tokens, *_MARK.findall(source), *tokenizer.convert_ids_to_tokens(list(stops))}
        marks = {m for m in marks if not THINK_TAG.fullmatch(m)}  # special in some tokenizers
        ids = {*tokenizer.convert_tokens_to_ids(sorted(marks))}
        self._tokenizer, self._pattern = tokenizer, any_of(marks)
        self._ids = frozenset(ids - {tokenizer.unk_token_id, None})

    def first(self, text: str) -> str | None:
        """Return the first mark that a text spells, or is tokenised to; None without one."""
        if spelled := self._pattern.search(text):
            return spelled[0]
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        token = next((i for i in ids if i in self._ids), None)
        return None if token is None else self._tokenizer.convert_ids_to_tokens(token)


def any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of any of some texts, the longest first; without texts it matches nothing."""
    found = sorted(texts, key=lambda m: (-len(m), m))
    return re.compile("|".join(map(re.escape, found)) or r"(?!)")
