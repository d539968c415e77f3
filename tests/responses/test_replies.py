"""What servers of all kinds reply, read into one checked form."""

import json
from typing import Any

import pytest

from distill.config.recipes import ServerRecipe
from distill.responses.replies import NotAReplyError, PassingError, Reply, UnfitReplyError, read_reply, with_thinking
from distill.tables.words import FinishReason

LONG = "First I add the two numbers, then I look at what came out of it."
WHOLE = "<think>\nHm, 2.\n</think>\n\n2"


def reply(message: Any, reason: Any = "stop", usage: Any = None, words: dict[str, FinishReason] | None = None) -> Reply:
    body = {"choices": [{"message": message, "finish_reason": reason}], "usage": usage}
    return read_reply(json.loads(json.dumps(body)), words or {})


MESSAGES: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"content": "2"}, "2"),
    "nothing": ({"content": None}, ""),
    "no content at all": ({"role": "assistant"}, ""),
    "vLLM, SGLang, DeepSeek": ({"content": "\n\n2", "reasoning_content": "Hm, 2."}, WHOLE),
    "newer vLLM, Groq, OpenRouter": ({"content": "2", "reasoning": "\nHm, 2.\n"}, WHOLE),
    "both names of one field": ({"content": "2", "reasoning": "Hm, 2.", "reasoning_content": "Hm, 2."}, WHOLE),
    "an empty field beside a full one": ({"content": "2", "reasoning": "Hm, 2.", "reasoning_content": ""}, WHOLE),
    "Ollama": ({"content": "2", "thinking": "Hm, 2."}, WHOLE),
    "LiteLLM": (
        {"content": "2", "thinking_blocks": [{"type": "thinking", "thinking": "Hm, 2.", "signature": "x"}]}, WHOLE,
    ),
    "OpenRouter's details": (
        {"content": "2", "reasoning_details": [{"type": "reasoning.text", "text": "Hm, "},
                                               {"type": "reasoning.text", "text": "2."},
                                               {"type": "reasoning.encrypted", "data": "xx"}]}, WHOLE,
    ),
    "chunks of text": ({"content": [{"type": "text", "text": "1"}, "2", {"type": "output_text", "text": "3"}]}, "123"),
    "Mistral's chunks": (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm, 2."}]},
                     {"type": "text", "text": "2"}]}, WHOLE,
    ),
    "Anthropic's chunks": (
        {"content": [{"type": "thinking", "thinking": "Hm, 2."}, {"type": "redacted_thinking", "data": "x"},
                     {"type": "text", "text": "2"}]}, WHOLE,
    ),
    "no chunk": ({"content": []}, ""),
    "cut off in its thinking": ({"content": None, "reasoning_content": "Hm, 2."}, "<think>\nHm, 2."),
    "tags in the text": ({"content": WHOLE}, WHOLE),
    "thinking in both, equal": ({"content": WHOLE, "reasoning_content": "Hm, 2."}, WHOLE),
    "thinking in both, the opening tag in the prompt": ({"content": "Hm, 2.\n</think>\n\n2", "reasoning": "Hm, 2."},
                                                         WHOLE),
    "thinking in both, other white space": ({"content": "<think>Hm,\n2.</think>2", "reasoning": "Hm, 2."}, WHOLE),
    "an empty block in the text": ({"content": "<think>\n\n</think>\n\n2", "reasoning_content": "Hm, 2."}, WHOLE),
    "a summary beside the block": ({"content": f"<think>{LONG}</think>2", "reasoning": "Adds."},
                                   f"<think>{LONG}</think>2"),
    "a summary, the opening tag in the prompt": ({"content": f"{LONG}</think>2", "reasoning": "Adds."},
                                                 f"<think>{LONG}</think>2"),
    "thinking in both, cut off": ({"content": "<think>\nHm, 2.", "reasoning": "Hm, 2."}, "<think>\nHm, 2."),
    "thinking repeated without tags": ({"content": f"{LONG}\n\nSo 2.", "reasoning": LONG},
                                       f"<think>\n{LONG}\n</think>\n\nSo 2."),
    "an answer that is its own thought": ({"content": "2", "reasoning": "2"}, "<think>\n2\n</think>\n\n2"),
    "half a character": ({"content": "a\ud83d b\udc00"}, "a\ufffd b\ufffd"),
    "a character in halves": ({"content": "\ud83d\ude00"}, "\U0001f600"),
}  # fmt: skip


@pytest.mark.parametrize(("message", "text"), MESSAGES.values(), ids=MESSAGES)
def test_a_text_has_its_thinking_once_before_the_answer(message: dict[str, Any], text: str) -> None:
    read = reply(message)
    assert read == Reply(text, FinishReason.STOP, None, None)
    assert read.text.count("</think>") <= 1


UNFIT: dict[str, dict[str, Any]] = {
    "a number as content": {"message": {"content": 2}},
    "an object as content": {"message": {"content": {"text": "2"}}},
    "a boolean as content": {"message": {"content": True}},
    "a picture": {"message": {"content": [{"type": "image_url", "image_url": {"url": "x"}}]}},
    "a number as a chunk": {"message": {"content": ["2", 2]}},
    "a list as a chunk": {"message": {"content": [["2"]]}},
    "a chunk without its text": {"message": {"content": [{"type": "text", "text": {"value": "2"}}]}},
    "a number as thinking": {"message": {"content": "2", "reasoning_content": 7}},
    "a boolean in thinking": {"message": {"content": "2", "reasoning": [True]}},
    "a list as finish reason": {"message": {"content": "2"}, "finish_reason": ["stop"]},
    "an object as finish reason": {"message": {"content": "2"}, "finish_reason": {"reason": "stop"}},
    "a number as finish reason": {"message": {"content": "2"}, "finish_reason": 1},
    "a text as message": {"message": "2"},
    "no message": {"text": "2"},
    "null as message": {"message": None},
    "a list as refusal": {"message": {"content": None, "refusal": ["no"]}},
}


@pytest.mark.parametrize("choice", UNFIT.values(), ids=UNFIT)
def test_a_part_of_an_unknown_kind_is_refused_in_one_line(choice: dict[str, Any]) -> None:
    with pytest.raises(UnfitReplyError, match=r"^the reply('s| has)") as caught:
        read_reply({"choices": [{"finish_reason": "stop", **choice}]}, {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("body", [None, "x", 3, [], {}, {"choices": []}, {"choices": None}, {"error": {}}], ids=str)
def test_what_is_no_chat_completion(body: Any) -> None:
    with pytest.raises(NotAReplyError):
        read_reply(body, {})


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, (3, 4)),
        ({"prompt_tokens": "3", "completion_tokens": 4.0}, (3, 4)),
        ({"prompt_tokens": "many", "completion_tokens": 4}, (None, 4)),
        ({"prompt_tokens": -1, "completion_tokens": 2**40}, (None, None)),
        ({"prompt_tokens": [3], "completion_tokens": 4.5}, (None, None)),
        ({"prompt_tokens": float("nan"), "completion_tokens": float("inf")}, (None, None)),
        ({}, (None, None)),
        (None, (None, None)),
        ([3, 4], (None, None)),
        ("7 tokens", (None, None)),
    ],
    ids=str,
)
def test_a_count_that_is_none_loses_the_count_and_not_the_answer(usage: Any, counts: tuple[Any, Any]) -> None:
    read = reply({"content": "2"}, usage=usage)
    assert (read.text, read.prompt_tokens, read.response_tokens) == ("2", *counts)


@pytest.mark.parametrize(
    ("word", "reason"),
    [("stop", "stop"), ("STOP", "stop"), ("end_turn", "stop"), ("eos", "stop"), ("length", "length"),
     ("MAX_TOKENS", "length"), ("model_length", "length")],
)  # fmt: skip
def test_finish_reasons_have_synonyms(word: str, reason: str) -> None:
    assert reply({"content": "2"}, word) == Reply("2", FinishReason(reason), None, None)


@pytest.mark.parametrize("word", [None, "", "tool_calls", "weird"])
def test_an_unknown_finish_reason_is_an_error_until_it_is_mapped(word: str | None) -> None:
    read = reply({"content": "2"}, word)
    assert read.finish_reason == FinishReason.ERROR
    assert f"{word or 'none'!r}; map it under `server.finish_reasons`" in read.error
    mapped = reply({"content": "2"}, word, words={word or "none": FinishReason.LENGTH})
    assert mapped == Reply("2", FinishReason.LENGTH, None, None)


def test_a_word_of_the_recipe_is_known_without_case_and_comes_first() -> None:
    words = ServerRecipe(url="http://h", finish_reasons={"Weird-End": "stop", "TIMEOUT": "error"}).finish_reasons
    assert reply({"content": "2"}, "WEIRD end", words=words) == Reply("2", FinishReason.STOP, None, None)
    # Said by the recipe to be an error, it is one, and not tried again.
    assert reply({"content": "2"}, "Timeout", words=words).finish_reason == FinishReason.ERROR


def test_a_failure_inside_a_reply_may_pass_and_a_filter_does_not() -> None:
    for word in ("network_error", "error", "Timeout", "abort"):
        with pytest.raises(PassingError, match=word):
            reply({"content": "2"}, word)
    for word in ("content_filter", "SAFETY", "refusal"):
        read = reply({"content": "2"}, word, {"prompt_tokens": 1, "completion_tokens": 2})
        assert (read.finish_reason, read.prompt_tokens, read.response_tokens) == (FinishReason.ERROR, 1, 2)
        assert word in read.error
    assert reply({"content": "2"}, "error", words={"error": FinishReason.STOP}).error is None


def test_a_refusal_is_no_empty_answer() -> None:
    read = reply({"content": None, "refusal": "I cannot help with that."})
    assert (read.finish_reason, read.error) == (FinishReason.ERROR, "the model refuses: I cannot help with that.")
    assert reply({"content": "2", "refusal": ""}).error is None


@pytest.mark.parametrize("place", ["body", "choice"])
def test_an_error_beside_a_response_cut_it_off(place: str) -> None:
    """Routers send what a provider wrote before it failed, with `stop`."""
    choice = {"message": {"content": "So far"}, "finish_reason": "stop"}
    failure = {"error": {"code": 502, "message": "Provider\nreturned error"}}
    body = {"choices": [{**choice, **failure}]} if place == "choice" else {"choices": [choice], **failure}
    with pytest.raises(PassingError, match=r"reports an error beside the response: .*502") as caught:
        read_reply(body, {})
    assert "\n" not in str(caught.value)
    for nothing in (None, {}, "", {"message": "", "type": "", "code": None}):
        assert read_reply({"choices": [{**choice, "error": nothing}], "error": nothing}, {}).text == "So far"


@pytest.mark.parametrize(
    ("name", "value"),
    [("tool_calls", [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]),
     ("function_call", {"name": "f"}), ("audio", {"transcript": "2"})],
)  # fmt: skip
def test_a_call_is_no_empty_answer(name: str, value: Any) -> None:
    read = reply({"content": None, name: value})
    assert (read.finish_reason, read.error) == ("error", f"the model answers with `{name}` in place of a text")
    assert reply({"content": "2", name: value}).error is None
    assert reply({"content": None, name: None}).error is None


def test_blank_thinking_is_none() -> None:
    assert with_thinking("2", "\n \n") == "2"
    assert with_thinking("  2", "\n\na\n") == "<think>\na\n</think>\n\n  2"
