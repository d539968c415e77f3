"""A server that the workflow starts: shared, started again, taken down; and what is said when it cannot be had."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import serve
from helpers import PROMPTS, REPOSITORY, base_model, problems_table

from distill import tables
from distill.config.recipes import GenerateJob, ServeRecipe, canonical_json
from distill.runtime import presence
from distill.runtime.files import read_json, write_json

PROGRAM = Path(__file__).parents[1] / "served_program.py"
ROWS = 60


def until(holds: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@dataclass
class Place:
    """A folder with a model, problems, and the programs that ask the model's server."""

    folder: Path
    left: int = 1  # jobs of a Snakemake that may still ask the server

    @property
    def serving(self) -> Path:
        (found,) = (p for p in (self.folder / "model/serving").iterdir() if p.is_dir())
        return found

    def start(self, shard: str = "00-of-01", server: Any = None, **serve: Any) -> "subprocess.Popen[str]":
        """Start generate.py on a shard; `serve` are keys beside the command, or words of the command."""
        words = [sys.executable, str(PROGRAM), "--host", "{host}", "--port", "{port}", "--name", "{name}",
                 "--folder", str(self.folder), *serve.pop("words", ())]  # fmt: skip
        decoding = {"max_new_tokens": 9, **serve.pop("decoding", {})}
        errors = {"max_errors": serve.pop("max_errors")} if "max_errors" in serve else {}
        keys = {"engine": "openai", "serve": {"command": words, **serve}, "server": server or {}, **errors}
        job = GenerateJob.model_validate({**keys, "prompt": "plain", "decoding": decoding})
        problems = self.folder / "problems.parquet"
        if not problems.exists():
            problems_table(problems, [{"problem_id": f"p{i}", "answer": str(i)} for i in range(ROWS)])
        command = [sys.executable, str(REPOSITORY / "scripts/generate.py"), "--statements", str(problems),
                   "--model", str(self.folder / "model"), "--prompt", str(PROMPTS / "plain.jinja"), "--draw", "0",
                   "--shard", shard, "--recipe", job.canonical(), "--execution", canonical_json(job.execution()),
                   "--output", str(self.output(shard))]  # fmt: skip
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def output(self, shard: str = "00-of-01") -> Path:
        return self.folder / "draw-0" / shard / "responses.parquet"

    def rows(self, shard: str = "00-of-01") -> list[dict[str, Any]]:
        return tables.read(self.output(shard), tables.RESPONSES).to_pylist()

    def starts(self) -> list[int]:
        """Return the processes that were started as servers."""
        return [int(line.split()[3]) for line in (self.serving / "starts.txt").read_text().splitlines()]

    def asked(self) -> Counter[str]:
        path = self.folder / "asked.txt"
        return Counter(json.loads(line)[0] for line in path.read_text().splitlines()) if path.exists() else Counter()

    def processes(self) -> list[psutil.Process]:
        """Return what runs of this place: programs, servers, their children."""
        children = self.folder / "processes.txt"
        pids = [int(line.split()[0]) for line in children.read_text().splitlines()] if children.exists() else []
        named = [p for p in psutil.process_iter(["cmdline"]) if str(self.folder) in " ".join(p.info["cmdline"] or ())]
        return named + [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A place whose server a Snakemake wants: this process."""
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.2)
    base_model(tmp_path / "model")
    found = Place(tmp_path)
    with presence.Presence(tmp_path / "model/serving/wanted.json", lambda: {"left": found.left}, run="this"):
        yield found
        found.left = 0
        ran = found.processes()
        _, left = psutil.wait_procs(ran, 30)
    for process in left:
        process.kill()
    assert left == []


def ended(job: "subprocess.Popen[str]", code: int = 0) -> str:
    """Return what a program said; it must have ended so."""
    _, said = job.communicate(timeout=300)
    assert job.returncode == code, said
    return said


def complaint(job: "subprocess.Popen[str]") -> str:
    """Return the line that a program ended with; it must have failed."""
    line = ended(job, 1).splitlines()[-1]
    assert line.startswith("generate.py: error: ")
    return line.removeprefix("generate.py: error: ")


def whole(place: Place, *shards: str) -> list[dict[str, Any]]:
    """Return the rows of all shards, which must be all, each once."""
    rows = [row for shard in shards or ("00-of-01",) for row in place.rows(shard)]
    assert sorted(row["problem_id"] for row in rows) == sorted(f"p{i}" for i in range(ROWS))
    assert {row["finish_reason"] for row in rows} == {"stop"}
    return rows


def test_programs_share_one_start_and_it_leaves_when_no_job_is_left(place: Place) -> None:
    jobs = [place.start(shard) for shard in ("00-of-03", "01-of-03")]
    for job in jobs:
        ended(job)
    ended(place.start("02-of-03"))
    assert len(place.starts()) == 1
    rows = whole(place, "00-of-03", "01-of-03", "02-of-03")
    assert {row["engine"] for row in rows} == {"openai (program)"}
    assert set(place.asked().values()) == {1}
    assert len(place.processes()) == 3  # who keeps it, the server, its child
    place.left = 0
    until(lambda: not place.processes())
    assert not (place.serving / "address.json").exists()


@pytest.mark.parametrize("who", ["server", "keeper"])
def test_one_that_is_killed_in_mid_shard_is_back(place: Place, who: str) -> None:
    job = place.start(words=("--seconds", "0.2"), server={"concurrency": 2, "attempts": 1})
    until(lambda: len(place.asked()) > 10)
    os.kill(place.starts()[0] if who == "server" else read_json(place.serving / "keeper.json")["pid"], signal.SIGKILL)
    ended(job)
    whole(place)
    assert len(place.starts()) == 2
    facts = read_json(place.output().with_name("provenance.json"))
    assert facts["asked"] == ROWS
    # Only what was under way was asked twice.
    assert sum(place.asked().values()) <= ROWS + 2
    assert len(place.processes()) == 3


def test_one_that_says_it_is_not_well_is_started_again(place: Place) -> None:
    job = place.start(
        words=("--seconds", "0.5", "--unwell-after", "20"), server={"concurrency": 2}, unhealthy_seconds=1
    )
    ended(job)
    whole(place)
    assert len(place.starts()) > 1


def test_a_program_that_is_killed_goes_on_with_the_same_server(place: Place) -> None:
    job = place.start(words=("--seconds", "0.1"), server={"concurrency": 2})
    until(lambda: len(place.asked()) > 10)
    job.kill()
    job.communicate()
    ended(place.start(words=("--seconds", "0.1"), server={"concurrency": 2}))
    whole(place)
    facts = read_json(place.output().with_name("provenance.json"))
    assert facts["resumed"] >= 9
    assert sum(place.asked().values()) <= ROWS + 2
    assert len(place.starts()) == 1


def test_it_leaves_when_snakemake_is_gone(place: Place) -> None:
    ended(place.start())
    wanted = place.folder / "model/serving/wanted.json"
    wanted.write_text(json.dumps({**read_json(wanted), "born": "another time"}))  # what a killed one leaves behind
    until(lambda: not place.processes())


def test_without_snakemake_it_leaves_when_nobody_asks(place: Place) -> None:
    (place.folder / "model/serving/wanted.json").unlink()
    ended(place.start(idle_minutes=0.01))
    whole(place)
    until(lambda: not place.processes())


def test_one_that_nobody_asks_leaves_though_jobs_are_left(place: Place) -> None:
    ended(place.start(idle_minutes=0.01))
    until(lambda: not place.processes())


def test_no_key_is_sent_to_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    ended(place.start())
    assert "secret" not in (place.folder / "asked.txt").read_text()


def test_what_cannot_be_started_is_one_line(place: Place) -> None:
    line = complaint(place.start(command=["no-such-server", "{port}"]))
    assert line == "`serve.command`: no program 'no-such-server' here"


def test_one_that_ends_at_once_is_one_line(place: Place) -> None:
    line = complaint(place.start(words=("--says", "unknown model type 'x'")))
    told = "the server ended with exit code 3 before it was ready: unknown model type 'x'"
    assert line == f"{told} (more in {place.serving}/server.log)"
    # The jobs that follow in this run are told at once.
    assert complaint(place.start(words=("--says", "unknown model type 'x'"))) == line
    assert len(place.starts()) == 1


def test_the_reason_is_told_not_what_followed_from_it(place: Place) -> None:
    """As vLLM ends: the worker's error, others that only point to it, a warning of Python's last."""
    log = (
        "(Worker pid=7) ERROR 11-27 07:51:24 [executor.py:953] ValueError: Available memory (2/24 GiB) is too little\n"
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}\n"
        "  warnings.warn('resource_tracker: There appear to be 1 leaked objects')"
    )
    told = (
        "the server ended with exit code 3 before it was ready: ValueError: Available memory (2/24 GiB) is too little"
    )
    assert complaint(place.start(words=("--says", log))) == f"{told} (more in {place.serving}/server.log)"


def test_one_that_never_gets_ready_is_one_line(place: Place) -> None:
    line = complaint(place.start(words=("--silent",), start_minutes=0.05))
    assert line.startswith("the server was not ready after 0.05 minutes (`start_minutes`)")
    until(lambda: not place.processes())


def test_a_port_in_use_is_one_line(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = complaint(place.start(port=port))
    told = f"port {port} (`serve.port`) of {socket.gethostname()} cannot be had: Address already in use"
    assert line == f"{told}; leave it out, and a free one is taken"


def test_one_that_loses_its_port_takes_another(place: Place) -> None:
    """Seconds pass between the choice of a port and the server's bind; another may have it by then."""
    ended(place.start(words=("--thief", "2"), restarts=0))
    whole(place)
    ports = [line.split()[2] for line in (place.serving / "starts.txt").read_text().splitlines()]
    assert len(set(ports)) == len(ports) == 3
    assert set(place.asked().values()) == {1}


def test_one_that_loses_every_port_is_one_line(place: Place) -> None:
    line = complaint(place.start(words=("--thief", "99")))
    assert line.startswith("the server ended with exit code 1 before it was ready: OSError: [Errno 98] Address already")
    assert len(place.starts()) == 6


def test_one_that_dies_again_and_again_is_given_up(place: Place) -> None:
    job = place.start(words=("--seconds", "0.2"), server={"concurrency": 1}, restarts=1)
    for number in (1, 2):
        until(lambda number=number: len(place.asked()) > 5 * number)
        os.kill(place.starts()[-1], signal.SIGKILL)
    assert complaint(job).startswith("the server was ended by signal 9 (it said nothing in ")
    assert len(place.starts()) == 2
    ended(place.start(restarts=2))  # another way of serving: another server; what was paid is kept
    whole(place)


def test_weights_that_were_altered_are_not_served(place: Place) -> None:
    manifest = place.folder / "model/manifest.json"
    content = read_json(manifest)
    content["files"]["model.safetensors"] = "0" * 64
    write_json(manifest, content)
    manifest.with_name("provenance.json").unlink()  # it says which manifest it was
    assert "not what" in complaint(place.start())
    assert not (place.serving / "starts.txt").exists()


def llama_cpp(folder: Path, **params: float) -> tuple[str, str]:
    """Write what llama.cpp's server said (b10434), with other defaults; return the words."""
    said = read_json(Path(__file__).with_name("llama_cpp.json"))
    said["/props"][0][1]["default_generation_settings"]["params"] |= params
    write_json(folder / "recorded.json", said)
    return "--recorded", str(folder / "recorded.json")


NEUTRAL = {"top_k": 0, "min_p": 0.0}


@pytest.mark.parametrize(
    ("decoding", "params"),
    [({"temperature": 1.0}, NEUTRAL), ({"temperature": 0.0}, {}),
     ({"temperature": 1.0, "top_k": 40, "min_p": 0.05}, {})],
    ids=["as the recipe", "greedy", "said by the recipe"],
)  # fmt: skip
def test_what_llama_cpp_replies_is_read(place: Place, decoding: dict[str, float], params: dict[str, float]) -> None:
    """It is asked while it loads, names its build elsewhere, counts, cuts off, and refuses what is too long for it."""
    words = llama_cpp(place.folder, **params)
    ended(place.start(words=words, decoding=decoding, server={"concurrency": 1}, max_errors=0.1))
    rows = place.rows()
    assert {row["engine"] for row in rows} == {"openai (llamacpp b1-7e4c0a9)"}
    ends = Counter(row["finish_reason"] for row in rows)
    assert ends == {"stop": ROWS - 2, "length": 1, "error": 1}
    (cut,) = (row for row in rows if row["finish_reason"] == "length")
    assert (cut["response"], cut["prompt_tokens"], cut["response_tokens"]) == ("Hey there! It's", 31, 5)
    (refused,) = (row for row in rows if row["finish_reason"] == "error")
    assert "request (631 tokens) exceeds the available context size (512 tokens)" in refused["error"]


@pytest.mark.parametrize(
    ("decoding", "told"),
    [({}, "top_k 40 and min_p 0.05 of its own, where the decoding has none; give its command `--top-k 0 --min-p 0`"),
     ({"top_k": 20}, "min_p 0.05 of its own, where the decoding has none; give its command `--min-p 0`")],
)  # fmt: skip
def test_a_server_that_would_sample_otherwise_than_the_recipe_is_refused(
    place: Place, decoding: dict[str, float], told: str
) -> None:
    """What a recipe has 0 for is not sent, and llama.cpp then takes its own: rows would not be what they say."""
    job = place.start(words=llama_cpp(place.folder), decoding={"temperature": 1.0, **decoding})
    assert complaint(job) == f"the server samples with {told}, or the decoding what is meant"


WHOLE = "--no-enable-chunked-prefill"


@pytest.mark.parametrize(
    ("keys", "gpus", "words"),
    [({}, {}, [WHOLE]), ({}, {"0": "GPU-1"}, []), ({"args": {"enable-chunked-prefill": True}}, {}, []),
     ({"execution_args": {"enable_chunked_prefill": False}}, {}, []), ({"program": "sglang"}, {}, []),
     ({"command": ["own", "{port}"]}, {}, [])],
)  # fmt: skip
def test_on_a_processor_vllm_reads_prompts_whole(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any], gpus: dict[str, str], words: list[str]
) -> None:
    monkeypatch.setattr(serve, "visible", lambda: gpus)
    assert serve.of_processor(ServeRecipe.model_validate(keys)) == words
