"""What renders templates in a process with limits: prompts and chat templates are programs that others wrote.

`distill.runtime.limits` loads this file with nothing else of this project, and answers with it. What a template sees
depends on its request alone: the clock is pinned or refused, and what draws random numbers is not there.
"""

import datetime
import json
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

MEMORY = 1 << 30  # bytes of address space
LONGEST = 1 << 24  # characters of a text that a template may write


class ClockError(Exception):
    """A template asks for the time, and no date is pinned."""


class Generation(Extension):
    """The block `{% generation %}`, with which templates mark the model's own text; here it is only its body."""

    tags = frozenset({"generation"})

    def parse(self, parser: Any) -> Any:
        """Return the nodes of the body."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


def _tojson(
    x: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _clock(date: str | None) -> Any:
    def strftime_now(form: str) -> str:
        if date is None:
            raise ClockError
        return datetime.datetime.fromisoformat(date).strftime(form)

    return strftime_now


def _chat(date: str | None) -> SandboxedEnvironment:
    """Return the environment of chat templates, as transformers has it (5.x, `utils/chat_template_utils.py`)."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals |= {"raise_exception": _raise_exception, "strftime_now": _clock(date)}
    return environment


def _prompt(_date: str | None) -> SandboxedEnvironment:
    """Return the environment of prompts: a name that is not known is an error."""
    return ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)


KINDS = {"chat": _chat, "prompt": _prompt}
_templates: dict[tuple[str, str, str | None], tuple[Any, list[str]]] = {}


def compiled(kind: str, source: str, date: str | None) -> tuple[Any, list[str]]:
    """Return a template, kept for the next request, and the names that it reads and does not set."""
    key = (kind, source, date)
    if key not in _templates:
        environment = KINDS[kind](date)
        del environment.filters["random"], environment.globals["lipsum"]
        tree = environment.parse(source)
        names = {name.name for name in tree.find_all(nodes.Name)} & {"strftime_now"}  # the other globals are Jinja's
        names |= meta.find_undeclared_variables(tree)
        _templates[key] = environment.from_string(source), sorted(names)
    return _templates[key]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return the text of a request with the names that its template reads, or the `error` that it ends with."""
    try:
        template, names = compiled(request["kind"], request["source"], request["date"])
        pieces, length = [], 0
        for piece in template.generate(request["variables"]):
            length += len(piece)
            if length > LONGEST:
                return {"error": f"it writes more than {LONGEST} characters"}
            pieces.append(piece)
        return {"text": "".join(pieces), "names": names}
    except ClockError:
        return {"clock": True}
    except MemoryError:
        return {"error": f"it needs more than {MEMORY >> 20} MiB of memory"}
    except RecursionError:
        return {"error": "it calls itself without end"}
    except Exception as error:  # whatever a stranger's program raises
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        return {"error": text if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {text}"}
