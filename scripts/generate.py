"""Let a model answer a shard of problems: one response per problem for one draw.

Inputs: a problems table, a model folder of `results/models/`, a prompt template, a recipe. Output: a responses table
with a row for every problem of the shard; what went wrong is a row with finish_reason `error`. Given the responses and
verdicts of earlier draws, it asks only for the problems that none of them got right.

Responses are kept in `state/` beside the table as they come: a program that was killed or failed and starts again asks
only for what is missing, and for what was an error. `state/progress.json` says meanwhile how far it is.

Run as: python scripts/generate.py --problems P.parquet --model results/models/base-xs/base \
            --prompt config/prompts/plain.jinja --draw 0 --shard 00-of-02 --recipe JSON --output R.parquet
"""

import argparse
import logging
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.recipes import GenerateJob
from distill.config.shards import in_shard, parse_shard, stable_hash
from distill.models.prompts import Prompt
from distill.responses.engines import Completion, Request, load_engine, module_of
from distill.runtime.errors import InputError
from distill.runtime.journal import Journal
from distill.runtime.progress import Progress
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run

EARLIER = ("responses", "verdicts")
PIECE = 250  # rows read back from the journal at a time
Row = dict[str, Any]
Errors = dict[str, Row]  # problem_id -> row; never kept, so that the next start asks again


def select(path: Path, shard: str) -> dict[str, str]:
    """Return problem_id -> problem of a shard."""
    index, count = parse_shard(shard)
    rows = tables.read(path, tables.PROBLEMS, ["problem_id", "problem"]).to_pylist()
    return {r["problem_id"]: r["problem"] for r in rows if in_shard(r["problem_id"], index, count)}


def solved(responses: list[Path], verdicts: list[Path]) -> set[str]:
    """Return the problems with a usable response in some draw: correct, and not cut off (that may be a fluke).

    Raises InputError when a file of verdicts is not that of its file of responses.
    """
    if len(responses) != len(verdicts):
        raise InputError(f"{len(responses)} files of earlier responses, {len(verdicts)} of their verdicts")
    found: set[str] = set()
    for answered, graded in zip(responses, verdicts, strict=True):
        reasons = tables.read(answered, tables.RESPONSES, ["problem_id", "draw", "finish_reason"])
        words = tables.read(graded, tables.VERDICTS, ["problem_id", "draw", "verdict"])
        if reasons.select(["problem_id", "draw"]) != words.select(["problem_id", "draw"]):
            raise InputError(f"{graded}: not the verdicts of {answered}; verify these responses first")
        columns = (reasons["problem_id"], reasons["finish_reason"], words["verdict"])
        rows = zip(*(column.to_pylist() for column in columns), strict=True)
        found |= {problem_id for problem_id, reason, word in rows if (reason, word) == ("stop", "correct")}
    return found


def row_seed(decoding_seed: int, problem_id: str, draw: int) -> int:
    """Return the seed of one response: it follows from the recipe's seed, the problem and the draw alone."""
    return stable_hash("row", decoding_seed, problem_id, draw)


def shard_seed(decoding_seed: int, shard: str, draw: int) -> int:
    """Return the seed of an engine that has one for all its rows."""
    return stable_hash("shard", decoding_seed, shard, draw)


@dataclass
class Task:
    """One shard of one draw: who answers, and how."""

    model: Path
    prompt: Prompt
    recipe: GenerateJob
    draw: int
    shard: str

    def answer(self, problems: dict[str, str], journal: Journal, progress: Progress) -> Errors:
        """Ask for each problem's response; keep it in the journal, or return its row where it is an error."""
        if not problems:
            return {}
        seed = self.recipe.decoding.seed
        own = shard_seed(seed, self.shard, self.draw)
        engine = load_engine(self.model, self.recipe, own)
        ids = list(problems)
        seeds = [row_seed(seed, i, self.draw) if engine.seeds == "row" else own for i in ids]
        asked = [Request(self.prompt.messages(problems[i]), s) for i, s in zip(ids, seeds, strict=True)]
        errors: Errors = {}
        for index, completion in engine.generate(asked):
            row = _row(completion, seeds[index], engine.version)
            if completion.finish_reason == "error":
                errors[ids[index]] = row
            else:
                journal.add((ids[index], self.draw), row, completion.cost)
            progress.update(1, completion.response_tokens or 0, completion.cost)
        return errors


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


def check_errors(errors: Errors, asked: int, most: float, where: Path) -> None:
    """Raise InputError when more than the share `most` of the responses asked for are errors."""
    if len(errors) <= most * asked:
        return
    kinds = Counter(str(row["error"]) for row in errors.values())
    for text, count in kinds.most_common(5):
        logging.info("%d errors: %s", count, text)
    first = next(iter(errors))
    raise InputError(
        f"{where}: {len(errors)} of {asked} responses are errors, more than max_errors {most} allows; the first is of "
        f"{first}: {errors[first]['error']}. The other responses are kept; the next start asks only for these"
    )


@dataclass
class Totals:
    """What the manifest counts of the rows."""

    reasons: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)

    def add(self, row: Row) -> None:
        """Count a row."""
        self.reasons[row["finish_reason"]] += 1
        for name in ("prompt_tokens", "response_tokens"):
            self.tokens[name] += row[name] or 0
            if row[name] is None and row["finish_reason"] != "error":
                self.unknown.add(name)

    @property
    def rows(self) -> int:
        """Return how many rows were counted."""
        return self.reasons.total()


def write(path: Path, ids: list[str], draw: int, journal: Journal, errors: Errors) -> tuple[str, Totals]:
    """Write the rows in the order of their key, a piece at a time; return the digest and what was counted."""
    totals = Totals()
    with tables.Writer(path, tables.RESPONSES) as writer:
        for start in range(0, len(ids), PIECE):
            piece = []
            for problem_id in ids[start : start + PIECE]:
                row = errors[problem_id] if problem_id in errors else journal[problem_id, draw]
                totals.add(row)
                piece.append({"problem_id": problem_id, "draw": draw, **row})
            writer.write(tables.build(piece, tables.RESPONSES))
    return writer.digest, totals


def summary(digest: str, totals: Totals, ledger: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of a responses table; a sum of tokens is None where an engine did not count them."""
    tokens = {n: None if n in totals.unknown else totals.tokens[n] for n in ("prompt_tokens", "response_tokens")}
    reasons = {word: totals.reasons[word] for word in ("stop", "length", "error")}
    facts = {"kind": "responses", "digest": digest, "rows": totals.rows, "finish_reason": reasons}
    counts = {"asked": totals.rows, "saved": ledger["lost"].get("already_correct", 0)}
    return {**facts, **tokens, **counts, "ledger": ledger}


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, answer what is missing of the shard, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="model folder with a manifest.json")
    parser.add_argument("--prompt", type=Path, required=True)
    for kind in EARLIER:
        parser.add_argument(f"--{kind}", type=Path, nargs="*", default=[], help="of earlier draws of this shard")
    parser.add_argument("--draw", type=int, required=True)
    parser.add_argument("--shard", required=True, help="for example 00-of-02")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--execution", default="{}", help='keys of the recipe that change no row: {"max_errors": 0.01}')
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = GenerateJob.parse(args.recipe, args.execution)
    named = {f"{k}/{i}": p for k in EARLIER for i, p in enumerate(getattr(args, k))}
    inputs = {"problems": args.problems, "model": args.model / "manifest.json", "prompt": args.prompt, **named}
    record = Record(__file__, args.recipe, inputs, args.output.parent, also=(module_of(recipe.engine),))
    whole, done = select(args.problems, args.shard), solved(args.responses, args.verdicts)
    problems = {i: text for i, text in whole.items() if i not in done}
    task = Task(args.model, Prompt(args.prompt, recipe.system), recipe, args.draw, args.shard)
    state = args.output.parent / "state"
    journal = Journal(state / f"{record.digest(args.draw, args.shard)}.jsonl")
    missing = {i: text for i, text in problems.items() if (i, args.draw) not in journal}
    kept = {"done": len(problems) - len(missing), "cost": journal.cost, "file": state / "progress.json"}
    with Progress(len(problems), desc="generate", **kept) as progress:
        errors = task.answer(missing, journal, progress)
    check_errors(errors, len(problems), recipe.max_errors, args.output)
    digest, totals = write(args.output, sorted(problems), args.draw, journal, errors)
    ledger = Ledger(len(whole), totals.rows, {"already_correct": len(whole) - len(problems)})
    facts = {"kept": len(problems) - len(missing), "asked": len(missing), "cost": round(progress.cost, 6)}
    manifest = summary(digest, totals, ledger.check(str(args.output)))
    record.write(manifest, draw=args.draw, shard=args.shard, **facts)
    journal.close()
    shutil.rmtree(state)


if __name__ == "__main__":
    run(main)
