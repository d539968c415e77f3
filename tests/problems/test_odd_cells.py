"""Cells that a file cannot say exactly, or no table can keep: refused, or what was written."""

import gzip
import json
import os
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from helpers import jsonl

from distill.config.recipes import CorpusRecipe, PublishedRecipe, Rows
from distill.problems.mapping import gold_answer, read_corpus
from distill.problems.readers import read_rows
from distill.problems.traces import read_traces
from distill.runtime.errors import InputError


@pytest.mark.parametrize(
    ("kind", "cell", "path"),
    [(pa.float32(), 0.1, "x"),
     (pa.float16(), 0.1, "x"),
     (pa.list_(pa.float32()), [0.5, 0.1], "x.1"),
     (pa.large_list(pa.float32()), [0.1], "x.0"),
     (pa.list_(pa.float32(), 1), [0.1], "x"),
     (pa.list_view(pa.float32()), [0.1], "x"),
     (pa.map_(pa.string(), pa.float32()), {"a": 0.1}, "x.a"),
     (pa.dictionary(pa.int8(), pa.float32()), 0.1, "x"),
     (pa.struct([("a", pa.float32()), ("b", pa.string())]), {"a": 0.1, "b": "t"}, "x.a"),
     (pa.list_(pa.struct([("a", pa.float32())])), [{"a": 0.1}], "x.0.a"),
     (pa.float64(), 0.1, "x")],
    ids=str,
)  # fmt: skip
def test_narrow_floats_are_what_was_written(tmp_path: Path, kind: pa.DataType, cell: Any, path: str) -> None:
    array = pa.array([cell, None], kind) if kind != pa.float16() else pa.array([0.1, None], pa.float32()).cast(kind)
    pq.write_table(pa.table({"x": array}), tmp_path / "a.parquet")
    first, second = read_rows(Rows(path=str(tmp_path / "a.parquet")), [path])
    assert (first.text(path), second.text(path)) == ("0.1", "")


@pytest.mark.parametrize(
    ("kind", "cell", "path"),
    [(pa.large_string(), "t", "x"), (pa.string_view(), "t", "x"), (pa.dictionary(pa.int8(), pa.string()), "t", "x"),
     (pa.binary(1), b"t", "x"), (pa.map_(pa.string(), pa.string()), [("a", "t")], "x.a"),
     (pa.binary(), b'{"a": ["t"]}', "x.a.0"), (pa.list_(pa.large_string(), 1), ["t"], "x")],
    ids=str,
)  # fmt: skip
def test_columns_of_all_kinds_of_text(tmp_path: Path, kind: pa.DataType, cell: Any, path: str) -> None:
    pq.write_table(pa.table({"x": pa.array([cell], kind)}), tmp_path / "a.parquet")
    (row,) = read_rows(Rows(path=str(tmp_path / "a.parquet")), [path])
    assert row.text(path) == "t"


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], ["x", "x", "y"])
    pq.write_table(twice, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: column 'x' stands 2 times; rename all but one"):
        read_rows(Rows(path=str(tmp_path / "a.parquet")), ["x"])
    assert read_rows(Rows(path=str(tmp_path / "a.parquet")), ["y"])[0].text("y") == "c"


@pytest.mark.parametrize("content", ['{"x": "1", "x": "2"}', '{"x": {"a": 1, "b": 2, "a": 1}}', '[{"x": 1, "x": 1}]'])
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(InputError, match=r"key '[xa]' stands twice"):
        read_rows(Rows(path=str(tmp_path / "a.jsonl")), ["x"])


@pytest.mark.parametrize("kind", [pa.date32(), pa.map_(pa.string(), pa.string())], ids=str)
def test_a_cell_that_python_cannot_hold_ends_in_one_line(tmp_path: Path, kind: pa.DataType) -> None:
    cell = (
        pa.array([10**9], pa.int32()).cast(kind) if kind == pa.date32() else pa.array([[("a", "1"), ("a", "2")]], kind)
    )
    pq.write_table(pa.table({"x": cell}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_rows(Rows(path=str(tmp_path / "a.parquet")), ["x"])


SPELLED = {
    "JSON": '["<think>a</think> \\\\boxed{1}", "\\\\boxed{2}"]',
    "Python": "['<think>a</think> \\\\boxed{1}', \"it's \\\\boxed{2}\"]",
    "NumPy": "['so \\\\boxed{1}'\n 'so \\\\boxed{2}']",
    "one": '["\\\\boxed{1}"]',
    "messages": '[{"role": "user", "content": "1?"}, {"role": "assistant", "content": "\\\\boxed{1}"}]',
}


@pytest.mark.parametrize("text", SPELLED.values(), ids=SPELLED)
def test_a_list_that_is_spelled_as_text_is_no_response_and_no_statement(tmp_path: Path, text: str) -> None:
    rows = [{"id": i, "problem": text, "answer": "1", "response": text} for i in "ab"]
    source = str(jsonl(tmp_path / "a.jsonl", [*rows, {"id": "c", "problem": "c", "answer": "1", "response": "[1, 2]"}]))
    where = r"holds a list that is spelled as text \(['\"]\[.*\); (take one|save the column as lists)"
    with pytest.raises(InputError, match=rf"^a\.jsonl, column 'response' {where}"):
        read_traces(PublishedRecipe.model_validate({"path": source, "columns": {"problem_id": "id"}}))
    with pytest.raises(InputError, match=rf"row 0, column 'problem' {where}"):
        read_corpus(CorpusRecipe(path=source))


OTHERS_SPELLED = {
    "object": (
        '{"role": "assistant", "content": "\\\\boxed{1}"}',
        "an object",
        r"take a part of it, as in `\w+.content`",
    ),
    "Python object": ("{'role': 'assistant', 'content': '\\\\boxed{1}'}", "an object", "save the column as JSON"),
    "bytes": ("b'so \\\\boxed{1}'", "bytes", "save the column as text"),
}


@pytest.mark.parametrize(("text", "kind", "remedy"), OTHERS_SPELLED.values(), ids=OTHERS_SPELLED)
def test_an_object_or_bytes_spelled_as_text_are_no_response_and_no_statement(
    tmp_path: Path, text: str, kind: str, remedy: str
) -> None:
    source = str(jsonl(tmp_path / "a.jsonl", [{"id": "a", "problem": text, "answer": "1", "response": text}]))
    with pytest.raises(InputError, match=rf"column 'response' holds {kind}.* spelled as text .*; {remedy}"):
        read_traces(PublishedRecipe.model_validate({"path": source, "columns": {"problem_id": "id"}}))
    with pytest.raises(InputError, match=rf"row 0, column 'problem' holds {kind}.* spelled as text .*; {remedy}"):
        read_corpus(CorpusRecipe(path=source))


@pytest.mark.parametrize("text", ["{1: 2}", "{x | x > 1}", "b'", "{'a'", '{"a": 1}', "b + 'c'"])
def test_braces_of_a_statement_are_no_object(tmp_path: Path, text: str) -> None:
    source = str(jsonl(tmp_path / "a.jsonl", [{"problem": text, "answer": "1"}]))
    assert read_corpus(CorpusRecipe(path=source)).rows[0]["problem"] == text


def test_one_answer_that_is_a_list_ends_nothing(tmp_path: Path) -> None:
    """A model may answer with a list of words; a response of it costs no other."""
    rows = [{"id": i, "response": text} for i, text in zip("abcd", ['["x", "y"]', "7", '["z"]', "8"], strict=True)]
    source = str(jsonl(tmp_path / "a.jsonl", rows))
    recipe = PublishedRecipe.model_validate({"path": source, "columns": {"problem_id": "id"}})
    assert [trace.response for trace in read_traces(recipe).traces] == [row["response"] for row in rows]


@pytest.mark.parametrize("gold", ['["3", "4"]', "['3', '4']"])
def test_golds_spelled_as_a_list_are_refused_until_one_is_taken(tmp_path: Path, gold: str) -> None:
    source = str(jsonl(tmp_path / "a.jsonl", [{"problem": "a?", "answer": gold}]))
    with pytest.raises(InputError, match="row 0, column 'answer' holds a list that is spelled as text"):
        read_corpus(CorpusRecipe(path=source))
    taken = {"pattern": r"^\[['\"](.*?)['\"].*\]$", "replacement": r"\1"}
    assert read_corpus(CorpusRecipe(path=source, answer_rewrites=[taken])).rows[0]["answer"] == "3"


@pytest.mark.parametrize("gold", ["[1, 2]", "[[1, 2], [3, 4]]", '["34"]', "[a, b)", "{1, 2}", "['"])
def test_brackets_of_an_answer_are_no_list(tmp_path: Path, gold: str) -> None:
    source = str(jsonl(tmp_path / "a.jsonl", [{"problem": "a?", "answer": gold}]))
    assert read_corpus(CorpusRecipe(path=source)).rows[0]["answer"] == gold


def test_a_narrow_float_that_is_no_number_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": pa.array([float("nan")], pa.float32())}), tmp_path / "a.parquet")
    (row,) = read_rows(Rows(path=str(tmp_path / "a.parquet")), ["x"])
    with pytest.raises(InputError, match="holds nan, which is no number"):
        row.text("x")


@pytest.mark.parametrize("column", ["problem", "answer"])
def test_half_of_a_character_is_refused(tmp_path: Path, column: str) -> None:
    row = {"problem": "a?", "answer": "1", column: "x \ud83d y"}
    with pytest.raises(InputError, match=rf"row 0, column '{column}' holds half of a character"):
        read_corpus(CorpusRecipe(path=str(jsonl(tmp_path / "a.jsonl", [row]))))


def test_a_whole_character_outside_the_basic_plane_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"problem": "\U0001f600?", "answer": "1"}))  # as two escapes
    assert read_corpus(CorpusRecipe(path=str(tmp_path / "a.jsonl"))).rows[0]["problem"] == "\U0001f600?"


def test_a_damaged_gzip_file_ends_in_one_line(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b'{"problem": "x", "answer": 1}\n' * 1000))
    packed[20:25] = b"zzzzz"
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    with pytest.raises(InputError, match=r"a\.jsonl\.gz: not a readable text file"):
        read_rows(Rows(path=str(tmp_path / "a.jsonl.gz")), ["problem"])


def test_a_null_in_place_of_a_list_of_draws_holds_none(tmp_path: Path) -> None:
    rows = [{"id": "a", "response": None}, {"id": "b", "response": []}, {"id": "c", "response": ["x", "y"]}]
    recipe = PublishedRecipe.model_validate(
        {"path": str(jsonl(tmp_path / "a.jsonl", rows)), "columns": {"problem_id": "id"}, "draws_in_lists": True}
    )
    assert [(t.key, t.response) for t in read_traces(recipe).traces] == [("c", "x"), ("c", "y")]


@pytest.mark.parametrize(
    ("text", "gold"), [("$5$", "5"), ("$$5$$", "5"), ("$5$ and $6$", "$5$ and $6$"), ("5", "5"), ("$", "$")]
)
def test_dollars_are_taken_off_only_where_they_are_a_pair(text: str, gold: str) -> None:
    assert gold_answer(text, "bare") == gold


def published(tmp_path: Path, row: dict[str, Any], **columns: str) -> Any:
    source = str(jsonl(tmp_path / "a.jsonl", [{"id": "a", "response": "x", **row}]))
    recipe = {"path": source, "columns": {"problem_id": "id", **columns}}
    return read_traces(PublishedRecipe.model_validate(recipe)).traces[0]


@pytest.mark.parametrize("cell", [float("nan"), None, "", [float("nan")]], ids=repr)
def test_what_is_missing_says_nothing_of_the_end_and_nothing_of_the_label(tmp_path: Path, cell: Any) -> None:
    trace = published(tmp_path, {"end": cell, "right": cell}, finish_reason="end", label="right")
    assert (trace.finish_reason, trace.label) == ("stop", None)


@pytest.mark.parametrize("role", ["Assistant", "GPT", "assistant"])
def test_a_role_is_found_however_it_is_written(tmp_path: Path, role: str) -> None:
    row = {"talk": [{"role": "User", "content": "a?"}, {"role": role, "content": "7"}]}
    assert published(tmp_path, row, response="talk[assistant].content").response == "7"


def test_the_remedy_names_the_part_that_holds_the_text(tmp_path: Path) -> None:
    row = {"talk": [{"role": "assistant", "content": [{"type": "text", "text": "7"}]}]}
    with pytest.raises(InputError, match=r"take a part of it, as in `talk\[assistant\]\.content\.text`"):
        published(tmp_path, row, response="talk[assistant].content")


def test_a_template_whose_box_would_have_no_braces_is_refused() -> None:
    columns = {"problem_id": "id", "response_template": "{a}\n\\boxed{b}"}
    with pytest.raises(ValueError, match=r"becomes a box without braces; write `\\boxed\{\{\{b\}\}\}`"):
        PublishedRecipe.model_validate({"path": "a.jsonl", "columns": columns})


NAN = float("nan")


@pytest.mark.parametrize(
    ("keys", "cells"),
    [({"response_template": "{a}\n{b}"}, {"a": "so", "b": NAN}), ({"response": "a"}, {"a": NAN}),
     ({"response": "a"}, {"a": [NAN]}), ({"response": "a"}, {"a": None})],
    ids=str,
)  # fmt: skip
def test_a_response_of_which_a_part_is_nan_is_empty(tmp_path: Path, keys: dict[str, str], cells: Any) -> None:
    rows = [{"id": "q", "a": "so", "b": "7"}, {"id": "r", **cells}]
    recipe = {"path": str(jsonl(tmp_path / "a.jsonl", rows)), "columns": {"problem_id": "id", **keys}}
    found = read_traces(PublishedRecipe.model_validate(recipe))
    assert [trace.key for trace in found.traces] == ["q"]


def test_levels_and_subjects_are_told_apart_by_their_words(tmp_path: Path) -> None:
    cells = ["5", " 5", "5\r", NAN, "nan", "None", "", "  ", None, "Level 5\u00a0", "0"]
    rows = [{"problem": f"{n} + 1?", "answer": n, "level": cell, "topic": cell} for n, cell in enumerate(cells)]
    columns = {"problem": "problem", "answer": "answer", "level": "level", "subject": "topic"}
    recipe = CorpusRecipe.model_validate({"path": str(jsonl(tmp_path / "a.jsonl", rows)), "columns": columns})
    found = [(row["level"], row["subject"]) for row in read_corpus(recipe).rows]
    wanted = ["5", "5", "5", None, None, None, None, None, None, "Level 5", "0"]
    assert sorted(map(str, found)) == sorted(map(str, ((each, each) for each in wanted)))


def test_a_number_of_where_is_found_however_a_csv_file_writes_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("problem,level\na,1.0\nb,1\nc,01\nd,1.5\ne,x\nf,\n", encoding="utf-8")
    rows = read_rows(Rows(path=str(tmp_path / "a.csv"), where={"level": 1}), ["problem"])
    assert [row.text("problem") for row in rows] == ["a", "b", "c"]
    rows = read_rows(Rows(path=str(tmp_path / "a.csv"), where={"level": "1"}), ["problem"])
    assert [row.text("problem") for row in rows] == ["b"]


@pytest.mark.parametrize(("name", "said"), [("loop.jsonl", "no such file"), ("pipe.jsonl", "is no file that can"),
                                            ("folder.jsonl", "is a folder; name its files")])  # fmt: skip
def test_what_is_no_file_is_told(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(InputError, match=said):
        read_rows(Rows(path=str(tmp_path / name)), ["x"])


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_separator_than_the_comma_is_told(tmp_path: Path, mark: str) -> None:
    (tmp_path / "a.csv").write_text(f"problem{mark}answer\na, b?{mark}1\n", encoding="utf-8-sig")
    with pytest.raises(InputError, match=rf"a\.csv: columns are separated by {re.escape(repr(mark))}; write the file"):
        read_rows(Rows(path=str(tmp_path / "a.csv")), ["problem"])


def test_a_uuid_is_an_id(tmp_path: Path) -> None:
    ids = pa.array([bytes(range(16))], pa.uuid())
    pq.write_table(pa.table({"id": ids, "problem": ["a?"], "answer": ["1"]}), tmp_path / "a.parquet")
    recipe = CorpusRecipe.model_validate({"path": str(tmp_path / "a.parquet"), "columns": {"problem_id": "id"}})
    assert read_corpus(recipe).rows[0]["problem_id"] == "00010203-0405-0607-0809-0a0b0c0d0e0f"


SIGNS = {
    "NUL in a statement": ({"problem": "a\0b?"}, "problem", r"the character NUL.*`rewrites: \[\{pattern: '\\x00', re"),
    "NUL in a gold": ({"answer": "1\0"}, "answer", "the character NUL, which is no text; say `answer_rewrites"),
    "form feed": (
        {"answer": "\x0crac{1}{2}"},
        "answer",
        r"a control character in place .*'\\x0c', replacement: '\\\\f'",
    ),
    "backspace": (
        {"problem": "a \x08inom{4}{2}?"},
        "problem",
        r"a control character in place .*replacement: '\\\\b'",
    ),
}


@pytest.mark.parametrize(("cells", "column", "said"), SIGNS.values(), ids=SIGNS)
def test_signs_that_are_no_text_are_refused_and_the_remedy_is_one(
    tmp_path: Path, cells: dict[str, str], column: str, said: str
) -> None:
    source = str(jsonl(tmp_path / "a.jsonl", [{"problem": "a?", "answer": "1", **cells}]))
    with pytest.raises(InputError, match=rf"row 0, column '{column}' holds {said}") as error:
        read_corpus(CorpusRecipe(path=source))
    ((key, rewrites),) = yaml.safe_load(str(error.value).split("`")[-2]).items()
    row = read_corpus(CorpusRecipe.model_validate({"path": source, key: rewrites})).rows[0]
    right = {"a\0b?": "ab?", "1\0": "1", "\x0crac{1}{2}": r"\frac{1}{2}", "a \x08inom{4}{2}?": r"a \binom{4}{2}?"}
    assert row[column] == right[cells[column]]


def test_a_page_break_in_a_statement_is_text(tmp_path: Path) -> None:
    source = str(jsonl(tmp_path / "a.jsonl", [{"problem": "a\x0cB\x0c\nfor all b\textbf{?}", "answer": "1"}]))
    assert read_corpus(CorpusRecipe(path=source)).rows[0]["problem"] == "a\x0cB\x0c\nfor all b\textbf{?}"


@pytest.mark.parametrize("keys", [{}, {"response_template": "{response} {id}"}, {"draws_in_lists": True}], ids=str)
def test_nul_in_a_response_is_refused_until_it_is_taken_out(tmp_path: Path, keys: dict[str, Any]) -> None:
    cell = ["x\0y"] if "draws_in_lists" in keys else "x\0y"
    source = str(jsonl(tmp_path / "a.jsonl", [{"id": "a", "response": cell}]))
    columns = {"problem_id": "id", **{k: v for k, v in keys.items() if k == "response_template"}}
    recipe = {"path": source, "columns": columns, **{k: v for k, v in keys.items() if k == "draws_in_lists"}}
    with pytest.raises(InputError, match=r"row 0, column 'response' holds the character NUL.*; say `rewrites: \["):
        read_traces(PublishedRecipe.model_validate(recipe))
    recipe["rewrites"] = [{"pattern": r"\x00", "replacement": ""}]
    assert read_traces(PublishedRecipe.model_validate(recipe)).traces[0].response.startswith("xy")


@pytest.mark.parametrize("template", [None, "<think>{a}</think>{response}"], ids=str)
def test_a_response_that_is_no_number_is_a_missing_one(tmp_path: Path, template: str | None) -> None:
    rows = [{"id": "a", "a": "b", "response": float("nan")}, {"id": "b", "a": "c", "response": "d"}]
    source = str(jsonl(tmp_path / "a.jsonl", rows))
    columns = {"problem_id": "id"} | ({"response_template": template} if template else {})
    whole = read_traces(PublishedRecipe.model_validate({"path": source, "columns": columns}))
    assert ([trace.key for trace in whole.traces], whole.empty) == (["b"], 1)


@pytest.mark.parametrize("column", ["level", "subject", "solution", "error"])
def test_nan_in_a_column_that_may_be_missing_says_nothing(tmp_path: Path, column: str) -> None:
    source = str(jsonl(tmp_path / "a.jsonl", [{"problem": "a?", "answer": "1", column: float("nan")}]))
    name = "tolerance" if column == "error" else column
    assert read_corpus(CorpusRecipe.model_validate({"path": source, "columns": {name: column}})).rows[0][name] is None
