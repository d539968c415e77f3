"""The paper's scoring: its defects are there, each by hand, and only where a study asks for them by name."""

import pytest

from distill.config.recipes import ScoreJob, Settings
from distill.scores.paper_scoring import is_correct_in_the_paper
from distill.scores.samples import Grading
from distill.tables.graded import GradedResponse


@pytest.mark.parametrize(
    ("gold", "response", "task", "correct"),
    [
        (r"\frac{1}{2}", r"\boxed{\frac12}", "math", True),
        ("x+1", r"\boxed{1+x}", "math", False),  # no algebra
        ("4", "The answer is 4.", "math", False),  # no box is never right
        ("4", r"<think>\boxed{4}", "math", True),  # a box within a thought counts
        ("4", r"\boxed{ }", "math", False),
        ("25", r"\boxed{25}", "aime", False),  # its gold answer is 025
        ("25", r"\boxed{025}", "aime", True),
        ("204", r"\boxed{204}", "aime", True),
        ("27", r"\boxed{27}", "amc", False),  # its gold answer is a float
        ("18", "She makes 9 * 2 = $18.", "gsm8k", True),  # the last number, without a box
        ("18", r"\boxed{18}, not 20", "gsm8k", False),
        ("1000", r"so \boxed{1,000}", "gsm8k", True),
        ("18", "eighteen", "gsm8k", False),
    ],
)
def test_defects_by_hand(gold: str, response: str, task: str, correct: bool) -> None:
    assert is_correct_in_the_paper(gold, response, task) is correct


def test_the_judge_decides_amc_and_never_gsm8k() -> None:
    assert is_correct_in_the_paper("27", r"\boxed{27}", "amc", True)
    assert not is_correct_in_the_paper("27", "It is 27.", "amc", True)  # no box is not judged
    assert not is_correct_in_the_paper("27", r"\boxed{27}, not 20", "gsm8k", True)


def response(verdict: str, finish_reason: str = "stop", judgement: str | None = None, **more: str) -> GradedResponse:
    return GradedResponse("r", "p", 0, finish_reason, verdict, verdict, verdict, judgement, **more)  # type: ignore[arg-type]


def test_a_cut_off_response_with_the_right_box_counts_in_the_paper_alone() -> None:
    cut = response("correct", "length", response=r"\boxed{4} and")
    paper = Grading("paper_scoring", golds={"p": "4"}).sample(cut, "4")
    assert (paper.is_correct, paper.verdict, paper.is_lenient) == (True, "correct", True)
    assert paper.correct_by == ("paper_scoring",)
    assert not Grading("rule").sample(cut, "4").is_correct


def test_what_our_rule_accepts_and_the_paper_does_not_is_wrong_unless_a_judge_is_there() -> None:
    right = response("correct", response=r"\boxed{1+x}")
    alone = Grading("paper_scoring", golds={"p": "x+1"}).sample(right, "1+x")
    assert (alone.is_correct, alone.verdict, alone.correct_by) == (False, "wrong", ("rule", "rule+judge", "matcher"))
    assert Grading("paper_scoring", True, {"p": "x+1"}).sample(right, "1+x").is_correct
    judged = response("wrong", judgement="equal", response=r"\boxed{1+x}")
    assert Grading("paper_scoring", True, {"p": "x+1"}).sample(judged, "1+x").is_correct
    assert (
        not Grading("paper_scoring", False, {"p": "x+1"})
        .sample(response("wrong", response=r"\boxed{2}"), "2")
        .is_correct
    )


def test_it_is_never_the_default() -> None:
    assert Settings(studies=("toy",)).policy == "rule"
    assert Grading("rule").graders() == ["rule", "matcher"]
    assert Grading("paper_scoring", True).graders() == ["rule", "rule+judge", "matcher", "paper_scoring"]
    with pytest.raises(ValueError, match="policy"):
        ScoreJob()
