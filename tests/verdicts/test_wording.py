r"""Answers in other words and signs than usual, and letters that only look alike: pairs of hand-made verdicts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.verdicts.answers import normalise
from distill.verdicts.grading import grade, is_verifiable

EQUAL = [
    ("(0,12.5)", "]0,12.5["),
    (r"[0,1)\cup(2,3]", r"\left[0,1\right[\cup]2,3]"),
    (r"(-\infty,0)\cup(0,\infty)", r"\mathbb{R}\backslash\{0\}"),
    (r"\{x\mid x>2\}", r"(2,\infty)"),
    (r"\{x\in\mathbb{R}\mid x>2\}", "x>2"),
    ("2x+4y-3=0", "4x+8y=6"),
    ("x^2+y^2=4", "x^2+y^2-4=0"),
    ("2i", "(1+i)^2"),
    ("1-i", r"\frac{2}{1+i}"),
    (r"\frac{1}{2}+\frac{\sqrt3}{2}i", r"e^{i\pi/3}"),
    (r"\frac{1\pm\sqrt5}{2}", r"\frac{1-\sqrt5}{2},\frac{1+\sqrt5}{2}"),
    (r"k\pi,k\in\mathbb{Z}", r"k\pi \quad (k\in\mathbb{Z})"),
    (r"33\frac{1}{3}\%", r"\frac{100}{3}\%"),
    (r"33\frac{1}{3}\%", r"33\frac13"),
    (r"0.\overline{3}", r"\frac13"),
    (r"0.1\overline{6}", r"\frac16"),
    (r"\frac{41}{333}", r"0.\dot{1}2\dot{3}"),
    ("1000000", "1e6"),
    ("0.00032", "3.2e-4"),
    ("3.5", "3{,}5"),
    ("101_2", r"(101)_{\text{two}}"),
    (r"2A_{16}", r"2a_{16}"),
    (r"\{(1,2)\}", "(1,2)"),
    ("3:2", r"3\text{ to }2"),
    ("12:30", "12{:}30"),
    (r"3\text{:}30\text{ pm}", "3:30 pm"),
    (r"\sqrt[3]{4}", r"\sqrt[3]4"),
    (r"\ln 2", r"\log_e 2"),
    (r"\text{B}", "Option B"),
    (r"\text{B}", "b"),
    ("42", r"\text{The answer is }42"),
    ("42", "answer: 42"),
    ("42", r"\textcolor{red}{42}"),
    ("42", r"\color{blue}{42}"),
    ("42", r"\underline{42}"),
    ("42", r"42 \\"),
    ("42", r"42\checkmark"),
    ("18", "18。"),
    (r"\$1,234.50", r"US\$1234.50"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}"),
    (r"\angle ABC", r"\angle CBA"),
    (r"\overline{AB}", r"\overline{BA}"),
]
UNEQUAL = [
    ("n", "N"),
    ("2x", "2X"),
    ("0", "a-A"),
    ("1", r"\frac{a}{A}"),
    (r"\frac{a}{A}", r"\frac{A}{a}"),
    (r"\pi R^2", r"\pi r^2"),
    (r"\gamma", r"\Gamma"),
    (r"\delta", r"\Delta"),
    ("F", "f"),
    ("1<x<2", "x=1,2"),
    ("1<x<2", "1,2"),
    (r"\angle ABC", r"\angle ACB"),
    (r"\overrightarrow{AB}", r"\overrightarrow{BA}"),
    ("(0,1)", "[0,1["),
    ("[0,1]", "]0,1["),
    (r"\{x\mid x>2\}", r"\{x\mid x\ge 2\}"),
    ("2x+4y-3=0", "4x+8y=3"),
    ("2x+4y-3=0", "0"),
    ("x^2=9", "x=3"),
    ("2i", "-2i"),
    ("1", "i^2"),
    (r"\frac{1\pm\sqrt5}{2}", r"\frac{1+\sqrt5}{2}"),
    (r"k\pi,k\in\mathbb{Z}", r"2k\pi,k\in\mathbb{Z}"),
    (r"k\pi,k\in\mathbb{Z}", r"k\pi,k\in\mathbb{N}"),
    (r"33\frac{1}{3}\%", r"\frac{1}{3}\%"),
    (r"33\frac{1}{3}\%", "11"),
    (r"0.\overline{3}", "0.3"),
    (r"0.1\overline{6}", r"0.\overline{16}"),
    ("1000000", "1e5"),
    ("101_2", r"101_{\text{three}}"),
    ("3:2", r"2\text{ to }3"),
    (r"\text{B}", "Option C"),
    (r"\text{B}", "a"),
    ("42", r"\text{The answer is }43"),
    ("42", r"\color{red}{24}"),
]


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_the_same_answer_in_other_words_or_signs(gold: str, answer: str) -> None:
    assert grade(gold, rf"So \boxed{{{answer}}}.", "stop").verdict == "correct"


@pytest.mark.parametrize(("gold", "answer"), UNEQUAL)
def test_what_only_looks_alike_is_another_answer(gold: str, answer: str) -> None:
    assert grade(gold, rf"So \boxed{{{answer}}}.", "stop").verdict in ("wrong", "unverifiable")


@pytest.mark.parametrize("gold", [r"0.\overline{3}", r"\frac{1\pm\sqrt5}{2}", r"\{x\mid x>2\}", r"33\frac{1}{3}\%"])
def test_such_gold_answers_can_be_graded_against(gold: str) -> None:
    assert is_verifiable(gold)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="[](),.{}\\:|12x eE-_<>", max_size=30))
def test_odd_brackets_settle(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
