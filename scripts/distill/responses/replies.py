"""A server's reply to one conversation, read into a checked form before anything of it is kept.

Servers put the same things in many places (vLLM, SGLang, llama.cpp, Ollama, Mistral, LiteLLM, OpenRouter): an answer
is a text or a list of chunks, thinking stands in a field of its own, in chunks, or in the text. What comes out is one
text with its thinking once, in `<think>` tags, before the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, StrictStr, ValidationError, WrapValidator

from distill.config.recipes.base import plain_word
from distill.models.thinking import CLOSE, OPEN
from distill.tables.words import FinishReason, finish_reason_of

NONE = "none"  # what `finish_reasons` of a recipe calls a reply that does not say why it ended
MOST_TOKENS = 2**31 - 1  # what the column of the responses table holds
LEAST_REPEAT = 40  # characters: an answer may begin with a few words of its own thinking
ANSWER_CHUNKS = {"text", "output_text"}
THINKING_CHUNKS = {"thinking", "reasoning", "reasoning.text", "reasoning_text", "reasoning_content", "thinking_text"}
SILENT_CHUNKS = {"reasoning.encrypted", "redacted_thinking", "reasoning.summary", "summary_text"}
OTHERS = ("tool_calls", "function_call", "audio")  # what a message may hold in place of a text
TEXT_FIELDS = ("text", "thinking", "reasoning", "reasoning_content", "content")
# Finish reasons of the kind `error` after which the same request may go well; the others are the model's doing.
PASSING = {"network_error", "server_error", "timeout", "abort", "aborted", "cancelled", "canceled", "error", "failed",
           "failure"}  # fmt: skip


class NotAReplyError(ValueError):
    """What came is no chat completion: a page of a proxy, half a reply. The same request may go well later."""


class UnfitReplyError(ValueError):
    """A chat completion whose parts are of a kind that is not known here; it would come again."""


class PassingError(ValueError):
    """The server says that it failed in the middle; the same request may go well later."""


@dataclass(frozen=True)
class Reply:
    """One answer: its text with its thinking, why it ended, the tokens that the server counted (None: not told).

    `error` says why an answer of finish reason `error` is none.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int | None
    response_tokens: int | None
    error: str | None = None


def _or_none(value: Any, check: Any) -> Any:
    try:
        return check(value)
    except ValidationError:
        return None


# A count that is none loses the count, not the answer that was paid for.
Count = Annotated[Annotated[int, Field(ge=0, le=MOST_TOKENS)] | None, WrapValidator(_or_none)]


class _Usage(BaseModel):
    prompt_tokens: Count = None
    completion_tokens: Count = None


class _Message(BaseModel):
    content: StrictStr | list[Any] | None = None
    refusal: StrictStr | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    thinking: Any = None
    thinking_blocks: Any = None
    tool_calls: Any = None
    function_call: Any = None
    audio: Any = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: StrictStr | None = None
    error: Any = None


class _Body(BaseModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    error: Any = None
    usage: Annotated[_Usage | None, WrapValidator(_or_none)] = None


def read_reply(body: Any, finish_reasons: Mapping[str, str]) -> Reply:
    """Return a chat completion (parsed JSON) in its checked form. `finish_reasons` are those of the recipe.

    Raises NotAReplyError, UnfitReplyError or PassingError, each with its reason.
    """
    if not isinstance(body, dict) or not isinstance(body.get("choices"), list) or not body["choices"]:
        raise NotAReplyError("not a chat completion")
    try:
        read = _Body.model_validate(body)
        message, choice = read.choices[0].message, read.choices[0]
        text = _whole_text(message)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UnfitReplyError(f"the reply has a {type(first['input']).__name__} at {place}") from None
    # Of a provider behind a router: what there is of the text was cut off. Some servers always send an empty one.
    if failure := next(
        (e for e in (read.error, choice.error) if any(e.values() if isinstance(e, dict) else [e])), None
    ):
        raise PassingError(f"the server reports an error beside the response: {' '.join(str(failure).split())[:200]}")
    usage = read.usage or _Usage()
    counts = usage.prompt_tokens, usage.completion_tokens
    word = choice.finish_reason or NONE
    reason = finish_reason_of(word, finish_reasons)
    if reason is None:
        error = f"the server ended the response with finish_reason {word!r}; map it under `server.finish_reasons`"
        return Reply(text, FinishReason.ERROR, *counts, error)
    if reason is FinishReason.ERROR:
        if plain_word(word) in PASSING and plain_word(word) not in finish_reasons:
            raise PassingError(f"the server ended the response with finish_reason {word!r}")
        return Reply(text, reason, *counts, f"the server ended the response with finish_reason {word!r}")
    if message.refusal and not text.strip():
        return Reply("", FinishReason.ERROR, *counts, f"the model refuses: {message.refusal[:200]}")
    if not text.strip() and (other := next((name for name in OTHERS if getattr(message, name)), None)):
        return Reply("", FinishReason.ERROR, *counts, f"the model answers with `{other}` in place of a text")
    return Reply(text, reason, *counts)


def _whole_text(message: _Message) -> str:
    """Return a message's text, with the thinking that stands apart put back in its tags."""
    answer, thinking = message.content or "", ""
    if isinstance(answer, list):
        answer, thinking = _chunks(answer)
    places = (message.reasoning_content, message.reasoning, message.thinking, message.thinking_blocks,
              message.reasoning_details)  # fmt: skip
    apart = next((text for place in places if (text := _thinking(place)).strip()), "")
    return with_thinking(_clean(answer), _clean(thinking if thinking.strip() else apart))


def with_thinking(answer: str, thinking: str) -> str:
    """Return an answer with its thinking before it, once, although a server may have left it in the answer too.

    Thinking without any text after it was cut off, so its tag stays open. Where the two tell different thoughts the
    longer one counts: the other is its summary.
    """
    thinking = thinking.strip("\n")
    if not thinking.strip():
        return answer
    if answer.lstrip().startswith(OPEN) or CLOSE in answer:
        inside, closed, rest = answer.partition(CLOSE)
        inside = inside.lstrip().removeprefix(OPEN)
        if len(" ".join(inside.split())) > len(" ".join(thinking.split())):
            return answer if answer.lstrip().startswith(OPEN) else OPEN + answer
        answer = rest if closed else ""
    elif len(thinking) >= LEAST_REPEAT and answer.lstrip().startswith(thinking.strip()):
        answer = answer.lstrip()[len(thinking.strip()) :]
    opened = f"{OPEN}\n{thinking}"
    return f"{opened}\n{CLOSE}\n\n{answer.lstrip(chr(10))}" if answer.strip() else opened


def _chunks(chunks: list[Any]) -> tuple[str, str]:
    """Return (answer, thinking) of a message in chunks. Raises UnfitReplyError for one that is no text."""
    answer, thinking = [], []
    for chunk in chunks:
        if isinstance(chunk, str):
            answer.append(chunk)
            continue
        kind = chunk.get("type", "text") if isinstance(chunk, dict) else type(chunk).__name__
        if kind in ANSWER_CHUNKS and isinstance(chunk.get("text"), str):
            answer.append(chunk["text"])
        elif kind in THINKING_CHUNKS:
            thinking.append(_thinking(chunk))
        elif kind not in SILENT_CHUNKS:
            raise UnfitReplyError(f"the reply's content has a chunk of type {kind!r:.60}")
    return "".join(answer), "".join(thinking)


def _thinking(place: Any) -> str:
    """Return the text of a field of thinking: a text, or chunks. Raises UnfitReplyError for anything else."""
    if place is None or isinstance(place, str):
        return place or ""
    if isinstance(place, list):
        return "".join(map(_thinking, place))
    if isinstance(place, dict):
        if place.get("type") in SILENT_CHUNKS:
            return ""
        for name in TEXT_FIELDS:
            if name in place:
                return _thinking(place[name])
        return ""
    raise UnfitReplyError(f"the reply's thinking is a {type(place).__name__}")


def _clean(text: str) -> str:
    """Return a text without halves of characters (JSON can spell them, UTF-8 and so a table cannot hold them)."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
