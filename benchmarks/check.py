"""What looking at digests costs a job, and how fast `check.py` reads, in CPU seconds of one process and one thread.

Generation: the toy student base-m answers 64 tokens with the transformers engine's own call; the digest of its weights
is set against 100 such responses (a short shard), that of a response (1,000 bytes of a file of `--rows`) against one.
Training: `train.py` as the toy study runs it (`toy-sft`, 4 epochs of `--examples` rows, a fifth of them long), for each
student; in the same run the seconds in its digests are counted: of tables, weights, tokenizer and outputs, and the key
by which a training is found again. The speed is that of sha256 over bytes in the page cache. One run.

Run as: python benchmarks/check.py [--rows 20000] [--examples 1000] [--check]
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from goals import Goal, add_check, report

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
TOY = ROOT / "resources/toy"
GOAL_SHARE, GOAL_MB_PER_SECOND = 0.03, 300
DIGESTS = ("file_digest", "weights_digest", "training_key")  # all that reads bytes for a digest; none calls another


def cpu(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def count_digests() -> list[float]:
    """Make the functions of DIGESTS note their CPU seconds in the list that is returned, wherever they are imported."""
    spent: list[float] = []

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            started = time.process_time()
            try:
                return function(*args)
            finally:
                spent.append(time.process_time() - started)

        return call

    ours = [m for name, m in sys.modules.items() if name.split(".")[0] in ("distill", "train", "fetch_model")]
    for name in DIGESTS:
        holders = [module for module in ours if hasattr(module, name)]
        wrapped = noting(getattr(holders[0], name))
        for module in holders:
            setattr(module, name, wrapped)
    return spent


def rendered_table(path: Path, model: Path, count: int) -> None:
    """Write `count` rendered toy traces, every fifth of them long."""
    from distill import tables
    from distill.models.folders import load_tokenizer
    from distill.models.prompts import Prompt
    from distill.models.templates import ChatTemplate
    from tools.toy import problems as toy

    template, prompt = ChatTemplate(load_tokenizer(model)), Prompt(ROOT / "config/prompts/plain.jinja")
    rng, rows = random.Random(0), []
    for number, problem in enumerate(toy.corpus(5, count)):
        style = "short" if number % 5 else "long"
        messages = prompt.messages(problem.text)
        ids = template.conversation_ids(messages, toy.trace(problem, style, rng))
        asked = len(template.prompt_ids(messages))
        mask = [0] * asked + [1] * (len(ids) - asked)
        row = {"problem_id": f"{number:05d}", "teacher": style, "input_ids": ids, "loss_mask": mask}
        rows.append({**row, "length": len(ids)})
    tables.write(path, tables.build(rows, tables.RENDERED), tables.RENDERED)


def training(folder: Path, student: str, examples: int) -> dict[str, float]:
    """Train a toy student and return CPU seconds: of the whole, in digests, and how many of these there were."""
    import fetch_model
    import train

    from distill.config import jobs
    from distill.config.lineage import BaseModel, TrainedModel
    from distill.config.load import load

    catalogue = load(ROOT / "config", {"studies": ["toy"]})
    model = folder / student
    os.chdir(ROOT)  # the model's path is relative to it
    base = ["--recipe", jobs.job_of(catalogue, BaseModel(student)).recipe]
    fetch_model.main([*base, "--output", str(model / "manifest.json")])
    rendered_table(folder / "rendered.parquet", model, examples)
    recipe = jobs.job_of(catalogue, TrainedModel(student, "toy-sft", "toy-mix-long", 1)).recipe
    options = ["--rendered", str(folder / "rendered.parquet"), "--model", str(model), "--seed", "1"]
    spent = count_digests()
    output = ["--output", str(folder / "trained" / student / "weights")]
    whole = cpu(lambda: train.main([*options, "--recipe", recipe, *output]))
    return {"whole": whole, "digests": sum(spent), "calls": len(spent)}


def generation(rows: int) -> dict[str, float]:
    """Return CPU seconds: of a response of 64 tokens, the digest of its model, that of a response's bytes, and MB/s."""
    import torch
    from transformers import AutoModelForCausalLM

    from distill.models.folders import weights_digest
    from distill.runtime.files import file_digest

    model = AutoModelForCausalLM.from_pretrained(TOY / "base-m").eval()
    ids = torch.randint(5, 50, (1, 64))
    model.generate(ids, max_new_tokens=2, min_new_tokens=2, do_sample=False)
    response = cpu(lambda: model.generate(ids, max_new_tokens=64, min_new_tokens=64, do_sample=False))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bytes"
        path.write_bytes(torch.randint(0, 256, (rows * 1000,), dtype=torch.uint8).numpy().tobytes())
        read = cpu(lambda: file_digest(path))
    return {"response": response, "weights": cpu(lambda: weights_digest(TOY / "base-m")), "bytes": read / rows,
            "speed": rows / 1e3 / read}  # fmt: skip


def main() -> None:
    """Measure, print the figures and the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000, help="responses")
    parser.add_argument("--examples", type=int, default=1000, help="rows that are trained on")
    add_check(parser)
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    one = generation(args.rows)
    print(f"digest of weights: {one['weights']:.4f} s; a response of 64 tokens: {one['response']:.4f} s")
    print(f"digest of a response of 1,000 bytes: {one['bytes'] * 1e6:.1f} us")
    # A short shard: 100 responses of 64 tokens. Weights are looked at once, so longer ones pay less.
    shares = {"weights, of a job of 100 responses": one["weights"] / (100 * one["response"]),
              "tables, of a generation's time": one["bytes"] / one["response"]}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for student in ("toy-xs", "toy-m"):
            run = training(Path(folder), student, args.examples)
            print(f"training of {student}: {run['whole']:.1f} s, {run['digests']:.4f} s in {run['calls']:.0f} digests")
            shares[f"all digests, of a training of {student}"] = run["digests"] / run["whole"]
    goals = [Goal(name, f"{share:.4%}", f"<= {GOAL_SHARE:.0%}", share <= GOAL_SHARE) for name, share in shares.items()]
    speed, bound = one["speed"], GOAL_MB_PER_SECOND
    report([*goals, Goal("reading", f"{speed:.0f} MB/s", f">= {bound} MB/s", speed >= bound)], args.check)


if __name__ == "__main__":
    main()
