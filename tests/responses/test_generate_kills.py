"""generate.py killed, failing, started again: no row is lost, none is generated twice, no error is hidden."""

import json
import multiprocessing
import random
import re
import shutil
import time
from pathlib import Path
from typing import Any

import fetch_model
import generate
import pytest
from chat_server import MODEL, running
from helpers import PROMPTS, TOY, base_model, manifest, problems_table, recipe
from test_generate import PROBLEMS, arguments

from distill import tables
from distill.runtime.errors import InputError

KILLS = 20
ROWS = 400
SERVED = 600
CONCURRENCY = 4
LONG = PROBLEMS[1] * 40  # more than the toy models' context of 512 tokens
# What the forks of a server need not import again: each start takes about a second.
PRELOADED = ["generate", "torch", "transformers.models.qwen3.modeling_qwen3", "transformers.models.auto.modeling_auto",
             "distill.responses.engines.transformers", "distill.responses.engines.openai", "httpx2",
             "tenacity"]  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "teacher-long")


def provenance(output: Path) -> dict:
    return json.loads(output.with_name("provenance.json").read_text())


def journal(output: Path) -> list[bytes]:
    """Return the whole lines of the journal beside an output."""
    found = list((output.parent / "state").glob("*.jsonl"))
    assert len(found) < 2
    return [line for path in found for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")]


def start(context: Any, command: list[str]) -> Any:
    job = context.Process(target=generate.main, args=(command,))
    job.start()
    return job


def finish(context: Any, command: list[str]) -> None:
    """Run a job to its end."""
    job = start(context, command)
    job.join()
    assert job.exitcode == 0


def kill(job: Any, output: Path, rows: int, seconds: float) -> None:
    """Kill a job some time after it has written so many more rows."""
    wanted = len(journal(output)) + rows
    while len(journal(output)) < wanted:
        assert job.exitcode is None, "it ended by itself; give it more rows to be killed in"
        time.sleep(0.002)
    time.sleep(seconds)
    job.kill()
    job.join()
    assert job.exitcode == -9


def test_twenty_kills_lose_nothing_and_repeat_nothing(tmp_path: Path, model: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    problems = [f"{PROBLEMS[i % 4]} Now go up {i % 10}." for i in range(ROWS)]
    output, whole = tmp_path / "killed/responses.parquet", tmp_path / "whole/responses.parquet"
    command = arguments(tmp_path, model, problems, output, batch_size=16, max_new_tokens=200)
    moments, before = random.Random(4), []
    for _ in range(KILLS):
        job = start(context, command)
        rows = moments.choice([0, 1, 3, 6, 12])
        kill(job, output, rows, moments.uniform(0, 0.05 if rows else 0.8))  # among the rows, or before the first
        kept = journal(output)
        assert kept[: len(before)] == before
        assert not output.exists()
        before = kept
    assert 20 < len(before) < ROWS
    assert len({line.split(b', "row"')[0] for line in before}) == len(before)
    finish(context, command)
    finish(context, [*command[:-1], str(whole)])
    assert (provenance(output)["resumed"], provenance(output)["asked"]) == (len(before), ROWS - len(before))
    assert provenance(whole)["resumed"] == 0
    assert output.read_bytes() == whole.read_bytes()
    assert manifest(output) == manifest(whole)
    assert not (output.parent / "state").exists()


def test_twenty_kills_ask_a_server_for_nothing_that_was_kept(tmp_path: Path) -> None:
    fetch_model.main(["--recipe", recipe(served=MODEL), "--output", str(tmp_path / "model/manifest.json")])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    moments, kept = random.Random(5), {}  # problem -> when it was in the journal
    with running() as server:
        server.seconds = 0.02
        command = served(tmp_path, server.url, tmp_path / "killed/responses.parquet")
        output = Path(command[-1])
        for _ in range(KILLS):
            job = start(context, command)
            kill(job, output, moments.choice([0, 1, 5, 20]), moments.uniform(0, 0.1))
            now = time.monotonic()
            kept |= {tuple(json.loads(line)["key"]): now for line in journal(output)[len(kept) :]}
        assert 40 < len(kept) < SERVED
        finish(context, command)
        last = {f"q{i}": server.asked[f"Say {i}."][-1] for i in range(SERVED)}
        assert [key for key, when in kept.items() if last[key[0]] > when] == []
        # What was under way at a kill may be asked again, nothing else.
        assert sum(len(server.asked[f"Say {i}."]) - 1 for i in range(SERVED)) <= KILLS * CONCURRENCY
        whole = served(tmp_path, server.url, tmp_path / "whole/responses.parquet")
        finish(context, whole)
    assert provenance(output)["resumed"] == len(kept)
    assert output.read_bytes() == Path(whole[-1]).read_bytes()
    assert [r["response"] for r in tables.read(output, tables.RESPONSES).to_pylist()] == sorted(map(str, range(SERVED)))


def served(folder: Path, url: str, output: Path) -> list[str]:
    """Return the command line that asks a server for SERVED rows."""
    rows = [{"problem_id": f"q{i}", "answer": str(i)} for i in range(SERVED)]
    known = problems_table(folder / "problems.parquet", rows)
    keys = recipe(engine="openai", server={"url": url, "concurrency": CONCURRENCY}, decoding={"max_new_tokens": 9})
    files = ["--statements", str(known), "--model", str(folder / "model"), "--prompt", str(PROMPTS / "plain.jinja")]
    return [*files, "--draw", "0", "--shard", "00-of-01", "--recipe", keys, "--output", str(output)]


def test_errors_are_rows_up_to_a_bound_and_are_asked_again(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "r/responses.parquet"
    command = arguments(tmp_path, model, [*PROBLEMS, LONG], output, max_errors=0.1)
    with pytest.raises(InputError) as error:
        generate.main(command)
    assert re.fullmatch(
        r".*/r/responses\.parquet: 1 of 5 responses are errors, more than max_errors 0\.1 allows; the first is of q4: "
        r"prompt of \d+ tokens, context of 512\. The other responses are kept; the next start asks only for these",
        str(error.value),
    )
    assert len(journal(output)) == 4
    assert sorted(p.name for p in output.parent.iterdir()) == ["state"]
    meanwhile = json.loads((output.parent / "state/progress.json").read_text())
    assert (meanwhile["done"], meanwhile["total"], meanwhile["cost"]) == (5, 5, 0)

    command[command.index("--execution") + 1] = recipe(max_errors=0.2)
    generate.main(command)
    assert (provenance(output)["resumed"], provenance(output)["asked"]) == (4, 1)
    assert '{"program": "generate", "done": 4, "total": 5,' in capsys.readouterr().err
    *good, bad = tables.read(output, tables.RESPONSES).to_pylist()
    assert "error" not in {r["finish_reason"] for r in good}
    assert {r["error"] for r in good} == {None}
    assert (bad["problem_id"], bad["response"], bad["finish_reason"]) == ("q4", "", "error")
    assert re.fullmatch(r"prompt of \d+ tokens, context of 512", bad["error"])
    assert manifest(output)["finish_reason"]["error"] == 1


@pytest.mark.parametrize("changed", ["recipe", "problems", "model", "draw"])
def test_another_recipe_model_or_draw_takes_nothing_over(tmp_path: Path, model: Path, changed: str) -> None:
    output = tmp_path / "r/responses.parquet"
    with pytest.raises(InputError, match="1 of 5 responses are errors"):
        generate.main(arguments(tmp_path, model, [*PROBLEMS, LONG], output))
    problems, keys = PROBLEMS, {}
    if changed == "recipe":
        problems, keys = [*PROBLEMS, LONG], {"max_new_tokens": 61}
    elif changed == "draw":
        problems, keys = [*PROBLEMS, LONG], {"draw": 1}
    elif changed == "model":
        problems, model = [*PROBLEMS, LONG], base_model(tmp_path / "other", TOY / "teacher-short")
    generate.main(arguments(tmp_path, model, problems, output, max_errors=1.0, **keys))
    assert provenance(output)["resumed"] == (4 if changed == "problems" else 0)
    assert not (output.parent / "state").exists()


def test_models_that_are_not_there_or_have_no_chat_template(tmp_path: Path) -> None:
    output = tmp_path / "r/responses.parquet"
    with pytest.raises(InputError, match=r"nowhere/manifest\.json: no such file"):
        generate.main(arguments(tmp_path, tmp_path / "nowhere", PROBLEMS, output))
    own = shutil.copytree(TOY / "teacher-short", tmp_path / "own")
    folder = base_model(tmp_path / "base", own)
    (own / "chat_template.jinja").unlink()
    with pytest.raises(InputError, match=r"own/chat_template\.jinja: not what .*base/manifest\.json states"):
        generate.main(arguments(tmp_path, folder, PROBLEMS, output))
    shutil.rmtree(own)
    with pytest.raises(InputError, match=r"own/.*: not what .*base/manifest\.json states"):
        generate.main(arguments(tmp_path, folder, PROBLEMS, output))
    assert not output.exists()
