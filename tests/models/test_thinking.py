"""Thinking in any family's tags comes out in one form, once; a box inside is no answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.models.thinking import CLOSE, OPEN, PRESETS, after_think, canonical_think, opened_before, unnamed_tags
from distill.verdicts.grading import grade

WHOLE = "<think>\nso \\boxed{1}\n</think>\n\nIt is \\boxed{2}."


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "think"])
def test_every_preset(name: str) -> None:
    start, end = PRESETS[name]
    text = f"{start}so \\boxed{{1}}{end}It is \\boxed{{2}}."
    assert canonical_think(text, name) == canonical_think(text, PRESETS[name]) == WHOLE
    assert canonical_think(WHOLE, name) == WHOLE  # once
    assert canonical_think(f"so \\boxed{{1}}\n{end}\nIt is \\boxed{{2}}.", name) == WHOLE  # opened by the prompt
    assert canonical_think(f"{start}\nso \\boxed{{1}}", name) == "<think>\nso \\boxed{1}"
    assert unnamed_tags([text, WHOLE, text]) == {name: 2}
    for response in (text, canonical_think(text, name)):  # named or not
        assert (grade("2", response).verdict, grade("1", response).verdict) == ("correct", "wrong")
    assert grade("1", f"{start} so \\boxed{{1}}").verdict == "no_answer"


def test_the_frames_of_gpt_oss_and_sky() -> None:
    harmony = (
        "<|channel|>analysis<|message|>so \\boxed{1}<|end|><|start|>assistant<|channel|>final<|message|>"
        "It is \\boxed{2}.<|return|>"
    )
    assert canonical_think(harmony, "gpt-oss") == WHOLE
    sky = (
        "<|begin_of_thought|>\n\nso \\boxed{1}\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\nIt is \\boxed{2}.\n"
        "<|end_of_solution|>"
    )
    assert canonical_think(sky, "sky") == WHOLE


@pytest.mark.parametrize("name", ["mistral", "gpt-oss", "cohere"])
@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["start", "end", "so ", "7", "\n", " "]), max_size=8))
def test_any_order_of_tags_comes_out_in_one_form(name: str, parts: list[str]) -> None:
    start, end = PRESETS[name]
    text = "".join({"start": start, "end": end}.get(part, part) for part in parts)
    made = canonical_think(text, name)
    if start in text or end in text:
        assert start not in made
        assert end not in made
        assert made.count(OPEN) == 1
        assert made.count(CLOSE) <= 1
    assert canonical_think(made, name) == made
    answer = after_think(text)
    assert after_think(made) == answer or after_think(made).strip() == answer.strip()
    assert not after_think(made) or "so" not in after_think(made) or "so" in answer


def test_who_has_opened_a_think() -> None:
    for name in ("think", "mistral"):
        start, end = PRESETS[name]
        assert opened_before(f"so{end}7", name) is True
        assert opened_before(f"so{end}7{start}", name) is True
        assert opened_before(f"{start}so{end}7", name) is False
        assert opened_before(f"{start}so", name) is False
        assert opened_before("so", name) is None


def test_what_needs_no_change() -> None:
    for text in ("", "It is 2.", "<think>a</think>b", "<think>a"):
        assert canonical_think(text, "think") == canonical_think(text, "mistral") == text
    assert after_think("a [/THINK] b </think> c") == " c"
    assert after_think("a </think> [THINK] b") is None
