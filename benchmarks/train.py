"""Training: our program against plain scripts of TRL's SFTTrainer, at equal settings, rows and order, in one run.

Each way is a process of its own, with one thread, in turn. `plain` pads and asks for all logits, as the documentation
of TRL has it; `plain packed` is TRL's own packing, which without flash-attention lets rows see each other (its loss is
no longer that of the rows; four packs of 1,024 tokens stand for 16 rows); `ours` is what `train.py` calls. Counted are
CPU seconds of the process, so other work on the machine does not count. Speed is over the updates after the first;
start is what comes before the first update, imports included. The loss is the mean over the tokens of each update; at
equal tokens it must agree.

`--model` is any model folder: the toy's `base-m`, or SmolLM2's real weights (scripts/tools/fetch_smollm2.py). Rows are
GSM8K's own solutions where `--problems` names a table of problems, else traces of the toy.

Run as: python benchmarks/train.py --model FOLDER [--problems gsm8k_train.parquet] [--updates 4] [--check]
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goals import Goal, add_check, report

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
BATCH, MICRO, LR = 16, 4, 1e-4
WAYS = ("plain float32", "plain packed float32", "ours float32", "plain bfloat16", "ours bfloat16")
GOALS = {"ours bfloat16 over plain float32": 2.2, "ours bfloat16 over plain bfloat16": 1.4}
SAME_LOSS, START_SECONDS = 0.01, 6.0


def rows_of(problems: Path | None, number: int) -> list[tuple[str, str]]:
    """Return pairs of problem and solution."""
    if problems is not None:
        import pyarrow.parquet as pq

        table = pq.read_table(problems, columns=["problem", "solution"]).slice(0, number).to_pylist()
        return [(row["problem"], row["solution"]) for row in table]
    from tools.toy import problems as toy

    rng = random.Random(1)
    return [(p.text, toy.trace(p, "long" if i % 2 else "short", rng)) for i, p in enumerate(toy.corpus(3, number))]


def render(model: Path, problems: Path | None, updates: int, output: Path) -> None:
    """Write rendered rows, as many as the updates see."""
    from distill import tables
    from distill.models.folders import load_tokenizer
    from distill.models.templates import ChatTemplate

    template, rows = ChatTemplate(load_tokenizer(model)), []
    for number, (problem, solution) in enumerate(rows_of(problems, BATCH * updates)):
        messages = [{"role": "user", "content": problem}]
        ids, prompt = template.conversation_ids(messages, solution), len(template.prompt_ids(messages))
        mask = [0] * prompt + [1] * (len(ids) - prompt)
        rows.append({"problem_id": f"{number:05d}", "teacher": "t", "input_ids": ids, "loss_mask": mask,
                     "length": len(ids)})  # fmt: skip
    tables.write(output, tables.build(rows, tables.RENDERED), tables.RENDERED)


class Clock:
    """CPU seconds and losses after each update, through a callback that both ways take."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def callback(self) -> Any:
        """Return transformers' callback."""
        from transformers import TrainerCallback

        clock = self

        class Note(TrainerCallback):
            def on_step_end(self, *_: Any, **__: Any) -> None:
                clock.seconds.append(time.process_time())

            def on_log(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
                if "loss" in state.log_history[-1]:
                    clock.losses.append(state.log_history[-1]["loss"])

        return Note()


def plain(model: Path, rendered: Path, updates: int, precision: str, packed: bool, clock: Clock) -> None:
    """Train as TRL's documentation has it, on the same rows in the same order."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from distill import tables

    table = tables.read(rendered, tables.RENDERED)
    order = [row for update in planned(table, updates) for row in update]
    rows = table.take(order).to_pylist()
    data = [
        {"input_ids": r["input_ids"],
         "labels": [i if m else -100 for i, m in zip(r["input_ids"], r["loss_mask"], strict=True)]} for r in rows
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        options = SFTConfig(
            output_dir=folder, max_steps=updates, per_device_train_batch_size=1 if packed else MICRO,
            gradient_accumulation_steps=BATCH // MICRO, learning_rate=LR, lr_scheduler_type="constant",
            bf16=precision == "bfloat16", use_cpu=True, packing=packed, max_length=1024 if packed else None,
            train_sampling_strategy="sequential", logging_steps=1, save_strategy="no", report_to="none",
            disable_tqdm=True, gradient_checkpointing=False, seed=1,
        )  # fmt: skip
        trainer = SFTTrainer(
            AutoModelForCausalLM.from_pretrained(model, dtype="float32"), options,
            train_dataset=Dataset.from_list(data), processing_class=AutoTokenizer.from_pretrained(model),
            callbacks=[clock.callback()],
        )  # fmt: skip
        trainer.train()


def recipe_of(updates: int, precision: str) -> Any:
    """Return our recipe for the same training."""
    from distill.config.recipes import TrainJob

    return TrainJob(lr=LR, schedule="constant", global_batch=BATCH, max_updates=updates, precision=precision)


def planned(table: Any, updates: int) -> list[tuple[int, ...]]:
    """Return the rows of each update."""
    from distill.training.updates import plan_updates, split

    recipe = recipe_of(updates, "float32")
    return [update.rows for update in plan_updates(split(table, recipe)[0], recipe, 1)]


def ours(folder: Path, rendered: Path, updates: int, precision: str, clock: Clock) -> None:
    """Train as `train.py` does, up to the weights."""
    from distill.training import fit, sft

    built = sft.build_trainer

    def watched(*args: Any, **named: Any) -> Any:
        trainer = built(*args, **named)
        trainer.add_callback(clock.callback())
        return trainer

    sft.build_trainer = watched
    recipe = recipe_of(updates, precision)
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "arm/weights"
        output.parent.mkdir()
        fit.fit(fit.Fit(rendered, folder, 1, recipe.canonical(), "{}", Path(name) / "state", output))


def one(args: argparse.Namespace) -> None:
    """Run one way in this process; print what was measured."""
    who, precision = args.one.rsplit(" ", 1)
    clock = Clock()
    if who == "ours":
        ours(args.folder, args.rendered, args.updates, precision, clock)
    else:
        plain(args.model, args.rendered, args.updates, precision, "packed" in who, clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": clock.seconds, "losses": clock.losses, "peak_gb": peak}))


def measured(args: argparse.Namespace, folder: Path, rendered: Path, tokens: list[int], way: str) -> dict[str, Any]:
    """Return what one way took, in a process of its own."""
    command = [sys.executable, __file__, "--model", str(args.model), "--updates", str(args.updates), "--one", way,
               "--folder", str(folder), "--rendered", str(rendered)]  # fmt: skip
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=7200, env={**os.environ, **threads})
    found = json.loads(done.stdout.splitlines()[-1])
    seconds = found["seconds"]
    per_update = (seconds[-1] - seconds[0]) / (len(seconds) - 1)
    speed = sum(tokens[1:]) / (seconds[-1] - seconds[0]) if len(seconds) == len(tokens) else float("nan")
    return {"speed": speed, "start": seconds[0] - per_update, "loss": found["losses"][-1], "peak": found["peak_gb"]}


def main() -> None:
    """Measure every way in turn; print one table and the goals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "resources/toy/base-m")
    parser.add_argument("--problems", type=Path)
    parser.add_argument("--updates", type=int, default=4)
    add_check(parser)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rendered", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        one(args)
        return
    import fetch_model

    from distill import tables
    from distill.runtime.record import hardware, versions

    with tempfile.TemporaryDirectory() as name:
        folder, rendered = Path(name) / "base", Path(name) / "rendered.parquet"
        recipe = json.dumps({"path": str(args.model.resolve())})
        fetch_model.main(["--recipe", recipe, "--output", str(folder / "manifest.json")])
        render(folder, args.problems, args.updates, rendered)
        table = tables.read(rendered, tables.RENDERED)
        lengths = table["length"].to_pylist()
        tokens = [sum(lengths[row] for row in rows) for rows in planned(table, args.updates)]
        size = f"{len(lengths)} rows, {sum(lengths)} tokens, {args.updates} updates of {BATCH} rows"
        print(f"{args.model.name}, {size}; {hardware()['processor']}, one thread")
        print(", ".join(f"{name} {versions()[name]}" for name in ("torch", "transformers", "trl")))
        print(f"{'way':22}{'tokens/CPU s':>14}{'start, CPU s':>14}{'peak, GB':>10}{'last loss':>11}")
        found = {}
        for way in WAYS:
            found[way] = measured(args, folder, rendered, tokens, way)
            row = found[way]
            print(
                f"{way:22}{row['speed']:>14.1f}{row['start']:>14.1f}{row['peak']:>10.2f}{row['loss']:>11.4f}",
                flush=True,
            )
    report(reached(found), args.check)


def reached(found: dict[str, dict[str, Any]]) -> Iterator[Goal]:
    """Yield the goals."""
    for name, goal in GOALS.items():
        one, other = (found[way]["speed"] for way in name.split(" over "))
        yield Goal(name, f"{one / other:.2f}x", f">= {goal}x", one / other >= goal)
    for precision in ("float32", "bfloat16"):
        one, other = (found[f"{who} {precision}"]["loss"] for who in ("ours", "plain"))
        off = abs(one - other) / other
        yield Goal(f"loss apart in {precision}", f"{off:.4f}", f"<= {SAME_LOSS}", off <= SAME_LOSS)
    start = found["ours float32"]["start"]
    yield Goal("start to first update", f"{start:.1f} CPU s", f"<= {START_SECONDS}", start <= START_SECONDS)


if __name__ == "__main__":
    main()
