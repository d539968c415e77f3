"""Train a student on responses that it writes itself, towards its teacher's probabilities of their tokens.

Inputs: a rendered table, the folder of the student as it was trained on these rows, the teacher's, a recipe, a seed.
The student is shown the prompts of the rows, token by token as they stand there; their responses are not read. Teacher
and student have one vocabulary. Outputs are those of train.py: a folder of weights, and beside it `train_log.parquet`
with a row per update (`loss`: the divergence, in nats per token; `tokens`: prompts and responses so far), and
`ledger.parquet` with the rows whose prompts no update has shown.

Which prompts an update shows is planned before (`distill.training.prompts`); a killed training goes on from its own
saved state, and one that was paid for is taken over, as in train.py. Several devices share the responses of an update.

Run as: python scripts/train_on_policy.py --rendered results/rendered/S/T/D/rendered.parquet \
            --start results/models/S/T/D/seed-1 --teacher results/models/X/base --seed 1 --recipe JSON \
            --output results/models/S/P/D/seed-1/weights
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import OnPolicyJob
from distill.models.folders import model_digest
from distill.runtime.devices import take
from distill.runtime.errors import InputError
from distill.runtime.files import read_json
from distill.runtime.record import Record
from distill.runtime.run import number, run, seed
from distill.training.kept import find_training, keep, training_key
from distill.training.launch import launch
from distill.training.on_policy import OnPolicyFit, fit
from distill.training.outcome import account, outcome, take_over
from distill.training.parity import check_comparable
from distill.training.prompts import fine_tuning, plan_updates, summary
from distill.training.state import state_folder
from distill.training.updates import split

# What parity asks of the training that this one goes on from.
SHARED = ("base", "base_digest", "adapter")
OF_START = ("updates", "epochs", "tokens", "loss_tokens", "digest", "code", "teacher")


def train(args: argparse.Namespace, recipe: OnPolicyJob, rendered: pa.Table, state: Path) -> dict[str, Any]:
    """Train, write weights, log and ledger; return the manifest."""
    rows, held_out = split(rendered, fine_tuning(recipe))
    updates = plan_updates(rows, recipe, args.seed)
    taken = take(args.gpus)
    job = OnPolicyFit(state, args.rendered, args.start, args.teacher, args.seed, args.recipe, args.execution,
                      args.output)  # fmt: skip
    launch(job, fit, args.processes or len(taken) or 1)
    seen = {row for update in updates for row in update.rows}
    lost = {int(row): "not_reached" for row in rows.index if row not in seen} | dict.fromkeys(held_out, "held_out")
    return {**outcome(args.output, summary(rows, updates, recipe)), **account(rendered, lost, args.output)}


def read_start(args: argparse.Namespace, recipe: OnPolicyJob, rendered: pa.Table) -> dict[str, Any]:
    """Return the manifest of the student to start from. Raises InputError for one that these rows did not train."""
    manifest = read_json(args.start / "manifest.json")
    if manifest.get("kind") != "trained" or "start" in manifest or {*OF_START, *SHARED, "recipe"} - manifest.keys():
        raise InputError(f"--start {args.start}: not a student that was trained on a teacher's rows; train one first")
    if manifest.get("problems") != split(rendered, fine_tuning(recipe))[0].problems:
        raise InputError(f"{args.rendered}: not the problems that {args.start} was trained on; give its own rows")
    return manifest


def compared(start: dict[str, Any], recipe: OnPolicyJob, teacher: str, code: str) -> dict[str, Any]:
    """Return what the manifest says for parity: all that it says of the start, and what was done from there.

    `base` and `base_digest` are those of the start: the student before any training.
    """
    shared = {name: start[name] for name in SHARED}
    own = {"recipe": {**start["recipe"], "on_policy": recipe.content()}, "teacher": teacher, "code": code}
    training = start.get("identity", {}).get("training")
    return {**shared, **own, "start": {"training": training, **{name: start[name] for name in OF_START}}}


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, train or go on training, write weights, log and manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rendered", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True, help="folder of the trained student, with a manifest.json")
    parser.add_argument("--teacher", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--seed", type=seed, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument(
        "--execution", default="{}", help='keys of the recipe that change no result: {"micro_batch": 4}'
    )
    parser.add_argument("--gpus", type=number, default=0, help="GPUs to take for this program alone; 0 changes nothing")
    parser.add_argument("--processes", type=number, default=0, help="processes; as many as GPUs if 0")
    parser.add_argument("--refusal", type=Path, help="where the comparison of plans names arms that it refuses")
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    args = parser.parse_args(argv)

    check_comparable(args.refusal, identity(args.output.parent))
    recipe = OnPolicyJob.parse(args.recipe, args.execution)
    models = {name: getattr(args, name) / "manifest.json" for name in ("start", "teacher")}
    folder = args.output.parent
    record = Record(__file__, args.recipe, {"rendered": args.rendered, **models}, folder, identity(folder))
    rendered = tables.read(args.rendered, tables.RENDERED)
    start, teacher = read_start(args, recipe, rendered), model_digest(args.teacher)
    key = training_key(rendered, model_digest(args.start), recipe, args.seed, record.code, teacher)
    states = folder / "state"
    if earlier := find_training(folder, key):
        manifest, facts = take_over(*earlier, rendered, args.output), {"reused_from": str(earlier[0])}
    else:
        manifest, facts = train(args, recipe, rendered, state_folder(states, key)), {}
    content = {**manifest, **compared(start, recipe, teacher, record.code)}
    record.write(content, seed=args.seed, tokens=manifest["tokens"], **facts)
    keep(args.output, key)
    shutil.rmtree(states, ignore_errors=True)


if __name__ == "__main__":
    run(main)
