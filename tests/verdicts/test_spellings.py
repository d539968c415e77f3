"""Pairs of many kinds, checked by hand, in `spellings.jsonl`: a gold answer, an answer, and whether they are one.

Kinds that benchmarks have: binomials, several choices, residues, intervals, sets, matrices, units, money, dates, bases,
polynomials, inequalities, complex numbers, words and names, numbers in the writing of other countries, and what people
and models write around an answer.
"""

import json
from pathlib import Path

import pytest

from distill.verdicts.grading import grade

ROWS = [
    json.loads(line) for line in Path(__file__).with_name("spellings.jsonl").read_text(encoding="utf-8").splitlines()
]


def verdicts(same: bool) -> dict[tuple[str, str], str]:
    rows = [(row["gold"], row["answer"]) for row in ROWS if row["same"] is same]
    return {pair: grade(pair[0], rf"So \boxed{{{pair[1]}}}.", "stop").verdict for pair in rows}


def test_a_right_answer_is_correct_in_every_spelling() -> None:
    assert {pair: verdict for pair, verdict in verdicts(True).items() if verdict != "correct"} == {}


def test_no_wrong_answer_is_correct() -> None:
    assert [pair for pair, verdict in verdicts(False).items() if verdict == "correct"] == []


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (
            "3.14",
            "3,14",
        ),  # a list of two; the comma of a decimal stands in braces, or before a zero, or after thousands
        ("x+1", r"x+1,\ x\neq 1"),  # a condition that the gold answer does not have
        (r"(2,\frac{\pi}{3})", r"(2, 60^\circ)"),  # a gold answer without a unit of angle is taken as it stands
        (r"f(x)=x+1", r"x\mapsto x+1"),  # a function without its name
        ("5", "11_6"),  # the value of a numeral in another base
    ],
)
def test_what_is_refused_by_policy(gold: str, answer: str) -> None:
    assert grade(gold, rf"\boxed{{{answer}}}", "stop").verdict == "wrong"


RESPONSES = [  # of a problem whose answer is 5
    (r"\boxed{\ 5\ }", "correct"),
    (r"\boxed{5\ }", "correct"),
    (r"\boxed{\text{Answer: }\boxed{5}}", "correct"),
    (r"**Final Answer:** \fbox{5}", "correct"),
    (r"\boxed{**5**}", "correct"),
    (r"\boxed{\(5\)}", "correct"),
    (r"First \boxed{4}, then \boxed{5}", "correct"),
    (r"\boxed{5}, or \boxed{6}", "wrong"),
    (r"\boxed{\cancel{5}}", "wrong"),
    (r"\boxed{5} and \boxed{}", "no_answer"),
    (r"\boxed 5", "no_answer"),  # a box has braces
    (r"**Final Answer: 5**", "no_answer"),
]


@pytest.mark.parametrize(("response", "verdict"), RESPONSES)
def test_what_counts_is_the_last_closed_box_with_braces(response: str, verdict: str) -> None:
    assert grade("5", response, "stop").verdict == verdict
