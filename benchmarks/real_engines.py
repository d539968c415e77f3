"""Greedy texts of a real student, and how fast they come, from both engines: transformers and vLLM on a processor.

Each engine runs in a process of its own, one after the other, on the same prompts: problems of resources/real/, with
the prompt `boxed`. Seconds are those of answering, without the start. A text differs from where its first other
character stands; greedy texts of two engines agree but for near ties of the two likeliest tokens.

Run as: .venv-vllm/bin/python benchmarks/real_engines.py FOLDER [--dtype float32] [--problems 60]
FOLDER holds weights and tokenizer: resources/data/smollm2-135m, or `weights` of a trained model.
"""

import argparse
import json
import os
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
from distill.runtime.record import hardware  # noqa: E402

ENGINES = ("transformers", "vllm")
EQUAL = 0.9  # of the texts, at the least, in 32 bits
VLLM = {"gpu_memory_utilization": 0.3, "enforce_eager": True, "max_model_len": 1024}


def answer(engine: str, model: Path, problems: list[str], most: int) -> dict[str, Any]:
    """Return the texts of an engine, its tokens, and the seconds that it took to start and to answer."""
    from distill.models.prompts import Prompt
    from distill.responses.engines import Request, load_engine

    keys = {"engine": engine, "prompt": "boxed", "decoding": {"max_new_tokens": most},
            **({"vllm": VLLM} if engine == "vllm" else {"batch_size": 64})}  # fmt: skip
    recipe, prompt = GenerateJob.model_validate(keys), Prompt(ROOT / "config/prompts/boxed.jinja", None)
    start = time.perf_counter()
    loaded = load_engine(model, recipe)
    ready = time.perf_counter()
    requests = [Request(prompt.messages(text), i) for i, text in enumerate(problems)]
    found = dict(loaded.generate(requests))
    ended = time.perf_counter()
    return {"version": loaded.version, "start": ready - start, "seconds": ended - ready,
            "tokens": sum(each.response_tokens for each in found.values()),
            "texts": [found[i].text for i in range(len(problems))]}  # fmt: skip


def in_own_process(engine: str, model: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Return what `answer` says, from a process that has the memory for itself."""
    command = [sys.executable, __file__, str(model), "--engine", engine, "--problems", str(args.problems),
               "--max-new-tokens", str(args.max_new_tokens)]  # fmt: skip
    with tempfile.NamedTemporaryFile("r") as said:
        subprocess.run(command, check=True, env={**os.environ, "SAID": said.name})
        return json.loads(Path(said.name).read_text())


def first_other(one: str, other: str) -> int:
    """Return the place of the first character that differs."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def main() -> None:
    """Parse the command line, measure both engines, print a table and the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--problems", type=int, default=60)
    parser.add_argument("--max-new-tokens", type=int, default=160)
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    add_check(parser)
    args = parser.parse_args()
    if args.engine:
        lines = (ROOT / "resources/real/easy.jsonl").read_text().splitlines()[: args.problems]
        found = answer(args.engine, args.model, [json.loads(line)["problem"] for line in lines], args.max_new_tokens)
        Path(os.environ["SAID"]).write_text(json.dumps(found))
        return

    import fetch_model

    with tempfile.TemporaryDirectory() as folder:
        model = canonical_json({"path": str(args.model.resolve()), "dtype": args.dtype})
        fetch_model.main(["--recipe", model, "--output", f"{folder}/manifest.json"])
        said = {engine: in_own_process(engine, Path(folder), args) for engine in ENGINES}
    machine = ", ".join(f"{name} {fact}" for name, fact in hardware().items())
    print(f"\n{args.model}, {args.dtype}, {args.problems} problems, on {machine}\n")
    print("| engine | to start, s | answering, s | response tokens | tokens/s |\n|---|---|---|---|---|")
    for each in said.values():
        speed = each["tokens"] / each["seconds"]
        print(
            f"| {each['version']} | {each['start']:.1f} | {each['seconds']:.1f} | {each['tokens']:,} | {speed:,.0f} |"
        )
    pairs = list(zip(*(said[engine]["texts"] for engine in ENGINES), strict=True))
    equal = sum(one == other for one, other in pairs) / len(pairs)
    differing = sorted(first_other(*pair) for pair in pairs if pair[0] != pair[1])
    print(f"\nequal texts: {equal:.0%}; of the others the first other character stands at {differing}")
    if args.dtype == "float32":
        report([Goal("equal texts", f"{equal:.0%}", f"{EQUAL:.0%} or more", equal >= EQUAL)], args.check)


if __name__ == "__main__":
    main()
