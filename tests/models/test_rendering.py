"""Renderer with a tokenizer of bytes: templates and texts that would teach something else than the response."""

from typing import Any

import pytest
from helpers import PROMPTS, REPOSITORY

from distill.models.prompts import Prompt
from distill.models.rendering import REMEDIES, Refusal, RenderedRow, Renderer, Unrenderable
from distill.models.templates import ChatTemplate
from distill.models.thinking import canonical_think

PROBLEM, THOUGHT = "Go up 4.", "<think>\n3 up 4 = 7.\n</think>\n\n\\boxed{7}"
USER = "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}{% else %}"
CLOSING = "{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>"


def renderer(
    assistant: str = "<|assistant|>{{ m.content }}", opening: str = "", tokens: Any = (), end: str = "<|end|>",
    user: str = USER, merges: Any = (),
) -> Renderer:  # fmt: skip
    """Return a renderer whose stop tokens are `<|end|>` and `end`; texts in angle brackets are special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    joined = {one + other: len(alphabet) + number for number, (one, other) in enumerate(merges)}
    letters = Tokenizer(models.BPE({**alphabet, **joined}, list(merges)))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=letters, eos_token="<|end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|user|>", "<|assistant|>"]})
    tokenizer.add_tokens([t for t in tokens if not t.startswith("<")])
    tokenizer.add_tokens([t for t in tokens if t.startswith("<")], special_tokens=True)
    tokenizer.chat_template = user + assistant + end + CLOSING + opening + "{% endif %}"
    stops = tokenizer.convert_tokens_to_ids(sorted({"<|end|>", end}))
    return Renderer(ChatTemplate(tokenizer), stops, Prompt(PROMPTS / "plain.jinja"))


def taught(known: Renderer, response: str) -> str:
    row = known.render(PROBLEM, response)
    assert isinstance(row, RenderedRow), row
    assert known.template.prompt_ids(known.prompt.messages(PROBLEM)) == row.ids[: row.prompt]
    return known.tokenizer.decode(row.ids[row.prompt :])


def refused(known: Renderer, response: str, problem: str = PROBLEM) -> Unrenderable:
    row = known.render(problem, response)
    assert isinstance(row, Refusal), row
    assert row.example
    assert REMEDIES[row.reason]
    return row.reason


def test_the_tags_of_thinking_may_be_special_tokens() -> None:
    known = renderer(tokens=("<think>", "</think>", "<|other|>"))
    assert taught(known, THOUGHT).replace("\n", "").startswith("<think>")
    assert refused(known, "3 <|other|>") == Unrenderable.SPECIAL_TOKEN
    assert refused(known, "7", "Say <|other|>.") == Unrenderable.SPECIAL_TOKEN_IN_PROBLEM


def test_words_and_digits_may_be_added_tokens_that_the_template_has_too() -> None:
    known = renderer(assistant="<|assistant|>{% set x = 7 %}{{ m.content }}", tokens=("7", "set", "[TOOL]"))
    assert taught(known, "set 7") == "set 7<|end|>"
    for mark, tokens in (("[TOOL]", ()), ("((tool))", ("((tool))",)), ("<|tool|>", ())):
        named = renderer(assistant=f"<|assistant|>{{% set x = '{mark}' %}}{{{{ m.content }}}}", tokens=tokens)
        assert refused(named, f"3 {mark}") == Unrenderable.SPECIAL_TOKEN
    assert taught(known, "up [TOOL]") == "up [TOOL]<|end|>"  # it means nothing there


@pytest.mark.parametrize("opening", ["<think>\n", "<think>"])
def test_a_think_that_the_prompt_opens_goes_on(opening: str) -> None:
    for assistant in (
        "<|assistant|>{{ m.content.split('</think>')[-1] }}",  # left out, as R1 and QwQ do
        "<|assistant|>" + opening + "{{ m.content.removeprefix('<think>\n') }}",  # written, as the prompt does
    ):
        known = renderer(assistant, opening)
        assert taught(known, THOUGHT) == "3 up 4 = 7.\n</think>\n\n\\boxed{7}<|end|>"


def test_a_conversation_with_other_turns_than_the_prompt_has() -> None:
    assert refused(renderer("{{ m.content.split('</think>')[-1] }}", "<think>\n"), THOUGHT) == Unrenderable.OTHER_PROMPT


def test_of_several_stop_tokens_the_one_after_the_response_is_taught() -> None:
    user = USER.replace("{{ m.content }}", "{{ m.content }}<|end|>")
    for assistant, opening in (
        ("<|assistant|>{{ m.content }}", ""),
        ("<|assistant|>{{ m.content.split('</think>')[-1] }}", "<think>\n"),
    ):
        known = renderer(assistant, opening, tokens=["<|stop|>"], end="<|stop|>", user=user)
        assert taught(known, THOUGHT) == THOUGHT.removeprefix(opening) + "<|stop|>"
        for mark in ("<|end|>", "<|stop|>"):
            assert refused(known, f"{THOUGHT} {mark}") == Unrenderable.SPECIAL_TOKEN


def test_a_stop_token_may_begin_with_another() -> None:
    assert taught(renderer(tokens=["<|end|>>"], end="<|end|>>"), "7") == "7<|end|>>"


def test_a_text_that_the_tokenizer_makes_a_special_token_of() -> None:
    from tokenizers import AddedToken, normalizers

    known = renderer()
    known.tokenizer.add_tokens([AddedToken("<|x|>", special=True, normalized=True)], special_tokens=True)
    known.tokenizer.backend_tokenizer.normalizer = normalizers.NFKC()
    assert refused(known, "3 \uff1c|x|\uff1e") == Unrenderable.SPECIAL_TOKEN
    assert refused(known, "3 \ufb01") == Unrenderable.LOST_BY_TOKENIZER
    known.tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    assert taught(known, "caf e\u0301") == "caf \u00e9<|end|>"


def test_two_thoughts_are_taught() -> None:
    twice = "<think>\na\n</think>\n\nb <think>\nc\n</think>\n\nd"
    assert taught(renderer(), twice) == f"{twice}<|end|>"


def test_a_stop_token_that_the_tokenizer_joins_to_the_response_is_none() -> None:
    known = renderer(end="Z", merges=[("p", "Z")])
    assert taught(known, "3 up 5") == "3 up 5Z"
    assert refused(known, "go up") == Unrenderable.NO_STOP_TOKEN
    assert refused(known, "3 Z") == Unrenderable.SPECIAL_TOKEN  # it would end there


def test_the_tokens_of_the_prompt_are_those_of_evaluation_where_the_tokenizer_would_join_them_to_the_response() -> None:
    known = renderer("<|assistant|>\n{{ m.content }}", "\n", merges=[("\u010a", "\u010a")])
    assert taught(known, "\n3 up") == "\n3 up<|end|>"
    assert taught(known, "3 up") == "3 up<|end|>"


def test_a_response_that_cannot_be_tokenised_alone_where_it_would_join_the_prompt() -> None:
    from tokenizers import Regex, normalizers

    known = renderer("<|assistant|>u{{ m.content }}", "u", merges=[("u", "p")])
    assert taught(known, "p 4") == "p 4<|end|>"
    known.tokenizer.backend_tokenizer.normalizer = normalizers.Replace(Regex("^p"), "")
    assert refused(known, "p 4") == Unrenderable.MERGED_SEAM
    assert taught(known, "3 up") == "3 up<|end|>"


def test_a_think_that_the_prompt_opens_must_be_closed() -> None:
    always = renderer("<|assistant|><think>\n{{ m.content }}", "<think>\n")
    assert refused(always, "3 up 4 = 7.") == Unrenderable.THINK_LEFT_OPEN
    assert refused(always, "<think>\n3 up 4 = 7.") == Unrenderable.THINK_LEFT_OPEN
    dropping = renderer("<|assistant|>{{ m.content.split('</think>')[-1] }}", "<think>\n")
    assert refused(dropping, "3 up 4 = 7.") == Unrenderable.OTHER_PROMPT
    assert refused(dropping, "<think>\n3 up 4 = 7.") == Unrenderable.THINK_LEFT_OPEN


@pytest.mark.parametrize(
    ("assistant", "response", "reason"),
    [
        ("<|assistant|>{{ m.content|upper }}", "3 up 4", Unrenderable.CHANGED_BY_TEMPLATE),
        ("<|assistant|>{{ m.content|replace('\n', ' ') }}", "3 up 4\n5", Unrenderable.CHANGED_BY_TEMPLATE),
        ("<|assistant|>{{ m.content.split('</think>')[-1] }}", THOUGHT, Unrenderable.CHANGED_BY_TEMPLATE),
        ("<|assistant|>{{ m.content }}<|user|>", "3 up 4", Unrenderable.TURN_IN_RESPONSE),
        ("<|assistant|><|user|>{{ m.content }}", "3 up 4", Unrenderable.TURN_IN_RESPONSE),
        ("{{ m.content }}", "3 up 4", Unrenderable.OTHER_PROMPT),
        ("<|assistant|>{{ raise_exception('no') if '4' in m.content else m.content }}", "3 up 4",
         Unrenderable.TEMPLATE_FAILS),
    ],
)  # fmt: skip
def test_templates_that_change_a_turn(assistant: str, response: str, reason: Unrenderable) -> None:
    assert refused(renderer(assistant), response) == reason


def test_what_a_template_writes_around_a_response_is_counted_and_its_white_space_is_not() -> None:
    row = renderer("<|assistant|>Go. {{ m.content }}!\n").render(PROBLEM, " 3 up 4 \n")
    assert (row.added, row.added_tokens) == ("Go.   \n!\n", 9)
    assert renderer("<|assistant|>7: {{ m.content }}").render(PROBLEM, "7").added == "7: "
    trimmed = renderer("<|assistant|>\n{{ m.content|trim }}\n")
    assert trimmed.render(PROBLEM, "3 up 4\n\n").added == ""
    assert taught(trimmed, "3 up 4\n\n") == "\n3 up 4\n<|end|>"


def test_a_response_is_read_with_the_marks_of_its_thinking_only() -> None:
    harmony = ("<|start|>", "<|channel|>", "<|message|>", "<|return|>")
    text = (
        "<|channel|>analysis<|message|>so<|end|><|start|>assistant<|channel|>final<|message|>7 ((x))<|user|><|return|>"
    )
    tokenizer = renderer(tokens=(*harmony, "((x))")).tokenizer
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    read = ChatTemplate(tokenizer, think_tags="gpt-oss").response_text(ids)
    assert canonical_think(read, "gpt-oss") == "<think>\nso\n</think>\n\n7 ((x))"
    own = renderer(tokens=("<begin>", "<end>", "((x))")).tokenizer
    ids = own("<begin>so<end>7 ((x))<|user|>", add_special_tokens=False)["input_ids"]
    assert ChatTemplate(own, think_tags=("<begin>", "<end>")).response_text(ids) == "<begin>so<end>7 ((x))"
    assert ChatTemplate(own).response_text(ids) == "so7 ((x))"


def test_the_tokenizer_adds_nothing_to_a_template_s_text() -> None:
    from tokenizers import processors

    known = renderer()
    alone = known.render(PROBLEM, "7")
    adding = processors.TemplateProcessing(
        single="<|user|> $A <|end|>", special_tokens=[("<|user|>", 257), ("<|end|>", 256)]
    )
    known.tokenizer.backend_tokenizer.post_processor = adding
    assert len(known.tokenizer("7")["input_ids"]) == 3
    assert known.render(PROBLEM, "7") == alone
    assert known.template.prompt_ids(known.prompt.messages(PROBLEM)) == alone.ids[: alone.prompt]


@pytest.mark.parametrize("name", ["qwen-base", "llama-base"])
def test_the_templates_of_base_students_end_a_response_with_their_own_stop_token(name: str) -> None:
    turns = ("<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    plain = renderer(tokens=turns)
    plain.tokenizer.chat_template = (REPOSITORY / f"config/templates/{name}.jinja").read_text()
    known = Renderer(ChatTemplate(plain.tokenizer), plain.stops, plain.prompt)
    assert taught(known, "3 up 4 = 7.") == "3 up 4 = 7.<|end|>"
    assert taught(known, THOUGHT) == THOUGHT + "<|end|>"
