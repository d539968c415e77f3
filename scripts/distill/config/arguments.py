"""Arguments that a recipe passes on to a server or an engine: what can be known of them before a job has its GPU.

A server has keys that nobody here knows, so an unknown one is no mistake; one that is nearly a known one is, for most
servers pass over it in silence and vLLM refuses it after the queue. This is looked at when the configuration is read
and is no part of a recipe, so that a longer list re-makes nothing.
"""

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from distill.config.recipes.answering import Answering
from distill.config.recipes.engines import NEVER, OF_THE_SERVER, OF_THE_WORKFLOW, SAID

CLOSE = 0.9  # of difflib: one letter of ten
TABLE = Path(__file__).with_suffix(".yaml")
_KNOWN = {kind: set(names.split()) for kind, names in yaml.safe_load(TABLE.read_text(encoding="utf-8")).items()}
REQUEST = {*SAID, *NEVER} | _KNOWN["request"]
VLLM = OF_THE_WORKFLOW | _KNOWN["vllm"]
SERVER = VLLM | OF_THE_SERVER | _KNOWN["server"]
# Other names of `max_tokens`; a request has one of them.
LIMITS = ("max_completion_tokens", "max_output_tokens", "max_new_tokens", "n_predict")
_VALUE_OF_A_KEY = re.compile(r"(?<![\w-])((sk|hf|gsk|xai|ghp|nvapi|r8|pplx)[-_](?=[\w-]*\d)[\w-]{16,}|AIza[\w-]{30,})")
_NO_BASE = re.compile(r"/(responses|messages|embeddings|api/chat|api/generate)/?$")


def argument_mistakes(recipe: Answering, max_new_tokens: int | None = None) -> Iterator[tuple[str, str]]:
    """Yield (key, what is wrong with it) of the arguments that a teacher or a student passes on.

    `max_new_tokens` is that of its decoding, where it has one of its own.
    """
    places: list[tuple[str, Mapping[str, Any], Collection[str]]] = []
    if recipe.vllm:
        places.append(("vllm.engine_args", recipe.vllm.engine_args, VLLM))
        yield from _taken("vllm.engine_args", recipe.vllm.engine_args)
        if max_new_tokens and recipe.vllm.max_model_len and recipe.vllm.max_model_len <= max_new_tokens:
            why = f"leaves no room for a prompt beside `max_new_tokens: {max_new_tokens}` of the decoding"
            yield "vllm.max_model_len", f"{recipe.vllm.max_model_len} {why}"
    if recipe.server:
        places.append(("server.extra_body", recipe.server.extra_body, REQUEST))
        yield from _limits(recipe.server.extra_body, max_new_tokens)
        yield from _address(recipe.server.url)
    if recipe.serve:
        known = SERVER if recipe.serve.command is None else ()
        for key in ("args", "execution_args"):
            places.append((f"serve.{key}", {_plain(n): v for n, v in getattr(recipe.serve, key).items()}, known))
        yield from _twice([*recipe.serve.args, *recipe.serve.execution_args])
    for key, arguments, known in places:
        for name, value in arguments.items():
            if near := _nearly(name, known):
                yield key, f"`{name}` is not known; did you mean {near!r}?"
            if problem := _unfit(value):
                yield key, f"`{name}` {problem}"


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _nearly(name: str, known: Collection[str]) -> str | None:
    """Return the known name that an unknown one is nearly."""
    if not known or name in known:
        return None
    plain = _plain(name.strip().lower())
    return plain if plain in known else next(iter(difflib.get_close_matches(plain, known, 1, CLOSE)), None)


def _taken(key: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in arguments:
        if not name.isidentifier() and _nearly(name, VLLM) is None:
            yield key, f"{name!r} is no name of an argument, such as `kv_cache_dtype`"


def _limits(body: Mapping[str, Any], max_new_tokens: int | None) -> Iterator[tuple[str, str]]:
    """Yield the limits beside the one that the decoding says, and those that say another."""
    for name in LIMITS:
        if body.get(name) is None:
            continue
        if "max_tokens" not in body:
            message = f"`{name}` is said by `max_new_tokens` of the decoding; `max_tokens: null` puts it in its place"
            yield "server.extra_body", message
        elif max_new_tokens not in (None, body[name]):
            yield (
                "server.extra_body",
                f"`{name}: {body[name]}` is not `max_new_tokens: {max_new_tokens}` of the decoding",
            )
    for name in body:
        if not name.strip() or name == "extra_body":
            yield "server.extra_body", f"{name!r} is no key of a request; its keys stand here without it"


def _address(url: str | None) -> Iterator[tuple[str, str]]:
    parts = urlsplit(url or "http://h/v1")
    if match := _NO_BASE.search(parts.path):
        yield "server.url", f"give the base URL, which ends before `{match[0]}`; its `/chat/completions` is asked"
    host = parts.hostname or ""
    if "\\" in parts.netloc or re.search(r"\.\.|[^\w.:%-]", host) or parts.netloc.endswith(":"):
        yield "server.url", f"{parts.netloc!r} is no name of a server, such as `localhost:8000`"
    if parts.port == 0:
        yield "server.url", "no server listens at port 0"


def _twice(names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield an argument that stands there in two spellings."""
    plain = [_plain(name) for name in names]
    for number, name in enumerate(plain):
        if name in plain[:number]:
            yield "serve", f"`{names[number]}` and `{names[plain.index(name)]}` are one argument"


def _unfit(value: Any) -> str | None:
    """Return why a value cannot be passed on, or must not."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return "holds something else than text, finite numbers, true, false, null, lists and mappings"
    if _VALUE_OF_A_KEY.search(text):
        return "holds what looks like a secret; a key goes into the variable that `key_variable` names"
    return None
