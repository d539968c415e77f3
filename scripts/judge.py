"""Let a language model look again at what the rule grader rejected: one judgement per rejected response.

Inputs: a problems table, a responses shard's verdicts, the judge's model folder and prompt, a recipe. Output: a
judgements table (equal, different, unclear) of the rejected responses that have an answer. Replies are kept in `kept/`
beside it, as they come and from then on: neither a kill nor verdicts that come out again ask a question twice.

Run as: python scripts/judge.py --problems P.parquet --verdicts V.parquet --model results/models/judge/base \
            --prompt config/prompts/judges/equal.jinja --recipe JSON --output J.parquet
"""

import argparse
import shutil
from collections import Counter
from pathlib import Path

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import JudgeJob, needed_gpus
from distill.models.folders import model_digest
from distill.responses.engines import load_engine, module_of
from distill.runtime.devices import take
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest, text_digest
from distill.runtime.journal import Journal
from distill.runtime.progress import Progress
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.tables.words import REJECTED
from distill.verdicts.judging import Judge, Question, check_clear, judgement


def questions(verdicts: Path, problems: Path) -> dict[tuple[str, int], Question]:
    """Return (problem_id, draw) -> question for each rejected response with an answer.

    Raises InputError for a verdict on an unknown problem.
    """
    rows = tables.read(problems, tables.PROBLEMS, ["problem_id", "problem", "answer"]).to_pylist()
    known = {r["problem_id"]: (r["problem"], r["answer"]) for r in rows}
    found = {}
    for batch in tables.stream(verdicts, tables.VERDICTS, ["problem_id", "draw", "verdict", "extracted"]):
        for row in batch.to_pylist():
            if row["verdict"] not in REJECTED or row["extracted"] is None:
                continue
            if row["problem_id"] not in known:
                raise InputError(f"{verdicts}: problem {row['problem_id']!r} is not in {problems}")
            found[row["problem_id"], row["draw"]] = Question(*known[row["problem_id"]], row["extracted"])
    return found


def ask_missing(
    asked: set[Question], journal: Journal, args: argparse.Namespace, recipe: JudgeJob, progress_file: Path
) -> None:
    """Ask what the journal does not hold; the judge is only loaded if there is something to ask."""
    missing = sorted(question for question in asked if question not in journal)
    kept = {"done": len(asked) - len(missing), "cost": journal.cost, "file": progress_file}
    with Progress(len(asked), desc="judge", **kept) as progress:
        if missing:
            take(args.gpus, least=needed_gpus(recipe.generation))
            judge = Judge(load_engine(args.model, recipe.generation), args.prompt)
            for _ in judge.ask_all(missing, journal):
                progress.update()


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, ask what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--verdicts", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--prompt", type=Path, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument(
        "--execution", default="{}", help='keys of the recipe that change no row: {"max_unclear": 0.05}'
    )
    parser.add_argument(
        "--gpus", type=int, default=0, help="GPUs to take for this program alone; 0 leaves things as they are"
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = JudgeJob.parse(args.recipe, args.execution)
    inputs = {"problems": args.problems, "verdicts": args.verdicts, "prompt": args.prompt}
    model, engine = args.model / "manifest.json", recipe.generation.engine
    record = Record(
        __file__,
        args.recipe,
        {**inputs, "model": model},
        args.output.parent,
        identity(args.output.parent),
        also=(module_of(engine),),
    )
    asked = questions(args.verdicts, args.problems)
    # Only what a reply depends on: verdicts that come out otherwise leave the replies that are there.
    shown = (recipe.generation.canonical(), model_digest(args.model), file_digest(args.prompt))
    state = args.output.parent / "state"
    journal = Journal(args.output.with_name("kept") / f"{text_digest(''.join(shown))[:16]}.jsonl")
    distinct = set(asked.values())
    ask_missing(distinct, journal, args, recipe, state / "progress.json")
    replies = {question: journal[question] for question in distinct}
    check_clear(replies.values(), recipe.max_unclear)
    rows = [
        {"problem_id": i, "draw": d, "judgement": judgement(replies[q]), "reply": replies[q]}
        for (i, d), q in asked.items()
    ]
    manifest = {
        "kind": "judgements",
        "digest": tables.write(args.output, tables.build(rows, tables.JUDGEMENTS), tables.JUDGEMENTS),
        "rows": len(rows),
        "judgements": dict(sorted(Counter(r["judgement"] for r in rows).items())),
    }
    record.write(manifest, cost=round(journal.cost, 6))
    journal.close()
    shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    run(main)
