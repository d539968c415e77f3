"""Find what teachers agree on, in place of the gold answers that a corpus lacks.

Inputs: a problems table; of each teacher that votes all draws and shards of its responses; a recipe (who votes, how
much agreement is wanted, the grader's limits). Output: an agreement table, with the gold answer of each problem or the
reason why there is none. `distill.verdicts.agreement` says which answers count as equal. No model is asked.

Run as: python scripts/find_agreement.py --problems P.parquet --inputs '{"responses": {"a": ["R0.parquet"]}}' \
            --recipe JSON --output results/verdicts/C/agreement/agreement.parquet
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from distill import tables
from distill.config.inputs import Inputs
from distill.config.lineage import identity
from distill.config.recipes import AgreementJob
from distill.runtime.errors import InputError
from distill.runtime.progress import Progress
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.tables.graded import shown
from distill.verdicts.agreement import Agreed, Votes, agree, table_rows, vote
from distill.verdicts.workers import grade_all


class AgreementInputs(Inputs):
    """Teacher -> all shards of all draws of its responses."""

    responses: dict[str, tuple[Path, ...]]

    def check(self, teachers: Sequence[str]) -> None:
        """Raise InputError unless files of exactly these teachers are named."""
        if missing := [teacher for teacher in teachers if not self.responses.get(teacher)]:
            raise InputError(f"--inputs: responses must name files of {missing[0]}")
        if others := sorted(self.responses.keys() - set(teachers)):
            raise InputError(f"--inputs: {others[0]} is none of the recipe's teachers")


def read_votes(files: Sequence[Path], votes: Mapping[str, Votes], where: str) -> dict[str, Any]:
    """Add a teacher's votes to `votes` (problem_id -> its votes); return the ledger of its responses.

    Raises InputError for a response to an unknown problem, and where a draw of a problem comes twice.
    """
    seen: set[tuple[str, int]] = set()
    responses, lost = 0, Counter[str]()
    for path in files:
        for batch in tables.stream(path, tables.RESPONSES, ["problem_id", "draw", "response", "finish_reason"]):
            for row in batch.to_pylist():
                key = row["problem_id"], row["draw"]
                if row["problem_id"] not in votes:
                    raise InputError(f"{path}: problem {row['problem_id']!r} is not in the corpus")
                if key in seen:
                    raise InputError(f"{path}: several responses for {shown([key])}; each draw has one vote")
                seen.add(key)
                responses += 1
                spelling, reason = vote(row["response"], row["finish_reason"])
                if spelling is None:
                    lost[reason] += 1
                else:
                    votes[row["problem_id"]][spelling] += 1
    return Ledger(responses, responses - lost.total(), dict(lost)).check(where)


def find(votes: Mapping[str, Votes], recipe: AgreementJob, workers: int) -> dict[str, Agreed]:
    """Return problem_id -> agreement."""
    grading, agreed = recipe.grading, dict[str, Agreed]()
    limits = {"timeout_seconds": grading.timeout_seconds, "deadline_seconds": grading.deadline_seconds}
    grade = partial(grade_all, workers=workers, memory_mb=grading.memory_mb, **limits)
    with Progress(len(votes), desc="find_agreement") as progress:
        for start in range(0, len(votes), tables.ROW_GROUP):
            problem_ids = list(votes)[start : start + tables.ROW_GROUP]
            found = agree([votes[problem_id] for problem_id in problem_ids], recipe.agreement, grade)
            agreed |= dict(zip(problem_ids, found, strict=True))
            progress.update(len(problem_ids))
    return agreed


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, count the votes, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--inputs", required=True, help='JSON: {"responses": {"teacher": [files]}}')
    parser.add_argument("--workers", type=int, default=1, help="processes; the agreement does not depend on it")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe, inputs, folder = AgreementJob.parse(args.recipe), AgreementInputs.read(args.inputs), args.output.parent
    inputs.check(recipe.agreement.teachers)
    record = Record(__file__, args.recipe, {"problems": args.problems, **inputs.files()}, folder, identity(folder))
    problem_ids = tables.read(args.problems, tables.PROBLEMS, ["problem_id"])["problem_id"].to_pylist()
    votes: dict[str, Votes] = {problem_id: Counter() for problem_id in problem_ids}
    ledgers = {t: read_votes(inputs.responses[t], votes, f"{args.output}/{t}") for t in recipe.agreement.teachers}
    agreed = find(votes, recipe, args.workers)
    digest = tables.write(args.output, tables.build(table_rows(agreed), tables.AGREEMENT), tables.AGREEMENT)
    reasons = Counter(each.reason.value for each in agreed.values() if each.reason)
    ledger = Ledger(len(votes), sum(each.reason is None for each in agreed.values()), dict(reasons))
    manifest = {"kind": "agreement", "digest": digest, "problems": ledger.rows_in, "agreed": ledger.rows_out,
                **recipe.agreement.content(), "ledger": ledger.check(str(args.output)),
                "ledger_by_teacher": ledgers}  # fmt: skip
    record.write(manifest)


if __name__ == "__main__":
    run(main)
