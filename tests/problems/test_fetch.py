"""Problems, published responses and base models from files and from a hub cache; every bad input is named."""

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fetch_model
import fetch_problems
import fetch_responses
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import COMMIT, REPOSITORY, TOY, cached_repository, jsonl, manifest, problems_table, recipe

from distill import tables
from distill.problems import cells, mapping
from distill.runtime.errors import InputError

ROWS = [{"id": f"p{i}", "question": f"{i} + 1?", "gold": str(i + 1)} for i in range(4)]
COLUMNS = {"problem": "question", "answer": "gold", "problem_id": "id"}


def problems(folder: Path, rows: list[dict[str, Any]], **keys: Any) -> list[dict[str, Any]]:
    source = jsonl(folder / "source.jsonl", rows)
    output = folder / "out/problems.parquet"
    keys = {"path": str(source), "columns": COLUMNS, **keys}
    fetch_problems.main(["--recipe", recipe(**keys), "--output", str(output)])
    return tables.read(output, tables.PROBLEMS).to_pylist()


def test_problems_keep_their_ids_and_columns(tmp_path: Path) -> None:
    rows = problems(tmp_path, [{**r, "hard": i / 2} for i, r in enumerate(ROWS)], columns={**COLUMNS, "level": "hard"})
    assert [(r["problem_id"], r["problem"], r["answer"], r["level"]) for r in rows] == [
        ("p0", "0 + 1?", "1", "0"),
        ("p1", "1 + 1?", "2", "0.5"),
        ("p2", "2 + 1?", "3", "1"),
        ("p3", "3 + 1?", "4", "1.5"),
    ]
    assert manifest(tmp_path / "out/x")["ledger"] == {"rows_in": 4, "rows_out": 4, "lost": {}}


def test_without_an_id_column_the_id_is_a_hash_of_the_statement(tmp_path: Path) -> None:
    columns = {"problem": "question", "answer": "gold"}
    rows = problems(tmp_path, [*ROWS, ROWS[0]], columns=columns)
    assert {r["problem_id"] for r in rows} == {hashlib.sha256(r["question"].encode()).hexdigest()[:16] for r in ROWS}
    assert manifest(tmp_path / "out/x")["ledger"] == {"rows_in": 5, "rows_out": 4, "lost": {"repeated_problem": 1}}


@pytest.mark.parametrize(
    ("cell", "answer_format", "gold"),
    [
        ("so 1,234 eggs\n#### 1,234", "hashes", "1234"),
        ("no marker", "hashes", ""),
        (r"thus \boxed{\frac{1}{2}}.", "boxed", r"\frac{1}{2}"),
        ("no box", "boxed", ""),
        (" $x^2$ ", "bare", "x^2"),
        (27.0, "bare", "27"),
        (["-3"], "bare", "-3"),
        (None, "bare", ""),
    ],
)
def test_gold(cell: Any, answer_format: str, gold: str) -> None:
    assert mapping.gold_answer(cells.cell_text(cell, "x", "y"), answer_format) == gold


def test_start_and_stop_choose_rows(tmp_path: Path) -> None:
    assert [r["problem_id"] for r in problems(tmp_path, ROWS, start=1, stop=3)] == ["p1", "p2"]


def test_a_problem_without_gold_is_a_ledger_entry_where_the_recipe_allows_it(tmp_path: Path) -> None:
    rows = [*ROWS, {"id": "p9", "question": "?", "gold": "  "}]
    with pytest.raises(InputError, match=r"1 of 5 problems have no usable answer in column 'gold'.*: p9"):
        problems(tmp_path, rows)
    assert not (tmp_path / "out/problems.parquet").exists()
    assert len(problems(tmp_path, rows, max_unusable=0.2)) == 4
    ledger = tables.read(tmp_path / "out/ledger.parquet", tables.PROBLEMS_LEDGER).to_pylist()
    assert ledger == [{"problem_id": "p9", "reason": "no_answer"}]


@pytest.mark.parametrize(
    ("rows", "keys", "message"),
    [
        (ROWS, {"columns": {**COLUMNS, "problem": "questoin"}}, "no column 'questoin'.*did you mean 'question'"),
        ([*ROWS, ROWS[0]], {}, "1 ids occur more than once in column 'id': p0"),
        ([*ROWS, {"id": "x", "question": " ", "gold": "1"}], {}, "row 4 has an empty 'question'"),
        (ROWS, {"path": "missing.jsonl"}, "missing.jsonl: no such file"),
        (ROWS, {"path": __file__}, r"expected a \.parquet, \.jsonl, \.json or \.csv"),
        (ROWS, {"start": 9}, "no problems between row 9 and the last"),
    ],
)
def test_bad_corpora(tmp_path: Path, rows: list[dict[str, Any]], keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        problems(tmp_path, rows, **keys)
    assert not (tmp_path / "out/problems.parquet").exists()


def test_torn_files(tmp_path: Path) -> None:
    (tmp_path / "torn.jsonl").write_text('{"id": "a", "question": "q", "gold": "1"}\n{"id": "b", "que')
    with pytest.raises(InputError, match=r"torn\.jsonl: line 2 is no JSON object"):
        problems(tmp_path, ROWS, path=str(tmp_path / "torn.jsonl"))
    pq.write_table(pa.table({n: [r[n] for r in ROWS] for n in ROWS[0]}), tmp_path / "torn.parquet")
    whole = (tmp_path / "torn.parquet").read_bytes()
    (tmp_path / "torn.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"torn\.parquet: not a readable Parquet file"):
        problems(tmp_path, ROWS, path=str(tmp_path / "torn.parquet"))


def test_bad_input_ends_a_program_with_one_line(tmp_path: Path) -> None:
    command = [sys.executable, REPOSITORY / "scripts/fetch_problems.py", "--output", tmp_path / "o/problems.parquet"]
    command += ["--recipe", recipe(path="none.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert (done.returncode, done.stderr) == (1, "fetch_problems.py: error: none.jsonl: no such file\n")


# Published responses


def published(folder: Path, rows: list[dict[str, Any]], draw: int = 0, shard: str = "00-of-01", **keys: Any) -> Any:
    corpus = [{"problem_id": r["id"], "problem": r["question"], "answer": r["gold"]} for r in ROWS]
    known = problems_table(folder / "p/problems.parquet", corpus)
    source = jsonl(folder / "traces.jsonl", rows)
    output = folder / f"r{draw}-{shard}/responses.parquet"
    keys = {"path": str(source), "columns": {"problem_id": "id", "response": "text"}, **keys}
    options = ["--draw", str(draw), "--shard", shard, "--output", str(output), "--recipe", recipe(**keys)]
    fetch_responses.main(["--statements", str(known), *options])
    return tables.read(output, tables.RESPONSES).to_pylist(), manifest(output)


TRACES = [{"id": f"m:{i}", "text": f"first\nA: {i + 1}", "ok": "true", "who": "m"} for i in range(3)]
TRACES += [{"id": "m:0", "text": "second\nA: 7", "ok": "false", "who": "m"}]
TRACES += [
    {"id": "n:0", "text": "other", "ok": "false", "who": "n"},
    {"id": "m:99", "text": "?", "ok": "0", "who": "m"},
]
MINE = {"id_pattern": r"^m:(\d+)$", "id_template": r"p\1"}


def test_traces_are_joined_by_id_and_rewritten(tmp_path: Path) -> None:
    boxed = [{"pattern": r"^A: *(.+)$", "replacement": r"A: \\boxed{\1}"}]
    rows, facts = published(tmp_path, TRACES, rewrites=boxed, **MINE)
    assert [(r["problem_id"], r["response"]) for r in rows] == [
        (f"p{i}", f"first\nA: \\boxed{{{i + 1}}}") for i in range(3)
    ]
    assert {r["response_tokens"] for r in rows} == {None}
    assert facts["ledger"] == {"rows_in": 5, "rows_out": 3, "lost": {"unknown_problem": 1, "other_draw": 1}}


def test_the_second_response_of_a_problem_is_its_second_draw(tmp_path: Path) -> None:
    rows, _ = published(tmp_path, TRACES, draw=1, **MINE)
    assert [(r["problem_id"], r["draw"], r["response"]) for r in rows] == [("p0", 1, "second\nA: 7")]


def test_shards_share_the_rows(tmp_path: Path) -> None:
    parts = [published(tmp_path, TRACES, shard=f"0{i}-of-02", **MINE)[0] for i in range(2)]
    assert sorted(r["problem_id"] for part in parts for r in part) == ["p0", "p1", "p2"]


def test_traces_are_joined_by_text_whatever_the_white_space(tmp_path: Path) -> None:
    rows = [{"q": " 2 +\n1?", "text": "three", "who": "m"}, {"q": "unknown", "text": "", "who": "n"}]
    columns = {"problem": "q", "response": "text"}
    found, _ = published(tmp_path, rows, columns=columns, where={"who": "m"})
    assert [(r["problem_id"], r["response"]) for r in found] == [("p2", "three")]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"where": {"who": "z"}}, "no row matches where="),
        ({"id_pattern": "^z:"}, "no row matches"),
        ({"columns": {"problem_id": "id", "response": "text"}}, "none of 6 rows belongs to a problem.*'m:0'"),
        (
            {**MINE, "columns": {"problem_id": "id", "response": "text", "label": "text"}},
            r"column 'text' holds .*; expected true or false",
        ),
        ({**MINE, "columns": {"problem_id": "id", "response": "txt"}}, "no column 'txt'.*did you mean 'text'"),
    ],
)
def test_bad_traces(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        published(tmp_path, TRACES, **keys)


# The hub, from a cache on this machine


def run_offline(program: str, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a machine without network does; HF_HOME must be set before the libraries are imported."""
    environment = {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, REPOSITORY / f"scripts/{program}.py", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, env=environment)


def test_a_hub_model_is_found_by_its_commit(tmp_path: Path) -> None:
    files = {p.name: p for p in (TOY / "base-xs").iterdir()}
    cached_repository(tmp_path / "hf", "models", "lab/tiny", files)
    output = tmp_path / "base/manifest.json"
    options = ["--output", str(output), "--recipe"]
    done = run_offline("fetch_model", tmp_path / "hf", *options, recipe(hub="lab/tiny", revision=COMMIT))
    assert done.returncode == 0, done.stderr
    facts = json.loads(output.read_text())
    assert (facts["hub"], facts["revision"], facts["path"]) == ("lab/tiny", COMMIT, None)
    digest = hashlib.sha256((TOY / "base-xs/model.safetensors").read_bytes()).hexdigest()
    assert facts["files"]["model.safetensors"] == digest
    done = run_offline("fetch_model", tmp_path / "hf", *options, recipe(hub="lab/huge", revision=COMMIT))
    assert done.returncode == 1
    assert f"hub model lab/huge at {COMMIT}: cannot be downloaded" in done.stderr
    assert "Traceback" not in done.stderr


def told_by_a_hub(tmp_path: Path, program: str, status: int, code: str, page: bytes = b"") -> str:
    """Run a program against a hub that answers everything alike; return what it says, which is no traceback."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(page)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    columns = {} if program == "fetch_model" else {"columns": COLUMNS}
    command = [sys.executable, REPOSITORY / f"scripts/{program}.py", "--output", tmp_path / "out/table.parquet",
               "--recipe", recipe(hub="lab/one", revision=COMMIT, **columns)]  # fmt: skip
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        env = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}", "PATH": "/bin"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=env)
        hub.shutdown()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.glob("out/**/*") if path.is_file()]
    return done.stderr


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [(403, "GatedRepo", "It is gated: ask for access on its page, and give a token that has it in HF_TOKEN"),
     (401, "GatedRepo", "It is gated: ask for access"),
     (404, "RepoNotFound", "There is none of this name, or it is private: give a token that may read it in HF_TOKEN"),
     (404, "RevisionNotFound", "It has no such commit: `revision` is one of those that its page lists")],
    ids=["gated", "no token", "missing", "revision"],
)  # fmt: skip
@pytest.mark.parametrize("program", ["fetch_model", "fetch_problems"])
def test_what_the_hub_refuses_is_a_line_that_says_what_to_do(
    tmp_path: Path, program: str, status: int, code: str, advice: str
) -> None:
    said = told_by_a_hub(tmp_path, program, status, code)
    assert f"lab/one at {COMMIT}: cannot be downloaded ({status} Client Error. {advice}" in said


@pytest.mark.parametrize("page", [b"<html>Log in</html>", b"", b"[1]"], ids=["login", "empty", "list"])
@pytest.mark.parametrize("program", ["fetch_model", "fetch_problems"])
def test_what_is_no_hub_is_a_line(tmp_path: Path, program: str, page: bytes) -> None:
    said = told_by_a_hub(tmp_path, program, 200, "", page)
    assert f"lab/one at {COMMIT}: cannot be downloaded (what answers is no hub: " in said


@pytest.mark.parametrize("program", ["fetch_model", "fetch_problems"])
def test_a_cache_that_cannot_be_written_is_a_line(tmp_path: Path, program: str) -> None:
    (tmp_path / "hf").write_text("no folder")
    said = told_by_a_hub(tmp_path, program, 404, "RepoNotFound")
    assert "; HF_HOME names the folder that downloads go to)" in said.splitlines()[-1]


def test_a_hub_dataset_is_that_of_its_commit(tmp_path: Path) -> None:
    jsonl(tmp_path / "train.jsonl", ROWS)
    cached_repository(tmp_path / "hf", "datasets", "lab/maths", {"data/train.jsonl": tmp_path / "train.jsonl"})
    output = tmp_path / "o/problems.parquet"
    keys = {"hub": "lab/maths", "columns": COLUMNS}
    options = ["--output", str(output), "--recipe"]
    done = run_offline("fetch_problems", tmp_path / "hf", *options, recipe(revision=COMMIT, **keys))
    assert done.returncode == 0, done.stderr
    rows = tables.read(output, tables.PROBLEMS).to_pylist()
    assert [(r["problem_id"], r["origin"]) for r in rows] == [(f"p{i}", "lab/maths") for i in range(4)]
    other = "f" * 40
    done = run_offline("fetch_problems", tmp_path / "hf", *options, recipe(revision=other, **keys))
    assert done.returncode == 1
    assert f"hub dataset lab/maths at {other}: cannot be downloaded" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        ("config.json", "no config.json, so this is no model folder"),
        ("model.safetensors", "no weights"),
        ("chat_template.jinja", "the model has no chat template; name one under `model.chat_template`"),
    ],
)
def test_a_model_folder_that_lacks_a_file(tmp_path: Path, remove: str, message: str) -> None:
    shutil.copytree(TOY / "base-xs", tmp_path / "model")
    (tmp_path / "model" / remove).unlink()
    options = ["--recipe", recipe(path=str(tmp_path / "model")), "--output", str(tmp_path / "base/manifest.json")]
    with pytest.raises(InputError, match=message):
        fetch_model.main(options)


def test_a_chat_template_of_the_recipe_takes_the_place_of_the_models(tmp_path: Path) -> None:
    from helpers import base_model

    from distill.models.folders import load_tokenizer

    (tmp_path / "own.jinja").write_text("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    folder = base_model(tmp_path / "base", chat_template=str(tmp_path / "own.jinja"))
    assert load_tokenizer(folder).chat_template.startswith("{% for m in messages %}{{ m['content']")
