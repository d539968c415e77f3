"""Renders a conversation as token ids by the student's chat template, and checks that nothing of it is lost."""

from dataclasses import dataclass
from typing import Any

from distill.models.prompts import Prompt, conversation_ids, prompt_ids
from distill.runtime.errors import InputError

SHOWN = 12  # tokens of a conversation that an error quotes


@dataclass(frozen=True)
class Renderer:
    """A student's tokenizer and prompt template, the ids of its stop tokens, and the cutoff in tokens."""

    tokenizer: Any
    stops: list[int]
    prompt: Prompt
    cutoff: int

    def render(self, problem_id: str, problem: str, response: str) -> tuple[list[int], int] | None:
        """Return (token ids up to the stop token, length of the prompt).

        None for a response that spells a special token itself: it would be taught as a turn of the conversation.
        Raises InputError when the template changes the prompt or the response, or never stops; or when the prompt
        alone reaches the cutoff.
        """
        messages = self.prompt.messages(problem)
        prompt = prompt_ids(self.tokenizer, messages)
        if len(prompt) >= self.cutoff:
            raise InputError(f"cutoff {self.cutoff} is smaller than the prompt of {problem_id} ({len(prompt)} tokens)")
        alone = self.tokenizer(response, add_special_tokens=False)["input_ids"]
        if self._special(alone):
            return None
        whole = conversation_ids(self.tokenizer, messages, response)
        self._check_prefix(problem_id, prompt, whole)
        ends = [i for i, token in enumerate(whole) if token in self.stops and i >= len(prompt)]
        if not ends:
            stop = self.tokenizer.convert_ids_to_tokens(self.stops)
            raise self._broken(problem_id, f"never writes a stop token ({', '.join(stop)}) after the response")
        whole = whole[: ends[-1] + 1]  # some templates write a newline after the stop token
        self._check_response(problem_id, whole[len(prompt) : -1], alone)
        return whole, len(prompt)

    def _special(self, ids: list[int]) -> list[str]:
        """Return the special tokens among ids; an unknown word is none."""
        special = {*self.tokenizer.all_special_ids, *self.stops} - {self.tokenizer.unk_token_id}
        return self.tokenizer.convert_ids_to_tokens([i for i in ids if i in special])

    def _check_response(self, problem_id: str, rendered: list[int], alone: list[int]) -> None:
        """Check that the response stands whole in what is taught (white space aside), with no turn opened before it."""
        taught, wanted = ("".join(self.tokenizer.decode(ids).split()) for ids in (rendered, alone))
        if wanted not in taught:
            shown = repr(self.tokenizer.decode(rendered[:SHOWN]))
            raise self._broken(problem_id, f"leaves out or changes part of the response; what is left begins {shown}")
        if special := self._special(rendered):
            raise self._broken(
                problem_id, f"writes {special[0]} into the response, which `add_generation_prompt` should have written"
            )

    def _check_prefix(self, problem_id: str, prompt: list[int], whole: list[int]) -> None:
        if whole[: len(prompt)] == prompt:
            return
        differs = next((i for i, (a, b) in enumerate(zip(prompt, whole, strict=False)) if a != b), len(whole))
        start = max(0, differs - 4)
        shown = (self.tokenizer.decode(ids[start : start + SHOWN]) for ids in (prompt, whole))
        evaluated, trained = (repr(text) for text in shown)
        raise self._broken(
            problem_id,
            f"writes another prompt for training than for evaluation, from token {differs} on: "
            f"evaluation {evaluated}, training {trained}",
        )

    def _broken(self, problem_id: str, what: str) -> InputError:
        return InputError(f"{self.tokenizer.name_or_path}: the chat template {what} (problem {problem_id})")
