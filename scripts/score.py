"""Score one model on one benchmark: join its responses and verdicts, per problem and as a whole.

Inputs: the benchmark's problems; all shards and draws of the model's responses and verdicts, and of its judgements
where there is a judge; the agreement that stands for gold answers, where there is one. Outputs: an items table (one row
per problem), and a manifest with the figures of the report.

How responses are counted (all shares are of all responses, so a share of 0.1 is one response in ten):
- accuracy: verdict `correct` and not cut off, as for datasets (`distill.tables.graded.is_correct`); under the policy
  `rule+judge` also a rejected answer that the judge calls equal. Every other verdict counts as not correct, also
  timeout, error and unverifiable; so a problem on whose gold answer teachers do not agree is never answered right. The
  policy `paper_scoring` repeats the defects of the paper's scorer (`distill.scores.paper_scoring`).
- cut_off: finish_reason `length`, i.e. the response was stopped at the token limit, with or without an answer before.
- lenient: accuracy where an answer without a box counts, too (`distill.verdicts.lenient`); never below accuracy.
- ungraded: verdict `timeout`, `error` or `unverifiable` on a response that the engine did give: not known to be right.
- errors: finish_reason `error`, i.e. the engine gave no response; they count as not correct.
- no_answer: no final answer could be read, because the response stopped without one (verdict `no_answer`) or was cut
  off before it (verdict `cut_off`). A response cut off without an answer is thus in both shares; those that stopped
  by themselves without an answer are `verdicts.no_answer` of the manifest.
- loops: the response ends in one passage said again and again (`distill.responses.repeats.ends_in_loop`).
- by_level, by_subject, by_budget (accuracy if responses longer than so many tokens counted as not correct); of several
  samples per problem pass_at_k and maj_at_k, for which the grader says which answers are equal.

Run as: python scripts/score.py --problems P.parquet --recipe '{"policy": "rule"}' \
            --inputs '{"responses": ["R0.parquet"], "verdicts": ["V0.parquet"]}' \
            --output results/scores/C/students/S/base/D/items.parquet
"""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from distill import tables
from distill.config.inputs import Inputs
from distill.config.lineage import identity
from distill.config.recipes import ScoreJob
from distill.runtime.errors import InputError
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.scores.items import correct_shares, items, summary
from distill.scores.samples import PAPER, Grading, Sample, read_samples
from distill.scores.voting import Ballot, ballots
from distill.tables.golds import read_golds, stated_golds
from distill.verdicts.workers import grade_all


class ScoreInputs(Inputs):
    """All shards of all draws, in one order for every table; judgements only where there is a judge.

    agreement: the manifest of the one that stands for gold answers.
    """

    responses: tuple[Path, ...]
    verdicts: tuple[Path, ...]
    judgements: tuple[Path, ...] = ()
    agreement: Path | None = None


def read_ballots(
    problem_ids: Sequence[str], samples: Mapping[str, Sequence[Sample]], recipe: ScoreJob, workers: int
) -> list[Ballot]:
    """Return the votes on each problem, in their order; none where a problem has one sample."""
    if all(len(own) == 1 for own in samples.values()):
        return []
    grading = recipe.grading
    limits = {"timeout_seconds": grading.timeout_seconds, "deadline_seconds": grading.deadline_seconds}
    grade = partial(grade_all, workers=workers, memory_mb=grading.memory_mb, **limits)
    return ballots([[(each.answer, each.is_correct) for each in samples[i]] for i in problem_ids], grade)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, join and check, write the table and its manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument(
        "--inputs", required=True, help='JSON: {"responses": [all shards of all draws], "verdicts": [...], '
        '"judgements": [where there is a judge], "agreement": its manifest, where there is one}'
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, help="processes; the figures do not depend on it")
    parser.add_argument("--recipe", required=True, help='JSON: {"policy": "rule"}; or "rule+judge", "paper_scoring"')
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe, inputs, folder = ScoreJob.parse(args.recipe), ScoreInputs.read(args.inputs), args.output.parent
    if recipe.policy == "rule+judge" and not inputs.judgements:
        raise InputError(f"{args.output}: the policy {recipe.policy} needs `judgements` in --inputs")
    record = Record(__file__, args.recipe, {"problems": args.problems, **inputs.files()}, folder, identity(folder))
    problems = tables.read(args.problems, tables.PROBLEMS, ["problem_id", "subject", "level"]).to_pylist()
    if not problems:
        raise InputError(f"{args.problems}: no problems; there is nothing to score")
    problem_ids = [problem["problem_id"] for problem in problems]
    golds = read_golds(args.problems, inputs.agreement) if recipe.policy == PAPER else {}
    grading = Grading(recipe.policy, bool(inputs.judgements), golds, recipe.paper_task)
    samples = read_samples((inputs.responses, inputs.verdicts, inputs.judgements), problem_ids, grading)
    votes = read_ballots(problem_ids, samples, recipe, args.workers)
    rows = items(problems, samples, votes)
    everything = [sample for own in samples.values() for sample in own]
    ledger = Ledger(len(everything), sum(row["n_samples"] for row in rows))
    manifest = {
        **summary(rows, samples, votes),
        "policy": recipe.policy,
        **stated_golds(read_golds(args.problems), inputs.agreement),
        "by_grader": correct_shares(everything, grading.graders()),
        "ledger": ledger.check(str(args.output)),
        "digest": tables.write(args.output, tables.build(rows, tables.ITEMS), tables.ITEMS),
    }
    record.write(manifest)


if __name__ == "__main__":
    run(main)
