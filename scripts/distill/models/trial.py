"""A chat template tried before a model is used: what the user and the system say must stand in what it writes.

A template that cuts, escapes or changes the case of problems would do so in training and evaluation alike, so nothing
else would notice. Here it is a text alone, without its tokenizer; what fails is left to the program that runs it, which
knows the arguments of its recipe.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill.models.prompts import ADDRESS, Prompt
from distill.models.sandbox import SANDBOX
from distill.models.templates import PROBE, ChatTemplate
from distill.runtime.errors import InputError
from distill.runtime.files import read_json

REMEDY = "name a template that writes `message.content` unchanged under `model.chat_template`"
# Letters of both cases, marks of HTML, LaTeX and Jinja, white space; long, for a template that cuts texts.
TRIAL = "Aa <b>&amp;\"'</b>  {{ $\\frac{1}{2}$ }} **1,000**\n\n\t\u00e9\u6570 zZ.\n" * 500 + "end"


def check_template(folder: Path, source: str | None) -> None:
    """Raise InputError where the template of a model folder (`source`, else its own) changes what a user says."""
    config = tokenizer_config(folder)
    source = source or _own_source(folder, config)
    if source is None:
        return
    special = {name: text for name, text in ((n, _text(v)) for n, v in config.items() if n.endswith("_token")) if text}
    short, long = (_written(folder, source, special, text) for text in (PROBE[0]["content"], TRIAL))
    if short is None or long is None or PROBE[0]["content"] not in short:
        return
    check_written(f"{folder}: the chat template", long, "what the user says", TRIAL)


def check_prompt(template: ChatTemplate, prompt: Prompt) -> None:
    """Raise InputError where a model's chat template does not write what prompt and system of its recipe say."""
    messages = prompt.messages(TRIAL)
    text, who = template.prompt_text(messages), f"{template.tokenizer.name_or_path}: the chat template"
    for message in messages:
        check_written(who, text, f"what the {message['role']} says", message["content"])
    if (opened := template.opened_by(messages)) != template.opened:
        raise InputError(
            f"{who} begins a response with {opened!r} after this prompt, and with {template.opened!r} after others; "
            "say in `system` or `template_args` what tells it so"
        )


def check_written(who: str, text: str, what: str, said: str) -> None:
    """Raise InputError unless a conversation has what is said in it, and nothing that is another at each start."""
    if said.strip() not in text:
        raise InputError(f"{who} leaves out or changes {what}; {REMEDY}")
    if found := ADDRESS.search(text):
        raise InputError(f"{who} writes {found[0][:60]}, which is no text and another at each start; {REMEDY}")
    if "\ufeff" in text:
        raise InputError(
            f"{who} writes a byte order mark, which is not seen and stands in each text; take it out of it"
        )
    if re.search("[\ud800-\udfff]", text):
        raise InputError(f"{who} writes half of a character (a lone surrogate), which has no tokens; {REMEDY}")


def tokenizer_config(folder: Path) -> dict[str, Any]:
    """Return the tokenizer_config.json of a model folder, nothing where it has none. Raises InputError."""
    path = folder / "tokenizer_config.json"
    return read_json(path) if path.is_file() else {}


def _own_source(folder: Path, config: Mapping[str, Any]) -> str | None:
    """Return the template that a model folder has, None where it is in a form of its own."""
    if (folder / "chat_template.jinja").is_file():
        try:
            return (folder / "chat_template.jinja").read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return None
    source = config.get("chat_template")
    if isinstance(source, list):
        named = [one for one in source if isinstance(one, dict)]
        source = next((one.get("template") for one in named if one.get("name") == "default"), None)
    return source if isinstance(source, str) else None


def _text(token: Any) -> Any:
    return token.get("content") if isinstance(token, dict) else token


def _written(folder: Path, source: str, special: Mapping[str, str], said: str) -> str | None:
    """Return what a template makes of one message; None where it fails: it may want arguments, a date, a system."""
    messages = [{"role": "user", "content": said}]
    variables = {**special, "tools": None, "documents": None, "messages": messages, "add_generation_prompt": True}
    try:
        return SANDBOX.render(str(folder), "chat", source, variables, "2026-01-31")[0]
    except InputError:
        return None
