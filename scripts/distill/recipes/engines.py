"""The keys of single engines: a server that somebody runs, and vLLM in our own process."""

from typing import Any

from pydantic import Field

from distill.recipes.base import LAYOUT, Positive, Recipe


class ServerRecipe(Recipe):
    """An OpenAI-compatible server (vLLM, SGLang, llama.cpp, hosted). Its model is named under `model.served`."""

    url: str = Field(
        ...,
        pattern=r"^https?://",
        description="Base URL such as `http://localhost:8000/v1`. The model's name says what answers, so a server "
        "that moves re-makes nothing.",
        json_schema_extra=LAYOUT,
    )
    extra_body: dict[str, Any] = Field(
        {},
        description="Further keys of each request, such as `chat_template_kwargs`; a null takes away a key that the "
        "server does not know (`seed: null`).",
    )
    concurrency: Positive = Field(64, description="Requests at the same time.", json_schema_extra=LAYOUT)
    timeout_seconds: Positive = Field(
        1800,
        description="Limit of one request, from the first byte sent to the last received.",
        json_schema_extra=LAYOUT,
    )
    attempts: Positive = Field(
        8,
        description="Tries per row, with pauses that double up to a minute, or as long as the server asks for.",
        json_schema_extra=LAYOUT,
    )
    key_variable: str = Field(
        "OPENAI_API_KEY",
        description="Environment variable that holds the key, if one is needed.",
        json_schema_extra=LAYOUT,
    )
    input_price: float = Field(0.0, ge=0, description="US dollars per million prompt tokens.", json_schema_extra=LAYOUT)
    output_price: float = Field(
        0.0, ge=0, description="US dollars per million response tokens.", json_schema_extra=LAYOUT
    )
