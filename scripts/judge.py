"""Let a language model look again at what the rule grader rejected: one judgement per rejected response.

Inputs: a problems table, a responses shard's verdicts, a judge recipe and prompt. Output: a judgements table (equal,
different, unclear) of the rejected responses that have an answer. Replies are kept in `state/` beside it until the
table is whole; a job that starts again asks only what is missing.

Run as: python scripts/judge.py --problems P.parquet --verdicts V.parquet --recipe JSON --output J.parquet \
            --prompt resources/prompts/judges/equal.jinja
"""

import argparse
import shutil
from collections import Counter
from pathlib import Path

from distill import tables
from distill.artefacts import Record, file_digest, text_digest
from distill.errors import InputError, run
from distill.journal import Journal
from distill.judging import JUDGED, Judge, Question, check_clear, judgement
from distill.progress import Progress
from distill.recipes import JudgeRecipe


def questions(verdicts: Path, problems: Path) -> dict[tuple[str, int], Question]:
    """Return (problem_id, draw) -> question for each rejected response with an answer.

    Raises InputError for a verdict on an unknown problem.
    """
    rows = tables.read(problems, tables.PROBLEMS, ["problem_id", "problem", "answer"]).to_pylist()
    known = {r["problem_id"]: (r["problem"], r["answer"]) for r in rows}
    found = {}
    for batch in tables.stream(verdicts, tables.VERDICTS, ["problem_id", "draw", "verdict", "extracted"]):
        for row in batch.to_pylist():
            if row["verdict"] not in JUDGED or row["extracted"] is None:
                continue
            if row["problem_id"] not in known:
                raise InputError(f"{verdicts}: problem {row['problem_id']!r} is not in {problems}")
            found[row["problem_id"], row["draw"]] = Question(*known[row["problem_id"]], row["extracted"])
    return found


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, ask what is missing, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--verdicts", type=Path, required=True)
    parser.add_argument("--prompt", type=Path, required=True)
    parser.add_argument("--concurrency", type=int, default=8, help="requests at the same time; changes no judgement")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = JudgeRecipe.model_validate_json(args.recipe).model_copy(update={"concurrency": args.concurrency})
    inputs = {"problems": args.problems, "verdicts": args.verdicts, "prompt": args.prompt}
    record = Record(__file__, args.recipe, inputs, args.output.parent)
    judge, asked = Judge(recipe, args.prompt), questions(args.verdicts, args.problems)
    state = args.output.parent / "state"
    # Only what a reply depends on: a job that stopped at its limits goes on with its replies under other limits.
    shown = (recipe.url, recipe.model, str(recipe.max_tokens), file_digest(args.prompt))
    digest = text_digest("\n".join(shown))[:16]
    journal = Journal(state / f"{digest}.jsonl")
    distinct = set(asked.values())
    before = sum(question in journal for question in distinct)
    with Progress(len(distinct), desc="judge", done=before) as progress:
        for _ in judge.ask_all(asked.values(), journal):
            progress.update()
    replies = {question: journal[question] for question in distinct}
    check_clear(replies.values(), recipe)
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
    record.publish(manifest, model=recipe.model)
    journal.close()
    shutil.rmtree(state)


if __name__ == "__main__":
    run(main)
