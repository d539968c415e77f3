"""verify.py: one verdict per response, agreement with a publisher's labels, and inputs that do not belong together."""

from pathlib import Path

import pyarrow as pa
import pytest
import verify
from helpers import manifest, problems_table, recipe, responses_table

from distill import tables
from distill.runtime.errors import InputError

GOLDS = [{"problem_id": "a", "answer": "1"}, {"problem_id": "b", "answer": "2"}, {"problem_id": "c", "answer": "3"}]


def run(folder: Path, responses: Path, workers: int = 1, golds: list[dict[str, str]] = GOLDS) -> Path:
    known = problems_table(folder / "problems.parquet", golds)
    output = folder / "v/verdicts.parquet"
    options = ["--recipe", recipe(), "--workers", str(workers), "--output", str(output)]
    verify.main(["--problems", str(known), "--responses", str(responses), *options])
    return output


def test_each_response_gets_a_verdict_and_labels_are_compared(tmp_path: Path) -> None:
    rows = [
        {"problem_id": "a", "response": r"\boxed{1}", "label": True},
        {"problem_id": "b", "response": r"\boxed{3}", "label": True},
        {"problem_id": "c", "response": "three", "finish_reason": "length", "label": None},
        {"problem_id": "c", "draw": 1, "response": r"\boxed{3}", "label": False},
    ]
    output = run(tmp_path, responses_table(tmp_path / "r.parquet", rows, [pa.field("label", pa.bool_())]))
    rows = tables.read(output, tables.VERDICTS).to_pylist()
    assert [(r["problem_id"], r["draw"], r["verdict"], r["extracted"]) for r in rows] == [
        ("a", 0, "correct", "1"),
        ("b", 0, "wrong", "3"),
        ("c", 0, "cut_off", None),
        ("c", 1, "correct", "3"),
    ]
    facts = manifest(output)
    assert facts["verdicts"] == {"correct": 2, "cut_off": 1, "wrong": 1}
    assert facts["agreement"]["rule, label"] == {"rows": 3, "agree": 1, "rule_only": 1, "label_only": 1}
    assert facts["agreement"]["rule, matcher"] == {"rows": 4, "agree": 4, "rule_only": 0, "matcher_only": 0}


def test_a_lenient_verdict_stands_beside_the_strict_one(tmp_path: Path) -> None:
    texts = [
        ("a", "The answer is 1.", "stop", "no_answer", "correct"),
        ("a", r"\boxed{2}, so the answer is 1.", "stop", "wrong", "wrong"),
        ("b", "The answer is 3.", "stop", "no_answer", "wrong"),
        ("b", "The answer is 2.", "length", "cut_off", "cut_off"),
        ("c", "", "error", "error", "error"),
        ("c", "No idea.", "stop", "no_answer", "no_answer"),
        ("c", r"\boxed{3}", "stop", "correct", "correct"),
    ]
    rows = [
        {"problem_id": i, "draw": n, "response": text, "finish_reason": reason}
        for n, (i, text, reason, _, _) in enumerate(texts)
    ]
    for workers in (1, 2):
        output = run(tmp_path / str(workers), responses_table(tmp_path / "r.parquet", rows), workers)
        verdicts = tables.read(output, tables.VERDICTS).to_pylist()
        assert [(r["draw"], r["verdict"], r["lenient"]) for r in verdicts] == [
            (n, strict, lenient) for n, (_, _, _, strict, lenient) in enumerate(texts)
        ]
        facts = manifest(output)
        assert facts["verdicts"] == {"correct": 1, "cut_off": 1, "error": 1, "no_answer": 3, "wrong": 1}
        assert facts["lenient"] == {"correct": 2, "cut_off": 1, "error": 1, "no_answer": 1, "wrong": 2}


def test_a_response_to_another_corpus(tmp_path: Path) -> None:
    responses = responses_table(tmp_path / "r.parquet", [{"problem_id": "z"}])
    with pytest.raises(InputError, match="answers problem 'z', which is not in the corpus"):
        run(tmp_path, responses)


def test_an_empty_gold(tmp_path: Path) -> None:
    responses = responses_table(tmp_path / "r.parquet", [{"problem_id": "a"}])
    with pytest.raises(InputError, match="problem a has an empty answer"):
        run(tmp_path, responses, golds=[{"problem_id": "a", "answer": " "}, {"problem_id": "b", "answer": "1"}])


def test_a_corpus_without_golds_has_no_correct_response_and_no_wrong_one(tmp_path: Path) -> None:
    texts = {"a": r"\boxed{1}", "b": "no box", "c": r"\boxed{}"}
    responses = responses_table(tmp_path / "r.parquet", [{"problem_id": i, "response": t} for i, t in texts.items()])
    output = run(tmp_path, responses, golds=[{"problem_id": i, "answer": ""} for i in texts])
    assert tables.read(output, tables.VERDICTS)["verdict"].to_pylist() == ["unverifiable", "no_answer", "no_answer"]


def test_a_torn_shard_is_named(tmp_path: Path) -> None:
    torn = responses_table(tmp_path / "r.parquet", [{"problem_id": "a", "response": "x" * 1000}])
    torn.write_bytes(torn.read_bytes()[:300])
    with pytest.raises(InputError, match=r"r\.parquet: not a readable Parquet file"):
        run(tmp_path, torn)
    assert not (tmp_path / "v/verdicts.parquet").exists()


def test_a_corpus_of_bombs_costs_its_own_rows_only(tmp_path: Path) -> None:
    bombs = {
        "tower": r"\boxed{9^{9^{9^{9^{9}}}}}",
        "factorial": r"\boxed{(10^{9})! + x}",
        "braces": "\\boxed{" + "{" * 10_000_000,
        "boxes": r"\boxed{" * 500_000,
        "nesting": r"\boxed{" + r"\sqrt{" * 3000 + "2" + "}" * 3001,
        "digits": r"\boxed{" + "7" * 1_000_000 + "}",
        "nulls": "\x00" * 1000 + r"\boxed{\x00}",
        "surrogates": "\ud800\\boxed{\udfff}",
    }
    golds = [{"problem_id": n, "answer": r"x^{2}+\sqrt{3}"} for n in bombs]
    rows = [{"problem_id": n, "response": text} for n, text in bombs.items()]
    good = [f"z{i:02d}" for i in range(20)]
    golds += [{"problem_id": n, "answer": rf"\frac{{{i}}}{{7}}+y"} for i, n in enumerate(good)]
    rows += [{"problem_id": n, "response": rf"\boxed{{y+\frac{{{2 * i}}}{{14}}}}"} for i, n in enumerate(good)]
    rows = tables.read(
        run(tmp_path, responses_table(tmp_path / "r.parquet", rows), 2, golds), tables.VERDICTS
    ).to_pylist()
    words = {r["problem_id"]: r["verdict"] for r in rows}
    assert words.keys() == {*bombs, *good}
    assert {words[n] for n in good} == {"correct"}
    assert {words[n] for n in bombs} <= {"wrong", "no_answer", "timeout", "error"}
