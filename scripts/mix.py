"""Make a dataset: select one response per problem and teacher, pair the problems, mix at a fixed row budget.

Inputs: a problems table; per teacher its responses and verdicts (all draws and shards), and its judgements where the
policy is `rule+judge`; what the curation of the recipe asks for (contamination, duplicates, loglikelihoods, draws of
the teacher whose pass rate counts); a dataset recipe. Outputs: a train table, and `ledger.parquet` beside it that says
for each teacher why a problem's response is not in it.

Run as: python scripts/mix.py --problems P.parquet --responses long R0.parquet ... --verdicts long V0.parquet ... \
            --responses short ... --verdicts short ... --recipe JSON --output results/datasets/D/train.parquet
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import tables
from distill.config.recipes import CurationRecipe, DatasetRecipe
from distill.datasets import curation, mixing
from distill.responses.repeats import repeated_samples
from distill.runtime.errors import InputError
from distill.runtime.files import text_digest
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.verdicts.judging import final_verdict

Files = dict[str, list[Path]]
Key = tuple[str, int]
KINDS = ("responses", "verdicts", "judgements", "loglikelihoods")
REPEATS = {"contamination": tables.CONTAMINATION, "duplicates": tables.DUPLICATES}


def read_draws(files: Files, recipe: DatasetRecipe) -> Iterator[mixing.Draw]:
    """Yield the graded draws of one teacher (kind -> its files), file by file, without holding them.

    Raises InputError when a file of verdicts does not hold the same rows as its file of responses.
    """
    responses, verdicts = files["responses"], files["verdicts"]
    said = {key: row["judgement"] for key, row in keyed(files.get("judgements", []), tables.JUDGEMENTS)}
    likely = {key: curation.perplexity(row["loglikelihood"], row["tokens"])
              for key, row in keyed(files.get("loglikelihoods", []), tables.LOGLIKELIHOODS)}  # fmt: skip
    if len(responses) != len(verdicts):
        raise InputError(f"{responses[0]}: {len(responses)} files of responses, {len(verdicts)} of verdicts")
    for answered, graded in zip(responses, verdicts, strict=True):
        if tables.footer(answered).num_rows != tables.footer(graded).num_rows:
            raise InputError(f"{graded}: not the verdicts of {answered}; verify these responses first")
        shown = tables.stream(answered, tables.RESPONSES, columns(recipe.curation))
        words = tables.stream(graded, tables.VERDICTS, ["problem_id", "draw", "verdict"])
        rows = (chain.from_iterable(batch.to_pylist() for batch in batches) for batches in (shown, words))
        for row, word in zip(*rows, strict=True):
            key = row["problem_id"], row["draw"]
            if key != (word["problem_id"], word["draw"]):
                raise InputError(f"{graded}: not the verdicts of {answered}; verify these responses first")
            sample = sample_of(row, recipe.curation, likely.get(key))
            try:
                fault = None if row["finish_reason"] == "error" else curation.fault(sample, recipe.curation)
            except ValueError as error:
                raise InputError(f"{answered}: {error}") from None
            preference = curation.preference(sample, recipe.curation, recipe.seed)
            verdict = final_verdict(word["verdict"], said.get(key))
            yield mixing.Draw(*key, row["finish_reason"], verdict, fault, preference)


def keyed(paths: list[Path], contract: tables.Contract) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Yield the rows of several files with their keys."""
    for path in paths:
        for batch in tables.stream(path, contract, contract.schema.names):
            yield from (((row["problem_id"], row["draw"]), row) for row in batch.to_pylist())


def columns(recipe: CurationRecipe) -> list[str]:
    """Return the columns of the responses that selection and curation look at; texts are read only where needed."""
    measured = recipe.length is not None or recipe.choose in ("shortest", "longest")
    texts = measured or recipe.max_repetition is not None
    return ["problem_id", "draw", "finish_reason", *(["response_tokens"] * measured), *(["response"] * texts)]


def sample_of(row: dict[str, Any], recipe: CurationRecipe, perplexity: float | None) -> curation.Sample:
    """Return what a response shows of itself, as far as the recipe asks."""
    text = row.get("response", "")
    repetition = 0.0 if recipe.max_repetition is None else curation.repetition(text)
    tokens = row.get("response_tokens")
    return curation.Sample(row["problem_id"], row["draw"], tokens, len(text), repetition, perplexity)


def left_out(
    ids: list[str], files: dict[str, Files], repeats: dict[str, Path], recipe: DatasetRecipe
) -> dict[str, str]:
    """Return problem_id -> reason of the problems that curation leaves out, whatever the responses to them."""
    found = {
        kind: tables.read(path, REPEATS[kind], ["problem_id"])["problem_id"].to_pylist()
        for kind, path in repeats.items()
    }
    rates = None
    if bounds := recipe.curation.pass_rate:
        bare = recipe.model_copy(update={"curation": CurationRecipe()})  # a rate looks at verdicts, not at texts
        draws = read_draws({kind: own.get(bounds.teacher, []) for kind, own in files.items()}, bare)
        rates = curation.pass_rates(
            (d.problem_id, d.outcome == "correct") for d in draws if d.outcome != "not_generated"
        )
    return curation.excluded(ids, found.get("contamination", []), found.get("duplicates", []), rates, recipe.curation)


def texts(responses: list[Path], chosen: dict[str, int]) -> dict[str, str]:
    """Return problem_id -> response of the chosen draws, reading a piece of a file at a time."""
    found: dict[str, str] = {}
    for path in responses:
        for batch in tables.stream(path, tables.RESPONSES, ["problem_id", "draw", "response"]):
            keys = zip(batch["problem_id"].to_pylist(), batch["draw"].to_pylist(), strict=True)
            wanted = [n for n, (problem_id, draw) in enumerate(keys) if chosen.get(problem_id) == draw]
            taken = batch.take(pa.array(wanted, pa.int64())).to_pylist()
            found.update((row["problem_id"], row["response"]) for row in taken)
    return found


def funnel(found: mixing.Availability, excluded: dict[str, str], paired: list[str]) -> dict[str, int]:
    """Return how many problems of one teacher reached each station."""
    counts = Counter(found.outcome.values())
    reached = {station: sum(counts[f] for f in mixing.OUTCOMES[i + 1 :]) for i, station in enumerate(_STATIONS)}
    curated = len(found.usable.keys() - excluded.keys())
    return {"problems": len(found.outcome), **reached, "curated": curated, "paired": len(paired)}


_STATIONS = ("generated", "stopped", "answered", "correct")


def train_rows(problems: list[dict[str, str]], chosen: dict[str, tuple[str, int, str]]) -> list[dict[str, Any]]:
    """Return the train table's rows; `chosen` maps problem_id to (teacher, draw, response)."""
    rows = []
    for problem in problems:
        if problem["problem_id"] in chosen:
            teacher, draw, response = chosen[problem["problem_id"]]
            messages = [
                {"role": "user", "content": problem["problem"]},
                {"role": "assistant", "content": response},
            ]
            common = {"problem_id": problem["problem_id"], "source": problem["origin"]}
            rows.append({**common, "messages": messages, "teacher": teacher, "draw": draw})
    return rows


def mix(
    problems: list[dict[str, str]], files: dict[str, Files], repeats: dict[str, Path], recipe: DatasetRecipe, name: str
) -> Any:
    """Return (train rows, ledger rows, manifest without digest) of a dataset.

    `files` is kind -> teacher -> files, `repeats` which table names the problems that repeat others.
    """
    ids = [p["problem_id"] for p in problems]
    excluded = left_out(ids, files, repeats, recipe)
    found = {}
    for teacher in recipe.teachers:
        draws = read_draws({kind: own.get(teacher, []) for kind, own in files.items()}, recipe)
        found[teacher] = mixing.select_draws(ids, draws, recipe.pairing)
    usable = {s: [i for i in found[s].usable if i not in excluded] for s in recipe.teachers}
    candidate = mixing.candidates(usable, recipe.pairing, recipe.seed)
    rows = mixing.budget(candidate, recipe.rows, name)
    assigned = mixing.assign(candidate, mixing.share_counts(rows, recipe.shares))

    chosen, ledger_rows, by_teacher, funnels = {}, [], {}, {}
    for teacher in recipe.teachers:
        own = {i: found[teacher].usable[i] for i, s in assigned.items() if s == teacher}
        chosen |= {i: (teacher, own[i], text) for i, text in texts(files["responses"][teacher], own).items()}
        lost = mixing.lost_reasons(found[teacher], excluded, candidate[teacher], assigned, teacher)
        ledger_rows += [{"teacher": teacher, "problem_id": i, "reason": r} for i, r in lost.items()]
        by_teacher[teacher] = Ledger(len(ids), len(own), dict(Counter(lost.values()))).check(f"{name}/{teacher}")
        funnels[teacher] = funnel(found[teacher], excluded, candidate[teacher])
    union = set().union(*candidate.values())
    lost = {
        **Counter(excluded.values()),
        "not_paired": len(ids) - len(excluded) - len(union),
        "over_budget": len(union) - len(assigned),
    }
    table = train_rows(problems, chosen)
    manifest = {
        "kind": "datasets",
        "rows": len(table),
        "problems_digest": text_digest("\n".join(sorted(assigned))),
        "teachers": {s: by_teacher[s]["rows_out"] for s in recipe.teachers},
        "repeated_samples": {s: repeated_samples(files["responses"][s]) for s in recipe.teachers},
        "funnel": funnels,
        "ledger": Ledger(len(ids), len(table), lost).check(name),
        "ledger_by_teacher": by_teacher,
    }
    return table, ledger_rows, manifest


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, mix, write the table and its ledger."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    for kind in KINDS:
        needed, names = kind in ("responses", "verdicts"), ("TEACHER", "FILE")
        parser.add_argument(f"--{kind}", nargs="+", action="append", required=needed, default=[], metavar=names)
    for kind in REPEATS:
        parser.add_argument(f"--{kind}", type=Path, help="where the recipe's curation asks for it")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = DatasetRecipe.model_validate_json(args.recipe)
    files = {kind: {s: [Path(f) for f in paths] for s, *paths in getattr(args, kind)} for kind in KINDS}
    repeats = {kind: path for kind in REPEATS if (path := getattr(args, kind))}
    check_given(recipe, files, repeats)
    named = {f"{k}/{t}/{i}": p for k in KINDS for t, paths in files[k].items() for i, p in enumerate(paths)}
    record = Record(__file__, args.recipe, {"problems": args.problems, **repeats, **named}, args.output.parent)
    problems = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "problem", "origin"]).to_pylist()
    rows, lost, manifest = mix(problems, files, repeats, recipe, args.output.parent.name)
    tables.write(args.output.parent / "ledger.parquet", tables.build(lost, tables.LEDGER), tables.LEDGER)
    train: pa.Table = tables.build(rows, tables.TRAIN)
    digest = tables.write(args.output, train, tables.TRAIN)
    record.write({**manifest, "digest": digest}, seed=recipe.seed)


def check_given(recipe: DatasetRecipe, files: dict[str, Files], repeats: dict[str, Path]) -> None:
    """Raise InputError unless the command line names every file that the recipe needs."""
    asked = recipe.curation
    rated = [asked.pass_rate.teacher] if asked.pass_rate else []
    needed = {"responses": [*recipe.teachers, *rated], "verdicts": [*recipe.teachers, *rated],
              "loglikelihoods": recipe.teachers if asked.student else []}  # fmt: skip
    for kind, teachers in needed.items():
        if missing := [t for t in teachers if not files[kind].get(t)]:
            raise InputError(f"--{kind} must name files of {missing[0]}")
    for kind, wanted in (("contamination", asked.decontaminate), ("duplicates", asked.deduplicate)):
        if wanted != (kind in repeats):
            raise InputError(f"--{kind} {'is missing' if wanted else 'is not what the recipe asks for'}")


if __name__ == "__main__":
    run(main)
