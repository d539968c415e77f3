"""The openai engine against a hostile server: every row ends as a right answer or an error row, none is asked twice."""

import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import chat_server as faults
import fetch_model
import generate
import httpx2
import pytest
from chat_server import MODEL, ChatServer
from helpers import PROMPTS, base_model, manifest, problems_table, recipe

from distill import tables
from distill.config.recipes import GenerateJob, ModelRecipe, StudentRecipe, TeacherRecipe
from distill.models.thinking import PRESETS
from distill.responses import endpoint
from distill.responses.engines import Completion, Request, load_engine
from distill.runtime import busy
from distill.runtime.errors import InputError
from distill.verdicts.grading import grade

TRANSIENT = [faults.status(429), faults.status(500), faults.status(503), faults.reset, faults.half,
             faults.body("<html>hello"), faults.body('{"error": "x"}'), faults.body("[]"), faults.slow]  # fmt: skip


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setattr(endpoint, "FIRST_PAUSE_SECONDS", 0.01)
    with faults.running() as found:
        yield found


@pytest.fixture
def model(tmp_path: Path) -> Path:
    fetch_model.main(["--recipe", recipe(served=MODEL), "--output", str(tmp_path / "model/manifest.json")])
    return tmp_path / "model"


def engine(model: Path, url: str, decoding: dict[str, Any] | None = None, **server: Any) -> Any:
    keys = {"engine": "openai", "server": {"url": url, "timeout_seconds": 1, **server}}
    decoding = {"max_new_tokens": 9, **(decoding or {})}
    return load_engine(model, GenerateJob.model_validate({**keys, "decoding": decoding}))


def requests(count: int) -> list[Request]:
    return [Request([{"role": "user", "content": f"Say {i}."}], seed=2**40 + i) for i in range(count)]


def collect(found: dict[int, Completion], loaded: Any, count: int, then: Callable[[], None] | None = None) -> None:
    for index, completion in loaded.generate(requests(count)):
        found[index] = completion
        if then is not None:
            then()


def ask(loaded: Any, count: int) -> dict[int, Completion]:
    pairs = list(loaded.generate(requests(count)))
    assert len(dict(pairs)) == len(pairs), "no row comes twice"
    return dict(pairs)


def test_transient_faults_cost_no_row_and_no_second_answer(server: ChatServer, model: Path) -> None:
    chance = random.Random(7)
    for i in range(60):
        server.plan[f"Say {i}."] = chance.sample(TRANSIENT, chance.choice([0, 0, 1, 2, 3]))
    expected = {text: len(plan) + 1 for text, plan in server.plan.items()}
    found = ask(engine(model, server.url, attempts=4, concurrency=16), 60)
    assert {i: (c.text, c.finish_reason, c.error) for i, c in found.items()} == {
        i: (str(i), "stop", None) for i in range(60)
    }
    assert set(server.answered.values()) == {1}
    assert {text: len(times) for text, times in server.asked.items()} == expected
    assert sum(expected.values()) > 100


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (faults.status(429), "HTTP 429 busy"),
        (faults.status(500, "engine\n dead"), "HTTP 500 engine dead"),
        (faults.reset, "ReadError|RemoteProtocolError"),
        (faults.half, "RemoteProtocolError"),
        (faults.body("<html>hello"), "not a chat completion: '<html>hello'"),
        (faults.slow, "no answer within 1 s"),
    ],
    ids=["429", "500", "reset", "half", "nonsense", "slow"],
)
def test_a_row_whose_attempts_are_over_is_an_error_row(
    server: ChatServer, model: Path, fault: faults.Fault, message: str
) -> None:
    server.plan["Say 1."] = [fault] * 2
    found = ask(engine(model, server.url, attempts=2), 3)
    assert [found[i].text for i in (0, 2)] == ["0", "2"]
    assert (found[1].finish_reason, found[1].text, found[1].cost) == ("error", "", 0)
    assert any(word in found[1].error for word in message.split("|"))
    assert found[1].error.endswith("(2 attempts)")
    assert len(server.asked["Say 1."]) == 2


def test_a_refused_prompt_is_an_error_row_and_is_not_asked_again(server: ChatServer, model: Path) -> None:
    server.plan["Say 1."] = [faults.status(400, "maximum context length is 512 tokens")]
    found = ask(engine(model, server.url), 3)
    assert found[1] == Completion("", "error", None, None, "HTTP 400 maximum context length is 512 tokens")
    assert len(server.asked["Say 1."]) == 1
    assert found[2].text == "2"


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured_by_all_rows(
    server: ChatServer, model: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    retry_after, post, ends, early = endpoint.Endpoint._retry_after, httpx2.AsyncClient.post, [], []

    def noted(client: endpoint.Endpoint, response: httpx2.Response) -> float:
        seconds = retry_after(client, response)
        ends.append(time.monotonic() + seconds)
        return seconds

    async def checked(client: httpx2.AsyncClient, *args: object, **kwargs: object) -> httpx2.Response:
        early.append(bool(ends) and time.monotonic() < ends[-1] - 0.01)
        return await post(client, *args, **kwargs)

    def later(handler: faults.Handler, code: int) -> None:  # the date counts from the answer, however late that is
        asked = "1.2" if form == "seconds" else formatdate(time.time() + 2.5, usegmt=True)
        faults.status(code, Retry_After=asked)(handler)

    monkeypatch.setattr(endpoint.Endpoint, "_retry_after", noted)
    monkeypatch.setattr(httpx2.AsyncClient, "post", checked)
    for text, code in (("Say 0.", 429), ("Say 3.", 503)):
        server.plan[text] = [lambda handler, code=code: later(handler, code)]
    found = ask(engine(model, server.url, concurrency=1), 3)
    assert [found[i].text for i in range(3)] == ["0", "1", "2"]
    assert len(early) == 3 + 1
    ask(engine(model, server.url, concurrency=2), 6)
    assert len(early) == 3 + 1 + 6 + 1
    assert not any(early)
    assert len(ends) == 2


def test_pauses_double_and_differ(monkeypatch: pytest.MonkeyPatch, server: ChatServer, model: Path) -> None:
    monkeypatch.setattr(endpoint, "FIRST_PAUSE_SECONDS", 0.1)
    sleep, slept = endpoint.Endpoint._sleep, []

    async def noted(client: endpoint.Endpoint, seconds: float) -> None:
        slept.append(seconds)
        await sleep(client, seconds)

    monkeypatch.setattr(endpoint.Endpoint, "_sleep", noted)
    for i in range(4):
        server.plan[f"Say {i}."] = [faults.status(500)] * 3
    ask(engine(model, server.url, attempts=4), 4)
    for times in server.asked.values():
        pauses = [b - a for a, b in itertools.pairwise(times)]
        assert all(0.1 * 2**n <= pause for n, pause in enumerate(pauses))
    planned = sorted(seconds for seconds in slept if seconds > 0)
    assert len(planned) == 4 * 3
    assert all(0.1 * 2 ** (i // 4) <= seconds <= 0.1 * 2 ** (i // 4) + 0.1 for i, seconds in enumerate(planned))
    assert len(set(planned)) == len(planned)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (faults.status(401, "bad key"), r"/v1: HTTP 401 bad key; the key in \$DIAL_KEY is refused"),
        (faults.status(403, "no"), r"HTTP 403 no; the key in \$DIAL_KEY is refused, or has no right"),
        (faults.status(404, "no such model"), r"HTTP 404 no such model; is the model's name one of the server's"),
        (faults.status(429, "insufficient_quota"), "the account has no credit"),
        (faults.status(308, Location="https://x/v1"), r"sends elsewhere \(https://x/v1\)"),
    ],
    ids=["401", "403", "404", "quota", "moved"],
)
def test_what_fails_every_row_ends_the_job_and_keeps_what_came(
    server: ChatServer, model: Path, fault: faults.Fault, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIAL_KEY", "secret")
    server.seconds = 0.3
    server.plan["Say 3."] = [fault]
    loaded, found = engine(model, server.url, concurrency=4, key_variable="DIAL_KEY"), {}
    with pytest.raises(InputError, match=message) as caught:
        collect(found, loaded, 50)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert server.keys == {"Bearer secret"}
    assert len(server.asked) == 4
    assert {i: c.text for i, c in found.items()} == {0: "0", 1: "1", 2: "2"}


def test_a_server_that_goes_away(server: ChatServer, model: Path) -> None:
    loaded, found = engine(model, server.url, attempts=2, concurrency=2), {}
    with pytest.raises(InputError, match=r"no server answers at http.*/v1 .*; start it, or correct the URL"):
        collect(found, loaded, 50, then=lambda: server.vanish() if len(found) == 5 else None)
    assert all(c.text == str(i) or c.finish_reason == "error" for i, c in found.items())
    assert 5 <= len(found) < 10


def test_a_server_that_is_not_up_fails_at_once(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    get, asked = httpx2.get, []
    monkeypatch.setattr(httpx2, "get", lambda url, **options: asked.append(url) or get(url, **options))
    with pytest.raises(InputError, match=r"no server answers at http://127\.0\.0\.1:9/v1 .*refused.*; start it"):
        engine(model, "http://127.0.0.1:9/v1")
    assert asked == ["http://127.0.0.1:9/v1/models"]


def test_a_wrong_key_fails_before_the_first_row(server: ChatServer, model: Path) -> None:
    server.always = faults.status(401, "who?")
    with pytest.raises(InputError, match=r"HTTP 401 who\?; the key in \$NO_SUCH_KEY is not set"):
        engine(model, server.url, key_variable="NO_SUCH_KEY")
    assert not server.asked


def test_a_model_that_the_server_has_not(server: ChatServer, tmp_path: Path) -> None:
    fetch_model.main(["--recipe", recipe(served="dial-9"), "--output", str(tmp_path / "m/manifest.json")])
    with pytest.raises(InputError, match=r"no model 'dial-9' \(`model.served`\); the server has dial-1"):
        engine(tmp_path / "m", server.url)


def test_a_server_without_a_list_of_models_is_taken_as_it_is(server: ChatServer, model: Path) -> None:
    server.always = faults.status(404)
    loaded = engine(model, server.url)
    server.always = None
    assert loaded.version == "openai (unknown server)"
    assert ask(loaded, 1)[0].text == "0"


def test_what_a_request_says(server: ChatServer, model: Path) -> None:
    ask(engine(model, server.url), 1)
    greedy = {"model": MODEL, "messages": requests(1)[0].messages, "max_tokens": 9, "temperature": 0, "top_p": 1}
    assert server.bodies.pop() == greedy
    decoding = {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0.1, "stop": ["Q:"]}
    sampling = {**greedy, **decoding, "seed": 2**40 % 2**31}
    loaded = engine(model, server.url, decoding)
    assert (loaded.seeds, loaded.version) == ("row", "openai (dials 2.1)")
    ask(loaded, 1)
    assert server.bodies.pop() == sampling
    further = {"seed": None, "max_tokens": None, "max_completion_tokens": 9, "repetition_penalty": 1.1}
    loaded = engine(model, server.url, decoding, extra_body=further)
    assert loaded.seeds == "shard"
    ask(loaded, 1)
    assert server.bodies.pop() == {k: v for k, v in {**sampling, **further}.items() if v is not None}


def test_tokens_and_their_price(server: ChatServer, model: Path) -> None:
    found = ask(engine(model, server.url, input_price=3, output_price=15), 2)
    assert found[1] == Completion("1", "stop", 1000, 10, None, pytest.approx(1000 * 3e-6 + 10 * 15e-6))


@pytest.mark.parametrize(
    ("choice", "reason", "error"),
    [
        ({"finish_reason": "length"}, "length", None),
        ({"finish_reason": "eos_token"}, "stop", None),
        ({"finish_reason": "content_filter"}, "error", "finish_reason 'content_filter'"),
        ({"finish_reason": None}, "error", "finish_reason 'none'"),
    ],
)
def test_how_a_response_ended(server: ChatServer, model: Path, choice: Any, reason: str, error: str | None) -> None:
    server.choice = choice
    found = ask(engine(model, server.url), 1)[0]
    assert (found.text, found.finish_reason) == ("0", reason)
    assert found.error is None if error is None else error in found.error


def test_as_many_requests_at_a_time_as_the_layout_says(server: ChatServer, model: Path) -> None:
    server.seconds = 0.1
    ask(engine(model, server.url, concurrency=5), 25)
    assert server.most_busy == 5


def test_who_stops_listening_waits_for_nobody(server: ChatServer, model: Path) -> None:
    listened = threading.Event()
    server.plan["Say 1."] = [lambda _: listened.wait()] * 2
    for _ in engine(model, server.url, timeout_seconds=60).generate(requests(2)):
        break
    listened.set()
    assert len(server.asked["Say 1."]) < 2  # who waits for it asks again after 60 s


def test_generate_writes_the_rows_of_a_served_teacher(server: ChatServer, model: Path, tmp_path: Path) -> None:
    server.plan["Say 1."] = [faults.status(400, "too long")]
    rows = [{"problem_id": f"q{i}", "answer": str(i)} for i in range(4)]
    known = problems_table(tmp_path / "problems.parquet", rows)
    whole = GenerateJob.model_validate(
        {"engine": "openai", "max_errors": 0.5, "server": {"url": server.url}, "decoding": {"max_new_tokens": 9}}
    )
    assert "url" not in whole.canonical()
    output = tmp_path / "out/responses.parquet"
    options = [
        "--statements",
        str(known),
        "--model",
        str(model),
        "--prompt",
        str(PROMPTS / "plain.jinja"),
        "--draw",
        "0",
    ]
    options += ["--shard", "00-of-01", "--output", str(output)]
    generate.main([*options, "--recipe", whole.canonical(), "--execution", json.dumps(whole.execution())])
    found = tables.read(output, tables.RESPONSES).to_pylist()
    assert [(r["response"], r["finish_reason"]) for r in found] == [("0", "stop"), ("", "error"), ("2", "stop"),
                                                                    ("3", "stop")]  # fmt: skip
    assert manifest(output)["finish_reason"] == {"stop": 3, "length": 0, "error": 1}


# Recipes


def test_a_recipe_comes_back_from_its_text_and_its_layout() -> None:
    server = {"url": "http://a/v1", "extra_body": {"a": {"b": 1}}, "concurrency": 3}
    whole = GenerateJob.model_validate(
        {"engine": "openai", "server": server, "batch_size": 3, "decoding": {"max_new_tokens": 9, "draws": 1}}
    )
    moved = GenerateJob.parse(whole.canonical(), json.dumps({**whole.execution(), "batch_size": 4}))
    assert GenerateJob.parse(whole.canonical(), json.dumps(whole.execution())) == whole
    assert (moved.batch_size, moved.canonical()) == (4, whole.canonical())
    assert set(whole.execution()["server"]) == set(type(whole.server).model_fields) - {"extra_body", "finish_reasons"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"engine": "openai"}, "`engine: openai` goes with `server.url`, or with `serve`"),
        ({"server": {"url": "http://a/v1"}}, "`server` and `serve` go with `engine: openai`"),
        (
            {"engine": "openai", "server": {"url": "http://a/v1"}, "model": {"path": "x"}},
            "goes with `model.served`, or",
        ),
        ({"model": {"served": "x"}}, "`model.served` goes with `engine: openai`"),
        ({"serve": {}}, "`server` and `serve` go with `engine: openai`"),
        (
            {"engine": "openai", "serve": {}, "server": {"url": "http://a/v1"}},
            "goes with `server.url`, or with `serve`",
        ),
        ({"engine": "openai", "serve": {}, "model": {"served": "x"}}, "only a `command` may serve a model by its name"),
        ({"engine": "openai", "serve": {"command": ["llama-server"]}}, "`{port}` must stand in it"),
        ({"engine": "openai", "serve": {"command": ["a", "{port} {prot}"]}}, "`{prot}` is none of its places"),
        ({"engine": "openai", "serve": {"command": ["a", "{port}"], "nodes": 2}}, "which runs on one machine"),
        ({"engine": "openai", "serve": {"command": ["a", "{port}"], "python": "p"}}, "no effect beside `command`"),
        ({"engine": "openai", "serve": {"nodes": 2}}, "cannot be shared out evenly"),
        ({"engine": "openai", "serve": {"nodes": 2, "replicas": 2}}, "give one of both"),
        ({"engine": "openai", "serve": {"args": {"tensor-parallel-size": 2}}}, "said elsewhere in the recipe"),
        ({"engine": "openai", "serve": {"execution_args": {"api_key": "x"}}}, "said elsewhere in the recipe"),
        ({"engine": "openai", "serve": {"args": {"hub-token": "x"}}}, "looks like a secret"),
        ({"engine": "openai", "serve": {"args": {"a b": "x"}}}, "no name of an argument"),
        ({"engine": "openai", "serve": {"args": {"x": 1}, "execution_args": {"x": 2}}}, "stands in `args` and in"),
        ({"engine": "openai", "serve": {}, "date": "2026-01-01"}, "`date` has no effect on a server"),
        ({"model": {"served": "x", "dtype": "float32"}}, "of a served model are its server's"),
        ({"model": {"served": "x", "path": "y"}}, "exactly one of"),
    ],
)
def test_recipes_that_cannot_be(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TeacherRecipe.model_validate({"model": {"path": "x"}, "decoding": "d", **keys})


def test_a_student_is_served_by_the_workflow_alone() -> None:
    with pytest.raises(ValueError, match="its weights are needed"):
        StudentRecipe(model=ModelRecipe(served="x"))
    with pytest.raises(ValueError, match="its weights are needed"):
        StudentRecipe(model=ModelRecipe(path="x"), engine="openai", server={"url": "http://a/v1"})
    assert StudentRecipe(model=ModelRecipe(path="x"), engine="openai", serve={}).serve


def test_weights_and_servers_are_not_confused(tmp_path: Path, model: Path, server: ChatServer) -> None:
    decoding = {"max_new_tokens": 9}
    with pytest.raises(InputError, match=r"dial-1 is a served model without weights here; use `engine: openai`"):
        load_engine(model, GenerateJob.model_validate({"decoding": decoding}))
    with pytest.raises(InputError, match=r"no served model; `engine: openai` needs `model.served`"):
        engine(base_model(tmp_path / "base"), server.url)


@pytest.mark.parametrize("tags", ["think", "mistral"])
def test_a_thought_that_was_cut_off_without_a_tag(
    server: ChatServer, model: Path, tags: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a served model nothing in such a reply tells it from an answer; other replies may, and `response_prefix`."""
    start, end = PRESETS[tags]

    def asked(*replies: tuple[str, str], **keys: Any) -> list[str]:
        for i, (text, reason) in enumerate(replies):
            choice = {"message": {"content": text}, "finish_reason": reason}
            server.plan[f"Say {i}."] = [faults.body(json.dumps({"choices": [choice]}))]
        job = {"engine": "openai", "server": {"url": server.url}, "decoding": {"max_new_tokens": 9}, "think_tags": tags}
        caplog.clear()
        with caplog.at_level("INFO"):
            found = ask(load_engine(model, GenerateJob.model_validate({**job, **keys})), len(replies))
        return [found[i].text for i in range(len(replies))]

    cut_off, whole = ("so \\boxed{1}", "length"), (f"so\n{end}\n\n\\boxed{{2}}", "stop")
    assert asked(cut_off, whole)[0] == "so \\boxed{1}"
    assert "1 of 2 responses close thinking that they have not opened" in caplog.text
    assert "1 more were cut off without a tag: theirs is taken for an answer unless `response_prefix`" in caplog.text
    for replies in ([cut_off, ("7", "stop")], [whole, ("7", "stop")], [(start + whole[0], "stop"), cut_off],
                    [whole, (f"{start}so", "length")], [whole, (whole[0], "length")]):  # fmt: skip
        asked(*replies)
        assert "have not opened" not in caplog.text
    named = asked(cut_off, whole, response_prefix=f"{start}\n")
    assert named == ["<think>\nso \\boxed{1}", "<think>\nso\n</think>\n\n\\boxed{2}"]
    assert "have not opened" not in caplog.text
    assert (grade("1", named[0], "length").verdict, grade("2", named[1]).verdict) == ("cut_off", "correct")


def test_a_server_that_answers_with_another_model_is_told_and_recorded(
    server: ChatServer, model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(busy, "_asked", set())
    monkeypatch.setattr(busy, "_answered", Counter())
    assert len(ask(engine(model, server.url), 2)) == 2  # a reply that names no model says nothing
    choice = {"message": {"content": "7"}, "finish_reason": "stop"}

    def named(name: Any) -> faults.Fault:
        return faults.body(json.dumps({"model": name, "choices": [choice]}))

    server.plan["Say 0."] = [named(MODEL)]
    ask(engine(model, server.url), 1)
    assert "answered_by" not in busy.reading()
    for i, name in enumerate(["dial-1-2026-01-31", "dial-1-2026-01-31", MODEL, None, ["x"], "\x1b", ""]):
        server.plan[f"Say {i}."] = [named(name)]
    assert [c.text for c in ask(engine(model, server.url), 7).values()] == ["7"] * 7
    lines = [r.getMessage() for r in caplog.records if "was asked for" in r.getMessage()]
    assert lines == ["the server answers with model 'dial-1-2026-01-31', and 'dial-1' was asked for; are they one?"]
    assert busy.reading()["answered_by"] == {MODEL: 2, "dial-1-2026-01-31": 2}
