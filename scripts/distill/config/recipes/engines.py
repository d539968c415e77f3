"""The keys of single engines: a server that somebody runs, and vLLM in our own process."""

from typing import Any

from pydantic import Field

from distill.config.recipes.base import EXECUTION, Positive, Recipe, Share


class ServerRecipe(Recipe):
    """An OpenAI-compatible server (vLLM, SGLang, llama.cpp, hosted). Its model is named under `model.served`."""

    url: str = Field(
        ...,
        pattern=r"^https?://",
        description="Base URL such as `http://localhost:8000/v1`. The model's name says what answers, so a server "
        "that moves re-makes nothing.",
        json_schema_extra=EXECUTION,
    )
    extra_body: dict[str, Any] = Field(
        {},
        description="Further keys of each request, such as `chat_template_kwargs`; a null takes away a key that the "
        "server does not know (`seed: null`).",
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
