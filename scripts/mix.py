"""Make a dataset: select one response per problem and source, pair the problems, mix at a fixed row budget.

Inputs: a problems table; per source its responses and verdicts (all draws and shards); a dataset recipe. Outputs: a
train table, and `ledger.parquet` beside it that says for each source why a problem's response is not in it.

Run as: python scripts/mix.py --problems P.parquet --responses long R0.parquet ... --verdicts long V0.parquet ... \
            --responses short ... --verdicts short ... --recipe JSON --output results/datasets/D/train.parquet
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from distill import mixing, tables
from distill.artefacts import Ledger, Record, text_digest
from distill.errors import InputError, run
from distill.recipes import DatasetRecipe

Files = dict[str, list[Path]]


def read_draws(responses: list[Path], verdicts: list[Path]) -> list[mixing.Draw]:
    """Return the graded draws of one source. Raises InputError when responses and verdicts are not the same rows."""
    reasons = tables.read_all(responses, tables.RESPONSES, ["problem_id", "draw", "finish_reason"]).to_pylist()
    graded = tables.read_all(verdicts, tables.VERDICTS, ["problem_id", "draw", "verdict"]).to_pylist()
    words = {(r["problem_id"], r["draw"]): r["verdict"] for r in graded}
    if len(words) != len(reasons) or any((r["problem_id"], r["draw"]) not in words for r in reasons):
        raise InputError(f"{responses[0].parent}: {len(reasons)} responses, but other rows in {verdicts[0].parent}")
    return [
        mixing.Draw(r["problem_id"], r["draw"], r["finish_reason"], words[r["problem_id"], r["draw"]]) for r in reasons
    ]


def texts(responses: list[Path], chosen: dict[str, int]) -> dict[str, str]:
    """Return problem_id -> response of the chosen draws, reading one file at a time."""
    found: dict[str, str] = {}
    for path in responses:
        for batch in tables.read(path, tables.RESPONSES, ["problem_id", "draw", "response"]).to_batches():
            for row in batch.to_pylist():
                if chosen.get(row["problem_id"]) == row["draw"]:
                    found[row["problem_id"]] = row["response"]
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


def mix(problems: list[dict[str, str]], responses: Files, verdicts: Files, recipe: DatasetRecipe, name: str) -> Any:
    """Return (train rows, ledger rows, manifest without digest) of a dataset."""
    draws = {s: read_draws(responses[s], verdicts[s]) for s in recipe.sources}
    ids = [p["problem_id"] for p in problems]
    usable = {s: mixing.first_usable(draws[s], recipe.pairing) for s in recipe.sources}
    candidate = mixing.candidates(usable, recipe.pairing, recipe.seed)
    rows = mixing.budget(candidate, recipe.rows, name)
    assigned = mixing.assign(candidate, mixing.share_counts(rows, recipe.shares))

    chosen, ledger_rows, by_source, funnels = {}, [], {}, {}
    for source in recipe.sources:
        own = {i: usable[source][i] for i, s in assigned.items() if s == source}
        chosen |= {i: (source, own[i], text) for i, text in texts(responses[source], own).items()}
        fate = mixing.fates(ids, draws[source])
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
    for kind in ("--responses", "--verdicts"):
        parser.add_argument(kind, nargs="+", action="append", required=True, metavar=("SOURCE", "FILE"))
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = DatasetRecipe.model_validate_json(args.recipe)
    responses, verdicts = ({s: [Path(f) for f in files] for s, *files in g} for g in (args.responses, args.verdicts))
    for given in (responses, verdicts):
        if missing := [s for s in recipe.sources if not given.get(s)]:
            raise InputError(f"--responses and --verdicts must name files of each source; {missing[0]} has none")
    named = {f"{s}/{i}": p for s in recipe.sources for i, p in enumerate(responses[s] + verdicts[s])}
    record = Record(__file__, args.recipe, {"problems": args.problems, **named}, args.output.parent)
    problems = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "problem", "source"]).to_pylist()
    rows, lost, manifest = mix(problems, responses, verdicts, recipe, args.output.parent.name)
    tables.write(args.output.parent / "ledger.parquet", tables.build(lost, tables.LEDGER), tables.LEDGER)
    train: pa.Table = tables.build(rows, tables.TRAIN)
    digest = tables.write(args.output, train, tables.TRAIN)
    record.publish({**manifest, "digest": digest}, seed=recipe.seed)


if __name__ == "__main__":
    run(main)
