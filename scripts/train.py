"""Fine-tune a student on rendered tokens: all weights, or LoRA adapters.

Inputs: a rendered table, the student's model folder, a recipe, a seed, and where the recipe has `distil` a teacher's
log-probabilities of the rows, made by compute_teacher_logprobs.py (the loss: `distill.training.distillation`).
Output: a folder of weights in the Hugging Face layout; beside it `train_log.parquet` with a row per update (`tokens`:
all tokens seen so far, prompts included), and `ledger.parquet` with the rows that no update has seen: held out, or not
reached before the updates ended.

Which rows an update sees is planned before (`distill.training.updates`), whatever the devices are; what ran is compared
with the plan. A killed training goes on from its own saved state, in `state/KEY/` beside the weights; the weights come
out the same as without the kill. What a finished training made stays in `kept/KEY/`, and a training of the same key
(rows, base, recipe, code and seed, no names) is taken over from there (`distill.training.kept`).

Run as: python scripts/train.py --rendered results/rendered/S/T/D/rendered.parquet --model results/models/S/base \
            --seed 1 --recipe JSON --output results/models/S/T/D/seed-1/weights
"""

import argparse
import logging
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import TrainJob
from distill.models.folders import model_digest
from distill.runtime.devices import take
from distill.runtime.group import nodes_of
from distill.runtime.record import Record
from distill.runtime.run import number, run, seed
from distill.training.distillation import check_logprobs
from distill.training.fit import Fit, fit
from distill.training.kept import find_training, keep, training_key
from distill.training.launch import launch
from distill.training.outcome import account, outcome, take_over
from distill.training.parity import check_comparable
from distill.training.state import state_folder
from distill.training.updates import plan_updates, split, summary


def train(args: argparse.Namespace, recipe: TrainJob, rendered: pa.Table, state: Path) -> dict[str, Any]:
    """Train, write weights, log and ledger; return the manifest."""
    rows, held_out = split(rendered, recipe)
    if recipe.hard_teacher is not None and not rows.hard.any():
        logging.warning(
            "order: easy_first: no row is of the hard teacher %s, so all are shuffled; they are of %s",
            recipe.hard_teacher,
            ", ".join(sorted(set(rendered["teacher"].to_pylist()))),
        )
    updates = plan_updates(rows, recipe, args.seed)
    nodes = nodes_of(recipe.nodes)
    taken = take(args.gpus // nodes)
    job = Fit(state, args.rendered, args.model, args.seed, args.recipe, args.execution, args.output,
              args.teacher_logprobs)  # fmt: skip
    launch(job, fit, args.processes or len(taken) or 1, nodes)
    seen = {row for update in updates for row in update.rows}
    lost = {int(row): "not_reached" for row in rows.index if row not in seen} | dict.fromkeys(held_out, "held_out")
    return {
        **outcome(args.output, summary(rows, updates, recipe)),
        "adapter": recipe.lora is not None,
        **account(rendered, lost, args.output),
    }


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, train or go on training, write weights, log and manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rendered", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--teacher-logprobs", type=Path, help="table of the rows; goes with `distil` of the recipe")
    parser.add_argument("--seed", type=seed, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument(
        "--execution", default="{}", help='keys of the recipe that change no result: {"micro_batch": 4}'
    )
    parser.add_argument(
        "--gpus", type=number, default=0, help="GPUs to take for this program alone, on all nodes; 0 changes nothing"
    )
    parser.add_argument("--processes", type=number, default=0, help="processes on each node; as many as GPUs if 0")
    parser.add_argument("--refusal", type=Path, help="where the comparison of plans names arms that it refuses")
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    args = parser.parse_args(argv)

    check_comparable(args.refusal, identity(args.output.parent))
    recipe = TrainJob.parse(args.recipe, args.execution)
    logprobs = args.teacher_logprobs
    inputs = {"rendered": args.rendered, "model": args.model / "manifest.json", "teacher_logprobs": logprobs}
    record = Record(__file__, args.recipe, inputs, args.output.parent, identity(args.output.parent))
    rendered = tables.read(args.rendered, tables.RENDERED)
    base = model_digest(args.model)
    taught = check_logprobs(logprobs, rendered, recipe.distil)
    key = training_key(rendered, base, recipe, args.seed, record.code, taught.get("digest"))
    states = args.output.parent / "state"
    if earlier := find_training(args.output.parent, key):
        manifest, facts = take_over(*earlier, rendered, args.output), {"reused_from": str(earlier[0])}
    else:
        manifest, facts = train(args, recipe, rendered, state_folder(states, key)), {}
    compared = {"recipe": recipe.content(), "base_digest": base, "code": record.code, "teacher": taught.get("teacher")}
    record.write({**manifest, "base": str(args.model), **compared}, seed=args.seed, tokens=manifest["tokens"], **facts)
    keep(args.output, key)
    shutil.rmtree(states, ignore_errors=True)


if __name__ == "__main__":
    run(main)
