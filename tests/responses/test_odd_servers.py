"""Servers that refuse everything, reply in odd forms, or repeat the key; and rows kept by an older version."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import chat_server as faults
import fetch_model
import generate
import pytest
from chat_server import MODEL, ChatServer
from helpers import PROMPTS, problems_table, recipe

from distill import tables
from distill.config.recipes import GenerateJob, ServerRecipe
from distill.responses import endpoint
from distill.responses.engines import Completion, load_engine
from distill.responses.refusals import FirstRefusals
from distill.responses.replies import read_reply
from distill.runtime.errors import InputError
from distill.runtime.journal import Journal

KEY = "sk-proj-Very/Secret+Key=123"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setattr(endpoint, "FIRST_PAUSE_SECONDS", 0.01)
    with faults.running() as found:
        yield found


class Job:
    """A generation of `count` questions; `files` is all that it writes."""

    def __init__(self, folder: Path, server: ChatServer, count: int, max_errors: float = 0.01, **keys: Any):
        fetch_model.main(["--recipe", recipe(served=MODEL), "--output", str(folder / "model/manifest.json")])
        rows = [{"problem_id": f"q{i:02d}", "problem": f"Say {i}.", "answer": str(i)} for i in range(count)]
        known = problems_table(folder / "problems.parquet", rows)
        job = {"engine": "openai", "max_errors": max_errors, "decoding": {"max_new_tokens": 9}}
        whole = GenerateJob.model_validate({**job, "server": {"url": server.url, "attempts": 2, **keys}})
        self.output = folder / "out/responses.parquet"
        options = {"--statements": known, "--model": folder / "model", "--prompt": PROMPTS / "plain.jinja",
                   "--draw": 0, "--shard": "00-of-01", "--recipe": whole.canonical(),
                   "--execution": json.dumps(whole.execution()), "--output": self.output}  # fmt: skip
        self._options = [str(part) for pair in options.items() for part in pair]

    def run(self) -> list[dict[str, Any]]:
        generate.main(self._options)
        return tables.read(self.output, tables.RESPONSES).to_pylist()

    def files(self) -> str:
        return "".join(p.read_text("utf-8", "replace") for p in self.output.parent.rglob("*") if p.is_file())


# The first rows are refused alike


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(400, "temperature is not supported"),
        faults.status(422, "max_tokens: unknown field"),
        faults.body(json.dumps({"choices": [{"message": {"content": {"text": "2"}}, "finish_reason": "stop"}]})),
        faults.body(json.dumps({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]})),
    ],
    ids=["400", "422", "object", "filter"],
)
def test_the_same_refusal_of_the_first_rows_ends_the_job(server: ChatServer, tmp_path: Path, fault: Any) -> None:
    server.always = lambda handler: handler.send(404, "{}") if handler.command == "GET" else fault(handler)
    with pytest.raises(InputError, match=r"^the first 8 rows are refused alike, so no other is asked: ") as caught:
        Job(tmp_path, server, 60).run()
    assert "\n" not in str(caught.value)
    if "content_filter" not in str(caught.value):  # a reply of that kind was paid for, so it opens the gate
        assert len(server.asked) == endpoint.PROBES


# How servers say that they do not know a key: named in the message, or only beside it.
UNKNOWN = {
    "OpenAI": (400, {"error": {"message": "Unrecognized request argument supplied: enable_thinkng"}}),
    "param": (400, {"error": {"message": "Extra inputs are not permitted", "param": "enable_thinkng"}}),
    "FastAPI": (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "enable_thinkng"], "msg": "no"}]}),
    "Mistral": (422, {"object": "error", "message": {"detail": [{"loc": ["body", "enable_thinkng"]}]}}),
    "long": (400, {"error": {"message": "x" * 400, "loc": "body.enable_thinkng"}}),
    "500": (500, {"error": "unexpected keyword argument 'enable_thinkng'"}),
}


@pytest.mark.parametrize(("code", "text"), UNKNOWN.values(), ids=UNKNOWN)
@pytest.mark.parametrize("count", [1, 12])
def test_the_first_refusal_names_the_key_that_a_server_does_not_know(
    server: ChatServer, tmp_path: Path, count: int, code: int, text: dict[str, Any]
) -> None:
    def fault(handler: Any) -> None:
        assert server.bodies[-1]["enable_thinkng"] is False
        handler.send(code, json.dumps(text))

    for i in range(count):
        server.plan[f"Say {i}."] = [fault] * 2
    extra = {"enable_thinkng": False, "user": "x", "thinkng": 1, "seed": None}
    with pytest.raises(InputError) as caught:
        Job(tmp_path, server, count, extra_body=extra).run()
    assert "(it names enable_thinkng of `server.extra_body`; take out what this server does not know)" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


def packed(handler: Any) -> None:
    """A body that says that it is gzipped, and is not."""
    handler.send(200, "zzzz", Content_Encoding="gzip")


@pytest.mark.parametrize(
    ("fault", "message"),
    [(packed, "not a chat completion|DecodingError"), (faults.body("[" * 100_000), "not a chat completion"),
     (faults.status(400, "a\x1b[31mb\0c"), r"HTTP 400 a \[31mb c$")],
    ids=["gzip", "deep", "control signs"],
)  # fmt: skip
def test_garbage_of_a_proxy_is_a_line(server: ChatServer, fault: Any, message: str) -> None:
    limits = endpoint.Limits(concurrency=1, timeout_seconds=5, attempts=2, key_variable="NO_SUCH_KEY")
    asked = endpoint.Endpoint(server.url, limits, lambda body: read_reply(body, {}))
    server.always = fault
    ((_, refusal),) = asked.ask_all([{"messages": [{"role": "user", "content": "Say 2."}]}])
    assert re.search(message, refusal.reason)
    assert asked.version() == ""
    with suppress(InputError):
        assert asked.models() == {}


@pytest.mark.parametrize(
    "date", ["Wed, 99 Oct 99999999999 07:28:00 GMT", "Wed, 21 Oct 999999 07:28:00 GMT", "nan", "soon"]
)
def test_a_pause_until_no_day_is_none(server: ChatServer, date: str) -> None:
    limits = endpoint.Limits(concurrency=1, timeout_seconds=5, attempts=2, key_variable="NO_SUCH_KEY")
    asked = endpoint.Endpoint(server.url, limits, lambda body: read_reply(body, {}))
    server.plan["Say 2."] = [faults.status(429, Retry_After=date)]
    ((_, reply),) = asked.ask_all([{"messages": [{"role": "user", "content": "Say 2."}]}])
    assert reply.text == "2"


def test_refusals_of_single_rows_end_nothing(server: ChatServer, tmp_path: Path) -> None:
    for i in range(0, 40, 2):
        server.plan[f"Say {i}."] = [faults.status(400, f"the prompt has {i} tokens")]
    rows = Job(tmp_path, server, 40, max_errors=0.5, concurrency=1).run()
    assert [r["finish_reason"] for r in rows] == ["error", "stop"] * 20


def test_refusals_within_the_bound_end_nothing(server: ChatServer, tmp_path: Path) -> None:
    """Rows that stay over from an earlier start may all be refused for one reason."""
    for i in range(10):
        server.plan[f"Say {i}."] = [faults.status(400, f"the prompt has {i} tokens")] * 2
    job = Job(tmp_path, server, 40, max_errors=0.1)
    with pytest.raises(InputError, match=r"10 of 40 responses are errors|refused alike"):
        job.run()
    again = Job(tmp_path, server, 40, max_errors=0.3)
    assert sum(r["finish_reason"] == "error" for r in again.run()) == 10


def test_numbers_in_a_reason_are_of_the_row() -> None:
    def watched(*reasons: str | None) -> str | None:
        refusals = FirstRefusals()
        for reason in reasons:
            refusals.add(Completion("", "error" if reason else "stop", None, None, reason))
        return refusals.message

    assert "refused alike, so no other is asked: 1 of 9" in watched(*(f"{i} of 9" for i in range(1, 9)))
    assert watched(*["no"] * 7) is None
    assert watched(*["no"] * 7, None) is None
    assert watched(None, *["no"] * 20) is None
    assert watched(*["no"] * 7, "never", *["no"] * 9) is None


def test_one_answer_lets_all_others_begin(server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "PROBE_SECONDS", 3600)
    server.seconds = 0.05
    assert len(Job(tmp_path, server, 40, concurrency=30).run()) == 40
    assert server.most_busy > endpoint.PROBES


def test_a_slow_first_answer_holds_the_others_only_for_a_while(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "PROBE_SECONDS", 0.05)
    server.seconds = 1.5
    assert len(Job(tmp_path, server, 20, concurrency=20).run()) == 20
    assert server.most_busy > endpoint.PROBES


# Keys


def engine(model_folder: Path, **keys: Any) -> Any:
    fetch_model.main(["--recipe", recipe(served=MODEL), "--output", str(model_folder / "manifest.json")])
    job = {"engine": "openai", "server": keys, "decoding": {"max_new_tokens": 9}}
    return load_engine(model_folder, GenerateJob.model_validate(job))


@pytest.mark.parametrize(
    ("key", "what"),
    [
        (f"{KEY[:9]}\n{KEY[9:]}", "a line break"),
        (f"{KEY[:9]}\r\n{KEY[9:]}", "a line break"),
        (f"Bearer {KEY}", "a space"),
        (f"{KEY}\t{KEY}", "a tab"),
        (f"{KEY}\x07{KEY}", "a control sign"),
        (f"“{KEY}”", "a letter that is not ASCII"),
    ],
)
def test_a_key_that_cannot_be_sent_is_refused_before_any_request(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, what: str
) -> None:
    monkeypatch.setenv("A_KEY", key)
    server.always = faults.status(500)
    with pytest.raises(InputError) as caught:
        engine(tmp_path / "m", url=server.url, key_variable="A_KEY")
    assert str(caught.value) == f"the key in $A_KEY has {what} in it; set it to the key alone"


@pytest.mark.parametrize("code", [400, 401, 404, 429, 500])
def test_a_server_that_repeats_the_key_shows_it_to_nobody(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    monkeypatch.setenv("A_KEY", f" {KEY}\n")
    server.plan["Say 1."] = [faults.status(code, f"Incorrect key {KEY}, Bearer {KEY}")] * 2
    job = Job(tmp_path, server, 4, max_errors=0.5, key_variable="A_KEY")
    with caplog.at_level(logging.DEBUG):
        try:
            shown = str(job.run())
        except InputError as error:
            shown = str(error)
    assert "Incorrect key ***, Bearer ***" in shown
    assert server.keys == {f"Bearer {KEY}"}
    assert KEY not in shown + job.files() + caplog.text


ABOUT = [
    ({"data": [{"id": 5}, {"id": "a"}, {"id": MODEL, "owned_by": {"a": 1}}]}, {"version": {"a": 1}}, ""),
    ({"data": [{"id": MODEL, "owned_by": 3}]}, {"version": [1]}, ""),
    (
        {"data": [{"id": MODEL, "owned_by": f"x\n{KEY}"}, {"id": "\x1b[31m"}]},
        {"version": f"1\t{KEY}\x1b"},
        "x *** 1 ***",
    ),
]


@pytest.mark.parametrize(("models", "version", "told"), ABOUT, ids=["numbers", "kinds", "key"])
def test_what_a_server_says_of_itself_is_text_without_the_key(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, models: Any, version: Any, told: str
) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    limits = endpoint.Limits(concurrency=1, timeout_seconds=5, attempts=1, key_variable="A_KEY")
    asked = endpoint.Endpoint(server.url, limits, lambda body: read_reply(body, {}))
    server.always = lambda handler: handler.send(200, json.dumps(version if "version" in handler.path else models))
    known = asked.models()
    assert MODEL in known
    assert all(isinstance(name, str) and name.isprintable() for name in known)
    assert f"{known[MODEL]} {asked.version()}".strip() == told


def test_a_redirect_that_repeats_the_key_is_one_line_without_it(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    sent = faults.status(302, "moved", Location=f"https://login/?token={KEY}&a=\x1b[31m{'b' * 999}")
    server.always = lambda handler: handler.send(404, "{}") if handler.command == "GET" else sent(handler)
    with pytest.raises(InputError, match=r"sends elsewhere \(https://login/\?token=\*\*\*&a= \[31mb+\)") as caught:
        Job(tmp_path, server, 4, key_variable="A_KEY").run()
    assert KEY not in str(caught.value)
    assert len(str(caught.value)) < 500


SECRETS = [
    {"url": f"http://me:{KEY[:7]}@host/v1"},
    {"url": f"http://{KEY[:7]}@host/v1"},
    {"url": f"https://host/v1?api_key={KEY[:7]}"},
    {"url": "https://host/v1#x"},
    {"key_variable": KEY},
    {"key_variable": "gsk_abcDEF123"},
    {"key_variable": "AKIAIOSFODNN7EXAMPLE"},
    {"key_variable": ""},
    {"key_variable": "$OPENAI_API_KEY"},
    {"extra_body": {"api_key": KEY}},
    {"extra_body": {"provider": {"headers": [{"Authorization": KEY}]}}},
    {"extra_body": {"auth_token": KEY}},
]


@pytest.mark.parametrize("keys", SECRETS, ids=str)
def test_secrets_do_not_stand_in_recipes(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"variable|`\?`") as caught:
        ServerRecipe.model_validate({"url": "http://host/v1", **keys})
    assert KEY[:7] not in str(caught.value)


@pytest.mark.parametrize("url", ["", "host/v1", "ftp://host", "http://", "http:///v1", "http://host:x/v1", "http://a b",
                                 "http://host:99999/v1", "http://host/v1/chat/completions", "http://host/v1/models/",
                                 "http://ho\nst/v1"])  # fmt: skip
def test_what_is_no_base_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"no URL of a server|base URL|is empty"):
        ServerRecipe(url=url)


@pytest.mark.parametrize("url", ["http://localhost:8000/v1", "https://a.b/openai/v1/", "http://[::1]:8/v1", "http://h"])
def test_base_urls(url: str) -> None:
    assert ServerRecipe(url=url).url == url


def test_a_request_says_what_the_recipe_says() -> None:
    for name in ("model", "messages", "n", "stream", "best_of", "tools"):
        for value in (None, 2):
            with pytest.raises(ValueError, match=f"`{name}` is none of its keys"):
                ServerRecipe(url="http://h", extra_body={name: value})
    for name in ("temperature", "top_p", "top_k", "min_p", "seed", "max_tokens", "stop"):
        with pytest.raises(ValueError, match=f"`{name}` is said by `.*` of the decoding"):
            ServerRecipe(url="http://h", extra_body={name: 1})
        assert ServerRecipe(url="http://h", extra_body={name: None}).extra_body == {name: None}


# Rows kept by a version that trusted its server


UNFIT = {
    "a list as response": {"response": ["2"]},
    "an object as response": {"response": {"text": "2"}},
    "no response": {"response": None},
    "an unknown finish reason": {"finish_reason": "eos"},
    "a list as finish reason": {"finish_reason": ["stop"]},
    "a text as count": {"prompt_tokens": "12"},
    "a fraction as count": {"response_tokens": 1.5},
    "a boolean as count": {"response_tokens": True},
    "a huge count": {"prompt_tokens": 2**40},
    "a list of errors": {"error": [1]},
}


@pytest.mark.parametrize("cells", [*UNFIT.values(), None], ids=[*UNFIT, "no row"])
def test_a_kept_row_that_does_not_fit_is_asked_again(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, cells: Any
) -> None:
    job = Job(tmp_path, server, 3)
    write = generate.write
    monkeypatch.setattr(generate, "write", lambda *_: 1 / 0)  # killed when all is answered
    with pytest.raises(ZeroDivisionError):
        job.run()
    monkeypatch.setattr(generate, "write", write)
    (path,) = job.output.parent.glob("state/*.jsonl")
    journal = Journal(path)
    key = next(key for key in journal if key[0] == "q01")
    journal.add(key, None if cells is None else {**journal[key], **cells})
    journal.close()
    with caplog.at_level("INFO"):
        rows = job.run()
    assert [r["response"] for r in rows] == ["0", "1", "2"]
    assert {text: len(times) for text, times in server.asked.items()} == {"Say 0.": 1, "Say 1.": 2, "Say 2.": 1}
    assert "q01: the kept row does not fit the table and is asked again" in caplog.text
