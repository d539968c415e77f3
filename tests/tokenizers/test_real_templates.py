"""What is taught with real tokenizers is the response itself, by family; and a row that cannot be costs only itself."""

import unicodedata
from typing import Any

import pytest
from families import FAMILIES, folder_of, load
from helpers import PROMPTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill.models.prompts import Prompt
from distill.models.rendering import Refusal, RenderedRow, Renderer, Unrenderable
from distill.models.templates import ChatTemplate

LOADED: dict[str, Renderer] = {}
PROBLEM = "What is $3+4$? 日本語 🎉"
ANSWERS = (
    "3 up 4 = 7.\n\\boxed{7}", "\nA newline first.", "\n\n\n- two", "日本語 🎉 + 1", "tail  \n\n", "e\u0301 café",
    "think",    "\\frac{1}{2}\n\n\\[x^2\\]", "a  b\tc", "<b>7</b>", "x < y > z |", "\u00a07\u2003m",
)  # fmt: skip
ODD = ("\n", " ", "\r\n", "```py\nx = 1\n```", "\ufb01", "\u200b", "\u0661\u0662", "ß", "\\\\boxed{", "👩\u200d👧")
TEXTS = st.one_of(
    st.lists(st.sampled_from([*ANSWERS, *ODD]), min_size=1, max_size=6).map("".join),
    st.text(st.characters(codec="utf-8"), min_size=1),
)


def renderer(name: str) -> Renderer:
    if name not in LOADED:
        family = FAMILIES[name]
        tokenizer = load(family)
        stops = [tokenizer.eos_token_id, *(tokenizer.convert_tokens_to_ids(t) for t in family.stops)]
        template = ChatTemplate(tokenizer, family.args, family.date)
        LOADED[name] = Renderer(template, stops, Prompt(PROMPTS / "boxed.jinja"))
        LOADED[name].check()
    return LOADED[name]


def taught(name: str, response: str, problem: str = PROBLEM) -> str:
    """Return the text under the mask of a row; checks prompt and stop token."""
    known = renderer(name)
    row = known.render(problem, response)
    assert isinstance(row, RenderedRow), (name, response, row)
    asked = known.template.prompt_ids(known.prompt.messages(problem))
    assert row.ids[: row.prompt] == asked
    assert row.ids[-1] in known.stops
    assert not set(row.ids[row.prompt : -1]) & set(known.stops)
    return known.tokenizer.decode(row.ids[row.prompt : -1], clean_up_tokenization_spaces=False)


def same(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())


def expected(name: str, response: str) -> str:
    """Return what a student has to write after the prompt: what the prompt has opened is not said again."""
    opened = renderer(name).template.opened.strip()
    return same(response.removeprefix(opened))


def thought(name: str, response: str) -> str:
    """Return a response as a student of the family gives it: with a think where the prompt opens one."""
    return f"<think>\nHm.\n</think>\n\n{response.strip()}" if renderer(name).template.opened else response


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("response", ANSWERS)
def test_what_is_taught_is_the_response_itself(name: str, response: str) -> None:
    response = thought(name, response)
    added = renderer(name).render(PROBLEM, response)
    assert same(taught(name, response).removeprefix(added.added)) == expected(name, response)


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(response=TEXTS)
def test_any_text_is_taught_exactly_or_has_a_reason(name: str, response: str) -> None:
    response = thought(name, response)
    row = renderer(name).render(PROBLEM, response)
    if isinstance(row, Refusal):
        # An empty response, or a character (a lone half, a form of compatibility) that the tokenizer itself rewrites.
        alone = renderer(name).tokenizer
        kept = alone.decode(alone(response, add_special_tokens=False)["input_ids"], clean_up_tokenization_spaces=False)
        assert row.reason == Unrenderable.EMPTY_RESPONSE or same(kept) != same(response), row
        return
    assert same(taught(name, response).removeprefix(row.added)) == expected(name, response)


@pytest.mark.parametrize("name", FAMILIES)
def test_thinking_is_taught_or_refused_with_its_reason(name: str) -> None:
    family, response = FAMILIES[name], "<think>\nSeven?\n</think>\n\n\\boxed{7}"
    row = renderer(name).render(PROBLEM, response)
    if isinstance(row, Refusal):
        assert row.reason == (Unrenderable.CHANGED_BY_TEMPLATE if family.drops_thinking else Unrenderable.OTHER_PROMPT)
        assert family.drops_thinking or name == "Qwen3 without thinking"
        return
    assert taught(name, response).strip() == expected(name, response)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_mark_of_turns_is_a_ledger_entry(name: str) -> None:
    known = renderer(name)
    special = {t for t in known.tokenizer.all_special_tokens if "think" not in t}
    marks = {"Llama 3.2": "<|start_header_id|>", "Gemma 2": "<start_of_turn>", "Gemma 3": "<end_of_turn>",
             "Mistral": "[INST]", "Phi-4": "<|im_sep|>", "OLMo 2": "<|assistant|>", "QwQ": "<|im_start|>",
             "DeepSeek-R1-Distill": "<｜User｜>", "Qwen3": "<tool_call>", "Phi-4-mini": "<|end|>"}  # fmt: skip
    for mark in [*sorted(special)[:40], *([marks[name]] if name in marks else [])]:
        in_response = known.render(PROBLEM, thought(name, f"It is {mark} 7."))
        in_problem = known.render(f"Say {mark}.", thought(name, "7"))
        assert in_response.reason == Unrenderable.SPECIAL_TOKEN, mark
        assert in_problem.reason == Unrenderable.SPECIAL_TOKEN_IN_PROBLEM, mark
        assert isinstance(in_response, Refusal)


def test_what_a_template_adds_is_counted() -> None:
    row: Any = renderer("Qwen3").render(PROBLEM, "7")
    assert (row.added, row.added_tokens) == ("<think>\n\n</think>\n\n", 4)
    assert renderer("Qwen3 without thinking").render(PROBLEM, "7").added == ""


def test_a_second_end_of_thinking_costs_the_row() -> None:
    row = renderer("Qwen3").render(PROBLEM, "<think>a</think>b</think>c")
    assert row.reason == Unrenderable.CHANGED_BY_TEMPLATE


def test_text_after_the_stop_token_is_left_out() -> None:
    known = renderer("Phi-4-mini")
    row = known.render(PROBLEM, "7")
    assert known.tokenizer.decode(row.ids[row.prompt :]) == "7<|end|>"
    assert known.template.conversation_text(known.prompt.messages(PROBLEM), "7").endswith("<|end|>\n<|end_of_text|>")


def test_smollm2_s_own_template() -> None:
    """As its model card has it: a system line of its own where the conversation has none."""
    template = renderer("SmolLM2").template
    assert template.conversation_text([{"role": "user", "content": "3 + 4?"}], "7") == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\n3 + 4?<|im_end|>\n<|im_start|>assistant\n7<|im_end|>\n"
    )
    assert template.prompt_text([{"role": "system", "content": "Be brief."}]).startswith(
        "<|im_start|>system\nBe brief."
    )
    assert template.tokenizer.tokenize("  12") == ["\u0120\u0120", "1", "2"]  # digits stand alone


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.date is None])
def test_texts_and_tokens_are_those_of_transformers(name: str) -> None:
    template, talk = renderer(name).template, [{"role": "user", "content": PROBLEM}]
    answered, keys = [*talk, {"role": "assistant", "content": "7"}], FAMILIES[name].args
    asked = template.tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_dict=False, **keys)
    assert template.prompt_ids(talk) == asked
    assert template.conversation_text(talk, "7") == template.tokenizer.apply_chat_template(
        answered, tokenize=False, **keys
    )


def test_a_tokenizer_that_loses_text_is_caught() -> None:
    """transformers 5 rebuilds DeepSeek's tokenizer as Llama's, which has no spaces, no line breaks and no CJK."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder_of("deepseek_v3"))
    known = Renderer(ChatTemplate(tokenizer), [tokenizer.eos_token_id], Prompt(PROMPTS / "boxed.jinja"))
    if tokenizer.decode(tokenizer("3 up", add_special_tokens=False)["input_ids"]) == "3 up":
        pytest.skip("this transformers keeps the text")
    for response in ANSWERS[:4]:
        assert known.render(PROBLEM, response).reason == Unrenderable.LOST_BY_TOKENIZER
