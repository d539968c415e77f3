"""How fast generate.py answers a shard with vLLM, beside a bare `LLM.generate` on the same prompts, in one run.

Both run on one vLLM, which is started once and warmed up; they take turns, and the median round of each counts. The
bare way gets the rendered prompts as texts and lets vLLM tokenize and decode, as its documentation shows; ours is all
that generate.py does with a started engine: it renders, tokenizes, keeps each row in the journal as it finishes, and
writes the table. Tokens are response tokens.

Run as: .venv-vllm/bin/python benchmarks/generate_vllm.py [--model FOLDER] [--problems FILE.jsonl] [--check]
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import fetch_model  # noqa: E402
import generate  # noqa: E402
from goals import Goal, add_check, report  # noqa: E402

from distill.config.recipes import GenerateJob, canonical_json  # noqa: E402
from distill.models.prompts import Prompt  # noqa: E402
from distill.responses.asking import Answerer, Task  # noqa: E402
from distill.runtime.record import hardware  # noqa: E402

PROMPT = ROOT / "config/prompts/plain.jinja"
OF_BARE = 0.97


def bare(llm: Any, texts: list[str], params: Any) -> int:
    """Generate as vLLM's documentation shows; return the response tokens."""
    return sum(len(output.outputs[0].token_ids) for output in llm.generate(texts, params, use_tqdm=False))


def ours(answerer: Answerer, problems: dict[str, str]) -> int:
    """Answer a shard in a new folder as generate.py does; return the response tokens."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "responses.parquet")
        counts, _ = generate.answer_shard(output, Task(answerer, 0, "00-of-01"), problems, "benchmark")
        return counts["response_tokens"]


def measure(model: Path, problems: list[str], recipe: GenerateJob, rounds: int) -> dict[str, Any]:
    """Return the start-up's seconds, and seconds and tokens of each round and way."""
    from vllm import SamplingParams

    answerer = Answerer(model, Prompt(PROMPT), recipe)
    start = time.perf_counter()
    engine = answerer.start(0)
    found: dict[str, Any] = {"start-up": time.perf_counter() - start, "version": engine.version}
    inner = engine._engine
    texts = [inner.template.prompt_text(answerer.prompt.messages(text)) for text in problems]
    named = {f"{i:06}": text for i, text in enumerate(problems)}
    params = SamplingParams(temperature=0, max_tokens=recipe.decoding.max_new_tokens)
    ways = {"bare": lambda: bare(inner._llm, texts, params), "ours": lambda: ours(answerer, named)}
    for turn in range(rounds + 1):
        for way, run in sorted(ways.items(), reverse=bool(turn % 2)):
            start = time.perf_counter()
            tokens = run()
            if turn:
                found.setdefault(way, []).append((time.perf_counter() - start, tokens))
    return found


def main() -> None:
    """Parse the command line, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "resources/toy/teacher-long")
    parser.add_argument("--problems", type=Path, default=ROOT / "resources/toy/test.jsonl")
    parser.add_argument("--rows", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-new-tokens", type=int, default=240)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--vllm", default='{"gpu_memory_utilization": 0.3, "enforce_eager": true}')
    add_check(parser)
    args = parser.parse_args()

    known = [json.loads(line)["problem"] for line in args.problems.read_text(encoding="utf-8").splitlines()]
    problems = [known[i % len(known)] for i in range(args.rows)]
    keys = {"engine": "vllm", "vllm": json.loads(args.vllm), "decoding": {"max_new_tokens": args.max_new_tokens}}
    with tempfile.TemporaryDirectory() as folder:
        model = canonical_json({"path": str(args.model.resolve()), "dtype": args.dtype})
        fetch_model.main(["--recipe", model, "--output", f"{folder}/manifest.json"])
        found = measure(Path(folder), problems, GenerateJob.model_validate(keys), args.rounds)
    speeds = {way: [tokens / seconds for seconds, tokens in found[way]] for way in ("bare", "ours")}
    middle = {way: statistics.median(values) for way, values in speeds.items()}
    machine = ", ".join(f"{name} {fact}" for name, fact in hardware().items())
    print(f"\n{found['version']} on {machine}; {args.model.name}, {args.rows} rows, {args.rounds} rounds each")
    print(f"start-up {found['start-up']:.1f} s, not counted\n")
    print("| way | response tokens | tokens/s, median (lowest to highest) | of bare |\n|---|---|---|---|")
    for way, values in speeds.items():
        spread = f"{middle[way]:,.0f} ({min(values):,.0f} to {max(values):,.0f})"
        print(f"| {way} | {found[way][0][1]:,} | {spread} | {middle[way] / middle['bare']:.3f} |")
    reached = middle["ours"] / middle["bare"]
    report([Goal("ours over bare", f"{reached:.3f}x", f">= {OF_BARE}x", reached >= OF_BARE)], args.check)


if __name__ == "__main__":
    main()
