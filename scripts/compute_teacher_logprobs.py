"""Store how likely a teacher finds the tokens of rendered rows, for a training that distils from its probabilities.

Inputs: a rendered table, the model folders of teacher and student, a recipe. The teacher reads the student's tokens as
they are, so both must have one vocabulary: no id may be another token to each. Output: a teacher_logprobs table with,
per row and per token that the loss counts, the `top_k` likeliest tokens and their log-probabilities in float32. What is
left of the probability follows from them. Temperature is applied here, as that rest cannot be found afterwards.

A token takes 8 bytes times `top_k`: 256 bytes at 32, so a million tokens take 256 MB, in the memory of each process of
the training too; the file is smaller (zstd). The teacher must fit on one GPU.

Run as: python scripts/compute_teacher_logprobs.py --rendered results/rendered/S/T/D/rendered.parquet \
            --teacher results/models/X/base --student results/models/S/base --recipe JSON \
            --output results/teacher_logprobs/S/T/D/teacher_logprobs.parquet
"""

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import TeacherLogprobsJob
from distill.models.finite import check_read
from distill.models.folders import model_digest
from distill.models.teaching import TeacherModel, shared_ids
from distill.runtime.devices import take
from distill.runtime.errors import InputError
from distill.runtime.progress import Progress
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.training.kept import rows_digest

PIECE = 64  # rows that are sorted by length and read together


def load_teacher(args: argparse.Namespace, rendered: pa.Table, recipe: TeacherLogprobsJob) -> TeacherModel:
    """Return the teacher. Raises InputError where its vocabulary or context is not the rows', or `top_k` too large."""
    used = pc.unique(pc.list_flatten(rendered["input_ids"])).to_pylist()
    ids = shared_ids(args.teacher, args.student, used)
    if recipe.top_k > len(ids):
        raise InputError(f"`top_k` {recipe.top_k} is above the {len(ids)} tokens that teacher and student share")
    teacher = TeacherModel(args.teacher, ids, recipe.top_k, recipe.temperature)
    longest = pc.max(rendered["length"]).as_py() or 0
    if longest > teacher.context:
        raise InputError(f"{args.rendered}: a row has {longest} tokens, and {args.teacher} reads {teacher.context}; "
                         "lower the `cutoff`, or take another teacher")  # fmt: skip
    return teacher


def rate(rows: list[dict[str, Any]], teacher: TeacherModel) -> tuple[pa.Table, float]:
    """Return rows of the teacher_logprobs table, and the probability that their tokens hold, summed."""
    found = teacher.logprobs([(row["input_ids"], row["loss_mask"]) for row in rows])
    for row, (_, values) in zip(rows, found, strict=True):
        check_read(values.ravel().tolist(), teacher.folder, f"problem {row['problem_id']!r}")
    columns = {
        "problem_id": [row["problem_id"] for row in rows],
        "ids": [ids.ravel() for ids, _ in found],
        "logprobs": [values.ravel() for _, values in found],
    }
    schema = tables.TEACHER_LOGPROBS.schema
    table = pa.table({f.name: pa.array(columns[f.name], type=f.type) for f in schema}, schema=schema)
    return table, math.fsum(float(np.exp(values.astype(np.float64)).sum()) for _, values in found)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, read the rows with the teacher, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rendered", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--student", type=Path, required=True, help="model folder whose tokens the rows hold")
    parser.add_argument("--recipe", required=True)
    parser.add_argument(
        "--gpus", type=int, default=0, help="GPUs to take for this program alone; 0 leaves things as they are"
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = TeacherLogprobsJob.model_validate_json(args.recipe)
    models = {name: getattr(args, name) / "manifest.json" for name in ("teacher", "student")}
    folder = args.output.parent
    record = Record(__file__, args.recipe, {"rendered": args.rendered, **models}, folder, identity(folder))
    rendered = tables.read(args.rendered, tables.RENDERED)
    take(args.gpus)
    teacher = load_teacher(args, rendered, recipe)
    tokens, held = 0, 0.0
    with (
        Progress(rendered.num_rows, desc="compute_teacher_logprobs") as progress,
        tables.Writer(args.output, tables.TEACHER_LOGPROBS) as writer,
    ):
        for start in range(0, rendered.num_rows, PIECE):
            table, probability = rate(rendered.slice(start, PIECE).to_pylist(), teacher)
            writer.write(table)
            counted = len(pc.list_flatten(table["ids"])) // recipe.top_k
            tokens, held = tokens + counted, held + probability
            progress.update(table.num_rows, tokens=counted)
    facts = {"rows": rendered.num_rows, "tokens": tokens, "held": round(held / tokens, 6) if tokens else None}
    made_of = {"teacher": model_digest(args.teacher), "rendered": rows_digest(rendered), **recipe.content()}
    record.write({"kind": "teacher_logprobs", "digest": writer.digest, **facts, **made_of}, tokens=tokens)


if __name__ == "__main__":
    run(main)
