"""The keys of single engines: a server that somebody runs, one that the workflow starts, vLLM in our own process."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from distill.config.recipes.base import EXECUTION, FilePath, FinishReasons, Positive, Recipe, Share

# What a request says by the recipe: taken away by a null where a server does not know it, but never replaced.
SAID = {"max_tokens": "max_new_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k",
        "min_p": "min_p", "stop": "stop", "seed": "seed"}  # fmt: skip
NEVER = ("model", "messages", "n", "best_of", "stream", "use_beam_search", "echo", "tools", "functions", "prompt")
# Arguments of vLLM's `LLM` that a recipe says in its own keys, or that must not be said.
OF_THE_WORKFLOW = {
    "model", "tokenizer", "tokenizer_mode", "revision", "tokenizer_revision", "code_revision", "seed", "dtype",
    "trust_remote_code", "max_model_len", "quantization", "speculative_config", "tensor_parallel_size",
    "gpu_memory_utilization", "max_num_batched_tokens", "max_num_seqs", "enable_prefix_caching", "enforce_eager",
    "served_model_name", "enable_lora", "generation_config", "hf_token",
}  # fmt: skip
_SECRET = re.compile(r"(^|[_-])(key|api_?key|token|secret|password|passwd|authorization|credentials?)$", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def _has_secret(data: Any) -> str | None:
    """Return the name of a key, at any depth, that asks for a secret."""
    if isinstance(data, list):
        return next((name for part in data if (name := _has_secret(part))), None)
    if not isinstance(data, dict):
        return None
    names = (str(name) for name, value in data.items() if _SECRET.search(str(name)) and isinstance(value, str))
    return next(names, None) or _has_secret(list(data.values()))


class ServerRecipe(Recipe):
    """An OpenAI-compatible server (vLLM, SGLang, llama.cpp, hosted). Its model is named under `model.served`."""

    url: str | None = Field(
        None,
        description="Base URL such as `http://localhost:8000/v1`. The model's name says what answers, so a server "
        "that moves re-makes nothing. Absent with `serve`, whose server says where it is.",
        json_schema_extra=EXECUTION,
    )
    extra_body: dict[str, Any] = Field(
        {},
        description="Further keys of each request, such as `chat_template_kwargs`; a null takes away a key that the "
        "server does not know (`seed: null`). Some servers pass over keys that they do not know.",
    )
    finish_reasons: FinishReasons = Field(
        {},
        description="What the server's own words for the end of a response mean (stop, length, error), beside those "
        "that are known; `none` is a reply that does not say it. Case does not count.",
    )
    concurrency: Positive = Field(64, description="Requests at the same time.", json_schema_extra=EXECUTION)
    timeout_seconds: Positive = Field(
        1800,
        description="Limit of one request, from the first byte sent to the last received.",
        json_schema_extra=EXECUTION,
    )
    attempts: Positive = Field(
        8,
        description="Tries per row, with pauses that double up to a minute, or as long as the server asks for.",
        json_schema_extra=EXECUTION,
    )
    key_variable: str = Field(
        "OPENAI_API_KEY",
        description="Environment variable that holds the key, if one is needed.",
        json_schema_extra=EXECUTION,
    )
    input_price: float = Field(
        0.0, ge=0, description="US dollars per million prompt tokens.", json_schema_extra=EXECUTION
    )
    output_price: float = Field(
        0.0, ge=0, description="US dollars per million response tokens.", json_schema_extra=EXECUTION
    )

    @field_validator("url")
    @classmethod
    def _is_a_base(cls, url: str | None) -> str | None:
        """Refuse what is no base URL, or holds a secret; the message does not show it."""
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            whole = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) and url.isprintable()
        except ValueError:
            whole = False
        if not whole or " " in url:
            raise ValueError("no URL of a server, such as `http://localhost:8000/v1`")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            raise ValueError(
                "a URL is written down in many places, so no name, password or `?` may stand in it; a key goes "
                "into the variable that `key_variable` names"
            )
        if re.search(r"/(chat/completions|completions|models)/?$", parts.path):
            raise ValueError("give the base URL, which ends before `/chat/completions`")
        return url

    @field_validator("key_variable")
    @classmethod
    def _is_a_variable(cls, name: str) -> str:
        """Refuse a key in place of the variable's name; the message does not show it."""
        if not _VARIABLE.fullmatch(name) or (len(name) >= 16 and "_" not in name):
            raise ValueError(
                "no name of an environment variable, such as `OPENAI_API_KEY` (capitals); the key "
                "itself never stands in a file"
            )
        return name

    @field_validator("extra_body")
    @classmethod
    def _adds_only(cls, body: dict[str, Any]) -> dict[str, Any]:
        for name, value in body.items():
            if name in NEVER:
                raise ValueError(f"`{name}` is none of its keys: requests are made by the workflow")
            if name in SAID and value is not None:
                raise ValueError(f"`{name}` is said by `{SAID[name]}` of the decoding")
        if name := _has_secret(body):
            raise ValueError(f"`{name}` looks like a secret; a key goes into the variable that `key_variable` names")
        return body


# Arguments of a server that a recipe says in its own keys, or that must not be said.
OF_THE_SERVER = {
    "model", "model_path", "served_model_name", "host", "port", "api_key", "ssl_keyfile", "tensor_parallel_size",
    "tp_size", "tp", "pipeline_parallel_size", "pp_size", "data_parallel_size", "dp_size", "nnodes", "node_rank",
    "master_addr", "master_port", "dist_init_addr", "headless", "dtype", "generation_config", "sampling_defaults",
    "chat_template", "trust_remote_code", "enable_lora", "lora_modules", "revision", "tokenizer", "hf_token",
}  # fmt: skip
Arguments = dict[str, Any]
PLACES = ("model", "name", "host", "port", "template")


class ServeRecipe(Recipe):
    """A server that the workflow starts, watches, starts again and takes down; with `engine: openai`."""

    program: Literal["vllm", "sglang"] = Field("vllm", description="What serves the weights.")
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        None,
        description="Another server in place of `program`, word by word: `{port}`, `{host}`, `{model}` (the folder of "
        "the weights), `{name}` (that it must answer to) and `{template}` (a file with `model.chat_template`) are "
        "filled in. It answers 200 at `/health` when it is ready, and OpenAI's requests below `/v1`.",
    )
    args: Arguments = Field(
        {}, description="Arguments that decide what is answered, such as `max_model_len: 34000`, `quantization: fp8`."
    )
    execution_args: Arguments = Field(
        {},
        description="Arguments that change no row, such as `gpu_memory_utilization: 0.9`, `max_num_seqs: 256`.",
        json_schema_extra=EXECUTION,
    )
    python: FilePath | None = Field(
        None, description="The Python that has the program; that of the job if absent.", json_schema_extra=EXECUTION
    )
    tensor_parallel: Positive = Field(1, description="GPUs that share each layer.", json_schema_extra=EXECUTION)
    pipeline_parallel: Positive = Field(
        1, description="Groups of GPUs that share the layers out.", json_schema_extra=EXECUTION
    )
    replicas: Positive = Field(
        1, description="Copies of the model behind one address, each on its own GPUs.", json_schema_extra=EXECUTION
    )
    nodes: Positive = Field(
        1, description="Machines that share one copy; more than one only on SLURM.", json_schema_extra=EXECUTION
    )
    port: Annotated[int, Field(ge=0, lt=2**16)] = Field(
        0, description="Port of the server; 0 is a free one.", json_schema_extra=EXECUTION
    )
    hours: Positive = Field(
        24,
        description="Time that its job on a cluster asks for; another follows it.",
        json_schema_extra=EXECUTION,
    )
    start_minutes: float = Field(
        60, gt=0, description="Time to load the model; one that takes longer has failed.", json_schema_extra=EXECUTION
    )
    idle_minutes: float = Field(
        10, gt=0, description="A server that nobody asks leaves after it.", json_schema_extra=EXECUTION
    )
    unhealthy_seconds: Positive = Field(
        120, description="One that says for so long that it is not well is started again.", json_schema_extra=EXECUTION
    )
    restarts: Annotated[int, Field(ge=0, lt=1000)] = Field(
        3, description="Times that one which died is started again.", json_schema_extra=EXECUTION
    )

    @property
    def gpus(self) -> int:
        """Return the GPUs that the server needs, on all nodes together."""
        return self.tensor_parallel * self.pipeline_parallel * self.replicas

    @field_validator("args", "execution_args")
    @classmethod
    def _adds_only(cls, arguments: Arguments) -> Arguments:
        for name in arguments:
            if name.replace("-", "_") in OF_THE_SERVER:
                raise ValueError(f"`{name}` is none of its keys: it is said elsewhere in the recipe, or never")
            if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
                raise ValueError(f"`{name}` is no name of an argument, such as `max_model_len`")
        if name := _has_secret(arguments):
            raise ValueError(f"`{name}` looks like a secret; it must not stand in a file")
        return arguments

    @field_validator("command")
    @classmethod
    def _can_be_filled_in(cls, command: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for word in command or ():
            if unknown := set(re.findall(r"{(\w+)}", word)) - set(PLACES):
                raise ValueError(f"`{{{min(unknown)}}}` is none of its places: {', '.join(PLACES)}")
        if command and not any("{port}" in word for word in command):
            raise ValueError("`{port}` must stand in it: the workflow says where the server listens")
        return command

    @model_validator(mode="after")
    def _parts_agree(self) -> "ServeRecipe":
        if both := sorted(self.args.keys() & self.execution_args.keys()):
            raise ValueError(f"`{both[0]}` stands in `args` and in `execution_args`")
        if self.command and (self.program != "vllm" or self.python):
            raise ValueError("`program` and `python` have no effect beside `command`")
        if self.command and self.nodes > 1:
            raise ValueError("`nodes` has no effect on a `command`, which runs on one machine")
        if self.replicas > 1 and self.nodes > 1:
            raise ValueError("`replicas` are copies on one machine, and `nodes` share one copy: give one of both")
        if self.gpus % self.nodes:
            raise ValueError(f"{self.gpus} GPUs cannot be shared out evenly over {self.nodes} `nodes`")
        return self


class NgramRecipe(Recipe):
    """Speculative decoding: the tokens that followed the same tokens before are guessed."""

    tokens: Positive = Field(4, description="Tokens guessed at a time.")
    longest: Positive = Field(4, description="Most tokens that are looked up.")
    shortest: Positive = Field(2, description="Fewest tokens that are looked up.")


class VllmRecipe(Recipe):
    """How vLLM runs a model in our own process; keys that stay empty are left to vLLM."""

    max_model_len: Positive | None = Field(None, description="Longest sequence in tokens; the model's own if absent.")
    quantization: str | None = Field(None, description="Such as `fp8` or `awq`; what the weights say if absent.")
    speculative_ngram: NgramRecipe | None = Field(None, description="Guess tokens from the text so far.")
    engine_args: dict[str, Any] = Field({}, description="Any further arguments of vLLM's `LLM`.")
    tensor_parallel: Positive = Field(1, description="GPUs that share the model.", json_schema_extra=EXECUTION)
    gpu_memory_utilization: Share = Field(
        0.9, description="Share of the device's memory (the machine's, on a CPU).", json_schema_extra=EXECUTION
    )
    max_num_batched_tokens: Positive | None = Field(None, description="Tokens per step.", json_schema_extra=EXECUTION)
    max_num_seqs: Positive | None = Field(None, description="Sequences per step.", json_schema_extra=EXECUTION)
    prefix_caching: bool | None = Field(
        None, description="Keep what equal beginnings of prompts share.", json_schema_extra=EXECUTION
    )
    enforce_eager: bool = Field(
        False, description="Start sooner, without compiled graphs.", json_schema_extra=EXECUTION
    )

    @field_validator("engine_args")
    @classmethod
    def _adds_only(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        for name in arguments:
            if name in OF_THE_WORKFLOW:
                raise ValueError(f"`{name}` is none of its keys: it is said elsewhere in the recipe, or never")
        if name := _has_secret(arguments):
            raise ValueError(f"`{name}` looks like a secret; it must not stand in a file")
        return arguments
