"""Score one model on one benchmark: join its responses and verdicts, per problem and as a whole.

Inputs: the benchmark's problems; all shards and draws of the model's responses and verdicts, and of its judgements
where there is a judge; the agreement that stands for gold answers, where there is one. Outputs: an items table (one row
per problem), and a manifest with the figures of the report.

How responses are counted (all shares are of all responses, so a share of 0.1 is one response in ten):
- accuracy: verdict `correct` and not cut off, as for datasets (`distill.tables.graded.is_correct`); under the policy
  `rule+judge` also a rejected answer that the judge calls equal. Every other verdict counts as not correct, also
  timeout, error and unverifiable; so a problem on whose gold answer teachers do not agree is never answered right.
- cut_off: finish_reason `length`, i.e. the response was stopped at the token limit, with or without an answer before.
- lenient: accuracy where an answer without a box counts, too (`distill.verdicts.lenient`); never below accuracy.
- ungraded: verdict `timeout`, `error` or `unverifiable` on a response that the engine did give: not known to be right.
- errors: finish_reason `error`, i.e. the engine gave no response; they count as not correct.
- no_answer: no final answer could be read, because the response stopped without one (verdict `no_answer`) or was cut
  off before it (verdict `cut_off`). A response cut off without an answer is thus in both shares; those that stopped
  by themselves without an answer are `verdicts.no_answer` of the manifest.

Run as: python scripts/score.py --problems P.parquet --recipe '{"policy": "rule"}' \
            --inputs '{"responses": ["R0.parquet"], "verdicts": ["V0.parquet"]}' \
            --output results/scores/C/students/S/base/D/items.parquet
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from distill import tables
from distill.config.inputs import Inputs
from distill.config.lineage import identity
from distill.config.recipes import ScoreJob
from distill.runtime.errors import InputError
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.scores.accuracy import accuracy
from distill.tables import graded
from distill.tables.golds import read_golds, stated_golds
from distill.tables.graded import GradedResponse, is_correct
from distill.tables.words import UNANSWERED, UNGRADED, FinishReason

Row = dict[str, Any]
NO_LEVEL = "none given"
GRADERS = {
    "rule": lambda response: response.verdict,
    "rule+judge": lambda response: response.final_verdict,
    "matcher": lambda response: response.matcher,
}


class ScoreInputs(Inputs):
    """All shards of all draws, in one order for every table; judgements only where there is a judge.

    agreement: the manifest of the one that stands for gold answers.
    """

    responses: tuple[Path, ...]
    verdicts: tuple[Path, ...]
    judgements: tuple[Path, ...] = ()
    agreement: Path | None = None


def read_responses(inputs: ScoreInputs, problem_ids: Iterable[str]) -> list[GradedResponse]:
    """Return the graded responses, without their texts.

    Raises InputError when files do not belong together or a problem lacks a draw.
    """
    files = inputs.responses, inputs.verdicts, inputs.judgements
    responses = list(graded.join(*files, columns=["response_tokens"]))
    graded.check_whole(problem_ids, ((r.problem_id, r.draw) for r in responses), inputs.responses[0])
    return responses


def items(problems: list[Row], responses: Iterable[GradedResponse], policy: str) -> list[Row]:
    """Return one row per problem: how many samples, correct, without an answer, cut off, and their tokens."""
    by_problem: dict[str, list[tuple[GradedResponse, str]]] = defaultdict(list)
    for response in responses:
        by_problem[response.problem_id].append((response, GRADERS[policy](response)))
    rows = []
    for problem in problems:
        samples = by_problem[problem["problem_id"]]
        rows.append(
            {
                **problem,
                "n_samples": len(samples),
                "n_correct": sum(is_correct(response.finish_reason, verdict) for response, verdict in samples),
                "n_no_answer": sum(verdict in UNANSWERED for _, verdict in samples),
                "n_cut_off": sum(response.finish_reason == FinishReason.LENGTH for response, _ in samples),
                "n_errors": sum(response.finish_reason == FinishReason.ERROR for response, _ in samples),
                "n_ungraded": sum(is_ungraded(response, verdict) for response, verdict in samples),
                "n_lenient": sum(is_lenient(response, verdict) for response, verdict in samples),
                "response_tokens": sum(response.response_tokens or 0 for response, _ in samples),
            }
        )
    return rows


def is_lenient(response: GradedResponse, verdict: str) -> bool:
    """Whether a response is correct where the answer need not stand in a box; cut-off ones are not."""
    return any(is_correct(response.finish_reason, each) for each in (verdict, response.lenient))


def is_ungraded(response: GradedResponse, verdict: str) -> bool:
    """Whether the grader could not say if a response is right, though there is one."""
    return verdict in UNGRADED and response.finish_reason != FinishReason.ERROR


def summary(table: pa.Table, verdicts: Iterable[str], tokens_known: bool) -> Row:
    """Return the figures of a scores folder from its items and the verdicts on all responses."""
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
        "lenient": _share(columns["n_lenient"], total),
        "no_answer": _share(columns["n_no_answer"], total),
        "cut_off": _share(columns["n_cut_off"], total),
        "errors": _share(columns["n_errors"], total),
        "ungraded": _share(columns["n_ungraded"], total),
        "mean_tokens": round(float(columns["response_tokens"].sum()) / total, 3) if tokens_known else None,
        "verdicts": dict(sorted(Counter(verdicts).items())),
        "by_level": by_level,
    }


def correct_share(responses: Iterable[GradedResponse], grader: str) -> float:
    """Return the share of responses that count as correct by a grader, in 0..1."""
    counted = [is_correct(response.finish_reason, GRADERS[grader](response)) for response in responses]
    return round(sum(counted) / len(counted), 6)


def _share(counts: np.ndarray, total: int) -> float:
    return round(float(counts.sum()) / total, 6)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, join and check, write the table and its manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument(
        "--inputs", required=True, help='JSON: {"responses": [all shards of all draws], "verdicts": [...], '
        '"judgements": [where there is a judge], "agreement": its manifest, where there is one}'
    )  # fmt: skip
    parser.add_argument("--recipe", required=True, help='{"policy": "rule"} or {"policy": "rule+judge"}')
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    policy, inputs = ScoreJob.model_validate_json(args.recipe).policy, ScoreInputs.read(args.inputs)
    if policy == "rule+judge" and not inputs.judgements:
        raise InputError(f"{args.output}: the policy {policy} needs `judgements` in --inputs")
    record = Record(
        __file__,
        args.recipe,
        {"problems": args.problems, **inputs.files()},
        args.output.parent,
        identity(args.output.parent),
    )
    problems = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "subject", "level"]).to_pylist()
    if not problems:
        raise InputError(f"{args.problems}: no problems; there is nothing to score")
    responses = read_responses(inputs, (problem["problem_id"] for problem in problems))
    table = tables.build(items(problems, responses, policy), tables.ITEMS)
    graders = [name for name in GRADERS if inputs.judgements or name != "rule+judge"]
    manifest = {
        **summary(table, map(GRADERS[policy], responses), all(r.response_tokens is not None for r in responses)),
        "policy": policy,
        **stated_golds(read_golds(args.problems), inputs.agreement),
        "by_grader": {name: correct_share(responses, name) for name in graders},
        "ledger": Ledger(len(responses), sum(table["n_samples"].to_pylist())).check(str(args.output)),
        "digest": tables.write(args.output, table, tables.ITEMS),
    }
    record.write(manifest)


if __name__ == "__main__":
    run(main)
