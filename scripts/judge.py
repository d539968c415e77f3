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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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

Row = dict[str, Any]


def read_questions(verdicts: Path, problems: Path) -> dict[tuple[str, int], Question]:
    """Return (problem_id, draw) -> question for each rejected response with an answer.

    Raises InputError for a verdict on an unknown problem.
    """
    rows = tables.read(problems, tables.PROBLEMS, ["problem_id", "problem", "answer"]).to_pylist()
    problem_texts = {r["problem_id"]: (r["problem"], r["answer"]) for r in rows}
    questions = {}
    for batch in tables.stream(verdicts, tables.VERDICTS, ["problem_id", "draw", "verdict", "extracted"]):
        for row in batch.to_pylist():
            if row["verdict"] not in REJECTED or row["extracted"] is None:
                continue
            if row["problem_id"] not in problem_texts:
                raise InputError(f"{verdicts}: problem {row['problem_id']!r} is not in {problems}")
            question = Question(*problem_texts[row["problem_id"]], row["extracted"])
            questions[row["problem_id"], row["draw"]] = question
    return questions


def open_journal(args: argparse.Namespace, recipe: JudgeJob) -> Journal:
    """Open the journal of replies. What a reply depends on names it, so replies stay when the verdicts change."""
    parts = recipe.generation.canonical(), model_digest(args.model), file_digest(args.prompt)
    return Journal(args.output.with_name("kept") / f"{text_digest(''.join(parts))[:16]}.jsonl")


def ask_missing(
    questions: set[Question], journal: Journal, args: argparse.Namespace, recipe: JudgeJob, progress_file: Path
) -> None:
    """Ask what the journal does not hold; the judge is only loaded if there is something to ask."""
    for question in questions:
        if question in journal and not isinstance(journal[question], str):
            journal.drop(question)
    missing = sorted(question for question in questions if question not in journal)
    begun = {"done": len(questions) - len(missing), "cost": journal.cost, "file": progress_file}
    with Progress(len(questions), desc="judge", **begun) as progress:
        if missing:
            take(args.gpus, least=needed_gpus(recipe.generation))
            judge = Judge(load_engine(args.model, recipe.generation), args.prompt)
            for _ in judge.ask_all(missing, journal):
                progress.update()


def judgement_rows(questions: Mapping[tuple[str, int], Question], replies: Mapping[Question, str]) -> list[Row]:
    """Return one row of the judgements table per question of a response."""
    return [
        {"problem_id": i, "draw": d, "judgement": judgement(replies[q]), "reply": replies[q]}
        for (i, d), q in questions.items()
    ]


def summary(digest: str, rows: list[Row]) -> dict[str, Any]:
    """Return the counts of a judgements table."""
    counts = dict(sorted(Counter(row["judgement"] for row in rows).items()))
    return {"kind": "judgements", "digest": digest, "rows": len(rows), "judgements": counts}


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
    questions = read_questions(args.verdicts, args.problems)
    journal, state = open_journal(args, recipe), args.output.parent / "state"
    distinct = set(questions.values())
    ask_missing(distinct, journal, args, recipe, state / "progress.json")
    replies = {question: journal[question] for question in distinct}
    check_clear(replies.values(), recipe.max_unclear)
    rows = judgement_rows(questions, replies)
    digest = tables.write(args.output, tables.build(rows, tables.JUDGEMENTS), tables.JUDGEMENTS)
    record.write(summary(digest, rows), cost=round(journal.cost, 6))
    journal.close()
    shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    run(main)
