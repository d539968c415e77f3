"""Plan the trainings of a student from its rendered rows, and stop where arms of a gap are not comparable.

Inputs: rendered tables with their manifests, and the recipes of the arms. Output: `plans.csv` with a row per arm:
updates, epochs, rows, tokens, loss tokens, peak learning rate. This runs on a processor, as soon as a student's rows
are rendered; what ran is compared with the same plan (`distill.training.updates`). What arms must share is
`distill.training.parity`'s list; a gap may declare under `differs` what it means to vary. Arms that are refused are
named in `refused/`, where their trainings look before they begin.

Run as: python scripts/compare_plans.py --inputs '{"rendered": {"T/D": "results/rendered/S/T/D/manifest.json"}}' \
            --recipe '{"arms": {...}, "gaps": [...], "teachers": {}}' --output results/plans/S/plans.csv
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.inputs import Inputs
from distill.config.lineage import Arm, identity
from distill.config.recipes import OnPolicyRecipe, TrainJob
from distill.runtime.errors import InputError
from distill.runtime.files import read_json, text_digest, write_json, write_text
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.scores.csvs import aligned, csv_text
from distill.training import prompts
from distill.training.parity import distillation, on_policy, parity, refusal_file, rendered_facts, short
from distill.training.updates import plan_updates, split, summary

COLUMNS = ("training", "dataset", "seed", "updates", "epochs", "rows", "tokens", "loss_tokens", "peak_lr")


class PlanInputs(Inputs):
    """Manifests of rendered datasets by `training/dataset`; their tables lie beside them."""

    rendered: dict[str, Path]


def planned(
    arm: Arm, manifest: Path, recipe: TrainJob, teacher: str | None, further: OnPolicyRecipe | None = None
) -> dict[str, Any]:
    """Return what the training of an arm would take, and all that parity compares; `teacher` is whom it distils.

    Of an on-policy arm manifest, recipe and teacher are those of its start, and `further` is what it does from there.
    """
    columns = ["problem_id", "teacher", "loss_mask", "length"]
    rows, _ = split(tables.read(manifest.with_name("rendered.parquet"), tables.RENDERED, columns), recipe)
    plan = summary(rows, plan_updates(rows, recipe, arm.seed), recipe)
    keys = recipe.content()
    facts = {**keys, **distillation(keys, teacher), **rendered_facts(read_json(manifest)), **plan}
    if further is None:
        return {**facts, **on_policy(None, None, plan)}
    own = further.job(recipe.held_out)
    taken = prompts.summary(rows, prompts.plan_updates(rows, own, arm.seed), own)
    unknown = dict.fromkeys(("tokens", "loss_tokens"))  # the student will write them
    return {**facts, **on_policy(own.content(), further.teacher, plan), **taken, **unknown}


def incomparable(gaps: Sequence[Mapping[str, Any]], facts: Mapping[Arm, Mapping[str, Any]]) -> dict[str, list[Arm]]:
    """Print a table of every gap whose arms differ in what it does not declare; return their names and arms."""
    refused = {}
    for gap in gaps:
        groups = [[Arm.parse(path) for path in group] for group in gap["groups"]]
        found = parity(groups, facts, gap["differs"])
        if not found.undeclared:
            continue
        title = f"study {gap['study']}, {gap['gap']}: arms differ in {', '.join(found.undeclared)}"
        refused[title] = arms = [arm for group in groups for arm in group if arm.is_trained]
        table = [["arm", *found.undeclared]]
        table += [[arm.path, *(short(facts[arm][name]) for name in found.undeclared)] for arm in arms]
        print(title, *(f"  {line}" for line in aligned(table)), sep="\n", file=sys.stderr)
    return refused


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, plan, write the table, and end with an error where arms are not comparable."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", required=True, help='JSON: {"rendered": {"training/dataset": manifest}}')
    parser.add_argument(
        "--recipe", required=True, help='JSON: {"arms": {path: recipe}, "gaps": [...], "teachers": {path: name}}'
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    inputs, folder = PlanInputs.read(args.inputs), args.output.parent
    record = Record(__file__, args.recipe, inputs.files(), folder, identity(folder))
    recipes = {Arm.parse(path): TrainJob.model_validate(recipe) for path, recipe in record.recipe["arms"].items()}
    teachers = {Arm.parse(path): name for path, name in record.recipe.get("teachers", {}).items()}
    own = record.recipe.get("on_policy", {}).items()
    further = {Arm.parse(path): OnPolicyRecipe.model_validate(recipe) for path, recipe in own}
    facts = {}
    for arm, recipe in recipes.items():
        shown = further[arm].start if arm in further else arm.training
        manifest = inputs.rendered[f"{shown}/{arm.dataset}"]
        facts[arm] = planned(arm, manifest, recipe, teachers.get(arm), further.get(arm))
    refusal = refusal_file(folder, args.recipe)
    refusal.unlink(missing_ok=True)
    if refused := incomparable(record.recipe["gaps"], facts):
        write_json(refusal, {"gaps": {title: [arm.path for arm in arms] for title, arms in refused.items()}})
        raise InputError(
            f"{len(refused)} gaps compare arms that differ in more than their data (tables above); make them equal, or "
            "say under `differs` of the gap what is meant to differ"
        )
    rows = [{"training": a.training, "dataset": a.dataset, "seed": a.seed, **facts[a]} for a in sorted(facts)]
    text = csv_text(rows, COLUMNS)
    write_text(args.output, text)
    record.write({"kind": "plans", "digest": text_digest(text), "arms": len(rows), "gaps": len(record.recipe["gaps"])})


if __name__ == "__main__":
    run(main)
