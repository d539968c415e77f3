"""generate.py against a server of the tests, and with a real model: what was sent, what came of it."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chat_server as faults
import fetch_model
import generate
from chat_server import MODEL
from helpers import recipe as written
from world import ran, read, scratch

from distill import tables
from distill.config.recipes import GenerateJob, canonical_json

HERE, ELSEWHERE = "http://here/v1", "http://elsewhere/v1"


@dataclass(frozen=True)
class Asked:
    """What a server saw, and what the program made of its answers."""

    bodies: list[dict[str, Any]]
    keys: set[str | None]
    tries: list[int]
    most_busy: int
    elsewhere: int
    error: str
    rows: list[dict[str, Any]]
    cost: float


def run(job: GenerateJob, model: Path, problems: str = "say.parquet") -> tuple[str, Path]:
    """Run generate.py; return its error, and the table that it wrote."""
    output = scratch() / "shard/responses.parquet"  # rows are taken over from folders beside it
    options = ("--statements", problems, "--model", model, "--prompt", "prompts/plain.jinja", "--draw", 0,
               "--shard", "00-of-01", "--execution", canonical_json(job.execution()))  # fmt: skip
    return ran(generate.main, *options, "--recipe", job.canonical(), "--output", output), output


def on_server(
    job: GenerateJob, served: str = MODEL, refuse: int = 0, busy: bool = False, seconds: float = 0, ends: str = "stop"
) -> Asked:
    """Run generate.py on a server that refuses the first rows, is busy, takes some seconds, or `ends` in odd words."""
    model = scratch()
    fetch_model.main(["--recipe", written(served=served), "--output", str(model / "manifest.json")])
    with ExitStack() as stack:
        here, elsewhere = (stack.enter_context(faults.running()) for _ in range(2))
        here.seconds, here.choice = seconds, {"finish_reason": ends}
        for i in range(refuse):
            here.plan[f"Say {i}."] = [faults.status(400)]
        if busy:
            here.always = None
            for i in range(4):
                here.plan[f"Say {i}."] = [faults.status(500)] * 2
        url = {HERE: here.url, ELSEWHERE: elsewhere.url}[job.server.url]
        real = job.model_copy(update={"server": job.server.model_copy(update={"url": url})})
        error, output = run(real, model)
        facts = output.with_name("provenance.json")
        cost = json.loads(facts.read_text())["cost"] if facts.exists() else 0.0
        bodies = sorted(here.bodies, key=lambda body: body["messages"][-1]["content"])
        tries = [len(times) for _, times in sorted(here.asked.items())]
        return Asked(bodies, here.keys, tries, here.most_busy, len(elsewhere.bodies), _without(error, here.url),
                     read(output, tables.RESPONSES), cost)  # fmt: skip


def _without(error: str, url: str) -> str:
    """Return an error without what differs each time."""
    return " ".join(word for word in error.replace(url, HERE).split() if not word.startswith("/"))


def sent(job: GenerateJob) -> Any:
    return on_server(job).bodies


def rows_of(job: GenerateJob) -> Any:
    return on_server(job).rows


def generated(job: GenerateJob) -> Any:
    """The rows that a real model makes with transformers, but for the times and seeds."""
    local = GenerateJob.model_validate({**job.model_dump(), "engine": "transformers", "server": None})
    error, output = run(local, Path("models/any"))
    assert not error
    return read(output, tables.RESPONSES, "seed")
