"""Let a language model look again at what the rule grader rejected: one judgement per rejected response.

Inputs: a problems table, a responses shard and its verdicts, the judge's model folder and prompt, a recipe; the
agreement that stands for gold answers, where there is one. Output: a judgements table (equal, different, unclear) of
the rejected responses that ended by themselves with an answer; a cut-off one is correct nowhere. Of a corpus without
gold answers the prompt shows none; where teachers agree on no gold answer to a problem, nothing is asked. Replies are
kept in `kept/` beside it, as they come and from then on: neither a kill nor verdicts that come out again ask a question
twice.

Run as: python scripts/judge.py --problems P.parquet --responses R.parquet --verdicts V.parquet --recipe JSON \
            --model results/models/judge/base --prompt config/prompts/judges/equal.jinja --output J.parquet
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
from distill.responses.engines import load_engine, modules_of
from distill.runtime import busy
from distill.runtime.devices import take
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest, text_digest
from distill.runtime.journal import Journal
from distill.runtime.progress import Progress
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.tables.golds import read_golds, stated_golds
from distill.tables.graded import rows_by_key, shown
from distill.tables.words import REJECTED, FinishReason
from distill.verdicts.judging import Judge, Question, check_clear, judgement

Row = dict[str, Any]


def read_questions(args: argparse.Namespace) -> dict[tuple[str, int], Question]:
    """Return (problem_id, draw) -> question for each rejected response that ended by itself with an answer.

    Raises InputError for a verdict on an unknown problem.
    """
    rows = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "problem"]).to_pylist()
    texts, golds = {r["problem_id"]: r["problem"] for r in rows}, read_golds(args.problems, args.agreement)
    without_golds = args.agreement is None and not any(golds.values())
    ended = rows_by_key(args.responses, tables.RESPONSES, ["finish_reason"])
    questions = {}
    for key, row in rows_by_key(args.verdicts, tables.VERDICTS, ["verdict", "extracted"]).items():
        if row["verdict"] not in REJECTED or row["extracted"] is None:
            continue
        if key[0] not in texts:
            raise InputError(f"{args.verdicts}: problem {key[0]!r} is not in {args.problems}")
        if key not in ended:
            raise InputError(f"{args.verdicts}: not the verdicts of {args.responses}, which lacks {shown([key])}")
        if ended[key]["finish_reason"] == FinishReason.STOP and (without_golds or golds[key[0]]):
            questions[key] = Question(texts[key[0]], golds[key[0]] or None, row["extracted"])
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
            with_gold = missing[0].gold is not None
            judge = Judge(load_engine(args.model, recipe.generation), args.prompt, with_gold)
            busy.note("ready")
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
    parser.add_argument("--responses", type=Path, required=True)
    parser.add_argument("--verdicts", type=Path, required=True)
    parser.add_argument(
        "--agreement", type=Path, nargs="?", help="manifest of the agreement that stands for the gold answers"
    )
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
    named = ("problems", "responses", "verdicts", "agreement", "prompt")
    inputs = {name: getattr(args, name) for name in named}
    record = Record(
        __file__,
        args.recipe,
        {**inputs, "model": args.model / "manifest.json"},
        args.output.parent,
        identity(args.output.parent),
        also=modules_of(recipe.generation),
    )
    questions = read_questions(args)
    journal, state = open_journal(args, recipe), args.output.parent / "state"
    distinct = set(questions.values())
    ask_missing(distinct, journal, args, recipe, state / "progress.json")
    replies = {question: journal[question] for question in distinct}
    check_clear(replies.values(), recipe.max_unclear)
    rows = judgement_rows(questions, replies)
    digest = tables.write(args.output, tables.build(rows, tables.JUDGEMENTS), tables.JUDGEMENTS)
    golds = stated_golds(read_golds(args.problems), args.agreement, judged=True)
    record.write({**summary(digest, rows), **golds}, cost=round(journal.cost, 6))
    journal.close()
    shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    run(main)
