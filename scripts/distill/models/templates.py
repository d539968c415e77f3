"""A model's chat template: conversations to texts and tokens, the same for generation, training and evaluation.

The template runs in the sandbox of `distill.models.sandbox`; tests hold that its texts are those of transformers.
"""

from collections.abc import Sequence
from typing import Any

from distill.models.sandbox import SANDBOX
from distill.runtime.errors import InputError
from distill.tables.thinking import PRESETS, tags_of

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
    ):
        """Try the template on a short conversation.

        Raises InputError when it fails, or does not read an argument or the clock that the recipe gives it.
        """
        self._tokenizer, self._args, self._date = tokenizer, dict(args or {}), date
        self._source = tokenizer.get_chat_template()
        self._special = dict(tokenizer.special_tokens_map)
        self._check_arguments()
        self.opened = self._opened(tags_of(think_tags))

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

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def _render(self, messages: Sequence[Message], add_generation_prompt: bool) -> tuple[str, list[str]]:
        variables = {**_ALWAYS, **self._special, **self._args, "messages": list(messages),
                     "add_generation_prompt": add_generation_prompt}  # fmt: skip
        roles = [message["role"] for message in messages]
        where = f"{self._tokenizer.name_or_path}: the chat template fails on a conversation of {roles}"
        return SANDBOX.render(where, "chat", self._source, variables, self._date)

    def _check_arguments(self) -> None:
        where = f"{self._tokenizer.name_or_path}: its chat template"
        names = SANDBOX.render(where, "chat", self._source_names(), {})[1]
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

    def _opened(self, tags: tuple[str, str]) -> str:
        """Return the think that the prompt has opened and not closed."""
        text = self.prompt_text(PROBE)
        tail = text[text.rfind(PROBE[0]["content"]) + len(PROBE[0]["content"]) :]
        for start, end in (tags, *PRESETS.values()):
            place = tail.rfind(start)
            if place >= 0 and end not in tail[place:]:
                return tail[place:]
        return ""
