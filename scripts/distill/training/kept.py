"""Trainings that were paid for: the same rows, base, recipe, code and seed under another name are not trained again.

A finished training leaves hard links of what it made in `kept/KEY/` beside its weights, which Snakemake does not know
and so does not delete. Another training of the same student looks there before it begins. Weights are checked against
their digest first, so spoilt ones are trained again. Who removes the arm's folder trains again.
"""

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from distill.config.recipes import Recipe
from distill.models.folders import WEIGHTS, weights_digest
from distill.runtime.errors import InputError, first_line
from distill.runtime.files import link, link_folder, read_json, replacing_folder, text_digest

FOLDER = "kept"
BESIDE = ("train_log.parquet", "ledger.parquet")


def training_key(
    rendered: pa.Table, base_digest: str, recipe: Recipe, seed: int, code: str, logprobs_digest: str | None = None
) -> str:
    """Return the key of a training, 16 hex digits, from its rows in their order, base, recipe, seed and code.

    `logprobs_digest` is that of a teacher's log-probabilities, where the student is trained on them.
    """
    parts = [rows_digest(rendered), base_digest, recipe.canonical(), seed, code, logprobs_digest]
    return text_digest(json.dumps(parts))[:16]


def rows_digest(rendered: pa.Table) -> str:
    """Return the digest of rendered rows in their order.

    Of a row the tokens and the loss mask count, and the problem, which the ledger names; not the teacher's name.
    """
    hasher = hashlib.sha256(json.dumps(rendered["problem_id"].to_pylist()).encode())
    for column in (rendered["input_ids"], rendered["loss_mask"]):
        for part in (pc.list_value_length(column), pc.list_flatten(column)):
            hasher.update(part.combine_chunks().to_numpy().tobytes())
    return hasher.hexdigest()


def find_training(folder: Path, key: str) -> tuple[Path, dict[str, Any]] | None:
    """Return (folder, manifest) of a kept training of this key: of the arm's own `folder`, or one of its student.

    An arm's folder is student/training/dataset/seed. Kept weights that are not what their manifest says are passed
    over with a line.
    """
    student = folder.parents[2] if folder.name.startswith("seed-") and len(folder.parents) > 2 else folder
    for place in [folder / FOLDER / key, *sorted(student.glob(f"*/*/seed-*/{FOLDER}/{key}"))]:
        if not place.is_dir():
            continue
        try:
            manifest = read_json(place / "manifest.json")
            manifest.pop("identity", None)  # that of the other name
            whole = all((place / name).is_file() for name in BESIDE)
            if whole and weights_digest(place / WEIGHTS) == manifest["digest"]:
                return place, manifest
            logging.info("%s: not whole, or the weights are not what the manifest says; not used", place)
        except (InputError, KeyError, OSError) as error:
            logging.info("%s: passed over (%s)", place, first_line(error))
    return None


def restore(place: Path, output: Path) -> None:
    """Put a kept training where `output`, the folder of the weights, stands."""
    link_folder(place / WEIGHTS, output)
    link(place / "train_log.parquet", output.with_name("train_log.parquet"))


def keep(output: Path, key: str) -> None:
    """Keep a finished training whose files and manifest stand beside `output`; older ones of its folder go."""
    kept = output.parent / FOLDER
    with replacing_folder(kept / key) as folder:
        link_folder(output, folder / WEIGHTS)
        for name in (*BESIDE, "manifest.json"):
            link(output.with_name(name), folder / name)
    for other in kept.iterdir():
        if other.name != key:
            shutil.rmtree(other)
