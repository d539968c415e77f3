"""Compare arms: scores and gaps as CSV, pictures, and one page that explains them and works offline.

Inputs: manifests of all stages (small tables lie beside them; paths state the lineage), and the studies. Outputs:
index.html, scores.csv, gaps.csv, gaps.txt and the pictures beside it. Prints the gap table.

Run as: python scripts/compare.py --scores results/scores/*/*/*/*/manifest.json ... --recipe JSON \
            --output results/report/index.html
"""

import argparse
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.lineage import Arm, identity
from distill.config.recipes import StudyRecipe
from distill.report import page, plots
from distill.runtime.errors import InputError
from distill.runtime.files import read_json, replacing, text_digest
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.scores.gaps import gap_rows, gap_text, read_scores, score_rows
from distill.training.parity import parity_facts

GAP_COLUMNS = ("study", "gap", "student", "training", "benchmark", "estimate", "ci_low", "ci_high", "p_value",
               "n_problems", "n_seeds", "parity", "plus", "minus")  # fmt: skip
SCORE_COLUMNS = ("study", "student", "training", "dataset", "seed", "benchmark", "n_problems", "n_samples", "accuracy",
                 "ci_low", "ci_high", "no_answer", "cut_off", "mean_tokens", "decoding")  # fmt: skip
PICTURES = ("gap_by_student", "score_by_arm", "accuracy_by_level", "training_curves")
LISTS = ("scores", "models", "rendered", "datasets", "problems", "verdicts", "golds", "signals", "responses")


def csv_text(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV with fixed precision."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = [row[c] for c in columns]
        writer.writerow([f"{v:.6f}" if isinstance(v, float) else v for v in values])
    return buffer.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def policies(scores: Sequence[Path]) -> str:
    """Return the policy that the scores follow. Raises InputError when they follow several."""
    found = sorted({read_json(path)["policy"] for path in scores})
    if len(found) > 1:
        raise InputError(f"the scores follow different policies ({', '.join(found)}); make them again under one")
    return found[0]


def draw(folder: Path, gaps: list[dict[str, Any]], rows: list[dict[str, Any]], scores: Any, models: list[Path]) -> None:
    """Draw all pictures."""
    logs = {}
    for path in models:
        log = tables.read(path.with_name("train_log.parquet"), tables.TRAIN_LOG, ["update", "loss"])
        logs[Arm.parse(path)] = log.to_pydict()
    plots.gap_by_student(folder / "gap_by_student.svg", gaps)
    plots.score_by_arm(folder / "score_by_arm.svg", rows)
    plots.accuracy_by_level(folder / "accuracy_by_level.svg", list(scores.values()))
    plots.training_curves(folder / "training_curves.svg", logs)


def inline(path: Path) -> str:
    """Return an SVG's element for a page; its ids get the file's name, as several stand in one page."""
    text = path.read_text()
    text = text[text.index("<svg") :]
    return re.sub(r'(id="|href="#|url\(#)', rf"\1{path.stem}-", text)


def page_facts(args: argparse.Namespace, studies: dict[str, StudyRecipe]) -> dict[str, Any]:
    """Return what the page shows of the manifests alone."""
    everything = {name: getattr(args, name) for name in LISTS}
    return {
        "title": " and ".join(study.title for study in studies.values()),
        "studies": [f"study {name}: {len(study.benchmarks)} benchmark(s)" for name, study in studies.items()],
        "policy": policies(args.scores),
        "funnel": page.funnel_rows(args.datasets, args.rendered, args.models),
        "verdicts": page.verdict_rows(args.verdicts),
        "agreement": page.agreement_rows(args.verdicts),
        "golds": page.gold_rows(args.golds),
        "draws": page.draw_rows(args.responses, args.datasets, args.scores),
        "signals": page.signal_rows(args.signals),
        "graders": page.grader_rows(args.scores),
        "ledger": page.ledger_rows([*args.problems, *args.datasets, *args.rendered, *args.models]),
        "cost": page.cost_rows(everything),
        "versions": page.versions([p for paths in everything.values() for p in paths]),
    }


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, compute the tables, draw, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in LISTS:
        parser.add_argument(f"--{name}", type=Path, nargs="*", default=[], help="manifest.json files")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    record = Record(
        __file__,
        args.recipe,
        {str(p): p for name in LISTS for p in getattr(args, name)},
        args.output.parent,
        identity(args.output.parent),
    )
    given = record.recipe["studies"]
    studies = {name: StudyRecipe.model_validate(study) for name, study in sorted(given.items())}
    if not args.scores:
        raise InputError("--scores: no scores to compare")

    scores = read_scores(args.scores)
    facts = parity_facts(args.models, args.rendered)
    rows, gaps = score_rows(studies, scores), gap_rows(studies, scores, facts)
    folder = args.output.parent
    texts = {
        "scores.csv": csv_text(rows, SCORE_COLUMNS),
        "gaps.csv": csv_text(gaps, GAP_COLUMNS),
        "gaps.txt": gap_text(gaps) + "\n",
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    draw(folder, gaps, rows, scores, args.models)
    pictures = {name: inline(folder / f"{name}.svg") for name in PICTURES}
    shown = {"gaps": gaps, "scores": [{c: r[c] for c in SCORE_COLUMNS[1:]} for r in rows], "pictures": pictures}
    html = page.render({**page_facts(args, studies), **shown, "parity": page.parity_rows(facts)})
    write_text(args.output, html)
    digests = {name: text_digest(text) for name, text in texts.items()}
    record.write({"kind": "report", "digest": digests, "scores": len(rows), "gaps": len(gaps)})
    print(texts["gaps.txt"], end="")


if __name__ == "__main__":
    run(main)
