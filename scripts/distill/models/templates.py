"""A model's chat template: conversations to texts and tokens, the same for generation, training and evaluation.

The template runs in the sandbox of `distill.models.sandbox`; tests hold that its texts are those of transformers.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from distill.models.marks import Marks
from distill.models.sandbox import SANDBOX
from distill.models.thinking import PRESETS, frames_of, tags_of
from distill.runtime.errors import InputError, first_line

Message = dict[str, str]
PROBE = [{"role": "user", "content": "1 + 1"}]
_ALWAYS = {"tools": None, "documents": None}
_CLOCK = "strftime_now"


class ChatTemplate:
    """The chat template of a tokenizer with the recipe's arguments (`template_args`, `date`, `think_tags`).

    `opened` is the text with which the template has already begun the response: an opening think tag and what follows
    it (`<think>\\n` of R1 and QwQ), or "".
    """

    def __init__(
        self,
        tokenizer: Any,
        args: dict[str, Any] | None = None,
        date: str | None = None,
        think_tags: str | Sequence[str] = "think",
        system: str | None = None,
    ):
        """Try the template on a short conversation, with the system text of the recipe.

        Raises InputError when it fails, leaves the user's text out, or does not read an argument or the clock that the
        recipe gives it.
        """
        self.tokenizer, self._args, self._date = tokenizer, dict(args or {}), date
        self._source = _source(tokenizer)
        self._special = dict(tokenizer.special_tokens_map)
        self._check_arguments()
        self._tags = tags_of(think_tags)
        self._probe = PROBE if system is None else [{"role": "system", "content": system}, *PROBE]
        self.opened = self.opened_by(self._probe)
        self._hidden = self._hidden_ids(think_tags)

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """Return a conversation up to and including the opening of the model's turn. Raises InputError."""
        return self._render(messages, add_generation_prompt=True)[0]

    def conversation_text(self, messages: Sequence[Message], response: str) -> str:
        """Return a conversation with the model's response in it. Raises InputError."""
        whole = [*messages, {"role": "assistant", "content": response}]
        return self._render(whole, add_generation_prompt=False)[0]

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Return the token ids of `prompt_text`."""
        return self._ids(self.prompt_text(messages))

    def conversation_ids(self, messages: Sequence[Message], response: str) -> list[int]:
        """Return the token ids of `conversation_text`."""
        return self._ids(self.conversation_text(messages, response))

    def opened_by(self, messages: Sequence[Message]) -> str:
        """Return the think that the prompt of a conversation has opened and not closed; it may go by its texts.

        Raises InputError when the template fails, or leaves out what is said last.
        """
        whole, said = self.prompt_text(messages), messages[-1]["content"].strip()
        place = whole.rfind(said)
        if place < 0:
            raise InputError(
                f"{self.tokenizer.name_or_path}: the chat template leaves out what the user says (it may want a list "
                "of parts, as those of models that see do); name one that writes `message.content` under "
                "`model.chat_template`"
            )
        tail = whole[place + len(said) :]
        for start, end in (self._tags, *PRESETS.values()):
            place = tail.rfind(start)
            if place >= 0 and end not in tail[place:] and not self._is_of_user(messages, whole, tail[place:]):
                return tail[place:]
        return ""

    def _is_of_user(self, messages: Sequence[Message], whole: str, tail: str) -> bool:
        """Whether the end of a prompt begins in the user's turn, to which a template may add words about thinking."""
        turns = self._render(messages, add_generation_prompt=False)[0]
        return turns != whole and whole.startswith(turns) and len(whole) - len(tail) < len(turns)

    @cached_property
    def marks(self) -> Marks:
        """Return the marks of turns, which no text of a conversation may spell."""
        return Marks(self.tokenizer)

    def prefix(self, response_prefix: str | None) -> str:
        """Return what the template has begun the response with; the recipe's own word for it, if any, must agree.

        Raises InputError when it does not.
        """
        if response_prefix is None:
            return self.opened
        text = response_prefix.strip()
        agrees = text == self.opened.strip() or (
            not self.opened and self.prompt_text(self._probe).rstrip().endswith(text)
        )
        if not agrees:
            raise InputError(
                f"{self.tokenizer.name_or_path}: `response_prefix: {response_prefix!r}`, but the chat template begins "
                f"the response with {self.opened!r}; leave the key out"
            )
        return response_prefix

    def response_text(self, ids: Sequence[int]) -> str:
        """Return the text of a response without its special tokens, but for those that mark thinking."""
        if self._hidden is None:
            return self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        ids = [i for i in ids if i not in self._hidden]
        return self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def _hidden_ids(self, think_tags: str | Sequence[str]) -> frozenset[int] | None:
        """Return the special tokens that a response is read without; None: all of them."""
        tokens = {i: t.content for i, t in self.tokenizer.added_tokens_decoder.items() if t.special}
        marks = [*tags_of(think_tags), *frames_of(think_tags), *(tag for pair in PRESETS.values() for tag in pair)]
        shown = {i for i, text in tokens.items() if any(text in mark for mark in marks)}
        return frozenset(tokens) - shown if shown else None

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _render(self, messages: Sequence[Message], add_generation_prompt: bool) -> tuple[str, list[str]]:
        variables = {**_ALWAYS, **self._special, **self._args, "messages": list(messages),
                     "add_generation_prompt": add_generation_prompt}  # fmt: skip
        roles = [message["role"] for message in messages]
        where = f"{self.tokenizer.name_or_path}: the chat template fails on a conversation of {roles}"
        return SANDBOX.render(where, "chat", self._source, variables, self._date)

    def _check_arguments(self) -> None:
        name_or_path = self.tokenizer.name_or_path
        where = f"{name_or_path}: its chat template"
        names = SANDBOX.render(f"{name_or_path}: the chat template fails", "chat", self._source_names(), {})[1]
        for name in self._args:
            if name in self._special:
                raise InputError(f"{where} has {name} from the tokenizer; leave `template_args.{name}` out")
            if name not in names:
                raise InputError(f"{where} never reads `template_args.{name}`; leave it out")
        if self._date is not None and _CLOCK not in names:
            raise InputError(f"{where} never asks for the time, so `date` has no effect; leave it out")

    def _source_names(self) -> str:
        """Return the template in a block that is never run, so that only its names are read."""
        return "{% if false %}" + self._source + "{% endif %}"


def _source(tokenizer: Any) -> str:
    """Return the text of a tokenizer's chat template. Raises InputError where it has several without a default."""
    try:
        return tokenizer.get_chat_template()
    except ValueError as error:
        raise InputError(
            f"{tokenizer.name_or_path}: no chat template to take ({first_line(error)}); name one under "
            "`model.chat_template`"
        ) from None
