"""Prompts: what a model is shown of a problem, and what a judge is shown of an answer."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from distill.models.sandbox import SANDBOX
from distill.models.templates import Message
from distill.runtime.errors import InputError

# Letters of both cases, marks of HTML, LaTeX and Jinja, white space: what a template that changes a text touches.
_MARK = "Aa {name} <b>&amp;\"'</b>  {{{{ $\\\\frac{{1}}{{2}}$ }}}}\n\n\t\u00e9\u6570 zZ"
# What is tried is long, in one line and then in lines, for a template that cuts or wraps texts.
_TRIAL = _MARK.replace("\n", " ") * 2000 + _MARK * 2000
ADDRESS = re.compile(r"<[A-Za-z_][^<>\n]* at 0x[0-9a-f]+>")  # of a function or generator that is written as text


class PromptTemplate:
    """A template of `config/prompts/` (Jinja) with its variables, each of which stands unchanged in what it writes."""

    def __init__(self, path: Path, names: Sequence[str]):
        """Read the file and try it. Raises InputError when it fails, changes a variable, or writes what is no text."""
        self._path, self._names = Path(path), tuple(names)
        self._source = _read(self._path)
        if found := ADDRESS.search(self.render({name: _TRIAL.format(name=name) for name in names})):
            raise InputError(
                f"{self._path}: the prompt writes {found[0][:60]}, which is no text and another at each start; call "
                "it, or make a list of it"
            )

    def render(self, values: Mapping[str, str]) -> str:
        """Return the text for a value of each variable. Raises InputError when one is left out or changed."""
        known = " and ".join(f"`{name}`" for name in self._names)
        where = f"{self._path}: the prompt template, which knows {known}, fails"
        text, _ = SANDBOX.render(where, "prompt", self._source, dict(values))
        for name, value in values.items():
            if value.strip() not in text:
                raise InputError(
                    f"{self._path}: the prompt leaves out or changes `{name}`; write {{{{ {name} }}}}, without filters"
                )
        return text


def _read(path: Path) -> str:
    """Return the text of a template's file. Raises InputError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such prompt template") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); save the prompt template as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: the prompt template cannot be read ({error.strerror})") from None


class Prompt:
    """A prompt template with the variable `problem`, and an optional system text."""

    def __init__(self, path: Path, system: str | None = None):
        self._template, self._system = PromptTemplate(path, ["problem"]), system

    def messages(self, problem: str) -> list[Message]:
        """Return the conversation up to the model's turn."""
        user = {"role": "user", "content": self._template.render({"problem": problem})}
        return [user] if self._system is None else [{"role": "system", "content": self._system}, user]
