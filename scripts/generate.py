"""Let a model answer a shard of problems: one response per problem for one draw.

Inputs: a statements table, a model folder of `results/models/`, a prompt template, a recipe. Output: a responses table
with a row for every problem of the shard; what went wrong is a row with finish_reason `error`. Given the responses and
verdicts of earlier draws, it asks only for the problems that none of them got right.

Responses are kept in `state/` beside the table as they come: a program that was killed or failed and starts again asks
only for what is missing, and for what was an error. `state/progress.json` says meanwhile how far it is. What a finished
generation was given stays in `kept/`: a later one takes it over where question, recipe, weights, code and seed are the
same (`distill.responses.kept`), and its provenance says how many rows were `asked`, `reused` and `resumed`.

With `--ahead` a program that has loaded its model also answers other shards of it (`distill.responses.ahead`).

Run as: python scripts/generate.py --statements S.parquet --model results/models/base-xs/base \
            --prompt config/prompts/plain.jinja --draw 0 --shard 00-of-02 --recipe JSON --output R.parquet
"""

import argparse
import logging
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import GenerateJob
from distill.models.folders import model_digest
from distill.models.prompts import Prompt
from distill.models.thinking import report_unnamed, unnamed_tags
from distill.responses.ahead import Ahead, answer_ahead
from distill.responses.asking import Answerer, Errors, Row, Task, ask
from distill.responses.engines import modules_of
from distill.responses.kept import Question, common_key, keep
from distill.runtime.errors import InputError
from distill.runtime.journal import Journal
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.tables.graded import solved
from distill.tables.statements import statements_of_shard
from distill.tables.words import FinishReason

EARLIER = ("responses", "verdicts")
PIECE = 250  # rows read back from the journal at a time


def check_errors(errors: Errors, total: int, most: float, where: Path) -> None:
    """Raise InputError when more than the share `most` of the responses asked for are errors."""
    if len(errors) <= most * total:
        return
    kinds = Counter(str(row["error"]) for row in errors.values())
    for text, count in kinds.most_common(5):
        logging.info("%d errors: %s", count, text)
    first = next(iter(errors))
    raise InputError(
        f"{where}: {len(errors)} of {total} responses are errors, more than max_errors {most} allows; the first is of "
        f"{first}: {errors[first]['error']}. The other responses are kept; the next start asks only for these"
    )


@dataclass
class Totals:
    """Counts of the rows: finish reasons, tokens, columns of tokens that an engine left `unknown`, unnamed tags."""

    reasons: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)
    unnamed: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Count a row."""
        self.reasons[row["finish_reason"]] += 1
        self.unnamed.update(unnamed_tags([row["response"]]))
        for name in ("prompt_tokens", "response_tokens"):
            self.tokens[name] += row[name] or 0
            if row[name] is None and row["finish_reason"] != FinishReason.ERROR:
                self.unknown.add(name)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self.reasons.total()


def write(
    path: Path, task: Task, questions: Mapping[str, Question], journal: Journal, errors: Errors
) -> tuple[str, Totals]:
    """Write the rows in the order of their key, a piece at a time; return the digest and what was counted."""
    ids = sorted(questions)
    totals = Totals()
    with tables.Writer(path, tables.RESPONSES) as writer:
        for start in range(0, len(ids), PIECE):
            piece = []
            for problem_id in ids[start : start + PIECE]:
                row = errors[problem_id] if problem_id in errors else journal[task.key(problem_id, questions)]
                totals.add(row)
                piece.append({"problem_id": problem_id, "draw": task.draw, **row})
            writer.write(tables.build(piece, tables.RESPONSES))
    return writer.digest, totals


def summary(digest: str, totals: Totals) -> dict[str, Any]:
    """Return the counts of a responses table; a sum of tokens is None where an engine did not count them."""
    tokens = {n: None if n in totals.unknown else totals.tokens[n] for n in ("prompt_tokens", "response_tokens")}
    reasons = {str(word): totals.reasons[word] for word in FinishReason}
    return {"kind": "responses", "digest": digest, "rows": totals.rows, "finish_reason": reasons,
            "unnamed_think_tags": dict(sorted(totals.unnamed.items())), **tokens}  # fmt: skip


def answer_shard(output: Path, task: Task, problems: Mapping[str, str], key: str) -> tuple[Row, Row]:
    """Ask for what is missing of a shard, write the table, keep it; return the manifest's counts, and the facts.

    Raises InputError when too many are errors.
    """
    asked = ask(output.parent, task, task.questions(problems), key)
    check_errors(asked.errors, len(problems), task.answerer.recipe.max_errors, output)
    digest, totals = write(output, task, asked.questions, asked.journal, asked.errors)
    report_unnamed(totals.unnamed, totals.rows)
    asked.journal.close()
    keep(output, digest, key, asked.questions)
    return summary(digest, totals), asked.facts


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, answer what is missing of the shard, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=Path, required=True, help="of the shard, or of more")
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--prompt", type=Path, required=True)
    for kind in EARLIER:
        parser.add_argument(f"--{kind}", type=Path, nargs="*", default=[], help="of earlier draws of this shard")
    parser.add_argument("--draw", type=int, required=True)
    parser.add_argument("--shard", required=True, help="for example 00-of-02")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--execution", default="{}", help='keys of the recipe that change no row: {"max_errors": 0.01}')
    parser.add_argument(
        "--gpus", type=int, default=0, help="GPUs to take for this program alone; 0 leaves things as they are"
    )
    parser.add_argument(
        "--ahead",
        default="{}",
        help='these too: {"hours": 0.5, "corpora": {"toy-test": {"draws": 4, "shards": 2}}}',
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    begun = time.monotonic()

    recipe = GenerateJob.parse(args.recipe, args.execution)
    named = {f"{k}/{i}": p for k in EARLIER for i, p in enumerate(getattr(args, k))}
    inputs = {"statements": args.statements, "model": args.model / "manifest.json", "prompt": args.prompt, **named}
    record = Record(
        __file__,
        args.recipe,
        inputs,
        args.output.parent,
        identity(args.output.parent),
        also=modules_of(recipe),
    )
    shard, done = statements_of_shard(args.statements, args.shard), solved(args.responses, args.verdicts)
    problems = {i: text for i, text in shard.items() if i not in done}
    answerer = Answerer(args.model, Prompt(args.prompt, recipe.system), recipe, args.gpus)
    key = common_key(recipe, model_digest(args.model), record.code)
    manifest, facts = answer_shard(args.output, Task(answerer, args.draw, args.shard), problems, key)
    facts["ahead"] = answer_ahead(args.output.parent, answerer, Ahead.model_validate_json(args.ahead), key, begun)
    ledger = Ledger(len(shard), manifest["rows"], {"already_correct": len(shard) - len(problems)})
    counts = {"asked": manifest["rows"], "saved": len(shard) - len(problems)}
    record.write({**manifest, **counts, "ledger": ledger.check(str(args.output))}, draw=args.draw, shard=args.shard,
                 **facts)  # fmt: skip
    shutil.rmtree(args.output.parent / "state")


if __name__ == "__main__":
    run(main)
