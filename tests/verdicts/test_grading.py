"""Which verdict a response gets: the house's policies by hand, real pairs in bulk, hostile text in bounded time."""

import json
import re
from typing import Any

import pytest
from helpers import DATA, needs_data
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.verdicts.answers import last_box, normalise
from distill.verdicts.grading import grade, is_verifiable
from distill.verdicts.workers import check_golds, grade_all

FONTS = [r"\mathrm{?}", r"\text{?}", r"\text{ ? }", r"\textrm{?}", r"\operatorname{?}", r"\mathsf{?}", r"{\rm ?}",
         r"\mathbf{?}", r"\boldsymbol{?}", r"\mathit{?}", r"\textbf{?}", r"\mbox{?}", r"\mathrm{\mathbf{?}}",
         r"\text{$?$}"]  # fmt: skip


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


UNITS = [  # gold, equal answer, other answer
    (r"5\mathrm{m}", "5", "5m"),
    (r"5\,\mathrm{m}\,\mathrm{s}^{-1}", "5", "5ms"),
    (r"5\text{ m}/\text{s}", "5", "6"),
    (r"10\text{ g}", "10", "10g"),
    (r"10\,\mathrm{L}", "10", "1"),
    (r"3\text{ d}", "3", "4"),
    (r"20^\circ\mathrm{C}", "20", "21"),
    (r"7\mbox{h}", r"7\text{ hours}", "7h"),
    (r"9\text{K}", "9", "8"),
    (r"12\text{cm$^2$}", "12", "12^2"),
    (r"5\text{米}", "5", "6"),
    (r"x\text{ s}", "x", "xs"),
    (r"5\,\mathrm{\Omega}", "5", "6"),
    (r"5\mathrm{N}", "5", "5N"),
]
SYMBOLS = [
    (r"2\mathrm{e}", "2e", "2"),
    (r"3+2\mathrm{i}", "3+2i", "5"),
    (r"\mathrm{e}^2", "e^2", "2"),
    (r"2\pi\mathrm{i}", r"2\pi i", r"2\pi"),
    (r"2\operatorname{i}", "2i", "2"),
    (r"2\text{i}", "2i", "2"),
    (r"{\rm e}^x", "e^x", "x"),
    (r"2{\rm i}", "2i", "2"),
    (r"2\rm e", "2e", "2"),
    (r"\rm{e}", "e", "1"),
    (r"2\mathrm e", "2e", "2"),
    (r"2\mathsf{i}", "2i", "2"),
    (r"2\textrm{e}^{3}", "2e^3", "2"),
    (r"3\mathrm{x}", "3x", "3"),
    (r"2\mathrm{\pi}", r"2\pi", "2"),
    (r"2\mathbf{v}", "2v", "2"),
    (r"2\bm{i}-\bm{j}", "2i-j", "2"),
    (r"3\boldsymbol{m}", "3m", "3"),
    (r"3-\mathrm{s}", "3-s", "3"),
    (r"3+\mathrm{m}", "3+m", "3"),
    (r"\frac{\mathrm{d}y}{\mathrm{d}x}", r"\frac{dy}{dx}", "1"),
    (r"2x\,\mathrm{d}x", r"2x dx", "2x"),
    (r"1-\imath\sqrt{3}", r"1-i\sqrt{3}", r"1-\sqrt{3}"),
    (r"\ln\mathrm{e}", "1", "0"),
    (r"3\mathrm{xy}", "3xy", "3"),
    (r"2\text{pi}", r"2\pi", "2"),
    (r"2\mathrm{\theta}", r"2\theta", "2"),
    (r"x\in\mathbf{R}", r"x\in\mathbb{R}", r"x\in\mathbb{Q}"),
    (r"5\text{!}", "120", "5"),
    (r"5\text{+1}", "6", "5"),
    (r"A^\mathrm{T}", "A^T", "A"),
    ("e^{T}", "e^T", "e"),
]


@pytest.mark.parametrize(("gold", "equal", "other"), UNITS + SYMBOLS)
def test_upright_letters_are_units_after_a_value_and_symbols_elsewhere(gold: str, equal: str, other: str) -> None:
    assert verdict(gold, rf"\boxed{{{equal}}}") == "correct"
    assert verdict(gold, rf"\boxed{{{other}}}") == "wrong"
    assert verdict(equal, rf"\boxed{{{gold}}}") == "correct"
    assert verdict(other, rf"\boxed{{{gold}}}") == "wrong"


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from("abefijknopqruvwxyz"),
    st.sampled_from(FONTS),
    st.sampled_from(["?", "3?", "2+5?", r"\pi?", "x^?"]),
)
def test_no_font_makes_a_symbol_vanish(letter: str, font: str, frame: str) -> None:
    plain, dressed = (frame.replace("?", f"{{{text}}}") for text in (letter, font.replace("?", letter)))
    spelling, wanted = (re.sub("[ {}]", "", normalise(text)) for text in (dressed, plain))
    assert spelling == wanted


@pytest.mark.parametrize(
    ("gold", "equal", "other"),
    [
        ("e^{-1000}", r"\frac{1}{e^{1000}}", "e^{-1001}"),
        (r"\ln{2}+10^{-40}", r"10^{-40}+\ln{2}", r"\ln{2}"),
        ("x+2^{-100}", "2^{-100}+x", "x+2^{-99}"),
        ("2^{-100}x", r"x\cdot 2^{-100}", "2^{-99}x"),
        ("(x,2^{-100})", "(x,4^{-50})", "(x,2^{-99})"),
        ("y=x+2^{-60}", "y=2^{-60}+x", "y=x"),
        (r"\sin(10^{-30})", r"\sin(\frac{1}{10^{30}})", r"\sin(10^{-31})"),
        (r"[0,e^{-50}]", r"[0,\frac{1}{e^{50}}]", r"[0,e^{-51}]"),
        (r"\{e^{-50},1\}", r"\{1,e^{-50}\}", r"\{1,e^{-49}\}"),
        (r"\begin{pmatrix}2^{-90}\\1\end{pmatrix}", r"\begin{pmatrix}4^{-45}\\1\end{pmatrix}",
         r"\begin{pmatrix}2^{-91}\\1\end{pmatrix}"),
        (r"\cos\frac{\pi}{7}", r"\sin\frac{5\pi}{14}", r"\cos\frac{\pi}{7}+10^{-30}"),
        (r"\frac{\ln{2}}{3}", "0.231049", "0.2311"),
    ],
)  # fmt: skip
def test_math_verify_does_not_round_exact_numbers(gold: str, equal: str, other: str) -> None:
    assert verdict(gold, rf"\boxed{{{equal}}}") == "correct"
    assert verdict(gold, rf"\boxed{{{other}}}") == "wrong"


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


# Real pairs: agreement is complete, and a number too large to be written down is a wrong answer, not a timeout.


@needs_data
@pytest.mark.parametrize("name", ["processbench", "responses", "answers", "rewrites", "hazards"])
def test_real_pairs(name: str) -> None:
    rows = [json.loads(line) for line in (DATA / f"public_{name}.jsonl").read_text().splitlines()]
    grades = grade_all([(r["gold"], r["response"], None) for r in rows], workers=2)
    pairs = [(r, v.verdict) for r, v in zip(rows, grades, strict=True)]
    misses = [(r["id"], r["kind"], r["gold"], r["expected"], got) for r, got in pairs if got != r["expected"]]
    assert misses == []


# Corpus -> rows whose gold answer is an empty box.
GOLDS = {"math_train": 2, "math_test": 0, "gsm8k_train": 0, "gsm8k_test": 0, "aime24": 0, "amc23": 0,
         "olympiadbench_math_en": 0}  # fmt: skip


@needs_data
def test_every_real_gold_answer_equals_itself_or_is_flagged() -> None:
    import pyarrow.parquet as pq

    from distill.problems.mapping import gold_answer

    flagged = {}
    for name, empty in GOLDS.items():
        cells = pq.read_table(DATA / f"{name}.parquet", columns=["answer"])["answer"].to_pylist()
        golds = [g for g in (gold_answer(cell, "bare") for cell in cells) if g]
        assert len(cells) - len(golds) == empty
        verifiable = check_golds(golds, workers=2)
        flagged[name] = sum(not ok for ok in verifiable.values())
        distinct = list(verifiable)
        grades = grade_all(((g, f"So \\boxed{{{g}}}.", "stop") for g in distinct), workers=2)
        misses = [(g, v) for g, v in zip(distinct, grades, strict=True) if verifiable[g] and v.verdict != "correct"]
        assert misses == []
    # A function of the reals with a remark in prose, and an interval torn out of a sentence.
    assert flagged == {**dict.fromkeys(GOLDS, 0), "olympiadbench_math_en": 2}
