"""Thinking in any family's tags comes out in one form, once; a box inside is no answer."""

import pytest

from distill.models.thinking import PRESETS, after_think, canonical_think, unnamed_tags
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


def test_what_needs_no_change() -> None:
    for text in ("", "It is 2.", "<think>a</think>b", "<think>a"):
        assert canonical_think(text, "think") == canonical_think(text, "mistral") == text
    assert after_think("a [/THINK] b </think> c") == " c"
    assert after_think("a </think> [THINK] b") is None
