"""The second rule: what its spelling makes equal, what it misses, and how it does on real answers."""

import json
import time

import pytest
from helpers import DATA, needs_data
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from distill.models.thinking import after_think
from distill.verdicts.matcher import match, uniform


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (r"\frac12", r"\dfrac{1}{2}"),
        (r"\tfrac1{72}", r"\frac{1}{72}"),
        ("1/2", r"\frac{1}{2}"),
        ("-3/4", r"-\frac{3}{4}"),
        ("0.5", r"\frac{1}{2}"),
        (".75", "0.75"),
        (r"\left( 1, 2 \right)", "(1,2)"),
        (r"12 \text{ cm}", "12"),
        (r"45^\circ", "45^{\\circ}"),
        (r"30\%", "30"),
        (r"\$5", "5"),
        (r"\sqrt3", r"\sqrt{3}"),
        ("k = 7", "7"),
        (r"1{,}000\!", "1{,}000"),
    ],
)
def test_one_spelling(one: str, two: str) -> None:
    assert uniform(one) == uniform(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [("x+1", "1+x"), ("0.25", r"\frac{1}{4}"), (r"\text{A}", "A"), ("12", "13"), (r"\leftarrow", r"\arrow"), ("", "0")],
)
def test_what_stays_different(one: str, two: str) -> None:
    assert uniform(one) != uniform(two)


@pytest.mark.parametrize(
    ("response", "finish_reason", "word"),
    [
        (r"\boxed{1/2} or \boxed{\frac12}", "stop", "correct"),
        (r"\boxed{2}", "stop", "wrong"),
        ("no box", "stop", "no_answer"),
        ("no box", "length", "cut_off"),
        (r"\boxed{ }", "length", "no_answer"),
        (r"<think>\boxed{\frac12}", "stop", "no_answer"),
        (None, "error", "no_answer"),
    ],
)
def test_words(response: str | None, finish_reason: str, word: str) -> None:
    assert match(r"\frac{1}{2}", response, finish_reason) == word


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80).map(lambda t: t.replace("{", "").replace("}", "").replace("\\", "")))
def test_any_text_equals_itself(text: str) -> None:
    assume(after_think(text) == text)  # a tag opens or ends a think, and no answer holds one
    assert match(text, f"\\boxed{{{text}}}") == ("correct" if text.strip() else "no_answer")


@pytest.mark.parametrize(
    "text", ["{" * 1_000_000, "\\frac1" * 200_000, "\\sqrt" * 200_000, "\ud800\x00", "." * 1_000_000]
)
def test_hostile_text_is_quick(text: str) -> None:
    started = time.process_time()
    match(text, f"\\boxed{{{text}}}")
    assert time.process_time() - started < 30  # of the processor, not of the clock; hours if quadratic


# Agreement with the expected verdicts, and wrong answers it accepts, as measured.
MEASURED = {
    "processbench": (0.96, 0),
    "responses": (0.99, 0),
    "answers": (0.94, 0),
    "rewrites": (0.62, 0),
    "hazards": (0.74, 0),
}


@needs_data
@pytest.mark.parametrize(("name", "bar", "accepted"), [(n, *v) for n, v in MEASURED.items()])
def test_real_answers(name: str, bar: float, accepted: int) -> None:
    rows = [json.loads(line) for line in (DATA / f"public_{name}.jsonl").read_text().splitlines()]
    pairs = [(r["expected"], match(r["gold"], r["response"])) for r in rows]
    assert sum(e == f for e, f in pairs) / len(rows) >= bar, sum(e == f for e, f in pairs) / len(rows)
    assert sum(e == "wrong" and f == "correct" for e, f in pairs) <= accepted
