"""judge.py against a real HTTP server: what is asked, kills and outages, replies that are no answers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fetch_model
import judge
import mix
import pytest
import score
import verify
from helpers import PROMPTS, TOY, base_model, manifest, problems_table, recipe, responses_table

from distill import tables
from distill.responses import endpoint as endpoints
from distill.runtime.errors import InputError
from distill.tables.graded import final_verdict
from distill.verdicts.judging import judgement

GOLDS = {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}
VERDICTS = [("a", "correct", "1"), ("b", "wrong", "two"), ("c", "wrong", "9"), ("d", "no_answer", None),
            ("e", "unverifiable", "V")]  # fmt: skip


class Endpoint(ThreadingHTTPServer):
    """An OpenAI-compatible endpoint that knows some words; `fail` is a list of what it answers first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.fail: list[tuple[int, str] | None] = []
        self.reply = ""


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({**body, "path": self.path, "key": self.headers.get("Authorization")})
        text = body["messages"][0]["content"]
        reply = self.server.reply or ("True" if "answer: two" in text or "answer: V" in text else "False.")
        data = json.dumps({"choices": [{"message": {"content": reply}, "finish_reason": "stop"}]})
        code, data = (self.server.fail.pop(0) if self.server.fail else None) or (200, data)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(data.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(endpoints, "FIRST_PAUSE_SECONDS", 0.01)
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def inputs(folder: Path) -> tuple[Path, Path]:
    known = problems_table(folder / "problems.parquet", [{"problem_id": i, "answer": g} for i, g in GOLDS.items()])
    rows = [
        {"problem_id": i, "draw": 0, "verdict": w, "extracted": x, "method": "text", "matcher": w, "lenient": w}
        for i, w, x in VERDICTS
    ]
    tables.write(folder / "v.parquet", tables.build(rows, tables.VERDICTS), tables.VERDICTS)
    responses_table(folder / "r.parquet", [{"problem_id": i, "response": i} for i in GOLDS])
    return known, folder / "v.parquet"


def run(folder: Path, url: str, max_unclear: float = 0.05, **keys: Any) -> Path:
    known, verdicts = inputs(folder)
    output = folder / "j/judgements.parquet"
    fetch_model.main(["--recipe", recipe(served="m"), "--output", str(folder / "model/manifest.json")])
    server = {"url": url, "concurrency": 1, "timeout_seconds": 5, "attempts": 4, **keys}
    generation = {"engine": "openai", "server": server, "decoding": {"max_new_tokens": 20}}
    judge.main([*options(known, verdicts, folder / "model", output), "--recipe", recipe(generation=generation),
                "--execution", recipe(max_unclear=max_unclear)])  # fmt: skip
    return output


def options(known: Path, verdicts: Path, model: Path, output: Path) -> list[str]:
    files = ["--problems", str(known), "--responses", str(verdicts.with_name("r.parquet")), "--verdicts", str(verdicts)]
    files += ["--output", str(output)]
    return [*files, "--model", str(model), "--prompt", str(PROMPTS / "judges/equal.jinja")]


def url(endpoint: Endpoint) -> str:
    return f"http://127.0.0.1:{endpoint.server_address[1]}/v1/"


def test_only_rejected_answers_are_judged(endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    output = run(tmp_path, url(endpoint))
    rows = tables.read(output, tables.JUDGEMENTS).to_pylist()
    assert [(r["problem_id"], r["judgement"]) for r in rows] == [("b", "equal"), ("c", "different"), ("e", "equal")]
    assert manifest(output)["judgements"] == {"different": 1, "equal": 2}
    first = endpoint.requests[0]
    assert (first["path"], first["key"], first["temperature"]) == ("/v1/chat/completions", "Bearer secret", 0)
    assert "Reference answer: 2" in first["messages"][0]["content"]
    assert sorted(p.name for p in output.parent.iterdir()) == [
        "judgements.parquet", "kept", "manifest.json", "provenance.json",
    ]  # fmt: skip
    assert "secret" not in (output.parent / "provenance.json").read_text()


def test_a_job_that_failed_asks_only_what_is_missing(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.fail = [None, (503, "busy")]
    with pytest.raises(
        InputError, match=r"1 of 3 questions got no reply; replies are kept: HTTP 503 busy \(1 attempts\)"
    ):
        run(tmp_path, url(endpoint), attempts=1)
    assert len(endpoint.requests) == 3
    (journal,) = (tmp_path / "j/kept").glob("*.jsonl")
    assert len(journal.read_text().splitlines()) == 2
    assert not (tmp_path / "j/judgements.parquet").exists()
    run(tmp_path, url(endpoint), attempts=1)
    assert len(endpoint.requests) == 4


def test_an_endpoint_that_recovers_costs_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.fail = [(503, "busy"), (429, "slow down")]
    assert manifest(run(tmp_path, url(endpoint)))["rows"] == 3


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        ([(404, "no such model")], r"judge: http.*/v1: HTTP 404 no such model; .*; replies are kept"),
        ([(401, "who?")], r"HTTP 401 who\?; the key in \$OPENAI_API_KEY is .*; replies are kept"),
        ([(400, "too long")], "1 of 3 questions got no reply; replies are kept: HTTP 400 too long"),
        ([(200, "<html>hello")] * 4, "not a chat completion: '<html>hello'"),
        ([(200, '{"error": "x"}')] * 4, "not a chat completion"),
    ],
)
def test_endpoints_that_are_something_else(
    endpoint: Endpoint, tmp_path: Path, fail: list[tuple[int, str]], message: str
) -> None:
    endpoint.fail = fail
    with pytest.raises(InputError, match=message):
        run(tmp_path, url(endpoint))


def test_an_endpoint_that_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "FIRST_PAUSE_SECONDS", 0.01)
    with pytest.raises(InputError, match=r"no server answers at http://127\.0\.0\.1:9/v1 "):
        run(tmp_path, "http://127.0.0.1:9/v1", attempts=2)


def test_verdicts_that_come_out_again_ask_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    output = run(tmp_path, url(endpoint))
    first, n_requests = output.read_bytes(), len(endpoint.requests)
    for name in ("judgements.parquet", "manifest.json", "provenance.json"):
        output.with_name(name).unlink()  # as Snakemake does
    run(tmp_path, url(endpoint))
    assert (output.read_bytes(), len(endpoint.requests)) == (first, n_requests)


def test_a_judge_that_talks_nonsense(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.reply = "Well, True or False, who knows"
    with pytest.raises(InputError, match=r"3 of 3 replies are neither True nor False.*'Well, True or False"):
        run(tmp_path, url(endpoint))
    assert manifest(run(tmp_path, url(endpoint), max_unclear=1.0))["judgements"] == {"unclear": 3}
    assert len(endpoint.requests) == 3  # the replies were kept


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        ("True", "equal"),
        (" **true**.", "equal"),
        ("False, since", "different"),
        ("true false", "unclear"),
        ("", "unclear"),
        ("Untrue", "unclear"),
    ],
)
def test_replies(reply: str, word: str) -> None:
    assert judgement(reply) == word


def test_a_judge_never_takes_a_correct_answer_away_nor_invents_one() -> None:
    assert final_verdict("correct", "different") == "correct"
    assert final_verdict("wrong", "equal") == "correct"
    assert final_verdict("wrong", "unclear") == "wrong"
    assert final_verdict("no_answer", "equal") == "no_answer"


def test_scores_and_datasets_follow_the_policy(endpoint: Endpoint, tmp_path: Path) -> None:
    judged = run(tmp_path, url(endpoint))
    known, verdicts = inputs(tmp_path)
    files = {"responses": [str(verdicts.with_name("r.parquet"))], "verdicts": [str(verdicts)]}
    graders = {"rule": 0.2, "rule+judge": 0.6, "matcher": 0.2}
    for policy in ("rule", "rule+judge"):
        output = tmp_path / policy / "items.parquet"
        tables_json = recipe(**files, judgements=[str(judged)])
        score.main(["--problems", str(known), "--inputs", tables_json, "--recipe", recipe(policy=policy),
                    "--output", str(output)])  # fmt: skip
        assert (manifest(output)["accuracy"], manifest(output)["by_grader"]) == (graders[policy], graders)
    with pytest.raises(InputError, match=r"the policy rule\+judge needs `judgements` in --inputs"):
        score.main(["--problems", str(known), "--inputs", recipe(**files), "--recipe", recipe(policy="rule+judge"),
                    "--output", str(tmp_path / "x/items.parquet")])  # fmt: skip
    for more, rows in (({}, 1), ({"judgements": [str(judged)]}, 3)):
        output = tmp_path / f"d{rows}/train.parquet"
        tables_json = recipe(**{kind: {"t": paths} for kind, paths in {**files, **more}.items()})
        mix.main(["--problems", str(known), "--inputs", tables_json, "--recipe", recipe(corpus="c", teachers=["t"]),
                  "--output", str(output)])  # fmt: skip
        assert manifest(output)["rows"] == rows


def test_our_own_engine_judges_as_well(tmp_path: Path) -> None:
    known, verdicts = inputs(tmp_path)
    model, output = base_model(tmp_path / "model", TOY / "teacher-short"), tmp_path / "j/judgements.parquet"
    generation = {"engine": "transformers", "decoding": {"max_new_tokens": 3}}
    made = [*options(known, verdicts, model, output), "--recipe", recipe(generation=generation)]
    with pytest.raises(InputError, match=r"3 of 3 replies are neither True nor False"):  # the toy knows no such words
        judge.main(made)
    (journal,) = (tmp_path / "j/kept").glob("*.jsonl")
    before = journal.read_bytes()
    assert before.count(b"\n") == 3
    judge.main([*made, "--execution", recipe(max_unclear=1.0)])
    rows = tables.read(output, tables.JUDGEMENTS).to_pylist()
    assert [(r["problem_id"], r["judgement"]) for r in rows] == [(i, "unclear") for i in "bce"]
    assert all(r["reply"] for r in rows)


# Without gold answers


def without_golds(folder: Path, url: str, prompt: str = "correct", agreement: Path | None = None) -> Path:
    """Judge responses to a corpus without gold answers; c's ended at its limit, d's has no answer."""
    known = problems_table(
        folder / "problems.parquet", [{"problem_id": i, "answer": "", "problem": f"What is {i}?"} for i in GOLDS]
    )
    texts = {"a": r"\boxed{V}", "b": r"\boxed{9}", "c": r"\boxed{V}", "d": "no idea", "e": r"\boxed{V}"}
    ends = {"c": "length"}
    rows = [{"problem_id": i, "response": t, "finish_reason": ends.get(i, "stop")} for i, t in texts.items()]
    responses = responses_table(folder / "r.parquet", rows)
    named = ["--agreement", str(agreement)] if agreement else []
    verify.main(["--problems", str(known), "--responses", str(responses), "--recipe", recipe(), *named,
                 "--output", str(folder / "v/verdicts.parquet")])  # fmt: skip
    fetch_model.main(["--recipe", recipe(served="m"), "--output", str(folder / "model/manifest.json")])
    server = {"url": url, "concurrency": 1, "timeout_seconds": 5, "attempts": 1}
    generation = {"engine": "openai", "server": server, "decoding": {"max_new_tokens": 9}}
    output = folder / "j/judgements.parquet"
    judge.main(["--problems", str(known), "--responses", str(responses), "--output", str(output), *named,
                "--verdicts", str(folder / "v/verdicts.parquet"), "--model", str(folder / "model"),
                "--prompt", str(PROMPTS / f"judges/{prompt}.jinja"),
                "--recipe", recipe(generation=generation)])  # fmt: skip
    return output


def test_without_golds_the_judge_sees_problem_and_answer_of_every_usable_response(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    output = without_golds(tmp_path, url(endpoint))
    rows = tables.read(output, tables.JUDGEMENTS).to_pylist()
    assert [(r["problem_id"], r["judgement"]) for r in rows] == [("a", "equal"), ("b", "different"), ("e", "equal")]
    asked = [body["messages"][0]["content"] for body in endpoint.requests]
    assert all("Reference" not in text for text in asked)
    assert ["Problem: What is a?\n\nGiven answer: V\n" in text for text in asked] == [True, False, False]
    assert manifest(output)["golds"] == {"origin": "judge"}
    files = {"responses": [str(tmp_path / "r.parquet")], "verdicts": [str(tmp_path / "v/verdicts.parquet")]}
    for judged, rows_made, origin in ((True, 2, "judge"), (False, 5, "none")):
        made = tmp_path / f"d{judged}/train.parquet"
        inputs = {kind: {"t": paths} for kind, paths in {**files, "judgements": [str(output)] * judged}.items()}
        pairing = "both_correct" if judged else "unfiltered"
        mix.main(["--problems", str(tmp_path / "problems.parquet"), "--output", str(made),
                  "--inputs", recipe(**{k: v for k, v in inputs.items() if v["t"]}),
                  "--recipe", recipe(corpus="c", teachers=["t"], pairing=pairing)])  # fmt: skip
        assert (manifest(made)["rows"], manifest(made)["golds"]) == (rows_made, {"origin": origin})


def test_a_prompt_for_golds_asks_nothing_without(endpoint: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"equal\.jinja: the prompt template, which knows `problem` and `answer`, "):
        without_golds(tmp_path, url(endpoint), prompt="equal")
    assert endpoint.requests == []


def test_where_teachers_agree_on_nothing_the_judge_is_not_asked(endpoint: Endpoint, tmp_path: Path) -> None:
    golds = {"a": "2", "b": None, "c": "2", "d": "2", "e": "2"}
    rows = [{"problem_id": i, "answer": g, "votes": 2, "voters": 3, "classes": 2, "reason": None if g else "tie"}
            for i, g in golds.items()]  # fmt: skip
    table = tables.build(rows, tables.AGREEMENT)
    tables.write(tmp_path / "agreement/agreement.parquet", table, tables.AGREEMENT)
    facts = {"teachers": ["t"], "at_least": 2, "share": 0.5, "problems": 5, "agreed": 4}
    (tmp_path / "agreement/manifest.json").write_text(json.dumps(facts))
    output = without_golds(tmp_path, url(endpoint), "equal", tmp_path / "agreement/manifest.json")
    rows = tables.read(output, tables.JUDGEMENTS).to_pylist()
    assert [(r["problem_id"], r["judgement"]) for r in rows] == [("a", "equal"), ("e", "equal")]
    assert all("Reference answer: 2" in body["messages"][0]["content"] for body in endpoint.requests)
    assert manifest(output)["golds"] == {"origin": "agreement", **facts}
    none = tables.build([{**row, "answer": None, "reason": "tie"} for row in table.to_pylist()], tables.AGREEMENT)
    tables.write(tmp_path / "agreement/agreement.parquet", none, tables.AGREEMENT)
    output = without_golds(tmp_path, url(endpoint), "equal", tmp_path / "agreement/manifest.json")
    assert tables.read(output, tables.JUDGEMENTS).num_rows == 0


def test_a_cut_off_answer_costs_no_question(endpoint: Endpoint, tmp_path: Path) -> None:
    known, verdicts = inputs(tmp_path)
    ended = {"b": "length", "c": "error"}
    rows = [{"problem_id": i, "response": i, "finish_reason": ended.get(i, "stop")} for i in GOLDS]
    responses_table(tmp_path / "r.parquet", rows)
    fetch_model.main(["--recipe", recipe(served="m"), "--output", str(tmp_path / "model/manifest.json")])
    generation = {"engine": "openai", "server": {"url": url(endpoint)}, "decoding": {"max_new_tokens": 20}}
    output = tmp_path / "j/judgements.parquet"
    judge.main([*options(known, verdicts, tmp_path / "model", output), "--recipe", recipe(generation=generation)])
    assert tables.read(output, tables.JUDGEMENTS)["problem_id"].to_pylist() == ["e"]
    responses_table(tmp_path / "r.parquet", rows[:4])
    with pytest.raises(InputError, match=r"v\.parquet: not the verdicts of .*r\.parquet, which lacks e \(draw 0\)"):
        judge.main([*options(known, verdicts, tmp_path / "model", output), "--recipe", recipe(generation=generation)])
