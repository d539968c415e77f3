"""From a problem to the tokens a model sees: one path for generation, training and evaluation."""

from pathlib import Path
from typing import Any

from distill.runtime.errors import InputError

Message = dict[str, str]


class Prompt:
    """A prompt template of `config/prompts/` (Jinja, with the variable `problem`) and an optional system text."""

    def __init__(self, path: Path, system: str | None = None):
        import jinja2

        self._path, self._system = path, system
        try:
            environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=False)
            self._template = environment.from_string(Path(path).read_text())
            self._template.render(problem="1 + 1")
        except FileNotFoundError:
            raise InputError(f"{path}: no such prompt template") from None
        except jinja2.TemplateError as error:
            raise InputError(f"{path}: {error}; a prompt template knows the one variable `problem`") from None

    def messages(self, problem: str) -> list[Message]:
        """Return the conversation up to the model's turn."""
        user = {"role": "user", "content": self._template.render(problem=problem)}
        return [user] if self._system is None else [{"role": "system", "content": self._system}, user]


def prompt_ids(tokenizer: Any, messages: list[Message]) -> list[int]:
    """Return the token ids of a conversation, up to and including the opening of the model's turn."""
    return _apply(tokenizer, messages, add_generation_prompt=True)


def conversation_ids(tokenizer: Any, messages: list[Message], response: str) -> list[int]:
    """Return the token ids of a conversation with the model's response in it, as the chat template writes it."""
    return _apply(tokenizer, [*messages, {"role": "assistant", "content": response}], add_generation_prompt=False)


def _apply(tokenizer: Any, messages: list[Message], add_generation_prompt: bool) -> list[int]:
    import jinja2

    try:
        return tokenizer.apply_chat_template(
            messages, add_generation_prompt=add_generation_prompt, tokenize=True, return_dict=False
        )
    except (jinja2.TemplateError, TypeError, ValueError) as error:
        roles = [m["role"] for m in messages]
        raise InputError(
            f"{tokenizer.name_or_path}: the chat template fails on a conversation of {roles}: {error}"
        ) from None
