"""An answer without a box: read for the lenient column only, and only where the response ended by itself."""

import time

import pytest
from helpers import DATA

from distill.verdicts.grading import grade
from distill.verdicts.lenient import unboxed

STATED = [
    ("The answer is 5 apples.", "5"),
    ("The answer is $18.", "18"),
    ("It costs $5 and she pays $6.", "6"),
    ("The answer is $2x+1$ for all x.", "2x+1"),
    ("The answer is 2x+1.", "2x+1"),
    ("#### 1,234", "1234"),
    ("#### 72\n\nThat was easy.", "72"),
    ("So 3 + 4 = 7 apples.", "7"),
    ("The final answer is **42**.", "42"),
    ("**Answer:** 12", "12"),
    ("Answer: C", "C"),
    ("The answer is Tuesday.", r"\text{Tuesday}"),
    (r"The answer is $\frac{1}{2}$.", r"\frac{1}{2}"),
    ("The answer is 1/2.", r"\frac{1}{2}"),
    ("The answer is 50%.", r"50\%"),
    ("The answer is therefore -3.", "-3"),
    ("<think>It may be 5.</think>It is 6.", "6"),
    ("The answer to the question of how many is 12.", "12"),
    ("Final Answer: The final answer is $7$. I hope it is correct.", "7"),
    (r"Answer: the least value of \(n\) is \(n = 10\).", "10"),
    (r"Thus the area is \[\frac{8\pi}{5}\] square units.", r"\frac{8\pi}{5}"),
    ("The answer is (3, 4).", "(3,4)"),
    ("The answer is 5. No, wait: the answer is 6.", "6"),
    ("The answer is 1,000,000 dollars.", "1000000"),
    ("The product is **6**.", "6"),
    ("There are **12,441,600** ways.", "12441600"),
    ("The answer is 3, 4 and 5.", "3,4,5"),
    (r"The values are \(x = -1\), \(x = 2\), and \(x = -2\).", "-2,-1,2"),
    ("The answer is 10 - 3 = 7.", "7"),
    ("The answer is 3:30 pm.", r"3\text{:}30\text{ pm}"),
]
OTHERS = [
    ("The answer is 5 apples.", "6"),
    ("There are **12,441,600** ways.", "441600"),
    ("The answer is $2x+1$ for all x.", "2"),
    ("The answer is 2x+1.", "1"),
    (r"Thus the area is \[\frac{8\pi}5\].", "5"),
    (r"So it is \(3\sqrt{2}\).", "2"),
    ("The answer is 5. No, wait: the answer is 6.", "5"),
    ("The answer is 1,234.", "234"),
    ("The answer is -3.", "3"),
    ("The answer is 1/2.", "2"),
    ("The answer is 2.5.", "5"),
    ("The answer is 2^5.", "5"),
    ("The answer is (3, 4).", "4"),
    ("The answer is 3 or 5.", "3"),
    ("The answer is 3 or 5.", "5"),
    ("The answer is 3, 4 and 5.", "3"),
    ("So the result is x - 5, from 3 or 4.", "4"),
    ("The answer is 10 - 3 = 7 apples.", "10"),
    ("The answer is 3:30 pm.", "3"),
    ("It is 4, not 5.", "5"),
]


def lenient(response: str, gold: str) -> str:
    answer = unboxed(response, "stop")
    assert answer is not None
    return grade(gold, rf"\boxed{{{answer}}}", "stop").verdict


@pytest.mark.parametrize(("response", "gold"), STATED)
def test_an_answer_in_words_is_read(response: str, gold: str) -> None:
    assert lenient(response, gold) == "correct"


@pytest.mark.parametrize(("response", "gold"), OTHERS)
def test_another_answer_is_not_read_out_of_it(response: str, gold: str) -> None:
    assert lenient(response, gold) == "wrong"


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (r"The answer is \boxed{5}.", "stop"),
        (r"\boxed{5}, so the answer is 6.", "stop"),
        (r"The answer is 5. \boxed{}", "stop"),
        ("The answer is 5.", "length"),
        ("The answer is 5.", "error"),
        ("<think>The answer is 5.", "stop"),
        ("<think>The answer is 5.</think>", "stop"),
        ("No idea.", "stop"),
        ("The answer is not 5.", "stop"),
        ("", "stop"),
        (None, "stop"),
    ],
)
def test_what_has_a_box_no_end_or_no_answer_is_not_read(response: str | None, reason: str) -> None:
    assert unboxed(response, reason) is None


@pytest.mark.parametrize("piece", ["The answer is 5. ", "$", "answer is ", "#### ", "1 ", r"\(", r"\[", "answer to a "])
def test_reading_is_linear(piece: str) -> None:
    start = time.thread_time()
    unboxed(piece * (400_000 // len(piece)), "stop")
    assert time.thread_time() - start < 5


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real problems in {DATA}")
def test_agreement_with_labels_on_solutions_without_boxes() -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(DATA / "outputs_gsm8k_openai.parquet").to_pylist()[::5]
    assert len(rows) > 1000
    for row in rows:
        assert (lenient(row["response"], row["gold"]) == "correct") == row["is_correct"], row["response"]
