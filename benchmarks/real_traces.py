"""Real traces through problems, responses and verdicts: what becomes of each row, and how verdicts agree with labels.

Reads the files of a folder of public traces (columns problem_id, teacher, response, answer, rule_correct,
label_in_source; and the problem sets that they answer), as the workflow reads published responses. A file whose final
answers stand in a column of their own gets them in a box by a template. Prints a row per file and teacher.

Run as: python benchmarks/real_traces.py --data ../shared/data [--check]
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from goals import Goal, add_check, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import fetch_problems
import fetch_responses
import fetch_statements
import pyarrow.parquet as pq
import verify

PROBLEMS = ("gsm8k_train", "gsm8k_test", "math_train", "math_test")
BOXED = "{response}\n\n\\boxed{{{answer}}}"
FILES = {  # file -> how its responses are read
    "eit_gsm8k_train_granularity": {"response_template": BOXED},
    "eit_math_train_granularity": {"response_template": BOXED},
    "huangzhen_math": {"response": "response"},
    "kibble_math_train_100": {"response": "response"},
    "thinking_vs_base_gsm8k_math500": {"response": "response"},
    "zeroeval_gsm8k_test_large_small": {"response_template": BOXED},
    "zeroeval_math_l5_large_small": {"response_template": BOXED},
}


def read(path: Path) -> dict[str, Any]:
    return json.loads((path.parent / "manifest.json").read_text(encoding="utf-8"))


def corpus(data: Path, folder: Path) -> tuple[Path, Path]:
    """Return the problems table and the statements table of all problem sets together."""
    recipe = json.dumps({"path": [str(data / f"{name}.parquet") for name in PROBLEMS], "columns": {"problem_id": "id"}})
    problems, statements = folder / "p/problems.parquet", folder / "s/statements.parquet"
    fetch_problems.main(["--recipe", recipe, "--output", str(problems)])
    fetch_statements.main(["--recipe", recipe, "--shard", "00-of-01", "--output", str(statements)])
    return problems, statements


def graded(path: Path, teacher: str, columns: dict[str, str], tables: tuple[Path, Path], folder: Path) -> Counter[str]:
    """Return what becomes of a teacher's rows: how many are lost and why, the verdicts, the agreement with labels."""
    problems, statements = tables
    labels = pq.read_table(path, filters=[("teacher", "=", teacher)], columns=["rule_correct"])["rule_correct"]
    recipe = {"path": str(path), "where": {"teacher": teacher},
              "columns": {"problem_id": "problem_id", **columns, "label": "rule_correct"}}  # fmt: skip
    counts: Counter[str] = Counter(rows=len(labels))
    draw, left = 0, True
    while left:
        responses, verdicts = (folder / f"{teacher}/{draw}/{kind}/{kind}.parquet" for kind in ("responses", "verdicts"))
        fetch_responses.main(["--statements", str(statements), "--draw", str(draw), "--shard", "00-of-01",
                              "--recipe", json.dumps(recipe), "--output", str(responses)])  # fmt: skip
        facts = read(responses)
        if draw == 0:
            lost = facts["ledger"]["lost"]
            counts |= {reason: lost.get(reason, 0) for reason in ("no_response", "unknown_problem")}
        verify.main(["--problems", str(problems), "--responses", str(responses), "--workers", "2", "--recipe", "{}",
                     "--output", str(verdicts)])  # fmt: skip
        manifest = read(verdicts)
        counts.update(manifest["verdicts"])
        counts.update({f"label {word}": n for word, n in manifest["agreement"].get("rule, label", {}).items()})
        left = facts["rows"] > 0
        draw += 1
    return counts


def main() -> None:
    """Print a row per file and teacher, and the goal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    add_check(parser)
    args = parser.parse_args()
    shown = ("rows", "no_response", "unknown_problem", "correct", "wrong", "no_answer", "cut_off", "timeout", "error",
             "unverifiable", "label rows", "label agree", "label rule_only", "label label_only")  # fmt: skip
    print("| file | teacher | " + " | ".join(shown) + " |")
    whole: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        tables = corpus(args.data, Path(name))
        for file, columns in FILES.items():
            path = args.data / f"{file}.parquet"
            teachers = sorted(set(pq.read_table(path, columns=["teacher"])["teacher"].to_pylist()))
            for teacher in teachers:
                counts = graded(path, teacher, columns, tables, Path(name) / file)
                whole.update(counts)
                print(f"| {file} | {teacher} | " + " | ".join(str(counts[key]) for key in shown) + " |", flush=True)
    print("| all | | " + " | ".join(str(whole[key]) for key in shown) + " |")
    verdicts = sum(whole[word] for word in shown[3:10])
    unaccounted = whole["rows"] - whole["no_response"] - whole["unknown_problem"] - verdicts
    report([Goal("rows unaccounted for", str(unaccounted), "0", unaccounted == 0)], args.check)


if __name__ == "__main__":
    main()
