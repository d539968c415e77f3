"""Words that programs write for a missing value: no gold answer, no statement and no response without a word."""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import jsonl

from distill.config.recipes import CorpusRecipe, PublishedRecipe
from distill.problems.mapping import Corpus, read_corpus
from distill.problems.traces import read_traces
from distill.runtime.errors import InputError

MISSING = ["nan", "NaN", "None", "none", "null", "NULL", "NA", "N/A", "n/a", "<NA>", "NaT", "#N/A", "#REF!", "nil",
           "[]", "[None]", "{}", "''", " nan ", "$None$"]  # fmt: skip
ANSWERS = [r"\text{None}", r"\emptyset", "0", "n", "NaCl", "N", r"\{\}", "no solution", "nano", "none of these", "[0]"]


def corpus(folder: Path, answer: Any, **keys: Any) -> Corpus:
    rows = [{"problem": "1 + 1?", "answer": "2"}, {"problem": "Which?", "answer": answer}]
    return read_corpus(CorpusRecipe(path=str(jsonl(folder / "a.jsonl", rows)), **keys))


@pytest.mark.parametrize("word", MISSING)
def test_a_gold_that_may_be_missing_is_refused_in_one_line_with_both_remedies(tmp_path: Path, word: str) -> None:
    with pytest.raises(InputError) as caught:
        corpus(tmp_path, word)
    message, gold = str(caught.value), word.strip("$ ")
    assert f"a.jsonl: row 1, column 'answer' holds {gold!r}, which programs write for a missing value" in message
    assert f'no_answer: ["{gold}"]' in message
    assert "answer_rewrites" in message
    assert "\n" not in message


@pytest.mark.parametrize("word", MISSING)
def test_the_remedies_do_what_they_say(tmp_path: Path, word: str) -> None:
    import yaml

    gold = word.strip("$ ")
    without = corpus(tmp_path, word, no_answer=[gold])
    assert [row["answer"] for row in without.rows] == ["2"]
    assert list(without.lost.values()) == ["said_to_have_none"]
    with pytest.raises(InputError) as caught:
        corpus(tmp_path, word)
    keys = yaml.safe_load(str(caught.value).split("if it is the answer, `")[1].removesuffix("`"))
    assert corpus(tmp_path, word, **keys).rows[1]["answer"] == rf"\text{{{gold}}}"


@pytest.mark.parametrize("gold", ANSWERS)
def test_an_answer_that_only_looks_so_is_kept(tmp_path: Path, gold: str) -> None:
    assert corpus(tmp_path, gold).rows[1]["answer"] == gold


def test_every_format_and_file_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds 'nan'"):
        corpus(tmp_path, r"\boxed{nan}", answer_format="boxed", max_unusable=1)
    with pytest.raises(InputError, match="holds 'None'"):
        corpus(tmp_path, "so\n#### None", answer_format="hashes", max_unusable=1)
    with pytest.raises(InputError, match="holds 'nan'"):
        corpus(tmp_path, ["3", "nan"], several_answers="joined")
    assert corpus(tmp_path, ["3", "nan"], several_answers="joined", no_answer=["nan"]).rows[1]["answer"] == "3"
    assert len(corpus(tmp_path, ["nan", "nan"], several_answers="joined", no_answer=["nan"]).lost) == 1
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["problem", "answer"], ["1 + 1?", "2"], ["Which?", "nan"]])
    with pytest.raises(InputError, match=r"a\.csv: row 1, column 'answer' holds 'nan'"):
        read_corpus(CorpusRecipe(path=str(tmp_path / "a.csv")))


def test_the_number_that_is_none_is_its_word(tmp_path: Path) -> None:
    """A column of numbers with gaps has NaN in them, and the same remedy."""
    table = pa.table({"problem": ["1 + 1?", "Which?"], "answer": pa.array([2.0, float("nan")])})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"row 1, column 'answer' holds 'nan'.*no_answer: \[\"nan\"\]"):
        read_corpus(CorpusRecipe(path=str(tmp_path / "a.parquet")))
    read = read_corpus(CorpusRecipe(path=str(tmp_path / "a.parquet"), no_answer=["nan"], answer_format="bare"))
    assert ([row["answer"] for row in read.rows], list(read.lost.values())) == (["2"], ["said_to_have_none"])


def test_a_choice_without_a_right_answer_is_none(tmp_path: Path) -> None:
    rows = [{"problem": f"{i}?", "answer": answer, "wrong": "5"} for i, answer in enumerate(["2", "nan"])]
    keys = {"path": str(jsonl(tmp_path / "a.jsonl", rows)), "columns": {"wrong_answers": ["wrong"]}}
    with pytest.raises(InputError, match="row 1, column 'answer' holds 'nan'"):
        read_corpus(CorpusRecipe.model_validate(keys))
    read = read_corpus(CorpusRecipe.model_validate({**keys, "no_answer": ["nan"]}))
    assert (len(read.rows), list(read.lost.values())) == (1, ["said_to_have_none"])


def test_no_statement_and_no_response_is_such_a_word(tmp_path: Path) -> None:
    rows = [{"id": str(i), "problem": text, "answer": "1", "response": text} for i, text in enumerate(["a", "nan"])]
    source = str(jsonl(tmp_path / "a.jsonl", rows))
    with pytest.raises(InputError, match="row 1, column 'problem' holds 'nan', which programs write"):
        read_corpus(CorpusRecipe(path=source))
    traces = read_traces(PublishedRecipe.model_validate({"path": source, "columns": {"problem_id": "id"}}))
    assert ([trace.response for trace in traces.traces], traces.empty) == (["a"], 1)
