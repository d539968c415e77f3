"""Greedy texts of a real student, and how fast they come, from transformers, vLLM and a server on a processor.

Each engine runs in a process of its own, one after the other, on the same prompts: problems of resources/real/, with
the prompt `boxed`. Seconds are those of answering, without the start; CPU seconds are those of the engine's whole
process tree meanwhile, with the server and its client, and are what to compare on a machine with other work. A text
differs from where its first other character stands; greedy texts of two engines agree but for near ties of the two
likeliest tokens.

Run as: .venv-vllm/bin/python benchmarks/real_engines.py FOLDER [--dtype float32] [--problems 60]
        [--engines transformers vllm server] [--command "llama-server -m FILE.gguf --host {host} --port {port} ..."]
FOLDER holds weights and tokenizer: resources/data/smollm2-135m, or `weights` of a trained model. `--command` is a
`serve.command` of the recipe, as words of a shell: the workflow's own supervisor starts and ends that server, and its
precision is the command's affair.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from goals import Goal, add_check, report  # noqa: E402

from distill.config.recipes import GenerateJob, canonical_json  # noqa: E402
from distill.runtime.presence import Presence  # noqa: E402
from distill.runtime.record import hardware  # noqa: E402

ENGINES = ("transformers", "vllm", "server")
EQUAL = 0.9  # of the texts, at the least, in 32 bits
VLLM = {"gpu_memory_utilization": 0.3, "enforce_eager": True, "max_model_len": 1024}


def keys_of(engine: str, command: str) -> dict[str, Any]:
    """Return the recipe's keys of an engine; `command` starts the server."""
    if engine == "server":
        return {"engine": "openai", "serve": {"command": shlex.split(command)}}
    return {"engine": "vllm", "vllm": VLLM} if engine == "vllm" else {"engine": engine, "batch_size": 64}


def cpu_seconds(model: Path) -> float:
    """Return what this process, its children and the servers of the model have taken."""
    import psutil

    lines = [
        line for path in model.glob("serving/*/starts.txt") for line in path.read_text(encoding="utf-8").splitlines()
    ]
    roots = [psutil.Process(pid) for pid in (os.getpid(), *(int(line.split()[3]) for line in lines))]
    tree = {each for root in roots for each in (root, *root.children(recursive=True))}
    return sum(times.user + times.system for times in (each.cpu_times() for each in tree))


def answer(engine: str, model: Path, problems: list[str], most: int, command: str) -> dict[str, Any]:
    """Return the texts of an engine, its tokens, and the seconds that it took to start and to answer."""
    from distill.models.prompts import Prompt
    from distill.responses.engines import Request, load_engine

    keys = {"prompt": "boxed", "decoding": {"max_new_tokens": most}, **keys_of(engine, command)}
    recipe, prompt = GenerateJob.model_validate(keys), Prompt(ROOT / "config/prompts/boxed.jinja", None)
    start = time.perf_counter()
    loaded = load_engine(model, recipe)
    ready, cpu = time.perf_counter(), cpu_seconds(model)
    requests = [Request(prompt.messages(text), i) for i, text in enumerate(problems)]
    found = dict(loaded.generate(requests))
    ended, cpu = time.perf_counter(), cpu_seconds(model) - cpu
    if errors := {each.error for each in found.values() if each.error}:
        raise SystemExit(f"{engine}: {min(errors)}")
    return {"version": loaded.version, "start": ready - start, "seconds": ended - ready, "cpu": cpu,
            "tokens": sum(each.response_tokens for each in found.values()),
            "prompt_tokens": sum(each.prompt_tokens for each in found.values()),
            "texts": [found[i].text for i in range(len(problems))]}  # fmt: skip


def in_own_process(engine: str, model: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return what `answer` says, from a process that has the memory for itself."""
    command = [sys.executable, __file__, str(model), "--engine", engine, "--problems", str(args.problems),
               "--max-new-tokens", str(args.max_new_tokens), "--command", args.command]  # fmt: skip
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as said:
        wanted = Presence(model / "serving/wanted.json", left=1)
        try:
            subprocess.run(command, check=True, env={**os.environ, "SAID": said.name})
        finally:
            wanted.close(left=0)
        while any(model.glob("serving/*/keeper.json")):  # the server leaves when nobody wants it
            time.sleep(0.2)
        return json.loads(Path(said.name).read_text(encoding="utf-8"))


def first_other(one: str, other: str) -> int:
    """Return the place of the first character that differs."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def main() -> None:
    """Parse the command line, measure the engines, print a table and the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--problems", type=int, default=60)
    parser.add_argument("--max-new-tokens", type=int, default=160)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="each is compared with the first")
    parser.add_argument("--command", default="", help="words that start a server, with {host} and {port}")
    parser.add_argument("--keep", type=Path, help="write what each engine said, as JSON")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    add_check(parser)
    args = parser.parse_args()
    if args.engine:
        lines = (ROOT / "resources/real/easy.jsonl").read_text(encoding="utf-8").splitlines()[: args.problems]
        problems = [json.loads(line)["problem"] for line in lines]
        found = answer(args.engine, args.model, problems, args.max_new_tokens, args.command)
        Path(os.environ["SAID"]).write_text(json.dumps(found), encoding="utf-8")
        return

    engines = args.engines or (ENGINES if args.command else ENGINES[:2])
    if "server" in engines and not args.command:
        parser.error("a server needs its --command")

    import fetch_model

    with tempfile.TemporaryDirectory() as folder:
        model = canonical_json({"path": str(args.model.resolve()), "dtype": args.dtype})
        fetch_model.main(["--recipe", model, "--output", f"{folder}/manifest.json"])
        said = [in_own_process(engine, Path(folder), args) for engine in engines]
    if args.keep:
        args.keep.write_text(json.dumps(said), encoding="utf-8")
    machine = ", ".join(f"{name} {fact}" for name, fact in hardware().items())
    load = ", ".join(f"{each:.0f}" for each in os.getloadavg())
    print(f"\n{args.model}, {args.dtype}, {args.problems} problems, on {machine}; load {load}\n")
    print("| engine | to start, s | answering, s | CPU s | prompt tokens | response tokens | tokens/s | tokens/CPU s "
          "| equal texts |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    shares = []
    for each in said:
        pairs = list(zip(said[0]["texts"], each["texts"], strict=True))
        equal = sum(one == other for one, other in pairs)
        shares.append(equal / len(pairs))
        each["differing"] = sorted(first_other(*pair) for pair in pairs if pair[0] != pair[1])
        print(f"| {each['version']} | {each['start']:.1f} | {each['seconds']:.1f} | {each['cpu']:.1f} "
              f"| {each['prompt_tokens']:,} | {each['tokens']:,} | {each['tokens'] / each['seconds']:,.0f} "
              f"| {each['tokens'] / each['cpu']:,.0f} | {equal} of {len(pairs)} |")  # fmt: skip
    for each in said[1:]:
        print(f"\n{each['version']}: of other texts the first other character stands at {each['differing']}")
    if args.dtype == "float32":
        lowest = min(shares)
        report([Goal("equal texts", f"{lowest:.0%}", f"{EQUAL:.0%} or more", lowest >= EQUAL)], args.check)


if __name__ == "__main__":
    main()
