"""Which verdict a response gets: the house's policies by hand, real pairs in bulk, hostile text in bounded time."""

import json
import os
import signal
import time
from typing import Any

import pytest
from helpers import DATA, needs_data
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.verdicts.answers import last_box, normalise
from distill.verdicts.grading import Outcome, grade, is_verifiable
from distill.verdicts.workers import check_golds, grade_all


def verdict(gold: str, response: str, finish_reason: str = "stop") -> str:
    return grade(gold, response, finish_reason).verdict


@pytest.mark.parametrize(
    ("gold", "response", "word"),
    [
        ("12", r"First \boxed{7}, no: \boxed{12}", "correct"),
        ("7", r"First \boxed{7}, no: \boxed{12}", "wrong"),
        (r"\frac{1}{2}", r"\boxed{0.5}", "correct"),
        (r"\frac12", r"\boxed{\dfrac{2}{4}}", "correct"),
        ("1,000", r"\boxed{1000}", "correct"),
        ("x+1", r"\boxed{1+x}", "correct"),
        ("x+1", r"\boxed{y+1}", "wrong"),
        ("(1, 2)", r"\boxed{(2, 1)}", "wrong"),
        ("1, 2", r"\boxed{2, 1}", "correct"),
        ("1, 2", r"\boxed{1}", "wrong"),
        ("[0, 1)", r"\boxed{[0, 1]}", "wrong"),
        (r"45^\circ", r"\boxed{45}", "correct"),
        (r"2\sqrt{3}", r"\boxed{\sqrt{12}}", "correct"),
        (r"\text{Evelyn}", r"\boxed{Evelyn}", "correct"),
        (r"\text{Evelyn}", r"\boxed{Carla}", "wrong"),
        ("3", "The answer is 3.", "no_answer"),
        ("3", r"\boxed{}", "no_answer"),
        ("3", r"<think>\boxed{3}", "no_answer"),
        ("3", r"<think>\boxed{4}</think> \boxed{3}", "correct"),
        ("3", r"\boxed{3", "no_answer"),
    ],
)
def test_verdicts_by_hand(gold: str, response: str, word: str) -> None:
    assert verdict(gold, response) == word


def test_a_response_that_was_cut_off_before_its_answer() -> None:
    assert verdict("3", "so then", "length") == "cut_off"
    assert verdict("3", r"\boxed{3} so then", "length") == "correct"


def test_a_gold_that_cannot_be_read_is_not_a_wrong_answer() -> None:
    gold = r"\begin{array}{c} @@ \oplus \end{array} ??"
    assert verdict(gold, r"\boxed{5}") == "unverifiable"
    assert not is_verifiable(gold)
    assert is_verifiable(r"\frac{1}{2}")


def test_the_callers_alarm_survives() -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        signal.alarm(100)
        verdict(r"\sqrt{2}", r"\boxed{2^{1/2}}")
        assert 90 < signal.alarm(0) <= 100
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("limit", [0, -1, 2.5, "3", True])
def test_limits_are_whole_seconds(limit: Any) -> None:
    with pytest.raises(ValueError, match="timeout_seconds"):
        grade("1", r"\boxed{1}", timeout_seconds=limit)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="\\boxed{} 12a\n", max_size=40), st.text(alphabet="12ab+ ", min_size=1, max_size=8))
def test_the_last_box_is_what_stands_in_it(before: str, inside: str) -> None:
    assert last_box(f"{before} \\boxed{{{inside}}} end") == inside


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing_and_nothing_raises(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@settings(max_examples=100, deadline=None)
@given(st.fractions(min_value=-50, max_value=50, max_denominator=40))
def test_a_number_equals_itself_however_written(number: Any) -> None:
    written = rf"\boxed{{\frac{{{number.numerator}}}{{{number.denominator}}}}}"
    assert verdict(str(number), written) == "correct"
    assert verdict(str(number + 1), written) == "wrong"


# Real pairs. The bars are what an honest grader reaches; a wrong answer accepted is worse than a right one missed.

BARS = {"processbench": 0.99, "responses": 0.98, "answers": 0.99, "rewrites": 0.98, "hazards": 0.95}


@needs_data
@pytest.mark.parametrize(("name", "bar"), BARS.items())
def test_real_pairs(name: str, bar: float) -> None:
    rows = [json.loads(line) for line in (DATA / f"public_{name}.jsonl").read_text().splitlines()]
    found = grade_all([(r["gold"], r["response"], None) for r in rows], workers=2)
    pairs = [(r, v.verdict) for r, v in zip(rows, found, strict=True)]
    misses = [(r["id"], r["kind"], r["gold"], r["expected"], got) for r, got in pairs if got != r["expected"]]
    assert 1 - len(misses) / len(rows) >= bar, misses
    if name in ("answers", "processbench"):
        assert not [m for m in misses if m[4] == "correct"]


# Corpus -> rows whose gold answer is an empty box.
GOLDS = {"math_train": 2, "math_test": 0, "gsm8k_train": 0, "gsm8k_test": 0, "aime24": 0, "amc23": 0,
         "olympiadbench_math_en": 0}  # fmt: skip


@needs_data
def test_every_real_gold_answer_equals_itself_or_is_flagged() -> None:
    import pyarrow.parquet as pq
    from fetch_problems import gold

    flagged = {}
    for name, empty in GOLDS.items():
        cells = pq.read_table(DATA / f"{name}.parquet", columns=["answer"])["answer"].to_pylist()
        golds = [g for g in (gold(cell, "bare") for cell in cells) if g]
        assert len(cells) - len(golds) == empty
        verifiable = check_golds(golds, workers=2)
        flagged[name] = sum(not ok for ok in verifiable.values())
        distinct = list(verifiable)
        found = grade_all(((g, f"So \\boxed{{{g}}}.", "stop") for g in distinct), workers=2)
        misses = [(g, v) for g, v in zip(distinct, found, strict=True) if verifiable[g] and v.verdict != "correct"]
        assert misses == []
    # A function of the reals with a remark in prose, and an interval torn out of a sentence.
    assert flagged == {**dict.fromkeys(GOLDS, 0), "olympiadbench_math_en": 2}


# Worker processes


def die(_gold: str, answer: str, _timeout: int) -> Outcome:
    """Compare as a broken library would."""
    if "kill" in answer:
        os.kill(os.getpid(), signal.SIGKILL)
    if "hang" in answer:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        time.sleep(60)
    if "fill" in answer:
        return Outcome("wrong", str(len(bytearray(1 << 36))))
    return Outcome("correct", "symbolic")


def test_one_hostile_row_costs_its_own_verdict_only() -> None:
    answers = ["x", "kill", "y", "hang", "fill", "z"]
    rows = [(f"{a}+q", rf"\boxed{{{a}+q+0}}", "stop") for a in answers]
    found = [(v.verdict, v.method) for v in grade_all(rows, workers=2, deadline_seconds=2, compare_pair=die)]
    good = ("correct", "symbolic")
    assert found == [good, ("error", "worker"), good, ("timeout", "deadline"), ("error", "memory"), good]


def test_verdicts_do_not_depend_on_the_number_of_workers() -> None:
    rows = [(f"{i}x", rf"\boxed{{x \cdot {i % 7}}}", "stop") for i in range(60)]
    assert list(grade_all(rows, workers=1)) == list(grade_all(rows, workers=3))


HOSTILE = [
    r"\boxed{" + "9" * 5000 + "}",
    r"\boxed{9^{9^{9^{9}}}}",
    r"\boxed{" + "(" * 3000 + "1" + ")" * 3000 + "}",
    r"\boxed{" + r"\frac{1}{" * 400 + "1" + "}" * 400 + "}",
    r"\boxed{" * 5000,
    "\\boxed{" + "{" * 100_000,
    "wait " * 200_000 + r"\boxed{3}",
    "\x00\ud800 \\boxed{\ud800}",
    r"\boxed{\sum_{k=1}^{1000000} \frac{1}{k^2}}",
    r"\boxed{1000000!}",
]


@pytest.mark.parametrize("response", HOSTILE)
def test_hostile_responses_end_in_bounded_time(response: str) -> None:
    (found,) = grade_all([("3", response, "stop")], timeout_seconds=1, deadline_seconds=4)
    assert found.verdict != "correct" or response.endswith(r"\boxed{3}")
