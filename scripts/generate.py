"""Let a model answer a shard of problems: one response per problem for one draw.

Inputs: a statements table, a model folder of `results/models/`, a prompt template, a recipe. Output: a responses table
with a row for every problem of the shard; what went wrong is a row with finish_reason `error`. Given the responses and
verdicts of earlier draws, it asks only for the problems that none of them got right.

Responses are kept in `state/` beside the table as they come: a program that was killed or failed and starts again asks
only for what is missing, and for what was an error. `state/progress.json` says meanwhile how far it is. What a finished
generation was given stays in `kept/`: a later one takes it over where question, recipe, weights, code and seed are the
same (`distill.responses.kept`), and its provenance says how many rows were `asked`, `reused` and `resumed`.

Run as: python scripts/generate.py --statements S.parquet --model results/models/base-xs/base \
            --prompt config/prompts/plain.jinja --draw 0 --shard 00-of-02 --recipe JSON --output R.parquet
"""

import argparse
import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.lineage import identity
from distill.config.recipes import GenerateJob, needed_gpus
from distill.config.shards import in_shard, parse_shard
from distill.models.folders import model_digest
from distill.models.prompts import Prompt
from distill.models.thinking import report_unnamed, unnamed_tags
from distill.problems.statements import statements
from distill.responses.engines import Completion, Request, load_engine, module_of
from distill.responses.kept import Question, common_key, find_rows, keep, question, row_seed, shard_seed
from distill.responses.refusals import FirstRefusals
from distill.runtime.devices import take
from distill.runtime.errors import InputError
from distill.runtime.journal import Journal, Key
from distill.runtime.progress import Progress
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.tables.graded import solved
from distill.tables.words import FinishReason

EARLIER = ("responses", "verdicts")
PIECE = 250  # rows read back from the journal at a time
Row = dict[str, Any]
Errors = dict[str, Row]  # problem_id -> row; never kept, so that the next start asks again


def select(path: Path, shard: str) -> dict[str, str]:
    """Return problem_id -> problem of a shard."""
    index, count = parse_shard(shard)
    return {i: text for i, text in statements(path).items() if in_shard(i, index, count)}


@dataclass
class Task:
    """One draw of one shard, with the model, prompt and recipe that answer it."""

    model: Path
    prompt: Prompt
    recipe: GenerateJob
    draw: int
    shard: str

    def questions(self, problems: Mapping[str, str]) -> dict[str, Question]:
        """Return problem_id -> question, which holds all that decides its row."""
        place = self.draw, self.shard
        return {i: question(self.recipe, self.prompt.messages(text), i, *place) for i, text in problems.items()}

    def key(self, problem_id: str, questions: Mapping[str, Question]) -> Key:
        """Return the key of a problem's row in the journal."""
        return problem_id, self.draw, questions[problem_id].digest

    def answer(
        self, ids: Sequence[str], questions: Mapping[str, Question], journal: Journal, progress: Progress
    ) -> Errors:
        """Ask the questions of some problems; keep responses in the journal, or return rows where they are errors."""
        if not ids:
            return {}
        decoding = self.recipe.decoding
        common_seed = shard_seed(decoding.seed, self.shard, self.draw)
        engine = load_engine(self.model, self.recipe, common_seed)
        by_row = engine.seeds == "row" or not decoding.temperature  # greedy rows are the same whatever the seed
        seeds = [row_seed(decoding.seed, i, self.draw) if by_row else common_seed for i in ids]
        requests = [Request(questions[i].messages, s) for i, s in zip(ids, seeds, strict=True)]
        errors: Errors = {}
        refusals = FirstRefusals()
        for index, completion in engine.generate(requests):
            row = _row(completion, seeds[index], engine.version)
            if completion.finish_reason == FinishReason.ERROR:
                errors[ids[index]] = row
            else:
                journal.add(self.key(ids[index], questions), row, completion.cost)
            progress.update(1, completion.response_tokens or 0, completion.cost)
            refusals.add(completion)
            if refusals.message and len(errors) > self.recipe.max_errors * len(questions):
                raise InputError(refusals.message)
        return errors


def drop_unfit(journal: Journal, path: Path, keys: Iterable[Key]) -> None:
    """Drop kept rows that the responses table cannot hold, each with a line: they are asked again."""
    for key in keys:
        if key not in journal:
            continue
        try:
            row, place = journal[key], {"problem_id": key[0], "draw": key[1]}
            tables.check_row({**row, **place} if isinstance(row, dict) else row, tables.RESPONSES, path)
        except InputError as error:
            logging.info("%s: the kept row does not fit the table and is asked again (%s)", key[0], error)
            journal.drop(key)


def take_over(folder: Path, key: str, task: Task, questions: Mapping[str, Question], journal: Journal) -> int:
    """Put the rows of earlier generations for the same questions into the journal; return their number."""
    missing = {i: questions[i] for i in questions if task.key(i, questions) not in journal}
    rows = 0
    for problem_id, row in find_rows(folder, key, task.draw, missing):
        journal.add(task.key(problem_id, questions), row)
        rows += 1
    return rows


def _row(completion: Completion, seed: int, engine: str) -> Row:
    """Return a row of the responses table without its key."""
    return {
        "response": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "response_tokens": completion.response_tokens,
        "seed": seed,
        "engine": engine,
        "error": completion.error,
    }


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


def answer_shard(output: Path, task: Task, problems: Mapping[str, str], key: str, gpus: int) -> tuple[Row, Row]:
    """Take over and ask for what is missing of a shard, write the table, keep it; `key` is that of all its rows.

    Returns the manifest's counts, and for the provenance how many rows were resumed, reused and asked and their cost in
    US dollars. Raises InputError when too many are errors.
    """
    questions, state = task.questions(problems), output.parent / "state"
    journal = Journal(kept := state / f"{key}.jsonl")
    drop_unfit(journal, kept, [task.key(i, questions) for i in problems])
    resumed = sum(task.key(i, questions) in journal for i in problems)
    reused = take_over(output.parent, key, task, questions, journal)
    missing = [i for i in problems if task.key(i, questions) not in journal]
    if missing:
        take(gpus, least=needed_gpus(task.recipe))
    begun = {"done": len(problems) - len(missing), "cost": journal.cost, "file": state / "progress.json"}
    with Progress(len(problems), desc="generate", **begun) as progress:
        errors = task.answer(missing, questions, journal, progress)
    check_errors(errors, len(problems), task.recipe.max_errors, output)
    digest, totals = write(output, task, questions, journal, errors)
    report_unnamed(totals.unnamed, totals.rows)
    journal.close()
    keep(output, digest, key, questions)
    facts = {"resumed": resumed, "reused": reused, "asked": len(missing), "cost": round(progress.cost, 6)}
    return summary(digest, totals), facts


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
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = GenerateJob.parse(args.recipe, args.execution)
    named = {f"{k}/{i}": p for k in EARLIER for i, p in enumerate(getattr(args, k))}
    inputs = {"statements": args.statements, "model": args.model / "manifest.json", "prompt": args.prompt, **named}
    record = Record(
        __file__,
        args.recipe,
        inputs,
        args.output.parent,
        identity(args.output.parent),
        also=(module_of(recipe.engine),),
    )
    shard, done = select(args.statements, args.shard), solved(args.responses, args.verdicts)
    problems = {i: text for i, text in shard.items() if i not in done}
    task = Task(args.model, Prompt(args.prompt, recipe.system), recipe, args.draw, args.shard)
    key = common_key(recipe, model_digest(args.model), record.code)
    manifest, facts = answer_shard(args.output, task, problems, key, args.gpus)
    ledger = Ledger(len(shard), manifest["rows"], {"already_correct": len(shard) - len(problems)})
    counts = {"asked": manifest["rows"], "saved": len(shard) - len(problems)}
    record.write({**manifest, **counts, "ledger": ledger.check(str(args.output))}, draw=args.draw, shard=args.shard,
                 **facts)  # fmt: skip
    shutil.rmtree(args.output.parent / "state")


if __name__ == "__main__":
    run(main)
