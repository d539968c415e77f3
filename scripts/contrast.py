"""Tabulate the scores of the selected studies, and the contrasts of their arms.

Inputs: the manifests of scores (their items lie beside them), of likelihoods where studies ask for them (their tables
lie beside them), of trained models and of rendered rows, and the studies.
Outputs: scores.csv; means.csv (over seeds and benchmarks); breakdowns.csv (by level, subject, k samples, token budget);
gaps.csv; gaps.txt, which is the table for a terminal; tables.tex, for a paper. Nothing here depends on the report.

Run as: python scripts/contrast.py --inputs '{"scores": [...], "models": [...], "rendered": [...]}' --recipe JSON \
            --output results/contrasts/scores.csv
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from distill.config.inputs import Inputs
from distill.config.lineage import identity
from distill.config.recipes import StudyRecipe
from distill.runtime.errors import InputError
from distill.runtime.files import text_digest, write_text
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.scores.arms import read_likelihoods, read_scores
from distill.scores.csvs import csv_text
from distill.scores.edges import at_an_edge
from distill.scores.gaps import by_size, gap_rows
from distill.scores.latex import tables_tex
from distill.scores.means import MEAN_COLUMNS, mean_rows
from distill.scores.table import BREAKDOWN_COLUMNS, SCORE_COLUMNS, breakdown_rows, score_rows
from distill.scores.terminal import gap_text
from distill.training.parity import trained_facts

GAP_COLUMNS = ("study", "gap", "student", "training", "benchmark", "estimate", "ci_low", "ci_high", "p_value",
               "n_problems", "n_seeds", "reading", "parity", "loss_token_ratio", "plus", "minus", "family", "primary",
               "p_holm", "df", "seed_sd", "tipping_sd", "problem_se", "correlation", "expected",
               "measure", "unit")  # fmt: skip


class ContrastInputs(Inputs):
    """Manifests of scores, likelihoods, trained models and rendered rows."""

    scores: tuple[Path, ...]
    likelihoods: tuple[Path, ...] = ()
    models: tuple[Path, ...] = ()
    rendered: tuple[Path, ...] = ()


def in_order(study: StudyRecipe, names: Sequence[str]) -> StudyRecipe:
    """Return a study whose gaps and contrasts stand as the study names them: canonical text sorts its keys."""
    gaps, contrasts = ({name: own[name] for name in names if name in own} for own in (study.gaps, study.contrasts))
    return study.model_copy(update={"gaps": {**gaps, **study.gaps}, "contrasts": {**contrasts, **study.contrasts}})


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, compute the tables, write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", required=True, help='JSON: {"scores": [manifests], "models": [...], ...}')
    parser.add_argument("--recipe", required=True, help='JSON: {"studies": ..., "order": ..., "parameters": ...}')
    parser.add_argument("--output", type=Path, required=True, help="scores.csv; the others lie beside it")
    args = parser.parse_args(argv)

    inputs, folder = ContrastInputs.read(args.inputs), args.output.parent
    record = Record(__file__, args.recipe, inputs.files(), folder, identity(folder))
    studies = {
        name: in_order(StudyRecipe.model_validate(study), record.recipe.get("order", {}).get(name, ()))
        for name, study in sorted(record.recipe["studies"].items())
    }
    if not inputs.scores:
        raise InputError("--inputs: no scores to compare")
    scores, likelihoods = read_scores(inputs.scores), read_likelihoods(inputs.likelihoods)
    rows = score_rows(studies, scores, likelihoods)
    sizes = record.recipe.get("parameters", {})
    gaps = by_size(gap_rows(studies, scores, trained_facts(inputs.models, inputs.rendered), likelihoods), sizes)
    means = mean_rows(studies, scores, sizes)
    texts = {
        args.output.name: csv_text(rows, SCORE_COLUMNS),
        "means.csv": csv_text(means, MEAN_COLUMNS),
        "breakdowns.csv": csv_text(breakdown_rows(studies, scores), BREAKDOWN_COLUMNS),
        "gaps.csv": csv_text(gaps, GAP_COLUMNS),
        "gaps.txt": "\n".join([gap_text(gaps, studies), *at_an_edge(rows)]) + "\n",
        "tables.tex": tables_tex(means, gaps, studies),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    digests = {name: text_digest(text) for name, text in texts.items()}
    record.write({"kind": "contrasts", "digest": digests, "scores": len(rows), "gaps": len(gaps)})


if __name__ == "__main__":
    run(main)
