"""find_agreement.py and what follows from it: classes, votes and reasons by hand, and what holds for all votes."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import check_golds
import find_agreement
import mix
import pytest
import score
import verify
from helpers import manifest, problems_table, recipe, responses_table
from hypothesis import given, settings
from hypothesis import strategies as st

from distill import tables
from distill.config.recipes import AgreementRecipe
from distill.runtime.errors import InputError
from distill.verdicts.agreement import Agreed, agree, classes_of, decide, equal_pairs, forms_of, vote
from distill.verdicts.grading import Grade, grade

TERMS = AgreementRecipe(teachers=("a",))


cached = cache(grade)


def graded(rows: Iterable[tuple[str, str, str]]) -> Iterator[Grade]:
    return (cached(*row) for row in rows)


def agreed(*answers: str, **terms: Any) -> Agreed:
    (only,) = agree([Counter(answers)], AgreementRecipe(teachers=("a",), **terms), graded)
    return only


# Votes, classes, reasons


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["7", "7", "8"], ("7", 2, 3, 2, None)),
        ([r"\frac{1}{2}", "0.5", "1/2", "0.5"], ("0.5", 4, 4, 1, None)),  # the most frequent spelling
        ([r"\frac12", "1/2", "3"], ("1/2", 2, 3, 2, None)),  # of equally frequent ones the shorter
        ([r"\frac{1}{2}", r"\frac12"], (r"\frac12", 2, 2, 1, None)),
        (["x+1", "1+x", "1+x+0"], ("1+x", 3, 3, 1, None)),  # of equally short ones the first by the alphabet
        (["Yes", r"\text{yes}"], ("Yes", 2, 2, 1, None)),
        ([], (None, 0, 0, 0, "too_few")),
        (["7"], (None, 1, 1, 1, "too_few")),
        (["7", "8"], (None, 1, 2, 2, "too_few")),
        (["7", "7", "8", "8"], (None, 2, 4, 2, "tie")),
        (["7", "7", "8", "8", "9"], (None, 2, 5, 3, "tie")),
        (["7", "7", "8", "9"], (None, 2, 4, 3, "no_majority")),  # a half is no majority
        (["7", "7", "7", "8", "9"], ("7", 3, 5, 3, None)),
    ],
)
def test_agreements_by_hand(answers: list[str], expected: tuple[Any, ...]) -> None:
    assert tuple(agreed(*answers)) == expected


@pytest.mark.parametrize(
    ("terms", "reason"),
    [({"at_least": 3}, "too_few"), ({"share": 0.6}, "no_majority"), ({"share": 0.66}, None), ({}, None)],
)
def test_the_terms(terms: dict[str, Any], reason: str | None) -> None:
    votes = ["7", "7", "8"] if terms.get("share") != 0.6 else ["7"] * 3 + ["8", "9"]  # 3 of 5 are not more than 0.6
    assert agreed(*votes, **terms).reason == reason


def test_a_share_is_compared_as_it_is_written() -> None:
    assert 0.57 * 100 < 57  # in binary
    for hundredths in range(2, 100):
        terms = AgreementRecipe(teachers=("a",), share=hundredths / 100)
        assert decide(among_100(hundredths), terms).reason == "no_majority"
        assert decide(among_100(hundredths + 1), terms).reason is None


def among_100(sevens: int) -> list[Counter[str]]:
    """Return the classes of 100 votes, of which all others are for answers of their own."""
    return [Counter({"7": sevens}), *(Counter({f"{n}/7": 1}) for n in range(100 - sevens))]


def test_spellings_of_one_normal_form_are_one_form() -> None:
    counts = Counter({r"\frac{1}{2}": 1, "3": 2, r"\frac12": 2})
    assert forms_of(counts) == [{r"\frac{1}{2}": 1, r"\frac12": 2}, {"3": 2}]


def test_what_is_equal_to_two_answers_joins_one_class_only() -> None:
    # 50% equals 50 and 0.5; these differ.
    assert tuple(agreed(r"50\%", r"50\%", "50", "0.5")) == (r"50\%", 3, 4, 2, None)
    assert tuple(agreed(r"50\%", "50", "50", "0.5", "0.5", "0.5")) == ("0.5", 4, 6, 2, None)
    classes = classes_of(forms_of(Counter({r"50\%": 2, "50": 1, "0.5": 1})), {(0, 1), (0, 2)})
    assert classes == [{r"50\%": 2, "50": 1}, {"0.5": 1}]  # of equally many votes the shorter form joins first


def test_equality_is_asked_in_both_directions() -> None:
    # An equation with a sum on its left is not answered by its right-hand side, but the other way round it is.
    one, other = "x+y=0", "0"
    says = {(g, a): grade(g, rf"\boxed{{{a}}}").verdict for g, a in itertools.permutations((one, other))}
    assert says == {(one, other): "wrong", (other, one): "correct"}
    for order in ((one, other), (other, one)):
        assert equal_pairs([order], graded) == [set()]


@pytest.mark.parametrize(
    ("response", "reason", "expected"),
    [
        (r"\boxed{1} or \boxed{2}", "stop", ("2", "")),
        (r"<think>\boxed{1}</think> \boxed{ 2 }", "stop", ("2", "")),
        (r"\boxed{1}", "length", (None, "not_stopped")),
        (r"\boxed{1}", "error", (None, "not_generated")),
        ("The answer is 1.", "stop", (None, "not_answered")),
        (r"<think>\boxed{1}", "stop", (None, "not_answered")),
        (r"\boxed{ }", "stop", (None, "not_answered")),
        (r"\boxed{" + "7" * 5001 + "}", "stop", (None, "too_long")),
        (r"\boxed{" + "7" * 5000 + "}", "stop", ("7" * 5000, "")),
    ],
)
def test_votes(response: str, reason: str, expected: tuple[str | None, str]) -> None:
    assert vote(response, reason) == expected


# What holds for all votes

SPELLINGS = ["50", r"50\%", "0.5", r"\frac{1}{2}", "1/2", r"\frac{50}{100}", "x+1", "1+x", "x+y=0", "0", "-0", "5",
             "05", r"\text{A}", "(A)", "A", "A,B", "B,A", "12_8", "12", "3:00", r"3:00\text{pm}", "two", r"\{1,2\}",
             "1,2", "(1,2)", "(2,1)", "[1,2]", r"\sqrt{4}", "2"]  # fmt: skip
votes = st.dictionaries(st.sampled_from(SPELLINGS), st.integers(1, 3), max_size=7).map(Counter)


@settings(max_examples=60, deadline=None)
@given(votes, st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter(counts: Counter[str], random: Any) -> None:
    ballots = list(counts.elements())
    random.shuffle(ballots)
    assert agree([Counter(ballots)], TERMS, graded) == agree([counts], TERMS, graded)


@settings(max_examples=60, deadline=None)
@given(votes)
def test_classes_part_the_votes_and_hold_nothing_that_the_grader_tells_apart(counts: Counter[str]) -> None:
    forms = forms_of(counts)
    (equal,) = equal_pairs([[max(form) for form in forms]], graded)
    classes = classes_of(forms, equal)
    assert sum(classes, Counter()) == counts
    assert sum(map(len, classes)) == len(counts)
    for spellings in classes:
        for gold, answer in itertools.product(spellings, repeat=2):
            assert grade(gold, rf"\boxed{{{answer}}}").verdict == "correct", (gold, answer)


@settings(max_examples=60, deadline=None)
@given(votes)
def test_who_voted_for_a_gold_is_graded_correct_against_it(counts: Counter[str]) -> None:
    (found,) = agree([counts], TERMS, graded)
    assert found.voters == counts.total()
    if found.answer is not None:
        correct = sum(n for each, n in counts.items() if grade(found.answer, rf"\boxed{{{each}}}").verdict == "correct")
        assert found.answer in counts
        assert correct >= found.votes > found.voters / 2


# The program, and what is graded against its table

PROBLEMS = ["p1", "p2", "p3", "p4"]
# teacher -> draw -> answers to the problems
SAID = {
    "a": (["7", "0.5", "1", None], ["7", "8", "2", "9"]),
    "b": (["8", r"\frac{1}{2}", "2", None], ["7.0", "1/2", "1", None]),
}
TABLE = [
    ("p1", "7", 3, 4, 2, None),
    ("p2", "0.5", 3, 4, 2, None),
    ("p3", None, 2, 4, 2, "tie"),
    ("p4", None, 1, 1, 1, "too_few"),
]


def files(folder: Path, teachers: Iterable[str] = SAID, draws: Iterable[int] = (0, 1)) -> dict[str, list[str]]:
    """Write responses, one file per draw; return teacher -> files."""
    found: dict[str, list[str]] = {}
    for teacher in teachers:
        for draw in draws:
            rows = [
                {"problem_id": p, "draw": draw, "response": "no idea" if x is None else rf"So \boxed{{{x}}}."}
                for p, x in zip(PROBLEMS, SAID[teacher][draw], strict=True)
            ]
            path = folder / f"{teacher}{draw}.parquet"
            found.setdefault(teacher, []).append(str(responses_table(path, rows)))
    return found


def problems(folder: Path, answer: str = "") -> Path:
    rows = [{"problem_id": p, "answer": answer, "problem": f"What is {p}?"} for p in PROBLEMS]
    return problems_table(folder / "problems.parquet", rows)


def find(folder: Path, responses: dict[str, list[str]], workers: int = 1, **terms: Any) -> Path:
    output = folder / "agreement/agreement.parquet"
    given_to = recipe(agreement={"teachers": ["a", "b"], **terms}, grading={})
    find_agreement.main(["--problems", str(problems(folder)), "--inputs", json.dumps({"responses": responses}),
                         "--workers", str(workers), "--recipe", given_to, "--output", str(output)])  # fmt: skip
    return output


def test_the_table_and_its_ledgers(tmp_path: Path) -> None:
    output = find(tmp_path, files(tmp_path))
    rows = tables.read(output, tables.AGREEMENT).to_pylist()
    assert [tuple(row.values()) for row in rows] == TABLE
    facts = manifest(output)
    assert facts["ledger"] == {"rows_in": 4, "rows_out": 2, "lost": {"tie": 1, "too_few": 1}}
    assert (facts["problems"], facts["agreed"]) == (4, 2)
    assert facts["ledger_by_teacher"] == {
        "a": {"rows_in": 8, "rows_out": 7, "lost": {"not_answered": 1}},
        "b": {"rows_in": 8, "rows_out": 6, "lost": {"not_answered": 2}},
    }


def test_neither_the_order_of_teachers_and_files_nor_workers_change_a_byte(tmp_path: Path) -> None:
    first = find(tmp_path, files(tmp_path))
    bytes_before = [first.read_bytes(), first.with_name("manifest.json").read_bytes()]
    turned = {teacher: own[::-1] for teacher, own in reversed(files(tmp_path).items())}
    again = find(tmp_path, turned, workers=2, teachers=["b", "a"])
    assert [again.read_bytes(), again.with_name("manifest.json").read_bytes()] == bytes_before


def test_inputs_that_do_not_belong_together(tmp_path: Path) -> None:
    own = files(tmp_path)
    with pytest.raises(InputError, match="--inputs: responses must name files of b"):
        find(tmp_path, {"a": own["a"]})
    with pytest.raises(InputError, match="--inputs: c is none of the recipe's teachers"):
        find(tmp_path, {**own, "c": own["a"]})
    with pytest.raises(InputError, match=r"a0\.parquet: several responses for p1 \(draw 0\); each draw has one vote"):
        find(tmp_path, {**own, "a": [*own["a"], own["a"][0]]})
    stranger = responses_table(tmp_path / "z.parquet", [{"problem_id": "z"}])
    with pytest.raises(InputError, match=r"z\.parquet: problem 'z' is not in the corpus"):
        find(tmp_path, {**own, "b": [str(stranger)]})
    assert not (tmp_path / "agreement/agreement.parquet").exists()


GOLDS = {"origin": "agreement", "teachers": ["a", "b"], "at_least": 2, "share": 0.5, "problems": 4, "agreed": 2}


def verified(folder: Path, responses: str, agreement: Path | None = None) -> Path:
    output = folder / f"v-{Path(responses).stem}/verdicts.parquet"
    named = ["--agreement", str(agreement)] if agreement else ["--agreement"]
    verify.main(["--problems", str(folder / "problems.parquet"), "--responses", responses, *named,
                 "--recipe", recipe(), "--output", str(output)])  # fmt: skip
    return output


def test_responses_are_graded_against_the_agreement_and_say_so(tmp_path: Path) -> None:
    own = files(tmp_path)
    agreement = find(tmp_path, own).with_name("manifest.json")
    output = verified(tmp_path, own["a"][0], agreement)
    words = tables.read(output, tables.VERDICTS)["verdict"].to_pylist()
    assert words == ["correct", "correct", "unverifiable", "no_answer"]
    assert manifest(output)["golds"] == GOLDS
    output = verified(tmp_path, own["b"][0], agreement)
    words = tables.read(output, tables.VERDICTS)["verdict"].to_pylist()
    assert words == ["wrong", "correct", "unverifiable", "no_answer"]
    assert manifest(verified(tmp_path, own["b"][1]))["golds"] == {"origin": "none"}


def test_the_check_of_golds_looks_at_the_agreed_ones(tmp_path: Path) -> None:
    agreement = find(tmp_path, files(tmp_path)).with_name("manifest.json")
    output = tmp_path / "golds/golds.parquet"
    options = ["--problems", str(tmp_path / "problems.parquet"), "--recipe", recipe(), "--output", str(output)]
    check_golds.main([*options, "--agreement", str(agreement)])
    rows = tables.read(output, tables.GOLDS).to_pylist()
    assert [(r["answer"], r["verifiable"]) for r in rows] == [("7", True), ("0.5", True), ("", False), ("", False)]
    assert (manifest(output)["unverifiable"], manifest(output)["golds"]) == (0, GOLDS)


@pytest.mark.parametrize("with_agreement", [True, False])
def test_datasets_and_scores_state_their_golds(tmp_path: Path, with_agreement: bool) -> None:
    own = files(tmp_path)
    agreement = find(tmp_path, own).with_name("manifest.json") if with_agreement else None
    problems(tmp_path, "" if with_agreement else "7")
    stated = {"agreement": str(agreement)} if agreement else {}
    verdicts = {t: [str(verified(tmp_path, path, agreement)) for path in paths] for t, paths in own.items()}
    output = tmp_path / "d/train.parquet"
    mix.main(["--problems", str(tmp_path / "problems.parquet"), "--output", str(output), "--recipe",
              recipe(corpus="c", teachers=["a", "b"], alpha=0.5),
              "--inputs", recipe(responses=own, verdicts=verdicts, **stated)])  # fmt: skip
    assert manifest(output).get("golds") == (GOLDS if with_agreement else None)
    assert manifest(output)["rows"] == (2 if with_agreement else 1)  # p1 and p2: in some draw each teacher is right
    output = tmp_path / "s/items.parquet"
    score.main(["--problems", str(tmp_path / "problems.parquet"), "--output", str(output), "--recipe",
                recipe(policy="rule"),
                "--inputs", recipe(responses=own["a"], verdicts=verdicts["a"], **stated)])  # fmt: skip
    facts = manifest(output)
    assert facts.get("golds") == (GOLDS if with_agreement else None)
    if with_agreement:  # of 8: p1 twice, p2 once are correct; p3 twice and p4 once have nothing to be graded against
        assert (facts["accuracy"], facts["ungraded"]) == (0.375, 0.375)


def test_an_agreement_on_other_problems_or_beside_golds_is_refused(tmp_path: Path) -> None:
    own = files(tmp_path)
    agreement = find(tmp_path, own).with_name("manifest.json")
    problems(tmp_path, "7")
    with pytest.raises(InputError, match="has gold answers of its own; leave the agreement out"):
        verified(tmp_path, own["a"][0], agreement)
    problems_table(tmp_path / "problems.parquet", [{"problem_id": "p1", "answer": ""}])
    with pytest.raises(InputError, match=r"agreement\.parquet: not the agreement on the problems of "):
        verified(tmp_path, own["a"][0], agreement)
