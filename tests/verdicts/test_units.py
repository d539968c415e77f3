"""Compound units behind a value: equal in every notation, and different where a power or a sign is another."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.verdicts.answers import normalise
from distill.verdicts.grading import grade
from distill.verdicts.units import clash, without_unit

ACCELERATIONS = [
    r"9.8\,\text{m}\cdot\text{s}^{-2}",
    r"9.8\text{ m/s}^2",
    r"9.8\text{ m/s^2}",
    "9.8 m/s^2",
    "9.8 m/s²",
    r"9.8\ m/s^{2}",
    r"9.8\,\frac{\text{m}}{\text{s}^2}",
    r"9.8\frac{\mathrm{m}}{\mathrm{s}^{2}}",
    r"9.8\,\dfrac{\text{ m}}{\text{ s}^2}",
    r"9.8\,\mathrm{\frac{m}{s^2}}",
    r"9.8\,\mathrm{m\,s^{-2}}",
    r"9.8\ \mathrm{m}\,\mathrm{s}^{-2}",
    r"9.8\text{ m}\times\text{s}^{-2}",
    "9.8·\\text{m}·\\text{s}⁻²",
    r"9.8 \cdot \text{m} / \text{s}^2",
    r"9.8\text{ m}/(\text{s}\cdot\text{s})",
    r"9.8\text{ m/s/s}",
    r"9.8\ \text{m s}^{-2}",
    r"9.8 \text{ meters per second squared}",
    r"9.8 \text{ metres/second}^2",
    r"9.8\operatorname{m}/\operatorname{s}^2",
    r"9.8\\text{ m}\\cdot\\text{s}^{-2}",
    r"$9.8\,\text{m}\cdot\text{s}^{-2}$.",
]
INERTIAS = [r"5\,kg\,m^2", "5 kg m^2", "5 kg*m^2", r"5\,\text{kg}\,\text{m}^2", r"5\text{ kg}\cdot\text{m}^2",
            r"5\ \mathrm{kg\cdot m^2}", r"5\text{ kg m}^2", r"5\text{ J}\cdot\text{s}^2", r"5\text{ kg square meters}",
            r"5\text{ N}\cdot\text{m}\cdot\text{s}^2"]  # fmt: skip
SAME_UNITS = [
    *((a, b) for each in (ACCELERATIONS, INERTIAS) for a in each for b in (each[0], each[-1])),
    (r"5\text{ Pa}", r"5\text{ N/m}^2"),
    (r"5\text{ W}", r"5\text{ J}/\text{s}"),
    (r"5\text{ mph}", r"5\frac{\text{miles}}{\text{hour}}"),
    (r"5\text{ km/h}", r"5\text{ kilometers per hour}"),
    (r"5\,\text{J}/(\text{kg}\cdot\text{K})", r"5\,\mathrm{J\,kg^{-1}\,K^{-1}}"),
    (r"3\times10^8\,\text{m}\cdot\text{s}^{-1}", r"3\cdot 10^{8}\text{ m/s}"),
    (r"\frac{1}{2}\text{ g}\cdot\text{cm}^{-3}", r"\frac12\text{ g/cm}^3"),
    (r"5\text{ cm}", r"0.05\text{ m}"),
    (r"5\text{ J/kg K}", r"5\text{ J/kg}"),  # read in two ways
    (r"5\text{ widgets/s}", r"5\text{ m/s}"),  # not known
    ("5", r"5\text{ apples}/\text{box}"),
    (r"2mn", "2 m n"),
    (r"12k", r"12\,k"),
]
OTHER_UNITS = [
    (r"9.8\text{ m/s}", r"9.8\text{ m/s}^2"),
    (r"9.8\,\text{m}\cdot\text{s}^{-2}", r"9.8\,\text{m}\cdot\text{s}^{2}"),
    (r"9.8\,\text{m}\cdot\text{s}^{-2}", r"9.8\,\text{m}\cdot\text{s}^{-1}"),
    (r"9.8\,\text{m}\cdot\text{s}^{-2}", r"9.8\,\frac{\text{s}^2}{\text{m}}"),
    (r"9.8\,\text{m}\cdot\text{s}^{-2}", r"9.8\,\text{kg}\cdot\text{s}^{-2}"),
    (r"9.8\,\text{m}\cdot\text{s}^{-2}", r"9.7\,\text{m}\cdot\text{s}^{-2}"),
    ("9.8 m/s^2", "9.8 km/s^2"),
    (r"5\,kg\,m^2", r"5\,kg\,m"),
    (r"5\,kg\,m^2", r"5\,g\,m^2"),
    (r"5\,kg\,m^2", r"5\,\text{kg}/\text{m}^2"),
    (r"5\text{ km/h}", r"5\text{ mph}"),
    (r"5\text{ cm}", r"5\text{ m}"),
    (r"5\text{ W}", r"5\text{ N/m}^2"),
    ("5 kg", "5 kg/m^3"),
    (r"5\text{ N}\cdot\text{m}", r"5\text{ N/m}"),
    ("6", r"5\,\text{m}\cdot\text{s}^{-2}"),
    (r"5\text{ m}\cdot\text{s}", r"5^2\text{ m}\cdot\text{s}"),
    ("2", r"2m/s\cdot x"),
    ("2", r"2\mathrm{e}\cdot\mathrm{x}"),
    ("2", r"2\frac{m}{s^2}"),  # in italics, symbols
    ("2", "2 s t"),
    ("2", r"2\text{ million}/\text{s}"),
    (r"\frac{2m}{s}", "2"),
]


@pytest.mark.parametrize(("gold", "answer"), SAME_UNITS)
def test_the_same_compound_unit_in_another_notation(gold: str, answer: str) -> None:
    for one, other in ((gold, answer), (answer, gold)):
        assert grade(one, rf"\boxed{{{other}}}").verdict == "correct"


@pytest.mark.parametrize("answer", [*ACCELERATIONS, *INERTIAS])
def test_a_compound_unit_may_be_missing(answer: str) -> None:
    value = "9.8" if "9.8" in answer else "5"
    assert grade(value, rf"\boxed{{{answer}}}").verdict == grade(answer, rf"\boxed{{{value}}}").verdict == "correct"
    assert normalise(answer) == value


@pytest.mark.parametrize(("gold", "answer"), OTHER_UNITS)
def test_another_unit_or_value_is_another_answer(gold: str, answer: str) -> None:
    for one, other in ((gold, answer), (answer, gold)):
        assert grade(one, rf"\boxed{{{other}}}").verdict in ("wrong", "unverifiable")


NOTATIONS: list[Callable[[list[tuple[str, int]]], str]] = [
    lambda unit: r"\cdot".join(rf"\text{{{n}}}^{{{p}}}" for n, p in unit),
    lambda unit: r"\mathrm{" + r"\,".join(f"{n}^{{{p}}}" for n, p in reversed(unit)) + "}",
    lambda unit: "".join(rf"\ \mathrm{{{n}}}^{{{p}}}" for n, p in unit),
    lambda unit: r"\text{ kg}/(" + "*".join(rf"\text{{{n}}}^{{{-p}}}" for n, p in unit) + r")/\text{kg}",
    lambda unit: r"\frac{\text{kg}}{" + r"\times ".join(rf"\text{{{n}}}^{{{-p}}}" for n, p in unit) + r"\text{ kg}}",
]
POWERS = st.integers(1, 4).flatmap(lambda p: st.sampled_from([p, -p]))
COMPOUND = (
    st.dictionaries(st.sampled_from(["m", "s", "A", "K", "mol"]), POWERS, min_size=2, max_size=4)
    .map(dict.items)
    .map(list)
)


@settings(max_examples=200, deadline=None)
@given(COMPOUND, COMPOUND, st.sampled_from(NOTATIONS), st.sampled_from(NOTATIONS))
def test_units_are_equal_where_their_powers_are(one: Any, other: Any, write: Any, rewrite: Any) -> None:
    same = grade("5" + write(one), rf"\boxed{{5{rewrite(other)}}}").verdict == "correct"
    assert same == (dict(one) == dict(other))
    assert grade("5" + write(one), rf"\boxed{{5{rewrite(one)}}}").verdict == "correct"


@pytest.mark.parametrize(
    "text", ["2 abc/kg", "2 xkg*m", r"5\text{ m}/(\text{s}", r"5\text{ m}/", r"5/\text{m}^0\text{s}"]
)
def test_what_is_no_unit_stays(text: str) -> None:
    assert without_unit(text) == text


HOSTILE = [r"\text{m}\cdot" * 700, " " * 4000 + "m", "{" * 4000, r"\frac{" * 600, "m/" * 2000, "5" + " m" * 2000]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:8])
def test_hostile_text_has_no_unit_or_one(text: str) -> None:
    assert clash(text, text + "s") in (True, False)
