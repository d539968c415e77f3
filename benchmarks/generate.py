"""Tokens per second of our engines against the plain way to call the same library, at equal output.

`transformers` is our engine, `model.generate` the library's own call on fixed batches of the same size, padded on the
left, in the order of the problems. Both are greedy on the same real model and problems; loading is reported apart,
and each way runs in a process of its own, in turn, several times. Equal means the same text, row by row. On a machine
with other work the CPU column is the one to trust, with OMP_NUM_THREADS=1 (waiting threads count as well).

Run as: python benchmarks/generate.py [--model resources/toy/teacher-long] [--rows 512] [--batch-size 64] [--runs 3]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from distill.config.recipes import DecodingRecipe, GenerateJob  # noqa: E402
from distill.models.prompts import Prompt  # noqa: E402
from distill.models.templates import ChatTemplate  # noqa: E402
from distill.responses.engines import Request, load_engine  # noqa: E402
from distill.runtime.record import hardware  # noqa: E402

Result = tuple[float, float, float, list[str], list[int]]
Way = Callable[[Path, list[Request], argparse.Namespace], Result]


def ours(model: Path, requests: list[Request], args: argparse.Namespace) -> Result:
    """Return seconds of loading and generating, CPU seconds of generating, texts and tokens, with our engine."""
    decoding = DecodingRecipe(max_new_tokens=args.max_new_tokens)
    recipe = GenerateJob(prompt="plain", batch_size=args.batch_size, decoding=decoding)
    started = time.perf_counter()
    engine = load_engine(model, recipe)
    loaded, cpu = time.perf_counter(), time.process_time()
    found = dict(engine.generate(requests))
    seconds, cpu = time.perf_counter() - loaded, time.process_time() - cpu
    rows = [found[i] for i in range(len(requests))]
    return loaded - started, seconds, cpu, [r.text for r in rows], [r.response_tokens for r in rows]


def plain_generate(model: Path, requests: list[Request], args: argparse.Namespace) -> Result:
    """Return the same with the library's own `generate`."""
    import torch

    from distill.models.folders import load_model, load_tokenizer

    started = time.perf_counter()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network, tokenizer = load_model(model).to(device).eval(), load_tokenizer(model)
    loaded, cpu = time.perf_counter(), time.process_time()
    texts, tokens = [], []
    for start in range(0, len(requests), args.batch_size):
        batch = [ChatTemplate(tokenizer).prompt_ids(r.messages) for r in requests[start : start + args.batch_size]]
        padded = tokenizer.pad({"input_ids": batch}, return_tensors="pt").to(device)
        with torch.inference_mode():
            out = network.generate(**padded, do_sample=False, max_new_tokens=args.max_new_tokens)
        for ids in out[:, padded["input_ids"].shape[1] :].tolist():
            whole = ids[: ids.index(tokenizer.eos_token_id) + 1] if tokenizer.eos_token_id in ids else ids
            texts.append(tokenizer.decode(whole, skip_special_tokens=True))
            tokens.append(len(whole))
    return loaded - started, time.perf_counter() - loaded, time.process_time() - cpu, texts, tokens


WAYS: dict[str, Way] = {"model.generate": plain_generate, "transformers": ours}  # each is compared with the first


def measure(args: argparse.Namespace, way: str) -> dict[str, Any]:
    """Run one way in this process."""
    import fetch_model

    lines = (ROOT / "resources/toy/train.jsonl").read_text(encoding="utf-8").splitlines()[: args.rows]
    prompt = Prompt(ROOT / "config/prompts/plain.jinja")
    requests = [Request(prompt.messages(json.loads(line)["problem"]), 0) for line in lines]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "base"
        recipe = json.dumps({"path": str(args.model.resolve())})
        fetch_model.main(["--recipe", recipe, "--output", str(folder / "manifest.json")])
        load, seconds, cpu, texts, tokens = WAYS[way](folder, requests, args)
    return {"load": load, "seconds": seconds, "cpu": cpu, "texts": texts, "tokens": tokens,
            "hardware": hardware()}  # fmt: skip


def main() -> None:
    """Measure every way in turn, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "resources/toy/teacher-long")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--max-new-tokens", type=int, default=240)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args, args.one)))
        return
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(args.runs):
        for way in WAYS:
            command = [sys.executable, __file__, *sys.argv[1:], "--one", way]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=3600)
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    first = next(iter(found.values()))[0]
    lengths = sorted(first["tokens"])
    print(", ".join(f"{name} {fact}" for name, fact in first["hardware"].items()))
    print(f"{len(lengths)} rows of {lengths[0]} to {lengths[-1]} tokens, median {statistics.median(lengths):.0f}; "
          f"batches of {args.batch_size}; {args.runs} runs each: median")  # fmt: skip
    print(f"{'way':20}{'tokens/s':>10}{'x first':>9}{'tokens/CPU s':>14}{'x first':>9}{'same text':>11}{'load s':>8}")
    base: list[float] = []
    for way, runs in found.items():
        speeds = [statistics.median(sum(run["tokens"]) / run[clock] for run in runs) for clock in ("seconds", "cpu")]
        base = base or speeds
        same = sum(a == b for a, b in zip(runs[0]["texts"], first["texts"], strict=True)) / len(lengths)
        load = statistics.median(run["load"] for run in runs)
        print(f"{way:20}{speeds[0]:>10.0f}{speeds[0] / base[0]:>9.2f}{speeds[1]:>14.0f}{speeds[1] / base[1]:>9.2f}"
              f"{same:>11.1%}{load:>8.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
