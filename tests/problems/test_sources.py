"""Rows of every shape: what is text becomes text, what is none is named, and every column can be said."""

import datetime
import decimal
import gzip
import json
from pathlib import Path
from typing import Any

import fetch_problems
import fetch_responses
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import jsonl, manifest, problems_table, recipe

from distill import tables
from distill.config.recipes import CorpusRecipe, PublishedRecipe, Rows
from distill.problems.cells import cell_text, cell_truth
from distill.problems.readers import read_rows
from distill.runtime.errors import InputError

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "So \\boxed{2}"}]  # fmt: skip
SHARED = [{"from": "human", "value": "1 + 1?"}, {"from": "gpt", "value": "So \\boxed{2}"}]


# Cells

TEXTS: list[tuple[Any, str]] = [
    (None, ""),
    ("", ""),
    ("a", "a"),
    (" \\frac12\n", " \\frac12\n"),
    (b"\xc3\xa4", "ä"),
    (bytearray(b"x"), "x"),
    (0, "0"),
    (-7, "-7"),
    (10**30, "1" + "0" * 30),
    (27.0, "27"),
    (-0.0, "0"),
    (0.5, "0.5"),
    (1e-05, "0.00001"),
    (1.5e-7, "0.00000015"),
    (1e22, "1" + "0" * 22),
    (1e16, "1" + "0" * 16),
    (0.1, "0.1"),
    (123456789.125, "123456789.125"),
    (decimal.Decimal("12.50"), "12.5"),
    (decimal.Decimal("1E+3"), "1000"),
    (decimal.Decimal("0.10"), "0.1"),
    (decimal.Decimal("0"), "0"),
    (decimal.Decimal("100"), "100"),
    (["-3"], "-3"),
    ([["x"]], "x"),
    ([2.0], "2"),
    ((5,), "5"),
    ([None], ""),
]


@pytest.mark.parametrize(("cell", "text"), TEXTS, ids=repr)
def test_what_is_text(cell: Any, text: str) -> None:
    assert cell_text(cell, "x", "c") == text


NO_TEXTS: list[tuple[Any, str]] = [
    (True, "the boolean true"),
    (False, "the boolean false"),
    ([True], "the boolean true"),
    (["a", "b"], r"a list of 2.*`c\.0`.*draws_in_lists"),
    ([], "a list of 0"),
    ([["a", "b"]], "a list of 2"),
    ({"a": 1}, "an object.*`c.a`"),
    ({}, "an object"),
    ([{"a": 1}, {"a": 2}], "a list of 2.*`c.0.a`"),
    (CHAT, r"a list of 3.*`c\[assistant\].content`"),
    (SHARED, r"a list of 2.*`c\[gpt\].value`"),
    (float("nan"), "nan, which is no number"),
    (float("inf"), "inf"),
    ([float("-inf")], "-inf"),
    (b"\xff\xfe", "2 bytes that are not UTF-8"),
    (decimal.Decimal("1e9999"), ".*more than 400 digits"),
    (decimal.Decimal("1e-900"), ".*more than 400 digits"),
    (decimal.Decimal("NaN"), "NaN, which is no number"),
    (datetime.date(2026, 1, 2), "a date.*; save the column as text, such as '2026-01-02'$"),
    (datetime.datetime(2026, 1, 2), "a datetime.*; save the column as text, such as '2026-01-02 00:00:00'$"),
    (datetime.time(1, 2), "a time.*; save the column as text, such as '01:02:00'$"),
    (datetime.timedelta(1), "a timedelta.*; save the column as text, such as '1 day, 0:00:00'$"),
    ([datetime.date(2026, 1, 2)], "a date.*; save the column as text"),
    ({1, 2}, "a set"),
    (1j, "a complex"),
]


@pytest.mark.parametrize(("cell", "message"), NO_TEXTS, ids=repr)
def test_what_is_no_text_is_refused_with_a_remedy(cell: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^the place holds {message}") as caught:
        cell_text(cell, "the place", "c")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "truth"),
    [(True, True), (False, False), (None, None), ([True], True), (1, True), (0, False), (1.0, True), ("True", True),
     (" false ", False), ("yes", True), ("0", False), ("", None), (" ", None), (float("nan"), None),
     ("1.0", True), ("0.0", False)],
)  # fmt: skip
def test_what_is_true(cell: Any, truth: bool | None) -> None:
    assert cell_truth(cell, "x", "c") is truth


@pytest.mark.parametrize("cell", ["maybe", 2, 0.5, "1.5", {"a": 1}, [True, False], b"\xff"], ids=repr)
def test_what_is_neither_true_nor_false(cell: Any) -> None:
    with pytest.raises(InputError, match=r"^x holds"):
        cell_truth(cell, "x", "c")


# Columns as paths

NESTED = {
    "plain": "p", "json": '{"answer": 0.10, "deep": [{"x": "y"}], "list": "[1, [2]]", "none": null}', "blank": " ",
    "talk": json.dumps(SHARED), "a.b": "dotted", "a": {"b": "inner", "list": ["x", {"deep": "y"}]}, "chat": CHAT,
    "shared": SHARED, "turns": [*SHARED, *SHARED],
}  # fmt: skip


def cell(path: str, rows: list[dict[str, Any]], folder: Path) -> str:
    (row,) = read_rows(Rows(path=str(jsonl(folder / "rows.jsonl", rows))), [path], 0, 1)
    return row.text(path)


@pytest.mark.parametrize(
    ("path", "text"),
    [("plain", "p"), ("a.b", "dotted"), ("a.list.0", "x"), ("a.list.1.deep", "y"), ("a.list.-1.deep", "y"),
     ("chat.1.content", "1 + 1?"), ("chat[assistant].content", "So \\boxed{2}"), ("chat[user].content", "1 + 1?"),
     ("shared[gpt].value", "So \\boxed{2}"), ("shared[assistant].value", "So \\boxed{2}"),
     ("shared[user].value", "1 + 1?"), ("chat[system].content", "Be brief."), ("turns.3.value", "So \\boxed{2}"),
     ("json.answer", "0.1"), ("json.deep.0.x", "y"), ("json.list.1.0", "2"), ("json.none", ""),
     ("talk[assistant].value", "So \\boxed{2}"), ("talk.0.value", "1 + 1?")],
)  # fmt: skip
def test_a_column_may_be_a_path(tmp_path: Path, path: str, text: str) -> None:
    assert cell(path, [NESTED], tmp_path) == text


@pytest.mark.parametrize(
    ("path", "message"),
    [("chat", r"row 0, column 'chat' holds a list of 3.*chat\[assistant\]\.content"), ("a", "holds an object.*`a.b`"),
     ("chats[user].content", "no column 'chats'.*did you mean 'chat'"), ("a.c", "no row has 'a.c' in its column 'a'"),
     ("a.list.7", "no row has"), ("chat[tool].content", "no row has"), ("json.no", "no row has"),
     ("json.answer.x", "no row has"), ("blank.x", "no row has"),
     ("plain.x", "row 0: column 'plain.x': a step leads into text that is no JSON .*: 'p'; "),
     ("a.*.x", "no row has"), ("chat.*.no", "no row has"),
     ("json.deep.0.x.z", "column 'json.deep.0.x.z': a step leads into text that is no JSON"),
     ("plain[user].x", "a step leads into text that is no JSON"),
     ("turns[gpt].value", "row 0: column .* has 2 messages of 'gpt'; choose one by its number"),
     ("a..b", "is no path of a column"), ("[user]", "is no path"), ("a[", "is no path"), ("", "is no path")],
)  # fmt: skip
def test_a_path_that_leads_nowhere(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cell(path, [NESTED], tmp_path)


def test_a_key_that_some_lines_lack_is_null(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "rows.jsonl", [{"a": "1"}, {"b": {"c": "2"}}, {"a": None, "b": {}}])
    rows = read_rows(Rows(path=str(source)), ["a", "b.c"])
    assert [(row.text("a"), row.text("b.c")) for row in rows] == [("1", ""), ("", "2"), ("", "")]


# Files

LINES = [{"problem": f"{i} + 1?", "answer": str(i + 1)} for i in range(3)]


def written(folder: Path, name: str) -> Path:
    """Write the three rows in the form that a file's name says."""
    path, lines = folder / name, "".join(json.dumps(row) + "\n" for row in LINES)
    texts = {".jsonl": lines, ".ndjson": "\n" + lines, ".json": json.dumps(LINES, indent=1),
             ".csv": "problem,answer\r\n" + "".join(f'"{r["problem"]}",{r["answer"]}\r\n' for r in LINES)}  # fmt: skip
    kind = Path(name.lower())
    if kind.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(LINES), path)
    elif kind.suffix == ".gz":
        path.write_bytes(gzip.compress(texts[Path(kind.stem).suffix].encode()))
    else:
        path.write_text(("\ufeff" if "bom" in name else "") + texts[kind.suffix], newline="")
    return path


@pytest.mark.parametrize(
    "name",
    ["A.JSONL", "a.Json", "A.CSV", "a.NDJSON", "A.PARQUET", "A.JSON.GZ", "a.csv.GZ", "a.CSV.gz",
     "a.jsonl", "a.json", "a.csv", "a.ndjson", "a.parquet", "a.jsonl.gz", "a.json.gz", "a.csv.gz", "bom.jsonl",
     "bom.json", "bom.csv", "my rows [1].jsonl"],
)  # fmt: skip
def test_files_of_all_forms_hold_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = read_rows(Rows(path=str(written(tmp_path, name))), ["problem", "answer"])
    assert [{n: row.text(n) for n in row.cells} for row in rows] == LINES
    assert [row.number for row in rows] == [0, 1, 2]


def test_lines_of_a_json_file_are_rows_too(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("".join(json.dumps(row) + "\n" for row in LINES))
    assert len(read_rows(Rows(path=str(tmp_path / "a.json")), ["answer"])) == 3


def test_several_files_are_read_in_their_order_and_a_pattern_by_name(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "c.csv"):
        jsonl(tmp_path / name, [{"x": name}]) if name != "c.csv" else (tmp_path / name).write_text("x\nc.csv\n")
    listed = Rows(path=(str(tmp_path / "b.jsonl"), str(tmp_path / "c.csv")))
    assert [r.text("x") for r in read_rows(listed, ["x"])] == ["b.jsonl", "c.csv"]
    pattern = Rows(path=str(tmp_path / "*.jsonl"))
    assert [r.text("x") for r in read_rows(pattern, ["x"])] == ["a.jsonl", "b.jsonl"]
    assert [r.text("x") for r in read_rows(pattern, ["x"], 1)] == ["b.jsonl"]
    assert pattern.local_files() == [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    with pytest.raises(InputError, match=r"nowhere/\*\.jsonl: no file has such a name"):
        read_rows(Rows(path="nowhere/*.jsonl"), ["x"])


@pytest.mark.parametrize("twice", ["same", "pattern", "link", "dots"])
def test_a_file_that_is_named_twice_is_refused(tmp_path: Path, twice: str) -> None:
    """Of published responses each would be a draw that repeats another."""
    path = str(jsonl(tmp_path / "a.jsonl", LINES))
    (tmp_path / "b.jsonl").symlink_to(path)
    other = {"same": path, "pattern": f"{tmp_path}/?.jsonl", "link": str(tmp_path / "b.jsonl"),
             "dots": f"{tmp_path}/../{tmp_path.name}/a.jsonl"}[twice]  # fmt: skip
    with pytest.raises(InputError, match="`path` names it twice, so its rows would count twice"):
        read_rows(Rows(path=(path, other)), ["answer"])


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "zip": ("a.zip", b"PK", r"a\.zip: expected a \.parquet"),
    "no ending": ("a", b"x", "a: expected a"),
    "arrow": ("a.arrow", b"ARROW1", "expected a"),
    "gz of another kind": ("a.parquet.gz", b"x", "expected a"),
    "not UTF-8": ("a.jsonl", '{"x": "ä"}'.encode("latin-1"), "not a readable text file in UTF-8"),
    "UTF-16": ("a.csv", "x\nä\n".encode("utf-16"), "not a readable text file in UTF-8"),
    "not gzip": ("a.jsonl.gz", b'{"x": 1}', "not a readable text file"),
    "half a gzip": ("a.jsonl.gz", gzip.compress(b'{"x": 1}' * 99)[:30], "not a readable text file"),
    "half a line": ("a.jsonl", b'{"x": 1}\n{"x": ', "line 2 is no JSON object"),
    "a list as line": ("a.jsonl", b'{"x": 1}\n[1]\n', r"line 2 is no JSON object \(it is a list\)"),
    "half an array": ("a.json", b'[{"x": 1},', "not a JSON array"),
    "numbers in an array": ("a.json", b'[{"x": 1}, 2]', "element 1 is no JSON object"),
    "deep": ("a.json", b"[" * 200_000, "not a JSON array"),
    "CSV with a long line": ("a.csv", b"x,y\n1,2\n1,2,3\n", "line 3 has 3 cells, the header has 2"),
    "CSV with a name twice": ("a.csv", b"x,x\n1,2\n", "a name stands twice, or all are empty"),
    "CSV without names": ("a.csv", b",\n1,2\n", "a name stands twice, or all are empty"),
    "CSV without the column": ("a.csv", b",y,\n1,2,3\n", "no column 'x'; it has y$"),
    "CSV with an open quote": ("a.csv", b'x,y\n"1,2\n', "is no CSV"),
    "no Parquet": ("a.parquet", b"PAR1", "not a readable Parquet file"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_rows(Rows(path=str(tmp_path / name)), ["x"])
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name its files"):
        read_rows(Rows(path=str(tmp_path)), ["x"])


# Corpora


def corpus(folder: Path, rows: list[dict[str, Any]], **keys: Any) -> list[dict[str, Any]]:
    source, output = jsonl(folder / "source.jsonl", rows), folder / "out/problems.parquet"
    fetch_problems.main(["--recipe", recipe(**{"path": str(source), **keys}), "--output", str(output)])
    return tables.read(output, tables.PROBLEMS).to_pylist()


VALID = [
    {"problem": f"{i}?", "answer": str(i), "ok": i % 2 == 0, "kind": "ab"[i % 2], "n": i, "tag": None if i else "t"}
    for i in range(4)
]


@pytest.mark.parametrize(
    ("where", "answers"),
    [({"ok": True}, "02"), ({"ok": False}, "13"), ({"ok": "true"}, "02"), ({"ok": "True"}, "02"), ({"kind": "a"}, "02"),
     ({"kind": ["a", "b"]}, "0123"), ({"n": 3}, "3"), ({"n": [0, "3", 9]}, "03"), ({"n": 3.0}, "3"),
     ({"tag": None}, "123"), ({"tag": ["t", None]}, "0123"), ({"ok": True, "n": [0, 1]}, "0"), ({}, "0123")],
    ids=str,
)  # fmt: skip
def test_rows_are_chosen_by_their_values(tmp_path: Path, where: dict[str, Any], answers: str) -> None:
    assert sorted(r["answer"] for r in corpus(tmp_path, VALID, where=where)) == list(answers)


@pytest.mark.parametrize("where", [{"ok": 1}, {"ok": "yes"}, {"n": True}, {"kind": "A"}, {"tag": ""}], ids=str)
def test_rows_that_no_value_chooses(tmp_path: Path, where: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="no problems between row 0 and the last that match where="):
        corpus(tmp_path, VALID, where=where)


def test_an_empty_cell_of_a_csv_file_is_null(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("problem,answer,tag\na?,1,\nb?,2,x\n")
    rows = corpus(tmp_path, VALID, path=str(tmp_path / "a.csv"), where={"tag": None})
    assert [r["answer"] for r in rows] == ["1"]


def test_columns_of_a_csv_file_without_a_name_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",problem,,answer,\n0,a?,x,1,y\n1,b?,x,2,y\n")
    rows = corpus(tmp_path, VALID, path=str(tmp_path / "a.csv"))
    assert sorted((r["problem"], r["answer"]) for r in rows) == [("a?", "1"), ("b?", "2")]


@pytest.mark.parametrize(
    ("where", "answers"),
    [({"x": 1}, "0"), ({"x": None}, "14"), ({"x": [1, None]}, "014"), ({"x": "nan"}, ""), ({"x": "inf"}, ""),
     ({"x": 0}, ""), ({"x": False}, "")],
    ids=str,
)  # fmt: skip
def test_a_missing_value_is_only_null(tmp_path: Path, where: dict[str, Any], answers: str) -> None:
    values = [1.0, float("nan"), float("inf"), float("-inf"), None]
    table = pa.table({"problem": [f"{i}?" for i in range(5)], "answer": [str(i) for i in range(5)], "x": values})
    pq.write_table(table, tmp_path / "a.parquet")
    recipe = Rows.model_validate({"path": str(tmp_path / "a.parquet"), "where": where})
    assert [row.text("answer") for row in read_rows(recipe, ["answer"])] == list(answers)


def test_words_may_mean_that_there_is_no_answer(tmp_path: Path) -> None:
    rows = [{"problem": f"{i}?", "answer": a} for i, a in enumerate(["1", "proof", "NotFound", " Proof "])]
    assert len(corpus(tmp_path, rows)) == 4  # unsaid, `proof` is an answer like any other
    assert len(corpus(tmp_path, rows, no_answer=["proof", "notfound"])) == 1
    assert manifest(tmp_path / "out/x")["ledger"]["lost"] == {"said_to_have_none": 3}


def test_statements_are_rewritten(tmp_path: Path) -> None:
    rows = [{"problem": f"Solve step by step. {i} + 1?\nPut it in a box.", "answer": str(i + 1)} for i in range(2)]
    rewrites = [{"pattern": r"^Solve step by step\. ", "replacement": ""}, {"pattern": r"\nPut.*$", "replacement": ""}]
    assert {r["problem"] for r in corpus(tmp_path, rows, rewrites=rewrites)} == {"0 + 1?", "1 + 1?"}


def test_a_corpus_without_golds_keeps_all_its_problems(tmp_path: Path) -> None:
    rows = corpus(tmp_path, [{"problem": f"{i}?"} for i in range(3)], columns={"answer": None})
    assert {r["answer"] for r in rows} == {""}
    assert len(rows) == 3


def test_a_gold_in_scientific_form_is_written_out(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_text(
        '{"problem": "a?", "answer": 0.00001}\n{"problem": "b?", "answer": 0.1234567890123456789}\n'
    )
    rows = corpus(tmp_path, VALID, path=str(tmp_path / "s.jsonl"))
    assert {r["answer"] for r in rows} == {"0.00001", "0.1234567890123456789"}


def test_a_gold_that_is_no_number_ends_the_program(tmp_path: Path) -> None:
    table = pa.table({"problem": ["a", "b"], "answer": [1.0, float("inf")]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: row 1, column 'answer' holds inf, which is no number"):
        corpus(tmp_path, VALID, path=str(tmp_path / "a.parquet"))


# Traces


def traces(folder: Path, rows: list[dict[str, Any]], draw: int = 0, **keys: Any) -> dict[str, dict[str, Any]]:
    known = problems_table(folder / "p.parquet", [{"problem_id": f"p{i}", "problem": f"{i} + 1?", "answer": "1"}
                                                   for i in range(3)])  # fmt: skip
    output = folder / f"r{draw}/responses.parquet"
    keys = {"path": str(jsonl(folder / "traces.jsonl", rows)), "columns": {"problem_id": "id"}, **keys}
    options = ["--draw", str(draw), "--shard", "00-of-01", "--output", str(output), "--recipe", recipe(**keys)]
    fetch_responses.main(["--statements", str(known), *options])
    return {row["problem_id"]: row for row in pq.read_table(output).to_pylist()}


MANY = {"response": "generations", "problem_id": "id", "label": "correctness", "finish_reason": "ends"}


def test_a_list_column_holds_the_draws_with_their_labels_and_ends(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "generations": [f"a{i}", f"b{i}"], "correctness": [True, None], "ends": ["stop", "length"]}
            for i in range(2)]  # fmt: skip
    first = traces(tmp_path, rows, columns=MANY, draws_in_lists=True)
    second = traces(tmp_path, rows, draw=1, columns=MANY, draws_in_lists=True)
    assert [(r["response"], r["label"], r["finish_reason"]) for r in first.values()] == [
        ("a0", True, "stop"),
        ("a1", True, "stop"),
    ]
    assert [(r["response"], r["label"], r["finish_reason"]) for r in second.values()] == [
        ("b0", None, "length"),
        ("b1", None, "length"),
    ]
    assert manifest(tmp_path / "r1/x")["ledger"] == {"rows_in": 4, "rows_out": 2, "lost": {"other_draw": 2}}


def test_draws_are_parts_of_the_elements_of_a_list(tmp_path: Path) -> None:
    """As vLLM and the batches of OpenAI write them."""
    rows = [{"id": "p0", "outputs": [{"text": "a", "ends": "stop"}, {"text": "b", "ends": "length"}]},
            {"id": "p1", "outputs": []}, {"id": "p2", "outputs": json.dumps([{"text": "c"}])}]  # fmt: skip
    columns = {"response": "outputs.*.text", "problem_id": "id", "finish_reason": "outputs.*.ends"}
    first = traces(tmp_path, rows, columns=columns, draws_in_lists=True)
    second = traces(tmp_path, rows, draw=1, columns=columns, draws_in_lists=True)
    assert [(i, r["response"], r["finish_reason"]) for i, r in first.items()] == [
        ("p0", "a", "stop"),
        ("p2", "c", "stop"),
    ]
    assert [(i, r["response"], r["finish_reason"]) for i, r in second.items()] == [("p0", "b", "length")]
    body = [{"id": "p0", "r": {"choices": [{"message": {"content": text}} for text in "xy"]}}]
    columns = {"response": "r.choices.*.message.content", "problem_id": "id"}
    assert traces(tmp_path, body, draw=1, columns=columns, draws_in_lists=True)["p0"]["response"] == "y"


def test_draws_may_stand_in_several_columns(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "one": f"a{i}", "two": f"b{i}" if i else None} for i in range(2)]
    columns = {"response": ["one", "two"], "problem_id": "id"}
    drawn = [traces(tmp_path, rows, draw=draw, columns=columns) for draw in range(2)]
    assert [{i: r["response"] for i, r in draw.items()} for draw in drawn] == [{"p0": "a0", "p1": "a1"}, {"p1": "b1"}]
    assert manifest(tmp_path / "r0/x")["ledger"]["lost"] == {"no_response": 1, "other_draw": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [({"correctness": [True]}, "row 0: column 'correctness' has 1 entries for 2 responses"),
     ({"generations": "text"}, "column 'generations' holds a str, and `draws_in_lists` wants a list"),
     ({"generations": ["a", ["b", "c"]]}, "draw 1 of column 'generations' holds a list of 2"),
     ({"ends": ["stop", "fertig"]}, "finish_reason 'fertig' is not known; say what it means under `finish_reasons`"),
     ({"correctness": ["perhaps", True]}, "expected true or false")],
)  # fmt: skip
def test_lists_that_do_not_fit(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    whole = {"id": "p0", "generations": ["a", "b"], "correctness": [True, True], "ends": ["stop", "stop"], **row}
    with pytest.raises(InputError, match=message):
        traces(tmp_path, [whole], columns=MANY, draws_in_lists=True)


def test_a_list_without_the_key_is_never_taught_as_source_code(tmp_path: Path) -> None:
    rows = [{"id": "p0", "response": ["So \\boxed{1}", "So \\boxed{2}"]}]
    with pytest.raises(InputError, match=r"row 0, column 'response' holds a list of 2.*`response\.0`.*draws_in_lists"):
        traces(tmp_path, rows)


def test_a_response_may_be_made_of_several_columns(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "t": {"steps": f"Hm {{{i}}}."}, "answer": i} for i in range(2)] + [{"id": "p2", "t": None}]
    template = "<think>\n{t.steps}\n</think>\n\n\\boxed{{{answer}}}"
    found = traces(tmp_path, rows, columns={"problem_id": "id", "response_template": template})
    assert {i: r["response"] for i, r in found.items()} == {
        f"p{i}": f"<think>\nHm {{{i}}}.\n</think>\n\n\\boxed{{{i}}}" for i in range(2)
    }
    assert manifest(tmp_path / "r0/x")["ledger"]["lost"] == {"no_response": 1}


def test_null_labels_and_ends_say_nothing(tmp_path: Path) -> None:
    rows = [{"id": "p0", "response": "a", "ok": None, "end": None}, {"id": "p1", "response": "b"},
            {"id": "p2", "response": "c", "ok": "false", "end": "MAX_TOKENS"}]  # fmt: skip
    found = traces(tmp_path, rows, columns={"problem_id": "id", "label": "ok", "finish_reason": "end"})
    assert [(r["label"], r["finish_reason"]) for r in found.values()] == [
        (None, "stop"),
        (None, "stop"),
        (False, "length"),
    ]


@pytest.mark.parametrize("word", ["Fertig", "FERTIG ", "ganz fertig", "Ganz-Fertig"])
def test_words_of_the_publisher_are_known_without_case(tmp_path: Path, word: str) -> None:
    rows = [{"id": "p0", "response": "a", "end": word}]
    keys = {"columns": {"problem_id": "id", "finish_reason": "end"}}
    found = traces(tmp_path, rows, finish_reasons={"fErtig": "length", "GANZ FERTIG": "length"}, **keys)
    assert found["p0"]["finish_reason"] == "length"


def test_problems_of_one_statement_share_its_traces(tmp_path: Path) -> None:
    known = problems_table(
        tmp_path / "p.parquet", [{"problem_id": i, "problem": " 1 +  1?", "answer": "2"} for i in "ab"]
    )
    source = jsonl(tmp_path / "t.jsonl", [{"q": "1 + 1?", "response": "two"}, {"q": "?", "response": "x"}])
    output = tmp_path / "r/responses.parquet"
    keys = recipe(path=str(source), columns={"problem": "q"})
    fetch_responses.main(
        ["--statements", str(known), "--draw", "0", "--shard", "00-of-01", "--recipe", keys, "--output", str(output)]
    )
    assert tables.read(output, tables.RESPONSES)["problem_id"].to_pylist() == ["a", "b"]
    assert manifest(output)["ledger"] == {"rows_in": 3, "rows_out": 2, "lost": {"unknown_problem": 1}}


@pytest.mark.parametrize(
    ("columns", "keys", "message"),
    [
        ({"response_template": "no column"}, {}, "names no column"),
        ({"response_template": "{"}, {}, "not a template"),
        ({"response_template": "{a:>3}"}, {}, "name of a column, and nothing"),
        ({"response_template": "{}"}, {}, "name of"),
        ({"response_template": "{a!r}"}, {}, "nothing else"),
        ({"response_template": "{a}"}, {"draws_in_lists": True}, "one column"),
        ({"response": ["a", "b"]}, {"draws_in_lists": True}, "one column of lists, not several"),
        ({"response": ["a", "b"], "label": "c"}, {}, "nothing more is known"),
        ({"response": ["a", "a"]}, {}, "twice|more than once"),
        ({"response": ["a"]}, {}, "at least 2"),
        ({}, {"id_template": "x"}, "goes with `id_pattern`"),
        ({}, {"id_pattern": "(a", "id_template": "x"}, "not a regular"),
        ({}, {"id_pattern": "a", "id_template": r"\1"}, "does not fit"),
        ({}, {"finish_reasons": {"x": "end"}}, "stop"),
        ({}, {"finish_reasons": {"Out of room": "length", "out-of-room ": "stop"}}, "'out-of-room ' stands twice"),
        ({}, {"rewrites": [{"pattern": "a", "replacement": r"\2"}]}, "does not fit"),
        ({}, {"problem_rewrites": [{"pattern": "a", "replacement": ""}]}, "goes with `columns.problem`"),
    ],
    ids=str,
)
def test_published_recipes_that_cannot_be(columns: dict[str, Any], keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PublishedRecipe.model_validate({"path": "x", "columns": {"problem_id": "id", **columns}, **keys})


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"path": []}, "path"), ({"path": ""}, "path"), ({"path": "a/**b/*.x"}, "not a pattern of files"),
     ({"path": "a\0b"}, "NUL"), ({"start": 3, "stop": 3}, "not below"), ({"where": {"a": [[1]]}}, "where"),
     ({"where": {"a": []}}, "'a' is one of no values"),
     ({"columns": {"answer": None}, "benchmark": True}, "without gold"),
     ({"agreement": {"teachers": ["a"]}}, "`agreement` is for a corpus without gold answers, which says `columns"),
     ({"columns": {"answer": None}, "agreement": {"teachers": ["a"], "at_least": 1}}, "at_least"),
     ({"columns": {"answer": None}, "agreement": {"teachers": ["a"], "share": 1}}, "share"),
     ({"no_answer": [""]}, "no_answer")],
    ids=str,
)  # fmt: skip
def test_corpus_recipes_that_cannot_be(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CorpusRecipe.model_validate({"path": "x", **keys})


# Preview


def test_a_preview_shows_what_rows_become_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = jsonl(tmp_path / "s.jsonl", [*LINES, LINES[0], {"problem": "x" * 999, "answer": "proof"}])
    fetch_problems.main(["--preview", "2", "--recipe", recipe(path=str(source), no_answer=["proof"])])
    shown = capsys.readouterr().out
    assert "0 + 1?\nanswer: '1'" in shown
    assert "2 + 1?" not in shown
    assert "--- 3 problems of 5 rows" in shown
    assert "lost: 1 repeated_problem" in shown
    assert "lost: 1 said_to_have_none" in shown
    keys = {"problem": "problem", "response": "answer"}
    fetch_responses.main(["--preview=1", "--recipe", recipe(path=str(source), columns=keys)])
    assert "--- 0 + 1?\n1\nends: stop\n--- 5 responses to 4 problems, 0 blank" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["s.jsonl"]
