"""What a finished training leaves: weights, log, the ledger of its rows, and what its manifest says."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import tables
from distill.models.folders import load_generation_config, stop_ids, weights_digest
from distill.runtime.files import file_digest, read_json, replacing_folder, write_json
from distill.runtime.record import Ledger
from distill.training import sharding
from distill.training.kept import restore
from distill.training.watch import log_rows, spikes

LOG = "train_log.parquet"


def save(trainer: Any, tokenizer: Any, model_folder: Path, output: Path) -> None:
    """Write weights (or the adapter), tokenizer with its chat template, generation config and log, atomically."""
    from transformers import GenerationConfig

    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)  # gathers those that are cut up
    if trainer.args.process_index:
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    weights = sharding.tied(model, weights)
    with replacing_folder(output) as folder:
        model.save_pretrained(folder, state_dict=weights, safe_serialization=True)
        tokenizer.save_pretrained(folder)
        config = load_generation_config(model_folder) or GenerationConfig()
        stops = stop_ids(tokenizer, config)  # those of the base: both end their responses alike
        config.eos_token_id = stops if len(stops) > 1 else stops[0]
        config.save_pretrained(folder)
        _sort_adapter(folder / "adapter_config.json")
    log = tables.build(log_rows(trainer.state.log_history), tables.TRAIN_LOG)
    tables.write(output.with_name(LOG), log, tables.TRAIN_LOG)


def _sort_adapter(path: Path) -> None:
    """Write the names of an adapter's layers in one order: they come from a set, in another order in each process."""
    if path.is_file():
        config = read_json(path)
        write_json(
            path, {k: sorted(v) if k == "target_modules" and isinstance(v, list) else v for k, v in config.items()}
        )


def account(rendered: pa.Table, lost: dict[int, str], output: Path) -> dict[str, Any]:
    """Write the ledger of the rows (place -> reason) that no update has seen; return the manifest's part on it."""
    rows = rendered.select(["problem_id", "teacher"]).to_pylist()
    entries = [{**rows[place], "reason": reason} for place, reason in sorted(lost.items())]
    tables.write(output.with_name("ledger.parquet"), tables.build(entries, tables.LEDGER), tables.LEDGER)
    seen = Counter(row["teacher"] for place, row in enumerate(rows) if place not in lost)
    ledger = Ledger(len(rows), seen.total(), dict(Counter(lost.values()))).check(str(output))
    return {"trained_on": dict(sorted(seen.items())), "ledger": ledger}


def outcome(output: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest says of weights and log, and of the plan.

    Of the tokens, which the responses of an on-policy training decide, it is what ran where nothing was planned. Raises
    RuntimeError when what ran is not what was planned.
    """
    log = tables.read(output.with_name(LOG), tables.TRAIN_LOG).to_pydict()
    ran = {"updates": len(log["update"]), "epochs": round(log["epoch"][-1], 6), "tokens": log["tokens"][-1],
           "loss_tokens": log["loss_tokens"][-1]}  # fmt: skip
    if differs := {name: (plan[name], value) for name, value in ran.items() if plan.get(name, value) != value}:
        raise RuntimeError(f"{output}: planned against ran: {differs}")
    last = log["loss"][-10:]
    if (end := sum(last) / len(last)) > log["loss"][0]:
        logging.info("%s: the loss ends at %.3f, above the %.3f of the first update: it got worse; lower `lr`?",
                     output, end, log["loss"][0])  # fmt: skip
    held_out = [loss for loss in log["held_out_loss"] if loss is not None]
    return {
        "kind": "trained",
        "digest": weights_digest(output),
        "files": {p.name: file_digest(p) for p in sorted(output.iterdir()) if p.suffix != ".safetensors"},
        **ran,
        **plan,
        "final_loss": round(sum(last) / len(last), 6),
        "held_out_loss": round(held_out[-1], 6) if held_out else None,
        "loss_spikes": spikes(log["loss"]),
    }


def take_over(place: Path, manifest: dict[str, Any], rendered: pa.Table, output: Path) -> dict[str, Any]:
    """Restore a kept training as the output, with its ledger of these rows; return its manifest."""
    logging.info("the same training stands in %s; it is taken over", place)
    restore(place, output)
    places = {problem_id: row for row, problem_id in enumerate(rendered["problem_id"].to_pylist())}
    kept = tables.read(place / "ledger.parquet", tables.LEDGER).to_pylist()
    lost = {places[entry["problem_id"]]: entry["reason"] for entry in kept}
    return {**manifest, **account(rendered, lost, output)}
