"""An engine for a model behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, or a hosted service.

The server applies the model's chat template. It also applies its own defaults where a request says nothing: vLLM takes
them from the model's generation config unless it is started with `--generation-config vllm`.
"""

import importlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from distill.config.recipes import GenerateJob, ServerRecipe
from distill.models.folders import served_name
from distill.responses.endpoint import Endpoint, Limits, Refusal
from distill.responses.engines import Completion, Request, cut
from distill.responses.replies import Reply, read_reply
from distill.runtime.errors import InputError
from distill.tables.words import FinishReason

SEEDS = 2**31  # servers keep a seed in 32 bits, or in a number of JavaScript
MILLION = 1e6


def load(model: Path, recipe: GenerateJob, _seed: int) -> "OpenAIEngine":
    """Find the server and its model; every row has its own seed. A server of the workflow's is started first.

    Raises InputError when no server answers or can be started, the key is refused, or it has another model.
    """
    server = recipe.server
    if server is None or (server.url is None and recipe.serve is None):
        raise InputError("`engine: openai` needs `server.url`, or `serve`")
    read = partial(read_reply, finish_reasons=server.finish_reasons)
    extra = [key for key, value in server.extra_body.items() if value is not None]
    limits = Limits(server.concurrency, server.timeout_seconds, server.attempts, server.key_variable)
    if recipe.serve is not None:
        # By name, so that how a server is found and waited for is no part of the code that a row depends on.
        served = importlib.import_module("distill.responses.served")
        endpoint = served.ServedEndpoint(served.server_of(model, recipe.serve), limits, read, extra)
        return OpenAIEngine(served.name_of(model), server, endpoint, recipe)
    return OpenAIEngine(served_name(model), server, Endpoint(str(server.url), limits, read, extra), recipe)


class OpenAIEngine:
    """A model behind a server."""

    template = None

    def __init__(self, name: str, server: ServerRecipe, endpoint: Endpoint, recipe: GenerateJob):
        self._name, self._server, self._endpoint = name, server, endpoint
        self._decoding, self._args = recipe.decoding, recipe.template_args
        known = self._endpoint.models()
        if known and name not in known:
            names = ", ".join(sorted(known)[:10])
            raise InputError(f"{endpoint.url}: no model {name!r} (`model.served`); the server has {names}")
        program = f"{known.get(name, '')} {self._endpoint.version()}".strip()
        self.version = f"openai ({program or 'unknown server'})"
        self.seeds = "row" if "seed" in self._body(Request([], 1)) else "shard"

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield (index, completion) as answers come; what the server refuses or never answers is an `error`.

        Raises InputError, after the answers under way, when the server is gone, or refuses key or model.
        """
        for index, answer in self._endpoint.ask_all([self._body(r) for r in requests]):
            yield index, self._completion(answer)

    def _body(self, request: Request) -> dict[str, Any]:
        decoding = self._decoding
        body: dict[str, Any] = {
            "model": self._name,
            "messages": request.messages,
            "max_tokens": decoding.max_new_tokens,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
        }
        if decoding.temperature:
            body["seed"] = request.seed % SEEDS
        # Hosted services refuse these two even at the value that means nothing.
        body |= {"top_k": decoding.top_k} if decoding.top_k else {}
        body |= {"min_p": decoding.min_p} if decoding.min_p else {}
        body |= {"chat_template_kwargs": self._args} if self._args else {}
        body |= {"stop": list(decoding.stop)} if decoding.stop else {}
        return {k: v for k, v in {**body, **self._server.extra_body}.items() if v is not None}

    def _completion(self, answer: Reply | Refusal) -> Completion:
        if isinstance(answer, Refusal):
            return Completion("", FinishReason.ERROR, None, None, answer.reason)
        prompt, response = answer.prompt_tokens, answer.response_tokens
        cost = (prompt or 0) * self._server.input_price + (response or 0) * self._server.output_price
        # Thinking comes apart from the text that the server cuts.
        text = cut(answer.text, self._decoding.stop)
        return Completion(text, answer.finish_reason, prompt, response, answer.error, cost / MILLION)
