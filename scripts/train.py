"""Fine-tune a student on rendered tokens (all weights, or LoRA adapters) with TRL's SFTTrainer.

Inputs: a rendered table, the student's model folder, a recipe, a seed. Output: a folder of weights in the Hugging Face
layout; beside it `train_log.parquet` with a row per update (`tokens`: all tokens seen so far, prompts included), and
`ledger.parquet` with the rows that no update has seen, where the updates end before the first epoch does.

The last batch of an epoch may hold fewer rows than the global batch; no row is left out. A killed training goes on
from its own saved state, in `state/KEY/` beside the weights; the weights come out the same as without the kill. What a
finished training made stays in `kept/KEY/`, and a training of the same key (rows, base, recipe, code and seed, no
names) is taken over from there (`distill.training.kept`).

Run as: python scripts/train.py --rendered results/rendered/S/T/D/rendered.parquet --model results/models/S/base \
            --seed 1 --recipe JSON --output results/models/S/T/D/seed-1/weights
"""

import argparse
import logging
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import TrainJob
from distill.models.folders import (
    load_generation_config,
    load_model,
    load_tokenizer,
    model_digest,
    stop_ids,
    weights_digest,
)
from distill.runtime.devices import take
from distill.runtime.files import file_digest, read_json, replacing_folder, write_json
from distill.runtime.progress import Progress
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.training import sft
from distill.training.kept import find_training, keep, restore, training_key
from distill.training.state import last_state, state_folder


def fit(args: argparse.Namespace, recipe: TrainJob, rendered: pa.Table, state: Path) -> Any:
    """Train to the end, from the last saved state if there is one, and return TRL's trainer."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.set_seed(args.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Else every large buffer of TRL's loss is filled first: 15 times slower with a tiny model.
    torch.utils.deterministic.fill_uninitialized_memory = False
    options = sft.arguments(recipe, args.seed, state, sft.devices())
    tokenizer = load_tokenizer(args.model)
    tokenizer.padding_side = "right"
    # Weights are kept in float32 while they are trained; `precision` is that of the arithmetic.
    model = load_model(args.model, dtype="float32", merge=False)
    saved = last_state(state)
    done = int(saved.name.split("-")[1]) if saved else 0
    total = sft.planned_updates(recipe, rendered.num_rows)
    with Progress(total, unit="updates", desc="train", done=done) as progress:
        trainer = sft.build_trainer(
            model, tokenizer, rendered, recipe, options, lambda tokens: progress.update(1, tokens)
        )
        trainer.train(resume_from_checkpoint=str(saved) if saved else None)
    return trainer


def save(trainer: Any, args: argparse.Namespace) -> None:
    """Write weights (or the adapter), tokenizer with its chat template, and generation config, atomically."""
    from transformers import GenerationConfig

    tokenizer = load_tokenizer(args.model)
    with replacing_folder(args.output) as folder:
        trainer.model.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
        config = load_generation_config(args.model) or GenerationConfig()
        stops = stop_ids(tokenizer, config)  # those of the base: both end their responses alike
        config.eos_token_id = stops if len(stops) > 1 else stops[0]
        config.save_pretrained(folder)
        _sort_adapter(folder / "adapter_config.json")


def _sort_adapter(path: Path) -> None:
    """Write the names of an adapter's layers in one order: they come from a set, in another order in each process."""
    if path.is_file():
        config = read_json(path)
        write_json(
            path, {k: sorted(v) if k == "target_modules" and isinstance(v, list) else v for k, v in config.items()}
        )


def summary(trainer: Any, args: argparse.Namespace, recipe: TrainJob, rows: int) -> dict[str, Any]:
    """Return the manifest of a trained model: content, and the facts that a fair comparison must share."""
    history = [e for e in trainer.state.log_history if "loss" in e and "tokens" in e]
    losses = [e["loss"] for e in history[-10:]]
    shared = ("global_batch", "packing", "schedule", "lr", "warmup", "weight_decay", "precision")
    parity = {name: getattr(recipe, name) for name in shared}
    updates, epochs = trainer.state.global_step, round(float(trainer.state.epoch), 6)
    return {
        "kind": "trained",
        "digest": weights_digest(args.output),
        "files": {p.name: file_digest(p) for p in sorted(args.output.iterdir()) if p.suffix != ".safetensors"},
        "base": str(args.model),
        "adapter": recipe.lora is not None,
        "rows": rows,
        "updates": updates,
        "epochs": epochs,
        "tokens": history[-1]["tokens"],
        "loss_tokens": history[-1]["loss_tokens"],
        "parity": {**parity, "updates": updates, "epochs": epochs, "method": "lora" if recipe.lora else "full"},
        "final_loss": round(sum(losses) / len(losses), 6),
        "loss_spikes": sft.spikes([e["loss"] for e in history]),
    }


def rows_lost(trainer: Any, rendered: pa.Table, where: str) -> list[str] | None:
    """Return the ids of the problems whose row no update has seen; None where packing hides which.

    Raises RuntimeError (a bug of ours) when the rows do not hold the tokens that the model was shown.
    """
    seen = sft.rows_seen(trainer, rendered.num_rows)
    if seen is None:
        return None
    counted = [e for e in trainer.state.log_history if "tokens" in e][-1]["tokens"]
    if trainer.state.epoch < 1 and (tokens := sum(rendered["length"].take(seen).to_pylist())) != counted:
        raise RuntimeError(f"{where}: the rows seen hold {tokens} tokens, the model was shown {counted}")
    ids, reached = rendered["problem_id"].to_pylist(), set(seen)
    return [problem_id for index, problem_id in enumerate(ids) if index not in reached]


def account(rendered: pa.Table, lost: list[str] | None, output: Path) -> dict[str, Any]:
    """Write the ledger: the rows that no update has seen; return the manifest's `trained_on` and `ledger`."""
    teachers = dict(zip(rendered["problem_id"].to_pylist(), rendered["teacher"].to_pylist(), strict=True))
    rows = [{"teacher": teachers[i], "problem_id": i, "reason": "not_reached"} for i in lost or ()]
    tables.write(output.with_name("ledger.parquet"), tables.build(rows, tables.LEDGER), tables.LEDGER)
    if lost is None:
        return {"trained_on": None, "ledger": None}
    rows_by_teacher = Counter(teacher for problem_id, teacher in teachers.items() if problem_id not in set(lost))
    ledger = Ledger(rendered.num_rows, rows_by_teacher.total(), {"not_reached": len(lost)}).check(str(output))
    return {"trained_on": dict(sorted(rows_by_teacher.items())), "ledger": ledger}


def train(args: argparse.Namespace, recipe: TrainJob, rendered: pa.Table, state: Path) -> dict[str, Any]:
    """Train, write weights, log and ledger; return the manifest."""
    take(args.gpus)
    trainer = fit(args, recipe, rendered, state)
    sft.check_weights(trainer.model, trainer.state.global_step)
    save(trainer, args)
    log = tables.build(sft.log_rows(trainer.state.log_history), tables.TRAIN_LOG)
    tables.write(args.output.with_name("train_log.parquet"), log, tables.TRAIN_LOG)
    rows = account(rendered, rows_lost(trainer, rendered, str(args.output)), args.output)
    return {**summary(trainer, args, recipe, rendered.num_rows), **rows}


def take_over(args: argparse.Namespace, rendered: pa.Table, place: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Restore a kept training as the output, with its ledger; return its manifest with the names of this run."""
    logging.info("the same training stands in %s; it is taken over", place)
    restore(place, args.output)
    lost = tables.read(place / "ledger.parquet", tables.LEDGER)["problem_id"].to_pylist()
    rows = account(rendered, None if manifest["trained_on"] is None else lost, args.output)
    return {**manifest, "base": str(args.model), **rows}


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, train or go on training, write weights, log and manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rendered", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument(
        "--gpus", type=int, default=0, help="GPUs to take for this program alone; 0 leaves things as they are"
    )
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    args = parser.parse_args(argv)

    recipe = TrainJob.model_validate_json(args.recipe)
    inputs = {"rendered": args.rendered, "model": args.model / "manifest.json"}
    record = Record(__file__, args.recipe, inputs, args.output.parent, identity(args.output.parent))
    rendered = tables.read(args.rendered, tables.RENDERED)
    key = training_key(rendered, model_digest(args.model), recipe, args.seed, record.code)
    states = args.output.parent / "state"
    if earlier := find_training(args.output.parent, key):
        manifest, facts = take_over(args, rendered, *earlier), {"reused_from": str(earlier[0])}
    else:
        manifest, facts = train(args, recipe, rendered, state_folder(states, key)), {}
    record.write(manifest, seed=args.seed, tokens=manifest["tokens"], **facts)
    keep(args.output, key)
    shutil.rmtree(states, ignore_errors=True)


if __name__ == "__main__":
    run(main)
