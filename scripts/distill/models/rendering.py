"""A training row as a student's tokens: what the chat template writes, with nothing lost, changed or spelled by chance.

The prompt of a row has exactly the tokens that the student is given at evaluation. Where the text after it, tokenised
together with the prompt, would merge with its last token (a response that begins with a newline, with the tokenizers of
Qwen2.5, OLMo 2, Llama 3), that text is tokenised alone: a student answers after whole prompt tokens, never within one.

What is taught, decoded, is the text that the template wrote, to the character (up to Unicode's canonical equivalence:
the tokenizer of Qwen writes NFC), and that text holds the response itself. White space may differ at two places only,
where templates trim: at both ends of the response, and beside its think tags. The first stop token after the response
is the last token; what a template writes after it is left out.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from distill.models.escapes import LOST_BACKSLASH
from distill.models.marks import THINK_TAG, Marks, any_of
from distill.models.prompts import Prompt
from distill.models.templates import ChatTemplate
from distill.models.thinking import after_think
from distill.runtime.errors import InputError

SHOWN = 60  # characters of a text that a message quotes
_SPACE = re.compile(r"\s*")


class Unrenderable(StrEnum):
    """Why a student's template cannot carry a row; the reason stands in the ledger."""

    EMPTY_RESPONSE = "empty_response"
    SPECIAL_TOKEN = "special_token"
    SPECIAL_TOKEN_IN_PROBLEM = "special_token_in_problem"
    LOST_BACKSLASH = "lost_backslash"
    TEMPLATE_FAILS = "template_fails"
    OTHER_PROMPT = "other_prompt"
    CHANGED_BY_TEMPLATE = "changed_by_template"
    THINK_LEFT_OPEN = "think_left_open"
    TURN_IN_RESPONSE = "turn_in_response"
    NO_STOP_TOKEN = "no_stop_token"
    MERGED_SEAM = "merged_seam"
    LOST_BY_TOKENIZER = "lost_by_tokenizer"


REMEDIES = {
    Unrenderable.EMPTY_RESPONSE: "leave out empty responses",
    Unrenderable.SPECIAL_TOKEN: "clean the responses, or raise `max_unrenderable`",
    Unrenderable.SPECIAL_TOKEN_IN_PROBLEM: "clean the problems, or raise `max_unrenderable`",
    Unrenderable.LOST_BACKSLASH: "a program read LaTeX as a text with escapes: put the backslashes back with "
    "`rewrites` of who answered, or raise `max_unrenderable`",
    Unrenderable.TEMPLATE_FAILS: "name a template that takes such messages under `model.chat_template`",
    Unrenderable.OTHER_PROMPT: "name a template under `model.chat_template` whose generation prompt is what it writes "
    "before a response",
    Unrenderable.CHANGED_BY_TEMPLATE: "name a template that writes `message.content` unchanged under "
    "`model.chat_template`",
    Unrenderable.THINK_LEFT_OPEN: "name a template whose generation prompt opens no think under `model.chat_template`, "
    "or train on responses that close theirs",
    Unrenderable.TURN_IN_RESPONSE: "write what opens the model's turn under `add_generation_prompt` of the template, "
    "and name it under `model.chat_template`",
    Unrenderable.NO_STOP_TOKEN: "name a template that writes the stop token after a response under "
    "`model.chat_template`",
    Unrenderable.MERGED_SEAM: "name a template whose generation prompt ends with a special token or a newline under "
    "`model.chat_template`",
    Unrenderable.LOST_BY_TOKENIZER: "the tokenizer writes them otherwise: leave out texts with such signs, or raise "
    "`max_unrenderable`",
}


class RenderedRow(NamedTuple):
    """Token ids up to the stop token, the length of the prompt, and what the template added to the response."""

    ids: list[int]
    prompt: int
    added: str
    added_tokens: int


class Refusal(NamedTuple):
    """Why a row cannot be rendered, and the texts that show it."""

    reason: Unrenderable
    example: str


@dataclass(frozen=True)
class Renderer:
    """A student's chat template, stop tokens and prompt, and the rules that a rendered row must keep."""

    template: ChatTemplate
    stops: list[int]
    prompt: Prompt

    @property
    def tokenizer(self) -> Any:
        """Return the student's tokenizer."""
        return self.template.tokenizer

    def check(self) -> None:
        """Try the template on one short row. Raises InputError when it or the prompt's own texts can carry no row."""
        messages = self.prompt.messages("1 + 1")
        self.template.prompt_text(messages)
        self.template.conversation_text(messages, "2")
        for message in messages:
            if mark := self._control(message["content"]):
                raise InputError(f"the {message['role']} text of the prompt spells {mark}, a token of turns; reword it")

    def render(self, problem: str, response: str) -> RenderedRow | Refusal:
        """Return the tokens of a row, or why the template cannot carry it."""
        messages = self.prompt.messages(problem)
        if mark := next((m for m in map(self._control, (m["content"] for m in messages)) if m), None):
            return Refusal(Unrenderable.SPECIAL_TOKEN_IN_PROBLEM, mark)
        if not response.strip():
            return Refusal(Unrenderable.EMPTY_RESPONSE, repr(response))
        if mark := self._control(response):
            return Refusal(Unrenderable.SPECIAL_TOKEN, mark)
        if sign := LOST_BACKSLASH.search(response):
            return Refusal(Unrenderable.LOST_BACKSLASH, repr(response[sign.start() : sign.start() + SHOWN]))
        try:
            opening = self.template.prompt_text(messages)
            whole = self.template.conversation_text(messages, response)
        except InputError as error:
            return Refusal(Unrenderable.TEMPLATE_FAILS, str(error))
        rest = whole[len(opening) :] if whole.startswith(opening) else self._continued(opening, whole, response)
        if rest is None:
            return Refusal(Unrenderable.OTHER_PROMPT, _difference(opening, whole))
        written = self._turn(rest, response)
        return written if isinstance(written, Refusal) else self._tokens(opening, *written)

    def _continued(self, opening: str, whole: str, response: str) -> str | None:
        """Return what goes on from a think that the generation prompt opens and the conversation does not have.

        R1 and QwQ leave the thinking out of a conversation, to save context in later turns; in the turn that is taught
        it stands as the student has to write it. None where the response does not begin with that think.
        """
        tag, text = self.template.opened.strip(), response.strip()
        head = opening.removesuffix(self.template.opened)
        if not whole.startswith(head) or not text.startswith(tag):
            return None
        stop = self._stop.search(whole, len(head))
        ending = "" if stop is None else whole[stop.start() :]
        return text.removeprefix(tag).lstrip() + ending

    def _turn(self, rest: str, response: str) -> tuple[str, str] | Refusal:
        """Return the model's turn up to its stop token, and what the template added to the response."""
        stop = self._stop.search(rest)  # the response holds none, so this is the first one after it
        if stop is None:
            return Refusal(Unrenderable.NO_STOP_TOKEN, f"the conversation ends with {rest[-SHOWN:]!r}")
        text, turn = response.strip(), rest[: stop.start()]
        text = text.removeprefix(self.template.opened.strip())
        place = _place([p for p in THINK_TAG.split(text.strip()) if p], turn)
        if place is None:
            return Refusal(Unrenderable.CHANGED_BY_TEMPLATE, f"{turn[:SHOWN]!r} instead of {response[:SHOWN]!r}")
        if self.template.opened and after_think(self.template.opened + turn) is None:
            return Refusal(Unrenderable.THINK_LEFT_OPEN, f"{turn[:SHOWN]!r} after {self.template.opened!r}")
        before, after = turn[: place[0]], turn[place[1] :]
        if mark := self._control(before) or self._control(after):
            return Refusal(Unrenderable.TURN_IN_RESPONSE, f"{mark} beside the response")
        return rest[: stop.end()], "".join(part for part in (before, after) if part.strip())

    def _tokens(self, opening: str, turn: str, added: str) -> RenderedRow | Refusal:
        """Return the row's tokens: those of the prompt as at evaluation, then those of the turn."""
        prompt, ids = self._ids(opening), self._ids(opening + turn)
        merged = ids[: len(prompt)] != prompt
        if merged:
            ids = prompt + self._ids(turn)
        if ids[-1] not in self.stops:
            return Refusal(Unrenderable.NO_STOP_TOKEN, f"it is tokenised as {self._text(ids[-4:])!r}")
        wanted, taught = _canonical(self._stop.split(turn)[0]), _canonical(self._text(ids[len(prompt) : -1]))
        if taught.strip() == wanted.strip():  # decoders add and take white space at the ends
            return RenderedRow(ids, len(prompt), added, len(self._ids(added)) if added else 0)
        if merged:
            return Refusal(Unrenderable.MERGED_SEAM, f"{turn[:SHOWN]!r} after {opening[-SHOWN:]!r}")
        return Refusal(Unrenderable.LOST_BY_TOKENIZER, _difference(wanted.strip(), taught.strip()))

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _text(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    @cached_property
    def _stop(self) -> re.Pattern[str]:
        return any_of(self.tokenizer.convert_ids_to_tokens(self.stops))

    @cached_property
    def _marks(self) -> Marks:
        return Marks(self.tokenizer, self.stops)

    def _control(self, text: str) -> str | None:
        """Return the first mark of turns that a text spells, or is tokenised to; None without one."""
        return self._marks.first(text)


def _canonical(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _place(pieces: list[str], text: str) -> tuple[int, int] | None:
    """Return where pieces stand in a text, one after the other with only white space between; None if nowhere."""
    first, *others = pieces or [""]
    start = text.rfind(first)  # templates write before a response, not after it
    while start >= 0:
        end = start + len(first)
        for piece in others:
            end = _SPACE.match(text, end).end()
            if not text.startswith(piece, end):
                break
            end += len(piece)
        else:
            return start, end
        start = text.rfind(first, 0, start + len(first) - 1) if start else -1
    return None


def _difference(wanted: str, made: str) -> str:
    """Return where two texts part, in words."""
    at = next((i for i, (a, b) in enumerate(zip(wanted, made, strict=False)) if a != b), min(len(wanted), len(made)))
    start = max(0, at - 10)
    return f"{made[start : start + SHOWN]!r} instead of {wanted[start : start + SHOWN]!r}"
