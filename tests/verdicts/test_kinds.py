"""Answers of the kinds that graders get wrong, in both directions: symbols and units in fonts, exact numbers."""

import pytest

from distill.verdicts.grading import grade

EQUAL_SYMBOLS = [
    (r"2\mathrm{e}", r"2e"),
    (r"2\mathrm{e}", r"2\mathsf{e}"),
    (r"2e", r"2\operatorname{e}"),
    (r"2e", r"2\text{e}"),
    (r"3+2\mathrm{i}", r"3+2i"),
    (r"3+2i", r"3 + 2\mathrm{i}"),
    (r"3+2i", r"3+2\mathbf{i}"),
    (r"3+2i", r"3+2\,\text{i}"),
    (r"3+2i", r"2\mathsf{i}+3"),
    (r"\mathrm{e}^2", r"e^2"),
    (r"e^2", r"\operatorname{e}^{2}"),
    (r"e^{2}", r"\text{e}^2"),
    (r"\mathrm{e}^{\mathrm{i}\pi/3}", r"e^{i\pi/3}"),
    (r"e^{-x}", r"\mathrm{e}^{-x}"),
    (r"\frac{\mathrm{e}}{2}", r"\frac{e}{2}"),
    (r"\frac{\pi}{4}", r"\frac{\mathrm{\pi}}{4}"),
    (r"2\pi", r"2\mathrm{pi}"),
    (r"2\pi", r"2\text{π}"),
    (r"\sqrt{2}\mathrm{i}", r"i\sqrt{2}"),
    (r"-\mathrm{i}", r"-i"),
    (r"2\mathbf{x}+1", r"2x+1"),
    (r"\mathrm{x}=3", r"x=3"),
    (r"\ln\mathrm{e}^3", r"3"),
    (r"\frac{1}{2}+\frac{\sqrt{3}}{2}\mathrm{i}", r"\frac{1+i\sqrt{3}}{2}"),
    (r"12\mathbf{k}", r"12k"),
    (r"4\mathbf{i}-3\mathbf{j}", r"4i-3j"),
]
UNEQUAL_SYMBOLS = [
    (r"2\mathrm{e}", "2"),
    (r"2e", "2"),
    ("2", r"2\mathrm{e}"),
    ("2", r"2\text{e}"),
    ("2", r"2\operatorname{e}"),
    ("2", r"2\mathbf{e}"),
    (r"3+2\mathrm{i}", "5"),
    ("5", r"3+2\mathrm{i}"),
    ("5", r"5\mathrm{i}"),
    ("5", r"5\mathsf{i}"),
    ("5", r"5\text{i}"),
    ("5", r"5\mathbf{i}"),
    (r"5\mathrm{i}", "5"),
    (r"3+2\mathrm{i}", r"3+2"),
    (r"3+2\mathrm{i}", r"3-2\mathrm{i}"),
    (r"\mathrm{e}^2", r"2"),
    (r"\mathrm{e}^2", r"\mathrm{e}^3"),
    (r"\mathrm{e}^2", r"2^2"),
    (r"2\mathrm{pi}", r"2"),
    ("2", r"2\mathrm{\pi}"),
    ("3", r"3\mathbf{x}"),
    ("3", r"3\mathrm{x}"),
    ("3", r"3\mathrm{n}"),
    (r"4\mathbf{i}-3\mathbf{j}", "1"),
    (r"4\mathbf{i}-3\mathbf{j}", r"4\mathbf{i}+3\mathbf{j}"),
    (r"\mathrm{i}", "1"),
    (r"\mathrm{e}", "1"),
]
EQUAL_UNITS = [
    ("5", r"5\mathrm{~m}"),
    ("5", r"5\mathrm{m}"),
    ("5", r"5\,\mathrm{m}"),
    ("5", r"5\ \mathrm{m}"),
    ("5", r"5 \text{ m}"),
    ("5", r"5\text{ cm}"),
    ("5", r"5\mathrm{cm}"),
    ("5", r"5\mathrm{~cm}^2"),
    ("5", r"5\text{ cm}^2"),
    ("5", r"5\,\mathrm{cm}^{2}"),
    ("5", r"5\mathrm{~cm}^{3}"),
    ("5", r"5\text{ kg}"),
    ("5", r"5\mathrm{kg}"),
    ("5", r"5\operatorname{cm}"),
    ("5", r"5\mathsf{kg}"),
    ("5", r"5\mathbf{cm}"),
    ("5", "5 cm"),
    ("5", "5 kg"),
    ("5", r"5\mathrm{~m}/\mathrm{s}"),
    ("5", r"5\text{ m/s}"),
    ("5", r"5\text{ m/s}^2"),
    ("5", r"5\mathrm{~km}/\mathrm{h}"),
    ("9.8", r"9.8\,\mathrm{m\,s^{-2}}"),
    (r"\frac{1}{2}", r"\frac{1}{2}\mathrm{~m}"),
    (r"2\sqrt{3}", r"2\sqrt{3}\text{ m}"),
    (r"10\pi", r"10\pi\mathrm{~cm}"),
    (r"5\mathrm{~m}", "5"),
    (r"5\text{ cm}^2", "5"),
    ("30", r"30\mathrm{~L}"),
    ("1.5", r"1.5\text{ hours}"),
    ("18", r"\$18"),
    ("9.8", r"9.8\mathrm{~m} / \mathrm{s}^2"),
    ("5", r"\SI{5}{cm}"),
    ("5", r"\qty{5}{\centi\metre}"),
    ("5", r"5\,\si{cm}"),
    ("100000", r"\num{1e5}"),
    ("1500", r"\SI{1.5e3}{m}"),
    ("5", r"5\rm cm"),
    ("18", r"18\text{ dollars}"),
]
UNEQUAL_UNITS = [
    ("5", r"6\mathrm{~m}"),
    ("5", r"5^2\mathrm{~m}"),
    ("25", r"5\mathrm{~m}^2"),
    ("5", r"50\text{ cm}"),
    ("5", r"0.05\text{ m}"),
    (r"10\pi", r"10\mathrm{~cm}"),
    ("10", r"10\pi\mathrm{~cm}"),
    (r"\frac{1}{2}", r"2\mathrm{~m}"),
    ("5", r"5m"),
    ("6", r"\SI{5}{cm}"),
    ("5", r"\num{5e2}"),
    ("5", r"5\operatorname{min}"),
    ("5000000", r"5\text{ thousand}"),
]
EQUAL_EXACT = [
    (r"\frac{1}{2004!}", r"1/2004!"),
    (r"\frac{1}{2004!}", r"\frac{2005}{2005!}"),
    (r"1-2^{-100}", r"1-\frac{1}{2^{100}}"),
    (r"1-2^{-100}", r"\frac{2^{100}-1}{2^{100}}"),
    ("2^{100}", "1267650600228229401496703205376"),
    (r"\binom{100}{50}", r"\frac{100!}{50!50!}"),
    (r"\binom{100}{50}", "100891344545564193334812497256"),
    ("20!", "2432902008176640000"),
    (r"\frac{100!}{98!}", "9900"),
    (r"10^{-30}", r"\frac{1}{10^{30}}"),
    (r"1+10^{-30}", r"\frac{10^{30}+1}{10^{30}}"),
    (r"\sqrt{3+2\sqrt{2}}", r"1+\sqrt{2}"),
    (r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"),
    (r"\sqrt{10^{40}+1}", r"\sqrt{1+10^{40}}"),
    (r"\left(\frac{2}{3}\right)^{100}", r"\frac{2^{100}}{3^{100}}"),
    (r"2^{1000}-1", r"-1+2^{1000}"),
    (r"2^{-1074}", r"\frac{1}{2^{1074}}"),
    (r"\sqrt[3]{2}", r"2^{1/3}"),
    (r"4^{50}", r"2^{100}"),
    (r"\frac{1}{3}", r"\frac{333333333333333333}{999999999999999999}"),
    (r"\log_2 3", r"\frac{\ln 3}{\ln 2}"),
    (r"0.3", r"\frac{3}{10}"),
    (r"3^{2020}", r"9^{1010}"),
    ("3.14159265358979", "3.141592653589793"),
    ("3.1415926", "3.14159265358979"),
    ("3.1415927", "3.14159265358979"),
    ("0.3", "0.30000000000000004"),
    ("2.50", "2.5"),
]
UNEQUAL_EXACT = [
    (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
    (r"1/2004!", r"1/2006!"),
    (r"1/2004!", r"0"),
    (r"1-2^{-100}", r"1-2^{-99}"),
    (r"1-2^{-100}", r"1"),
    (r"1", r"1-2^{-100}"),
    (r"1+10^{-30}", r"1"),
    (r"1+10^{-30}", r"1+10^{-31}"),
    (r"10^{-30}", r"10^{-31}"),
    (r"10^{-30}", r"0"),
    (r"0", r"10^{-30}"),
    ("2^{100}", "2^{100}+1"),
    ("2^{100}", "1267650600228229401496703205377"),
    (r"\binom{100}{50}", r"\binom{100}{49}"),
    (r"\binom{1000}{500}", r"\binom{1000}{500}+1"),
    ("100!", "100!+1"),
    ("100!", "100!-1"),
    (r"\frac{1}{3}", r"\frac{333333333333333333333}{10^{21}}"),
    (r"\sqrt{2}", r"\frac{6369051672525773}{4503599627370496}"),
    (r"\sqrt{10^{40}+1}", r"10^{20}"),
    (r"\sqrt{10^{40}+1}", r"\sqrt{10^{40}+2}"),
    (r"\sqrt{2}+10^{-30}", r"\sqrt{2}"),
    (r"\frac{10^{30}}{10^{30}+1}", r"\frac{10^{30}+1}{10^{30}+2}"),
    (r"\left(\frac{1}{2}\right)^{100}", r"\left(\frac{1}{2}\right)^{101}"),
    (r"e^{-100}", r"e^{-101}"),
    (r"e^{\pi\sqrt{163}}", r"640320^3+744"),
    (r"\pi", r"\frac{355}{113}"),
    (r"\{1,2^{-100}\}", r"\{1,2^{-99}\}"),
    (r"(1,1-2^{-100})", r"(1,1-2^{-99})"),
    (r"x+10^{-30}", r"x"),
    (r"x=1-2^{-100}", r"x=1"),
    (r"[0,1-2^{-100}]", r"[0,1]"),
    ("0.0000001", "0.0000002"),
    ("0.0000001", "0"),
    ("0", "0.0000001"),
    ("3.14159265358979", "3.14159265358978"),
    ("1.0000001", "1.0000002"),
    (r"0.12345678901234567890", r"0.12345678901234567891"),
]


@pytest.mark.parametrize(("gold", "answer"), EQUAL_SYMBOLS + EQUAL_UNITS + EQUAL_EXACT)
def test_a_right_answer_in_another_spelling_is_correct(gold: str, answer: str) -> None:
    assert grade(gold, rf"So \boxed{{{answer}}}.", "stop").verdict == "correct"


@pytest.mark.parametrize(("gold", "answer"), UNEQUAL_SYMBOLS + UNEQUAL_UNITS + UNEQUAL_EXACT)
def test_another_answer_is_not_correct_however_close_it_looks(gold: str, answer: str) -> None:
    assert grade(gold, rf"So \boxed{{{answer}}}.", "stop").verdict in ("wrong", "unverifiable")


SPACES = ("", " ", r"\,", r"\, ", r" \, ", r"\ ", "~", r"\;", r"\: ", r"\quad ", r"\!", r"\,\,", "  ")
UNITS = (r"\text{g}", r"\text{ g}", r"\mathrm{m}", r"\text{cm}", r"\mathrm{cm}^2", r"\text{ km/h}", r"\text{g}^2")


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_may_stand_at_any_distance(space: str, unit: str) -> None:
    assert grade("2600", rf"\boxed{{2600{space}{unit}}}").verdict == "correct"


@pytest.mark.parametrize("space", SPACES)
def test_a_constant_is_no_unit_at_any_distance(space: str) -> None:
    assert grade("2", rf"\boxed{{2{space}\mathrm{{e}}}}").verdict == "wrong"
    assert grade("3", rf"\boxed{{3+2{space}\mathrm{{i}}}}").verdict == "wrong"
