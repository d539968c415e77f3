"""Write down what the likelihoods of arms are of: the solutions of a benchmark, each with its gold answer in a box.

Inputs: a problems table; where it has no solutions, the published responses that may stand for them, with their
verdicts (all shards and draws): of each problem the first correct one is taken. Output: a solutions table with a row
for each problem that has a solution or a gold answer; the ledger says which have none.

Run as: python scripts/write_solutions.py --problems P.parquet --inputs '{"responses": [...], "verdicts": [...]}' \
            --output results/solutions/C/solutions.parquet
"""

import argparse
from pathlib import Path

from distill import tables
from distill.config.inputs import Inputs
from distill.config.lineage import identity
from distill.runtime.errors import InputError
from distill.runtime.record import Ledger, Record
from distill.runtime.run import run
from distill.scores.solutions import first_correct, solution_row
from distill.tables.graded import join


class SolutionInputs(Inputs):
    """All shards of all draws of published responses, and their verdicts; none where the corpus has solutions."""

    responses: tuple[Path, ...] = ()
    verdicts: tuple[Path, ...] = ()


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, write the table and its manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=Path, required=True)
    parser.add_argument("--inputs", default="{}", help='JSON: {"responses": [...], "verdicts": [...]}, or {}')
    parser.add_argument("--recipe", default="{}", help="nothing is read of the catalogue")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    inputs, folder = SolutionInputs.read(args.inputs), args.output.parent
    record = Record(__file__, args.recipe, {"problems": args.problems, **inputs.files()}, folder, identity(folder))
    columns = ["problem_id", "problem", "answer", "solution"]
    problems = tables.read(args.problems, tables.PROBLEMS, columns).to_pylist()
    published = first_correct(join(inputs.responses, inputs.verdicts, columns=["response"]))
    if strangers := published.keys() - {problem["problem_id"] for problem in problems}:
        raise InputError(f"{inputs.responses[0]}: problem {min(strangers)!r} is not in {args.problems}")
    rows = [row for p in problems if (row := solution_row(p, published.get(p["problem_id"])))]
    lost = {"no_solution_and_no_answer": len(problems) - len(rows)} if len(rows) < len(problems) else {}
    manifest = {
        "kind": "solutions",
        "digest": tables.write(args.output, tables.build(rows, tables.SOLUTIONS), tables.SOLUTIONS),
        "rows": len(rows),
        "with_solution": sum(row["solution_end"] is not None for row in rows),
        "with_answer": sum(row["answer_start"] is not None for row in rows),
        "published": sum(not p["solution"] and p["problem_id"] in published for p in problems),
        "ledger": Ledger(len(problems), len(rows), lost).check(str(args.output)),
    }
    record.write(manifest)


if __name__ == "__main__":
    run(main)
