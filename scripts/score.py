"""Score one model_path on one benchmark: join its responses and verdicts, per problem and as a whole.

Inputs: the benchmark's problems; all shards and draws of the model_path's responses and verdicts, and of its judgements
where there is a judge. Outputs: an items table (one row per problem), and a manifest with the figures of the report.

How responses are counted (all shares are of all responses, so a share of 0.1 is one response in ten):
- accuracy: verdict `correct`; under the policy `rule+judge` also a rejected answer that the judge calls equal. Every
  other verdict counts as not correct, also timeout, error and unverifiable.
- cut_off: finish_reason `length`, i.e. the response was stopped at the token limit, with or without an answer before.
- no_answer: no final answer could be read, because the response stopped without one (verdict `no_answer`) or was cut
  off before it (verdict `cut_off`). A response cut off without an answer is thus in both shares; those that stopped
  by themselves without an answer are `verdicts.no_answer` of the manifest.

Run as: python scripts/score.py --problems P.parquet --responses R0.parquet ... --verdicts V0.parquet ... \
            --recipe '{"policy": "rule"}' --output results/scores/C/students/S/base/D/items.parquet
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from distill import tables
from distill.config.recipes import ScoreJob
from distill.responses.repeats import repeated_samples
from distill.runtime.errors import InputError
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.scores.accuracy import accuracy
from distill.verdicts.judging import JUDGED, final_verdict

Key = tuple[str, int]
Row = dict[str, Any]
UNANSWERED = ("no_answer", "cut_off")
NO_LEVEL = "none given"
LISTS = ("responses", "verdicts", "judgements")


def keyed(table: pa.Table, word: str, where: Path) -> dict[Key, Row]:
    """Return the rows by (problem_id, draw). Raises InputError when a key repeats."""
    repeated = tables.duplicate_keys(table, ("problem_id", "draw"))
    if repeated:
        raise InputError(f"{where}: several {word} for {_names(repeated)}; each draw of a problem must be given once")
    return {(r["problem_id"], r["draw"]): r for r in table.to_pylist()}


def check_whole(problem_ids: Iterable[str], responses: dict[Key, Row], verdicts: dict[Key, Row], where: Path) -> None:
    """Raise InputError unless every problem has every draw once and verdicts stand for the same responses."""
    known, draws = set(problem_ids), sorted({draw for _, draw in responses})
    if unknown := sorted(k for k in responses.keys() | verdicts.keys() if k[0] not in known):
        raise InputError(f"{where}: {_names(unknown)} are not among the problems; give the corpus that was answered")
    missing = sorted({(i, d) for i in known for d in draws or [0]} - responses.keys())
    if missing:
        raise InputError(f"{where}: no response for {_names(missing)}; give all shards of all draws")
    if lacking := sorted(responses.keys() - verdicts.keys()):
        raise InputError(f"{where}: no verdict for {_names(lacking)}; verify these responses first")
    if surplus := sorted(verdicts.keys() - responses.keys()):
        raise InputError(f"{where}: verdicts without a response: {_names(surplus)}; they belong to other responses")


def _names(keys: list[Key]) -> str:
    shown = ", ".join(f"{problem_id} (draw {draw})" for problem_id, draw in keys[:5])
    return shown + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")


def judged(verdicts: dict[Key, Row], judgements: dict[Key, Row], where: Path) -> dict[Key, Row]:
    """Return the verdicts as `rule+judge` has them. Raises InputError when a judgement is of no rejected answer."""
    if alien := sorted(k for k in judgements if verdicts.get(k, {}).get("verdict") not in JUDGED):
        raise InputError(f"{where}: judgements of {_names(alien)}, which the rule did not reject; judge again")
    words = {k: judgements[k]["judgement"] if k in judgements else None for k in verdicts}
    return {k: {**v, "verdict": final_verdict(v["verdict"], words[k])} for k, v in verdicts.items()}


def items(problems: list[Row], responses: dict[Key, Row], verdicts: dict[Key, Row]) -> list[Row]:
    """Return one row per problem: how many samples, correct, without an answer, cut off, and their tokens."""
    by_problem: dict[str, list[tuple[Row, str]]] = defaultdict(list)
    for key, response in responses.items():
        by_problem[key[0]].append((response, verdicts[key]["verdict"]))
    rows = []
    for problem in problems:
        graded = by_problem[problem["problem_id"]]
        rows.append(
            {
                **problem,
                "n_samples": len(graded),
                "n_correct": sum(word == "correct" for _, word in graded),
                "n_no_answer": sum(word in UNANSWERED for _, word in graded),
                "n_cut_off": sum(r["finish_reason"] == "length" for r, _ in graded),
                "response_tokens": sum(r["response_tokens"] or 0 for r, _ in graded),
            }
        )
    return rows


def summary(table: pa.Table, verdicts: dict[Key, Row], tokens_known: bool) -> Row:
    """Return the manifest of a scores folder, without its digest."""
    columns = {c: table[c].to_numpy() for c in table.schema.names if c.startswith(("n_", "response_tokens"))}
    correct, samples = columns["n_correct"], columns["n_samples"]
    total = int(samples.sum())
    share = accuracy(correct, samples)
    levels = [level or NO_LEVEL for level in table["level"].to_pylist()]
    by_level = {}
    for level in sorted(set(levels)) if table["level"].null_count < table.num_rows else []:
        mask = np.array([each == level for each in levels])
        by_level[level] = {"n_problems": int(mask.sum()), "accuracy": _share(correct[mask], int(samples[mask].sum()))}
    return {
        "kind": "scores",
        "n_problems": table.num_rows,
        "n_samples": int(samples[0]),
        "accuracy": round(share.estimate, 6),
        "ci_low": round(share.low, 6),
        "ci_high": round(share.high, 6),
        "no_answer": _share(columns["n_no_answer"], total),
        "cut_off": _share(columns["n_cut_off"], total),
        "mean_tokens": round(float(columns["response_tokens"].sum()) / total, 3) if tokens_known else None,
        "verdicts": dict(sorted(Counter(v["verdict"] for v in verdicts.values()).items())),
        "by_level": by_level,
    }


def correct_share(verdicts: dict[Key, Row]) -> float:
    """Return the share of correct verdicts."""
    return round(sum(v["verdict"] == "correct" for v in verdicts.values()) / len(verdicts), 6)


def _share(counts: np.ndarray, total: int) -> float:
    return round(float(counts.sum()) / total, 6)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, join and check, write the table and its manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--responses", type=Path, nargs="+", required=True, help="all shards of all draws")
    parser.add_argument("--verdicts", type=Path, nargs="+", required=True, help="those of the responses")
    parser.add_argument("--judgements", type=Path, nargs="*", help="those of the responses, where there is a judge")
    parser.add_argument("--recipe", required=True, help='{"policy": "rule"} or {"policy": "rule+judge"}')
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    policy = ScoreJob.model_validate_json(args.recipe).policy
    files = {f"{k}/{i}": p for k in LISTS for i, p in enumerate(getattr(args, k) or [])}
    record = Record(__file__, args.recipe, {"problems": args.problems, **files}, args.output.parent)
    problems = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "subject", "level"]).to_pylist()
    if not problems:
        raise InputError(f"{args.problems}: no problems; there is nothing to score")
    wanted = ["problem_id", "draw", "finish_reason", "response_tokens"]
    answered = tables.read_all(args.responses, tables.RESPONSES, wanted)
    graded = tables.read_all(args.verdicts, tables.VERDICTS, ["problem_id", "draw", "verdict", "matcher"])
    responses = keyed(answered, "responses", args.responses[0])
    verdicts = keyed(graded, "verdicts", args.verdicts[0])
    check_whole((p["problem_id"] for p in problems), responses, verdicts, args.responses[0])
    graders = {"rule": verdicts}
    matched = {k: {"verdict": v["matcher"]} for k, v in verdicts.items()}
    if args.judgements:
        given = tables.read_all(args.judgements, tables.JUDGEMENTS, ["problem_id", "draw", "judgement"])
        judgements = keyed(given, "judgements", args.judgements[0])
        graders["rule+judge"] = judged(verdicts, judgements, args.judgements[0])
    if policy not in graders:
        raise InputError(f"{args.output}: the policy {policy} needs --judgements")
    verdicts = graders[policy]
    table = tables.build(items(problems, responses, verdicts), tables.ITEMS)
    manifest = summary(table, verdicts, answered["response_tokens"].null_count == 0)
    by_grader = {name: correct_share(words) for name, words in {**graders, "matcher": matched}.items()}
    counted = sum(table["n_samples"].to_pylist())
    manifest["ledger"] = Ledger(answered.num_rows, counted).check(str(args.output))
    manifest |= {"policy": policy, "by_grader": by_grader, "repeated_samples": repeated_samples(args.responses)}
    digest = tables.write(args.output, table, tables.ITEMS)
    record.write({**manifest, "digest": digest})


if __name__ == "__main__":
    run(main)
