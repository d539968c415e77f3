"""pass@k and maj@k: published and hand-checked values, and against every choice of k samples, drawn one by one."""

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.scores.pass_at_k import mean_share, pass_at_k, sizes
from distill.scores.voting import Ballot, Cast, ballots, majority
from distill.verdicts.agreement import forms_of
from distill.verdicts.grading import Grade, grade

Row = tuple[str, str, str]


def grader(rows: Iterable[Row]) -> Iterator[Grade]:
    return (grade(*row) for row in rows)


def unasked(rows: Iterable[Row]) -> Iterator[Grade]:
    assert not list(rows)
    return iter(())


def test_pass_at_k_is_the_papers_estimator() -> None:
    # Chen et al. 2021, figure 3: 1 - prod_{i = n - c + 1}^{n} (1 - k / i)
    for n, c, k in ((200, 3, 10), (16, 5, 4), (5, 5, 2), (7, 0, 3), (9, 8, 2)):
        product = np.prod(1 - k / np.arange(n - c + 1, n + 1)) if n - c >= k else 0.0
        assert pass_at_k(n, c, k) == pytest.approx(1 - product, abs=1e-12)
    assert pass_at_k(4, 1, 1) == 0.25
    assert pass_at_k(4, 1, 2) == 0.5
    for wrong in ((4, 1, 5), (4, 1, 0), (4, 5, 1)):
        with pytest.raises(ValueError, match="is not defined"):
            pass_at_k(*wrong)


@given(st.integers(1, 8), st.data())
@settings(max_examples=100)
def test_pass_at_k_is_the_mean_over_all_choices(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    drawn = [any(choice) for choice in combinations([True] * c + [False] * (n - c), k)]
    assert pass_at_k(n, c, k) == pytest.approx(sum(drawn) / len(drawn))


@pytest.mark.parametrize(("n", "ks"), [(1, []), (2, [1, 2]), (4, [1, 2, 4]), (6, [1, 2, 4, 6]), (16, [1, 2, 4, 8, 16])])
def test_the_k_that_are_reported(n: int, ks: list[int]) -> None:
    assert sizes(n) == ks


def test_the_interval_of_a_mean_of_shares_is_that_of_as_many_problems() -> None:
    interval = mean_share(np.array([0.5, 0.5, 0.5, 0.5]))
    assert (interval.estimate, interval.low, interval.high) == (0.5, pytest.approx(0.150039), pytest.approx(0.849961))


def one_by_one(ballot: Ballot, k: int) -> Fraction:
    """Return maj@k from every choice of k samples."""
    samples: list[int | None] = [None] * ballot.blanks
    for number, votes in enumerate(ballot.votes):
        samples += [number] * votes
    total, choices = Fraction(0), 0
    for choice in combinations(samples, k):
        choices += 1
        counts = Counter(sample for sample in choice if sample is not None)
        first = [sample for sample in counts if counts[sample] == max(counts.values())]
        total += sum(Fraction(ballot.correct[i], ballot.votes[i]) for i in first) / max(len(first), 1)
    return total / choices


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), max_size=4), st.integers(0, 3), st.data())
@settings(max_examples=150)
def test_maj_at_k_is_the_mean_over_all_choices(
    classes: list[tuple[int, int]], blanks: int, data: st.DataObject
) -> None:
    classes = sorted(((votes, min(correct, votes)) for votes, correct in classes), reverse=True)
    ballot = Ballot(tuple(v for v, _ in classes), tuple(c for _, c in classes), blanks + (not classes))
    samples = sum(ballot.votes) + ballot.blanks
    k = data.draw(st.integers(1, samples))
    assert majority(ballot, k) == pytest.approx(float(one_by_one(ballot, k)), abs=1e-12)
    assert majority(ballot, 1) == pytest.approx(sum(ballot.correct) / samples)  # the accuracy of those that vote


@pytest.mark.parametrize(
    ("ballot", "share"),
    [
        (Ballot((3, 2), (3, 0), 0), 1.0),
        (Ballot((3, 2), (0, 2), 0), 0.0),
        (Ballot((2, 2), (2, 0), 1), 0.5),  # a tie of two, one of them right
        (Ballot((2, 2, 2), (0, 2, 0), 0), 1 / 3),
        (Ballot((4, 1), (3, 0), 0), 0.75),  # a judge called three of four equal answers correct
        (Ballot((), (), 5), 0.0),  # nobody votes
    ],
)
def test_maj_at_n_by_hand(ballot: Ballot, share: float) -> None:
    assert majority(ballot, sum(ballot.votes) + ballot.blanks) == pytest.approx(share)


def test_more_than_there_are_is_refused() -> None:
    for k in (0, 3):
        with pytest.raises(ValueError, match="of 2 samples is not defined"):
            majority(Ballot((1,), (1,), 1), k)


def casts(*votes: tuple[str | None, bool]) -> list[Cast]:
    return [Cast(answer, is_correct, is_correct) for answer, is_correct in votes]


def test_answers_are_equal_by_the_grader_and_not_as_text() -> None:
    half = casts(("0.5", True), (r"\frac{1}{2}", True), (r"\dfrac12", True), ("2", False), ("2.0", False))
    terms = casts(("x+1", False), ("1+x", False), ("x-1", True), ("2x", False))
    spelled = casts(("1,000", False), ("1000", False), (r"\frac{2000}{2}", False), ("999", True), ("-999", False))
    assert ballots([half, terms, spelled], grader) == [
        Ballot((3, 2), (3, 0), 0),
        Ballot((2, 1, 1), (0, 1, 0), 0),
        Ballot((3, 1, 1), (0, 1, 0), 0),
    ]


def test_all_answers_that_equal_the_gold_answer_are_one() -> None:
    # 50\% equals 50 and 0.5, which differ; a judge called one of the others correct, and it stays alone.
    votes = [Cast("0.5", True, True), Cast(r"50\%", True, True), Cast("half", True, False), Cast("50", False, False)]
    assert ballots([votes], grader) == [Ballot((2, 1, 1), (2, 1, 0), 0)]


def test_where_nothing_is_correct_no_grader_is_asked() -> None:
    votes = casts(("x+1", False), ("1+x", False), ("x + 1", False), (None, False))
    assert ballots([votes, casts((None, False))], unasked) == [Ballot((2, 1), (0, 0), 1), Ballot((), (), 1)]


def test_plain_numbers_are_told_apart_without_the_grader() -> None:
    votes = casts(("12", True), ("7", False), (None, False), ("120", False), (r"\frac{14}{2}", False), ("7.5", False))
    (found,) = ballots([votes], unasked)
    assert found == Ballot((2, 1, 1, 1), (0, 1, 0, 0), 1)


NUMBERS = st.one_of(
    st.integers(0, 10**7).map(str),
    st.decimals(0, 1000, places=2).map(str),
    st.tuples(st.integers(-50, 50), st.integers(1, 12)).map(
        lambda pair: ("-" if pair[0] < 0 else "") + rf"\frac{{{abs(pair[0])}}}{{{pair[1]}}}"
    ),
    st.tuples(st.integers(-9, 9), st.sampled_from(["", ".0", ".5"])).map(lambda pair: f"{pair[0]}{pair[1]}"),
)


@given(NUMBERS, NUMBERS)
@settings(max_examples=200)
def test_the_grader_says_the_same_of_plain_numbers(one: str, other: str) -> None:
    votes = casts((one, False), (other, False), ("y", True))
    is_same = grade(one, rf"\boxed{{{other}}}", "stop").verdict == "correct"
    assert ballots([votes], grader)[0].votes[0] == 1 + is_same


TERMS = st.tuples(st.sampled_from("xyna"), st.integers(2, 9), st.integers(1, 9)).flatmap(
    lambda t: st.sampled_from(
        [f"{t[0]}+{t[2]}", f"{t[1]}{t[0]}", rf"\frac{{{t[0]}}}{{{t[1]}}}", f"{t[0]}^{{{t[1]}}}-{t[2]}"]
    )
)
CLOSED = st.sampled_from(["3", "-0.5", r"\frac{7}{2}", r"2\sqrt{3}", r"\frac{\pi}{4}", "10"])


@given(TERMS, CLOSED)
@settings(max_examples=40)
def test_a_term_is_no_number_without_the_grader_and_the_grader_says_so_too(term: str, number: str) -> None:
    votes = casts((term, False), (number, False), ("y=2", True))
    assert ballots([votes], unasked)[0].votes == (1, 1, 1)
    for gold, answer in ((term, number), (number, term)):
        assert grade(gold, rf"\boxed{{{answer}}}", "stop").verdict != "correct"


@pytest.mark.parametrize(
    "answer", ["x=3", "3 m", r"3\text{ cm}", "3e^0", "three", r"x \in \{3\}", "3^\\circ", "300\\%"]
)
def test_what_may_be_a_number_in_other_words_is_left_to_the_grader(answer: str) -> None:
    asked = []

    def noting(rows: Iterable[Row]) -> Iterator[Grade]:
        for row in rows:
            asked.append(row)
            yield grade(*row)

    ballots([casts((answer, False), ("3", False), ("7", True))], noting)
    assert len(forms_of(Counter([answer, "3"]))) == 1 or asked
