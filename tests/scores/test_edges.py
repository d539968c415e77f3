"""Arms that are all at the floor or at the ceiling, by hand."""

from typing import Any

from distill.scores.edges import at_an_edge

ROW = {"study": "s", "student": "small", "benchmark": "b", "no_answer": 0.9, "cut_off": 0.5}
SEEN = "; what they differ in can hardly be seen there"


def rows(*accuracies: float, **keys: Any) -> list[dict[str, Any]]:
    return [{**ROW, **keys, "accuracy": accuracy} for accuracy in accuracies]


def test_arms_at_the_floor_are_told_with_a_reason() -> None:
    own = [*rows(0.0, 0.049), *rows(0.012, no_answer=0.6, cut_off=0.2)]
    line = (
        "s: all arms of small answer at most 4.9 % right (80 % of the responses have no answer, 40 % are cut off) on b"
    )
    assert at_an_edge(own) == [line + SEEN]


def test_arms_at_the_ceiling_are_told() -> None:
    assert at_an_edge(rows(0.951, 1.0)) == ["s: all arms of small answer at least 95.1 % right on b" + SEEN]


def test_one_arm_off_the_edge_is_enough() -> None:
    assert at_an_edge([*rows(0.0, 0.05), *rows(0.95, 1.0, benchmark="other")]) == []


def test_each_student_benchmark_and_study_by_itself() -> None:
    own = rows(0.01) + rows(0.5, student="large") + rows(0.02, benchmark="c") + rows(0.03, study="t")
    assert [line.split(":")[0] + line.split(" on ")[1][0] for line in at_an_edge(own)] == ["sb", "sc", "tb"]
