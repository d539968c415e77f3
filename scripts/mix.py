"""Make a dataset: select one response per problem and source, pair the problems, mix at a fixed row budget.

Inputs: a problems table; per source its responses and verdicts (all draws and shards), and its judgements where the
policy is `rule+judge`; a dataset recipe. Outputs: a
train table, and `ledger.parquet` beside it that says for each source why a problem's response is not in it.

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

from distill import mixing, tables
from distill.artefacts import Ledger, Record, text_digest
from distill.errors import InputError, run
from distill.judging import effective
from distill.recipes import DatasetRecipe

Files = dict[str, list[Path]]
KINDS = ("responses", "verdicts", "judgements")


def read_draws(responses: list[Path], verdicts: list[Path], judgements: list[Path]) -> Iterator[mixing.Draw]:
    """Yield the graded draws of one source, file by file, without holding them; `judgements` may be empty.

    Raises InputError when a file of verdicts does not hold the same rows as its file of responses.
    """
    judged = (
        tables.read_all(judgements, tables.JUDGEMENTS, ["problem_id", "draw", "judgement"]).to_pylist()
        if judgements
        else []
    )
    said = {(r["problem_id"], r["draw"]): r["judgement"] for r in judged}
    if len(responses) != len(verdicts):
        raise InputError(f"{responses[0]}: {len(responses)} files of responses, {len(verdicts)} of verdicts")
    for answered, graded in zip(responses, verdicts, strict=True):
        if tables.footer(answered).num_rows != tables.footer(graded).num_rows:
            raise InputError(f"{graded}: not the verdicts of {answered}; verify these responses first")
        reasons = tables.stream(answered, tables.RESPONSES, ["problem_id", "draw", "finish_reason"])
        words = tables.stream(graded, tables.VERDICTS, ["problem_id", "draw", "verdict"])
        rows = (chain.from_iterable(batch.to_pylist() for batch in batches) for batches in (reasons, words))
        for row, word in zip(*rows, strict=True):
            if (row["problem_id"], row["draw"]) != (word["problem_id"], word["draw"]):
                raise InputError(f"{graded}: not the verdicts of {answered}; verify these responses first")
            key = (row["problem_id"], row["draw"])
            yield mixing.Draw(*key, row["finish_reason"], effective(word["verdict"], said.get(key)))


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


def funnel(fate: dict[str, str], paired: list[str]) -> dict[str, int]:
    """Return how many problems of one source reached each station."""
    counts = Counter(fate.values())
    reached = {station: sum(counts[f] for f in mixing.FATES[i + 1 :]) for i, station in enumerate(_STATIONS)}
    return {"problems": len(fate), **reached, "paired": len(paired)}


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
            common = {"problem_id": problem["problem_id"], "source": problem["source"]}
            rows.append({**common, "messages": messages, "teacher": teacher, "draw": draw})
    return rows


def mix(problems: list[dict[str, str]], files: dict[str, Files], recipe: DatasetRecipe, name: str) -> Any:
    """Return (train rows, ledger rows, manifest without digest) of a dataset; `files` is kind -> source -> files."""
    responses = files["responses"]

    def draws(source: str) -> Iterator[mixing.Draw]:
        return read_draws(responses[source], files["verdicts"][source], files["judgements"].get(source, []))

    ids = [p["problem_id"] for p in problems]
    usable = {s: mixing.first_usable(draws(s), recipe.pairing) for s in recipe.sources}
    candidate = mixing.candidates(usable, recipe.pairing, recipe.seed)
    rows = mixing.budget(candidate, recipe.rows, name)
    assigned = mixing.assign(candidate, mixing.share_counts(rows, recipe.shares))

    chosen, ledger_rows, by_source, funnels = {}, [], {}, {}
    for source in recipe.sources:
        own = {i: usable[source][i] for i, s in assigned.items() if s == source}
        chosen |= {i: (source, own[i], text) for i, text in texts(responses[source], own).items()}
        fate = mixing.fates(ids, draws(source))
        lost = mixing.lost_reasons(fate, candidate[source], assigned, source, recipe.pairing)
        ledger_rows += [{"source": source, "problem_id": i, "reason": r} for i, r in lost.items()]
        by_source[source] = Ledger(len(ids), len(own), dict(Counter(lost.values()))).check(f"{name}/{source}")
        funnels[source] = funnel(fate, candidate[source])
    union = set().union(*candidate.values())
    lost = {"not_paired": len(ids) - len(union), "over_budget": len(union) - len(assigned)}
    table = train_rows(problems, chosen)
    manifest = {
        "kind": "datasets",
        "rows": len(table),
        "problems_digest": text_digest("\n".join(sorted(assigned))),
        "sources": {s: by_source[s]["rows_out"] for s in recipe.sources},
        "funnel": funnels,
        "ledger": Ledger(len(ids), len(table), lost).check(name),
        "ledger_by_source": by_source,
    }
    return table, ledger_rows, manifest


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, mix, write the table and its ledger."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    for kind in KINDS:
        needed, names = kind != "judgements", ("SOURCE", "FILE")
        parser.add_argument(f"--{kind}", nargs="+", action="append", required=needed, default=[], metavar=names)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = DatasetRecipe.model_validate_json(args.recipe)
    files = {kind: {s: [Path(f) for f in paths] for s, *paths in getattr(args, kind)} for kind in KINDS}
    for kind in ("responses", "verdicts"):
        if missing := [s for s in recipe.sources if not files[kind].get(s)]:
            raise InputError(f"--responses and --verdicts must name files of each source; {missing[0]} has none")
    named = {f"{k}/{s}/{i}": p for k in KINDS for s in recipe.sources for i, p in enumerate(files[k].get(s, []))}
    record = Record(__file__, args.recipe, {"problems": args.problems, **named}, args.output.parent)
    problems = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "problem", "source"]).to_pylist()
    rows, lost, manifest = mix(problems, files, recipe, args.output.parent.name)
    tables.write(args.output.parent / "ledger.parquet", tables.build(lost, tables.LEDGER), tables.LEDGER)
    train: pa.Table = tables.build(rows, tables.TRAIN)
    digest = tables.write(args.output, train, tables.TRAIN)
    record.publish({**manifest, "digest": digest}, seed=recipe.seed)


if __name__ == "__main__":
    run(main)
