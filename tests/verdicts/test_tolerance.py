"""Numbers within an error that a benchmark states: by hand, and through the programs that read them."""

from pathlib import Path
from typing import Any

import fetch_problems
import pytest
import verify
from helpers import jsonl, recipe, responses_table

from distill import tables
from distill.config.recipes import CorpusRecipe
from distill.runtime.errors import InputError
from distill.tables.golds import read_tolerances
from distill.verdicts.tolerance import is_within


@pytest.mark.parametrize(
    ("gold", "answer", "relative", "absolute", "expected"),
    [
        ("100", "101", 0.01, None, True),
        ("100", "99", 0.01, None, True),
        ("100", "101.1", 0.01, None, False),
        ("-100", "-101", 0.01, None, True),
        ("-100", "100", 0.01, None, False),
        ("0", "0.001", 0.01, None, False),  # of nothing a share is nothing
        (r"1.5 \times 10^{11}", r"1.51\cdot 10^{11}", 0.01, None, True),
        (r"1.5 \times 10^{11}", "1.51", 0.01, None, False),
        (r"\frac{1}{3}", "0.333", 0.01, None, True),
        (r"\sqrt{2}", "1.41", 0.01, None, True),
        (r"\sqrt{2}", "1.3", 0.01, None, False),
        ("3.2", "3.3", 0.0, 0.1, True),  # just at the end of it
        ("3.25", "3.3505", 0.0, 0.1, True),  # or a hundredth of it beyond
        ("3.25", "3.352", 0.0, 0.1, False),
        ("3.2", "3.4", 0.0, 0.1, False),
        ("3.2", "3.2009", 0.0, None, False),
        ("100", "101", 0.01, 0.001, True),  # the larger error counts
        ("1,2", "1,2.01", 0.1, None, False),  # lists are compared exactly
        ("x", "x+0.01", 0.5, None, False),
        ("5", None, 0.5, None, False),
        ("5", "", 0.5, None, False),
    ],
)
def test_a_number_within_an_error(
    gold: str, answer: str | None, relative: float, absolute: float | None, expected: bool
) -> None:
    assert is_within(gold, answer, relative, absolute) == expected


def verdicts(folder: Path, columns: dict[str, str], **given: float) -> list[tuple[str, str, str]]:
    rows = [{"id": "a", "problem": "How far?", "answer": "10", "error": "1"},
            {"id": "b", "problem": "How long?", "answer": "20", "error": ""}]  # fmt: skip
    path = jsonl(folder / "rows.jsonl", rows)
    corpus = CorpusRecipe(path=str(path), columns={"problem_id": "id", **columns})
    known, output = folder / "p/problems.parquet", folder / "v/verdicts.parquet"
    fetch_problems.main(["--recipe", corpus.canonical(), "--output", str(known)])
    answered = responses_table(folder / "r.parquet", [
        {"problem_id": "a", "response": r"\boxed{11}"}, {"problem_id": "a", "draw": 1, "response": "The answer is 9."},
        {"problem_id": "a", "draw": 2, "response": r"\boxed{12}"}, {"problem_id": "b", "response": r"\boxed{21}"},
        {"problem_id": "b", "draw": 1, "response": "Nothing."},
        {"problem_id": "b", "draw": 2, "response": r"\boxed{20}"}])  # fmt: skip
    verify.main(["--problems", str(known), "--responses", str(answered), "--recipe", recipe(**given),
                 "--output", str(output)])  # fmt: skip
    found = tables.read(output, tables.VERDICTS).to_pylist()
    return [(row["verdict"], row["lenient"], row["method"]) for row in found]


def test_a_problem_states_its_own_error(tmp_path: Path) -> None:
    assert verdicts(tmp_path, {"tolerance": "error"}) == [
        ("correct", "correct", "tolerance"), ("no_answer", "correct", "box"), ("wrong", "wrong", "number"),
        ("wrong", "wrong", "number"), ("no_answer", "no_answer", "box"), ("correct", "correct", "text")]  # fmt: skip
    assert read_tolerances(tmp_path / "p/problems.parquet") == {"a": 1.0}


def test_a_benchmark_states_an_error_of_all_its_numbers(tmp_path: Path) -> None:
    strict = verdicts(tmp_path, {})
    assert [verdict for verdict, *_ in strict] == [
        "wrong", "no_answer", "wrong", "wrong", "no_answer", "correct"]  # fmt: skip
    assert read_tolerances(tmp_path / "p/problems.parquet") == {}
    found = verdicts(tmp_path, {}, tolerance=0.1)
    assert found == [
        ("correct", "correct", "tolerance"), ("no_answer", "correct", "box"), ("wrong", "wrong", "number"),
        ("correct", "correct", "tolerance"), ("no_answer", "no_answer", "box"),
        ("correct", "correct", "text")]  # fmt: skip


@pytest.mark.parametrize("error", ["much", "-0.1", "inf", "nan"])
def test_what_is_no_error_is_named(tmp_path: Path, error: str) -> None:
    path = jsonl(tmp_path / "rows.jsonl", [{"problem": "How far?", "answer": "10", "error": error}])
    corpus: Any = CorpusRecipe(path=str(path), columns={"tolerance": "error"})
    with pytest.raises(InputError, match=f"column 'error': '{error}' is no error of a number, such as 0.1"):
        fetch_problems.main(["--recipe", corpus.canonical(), "--output", str(tmp_path / "p/problems.parquet")])
