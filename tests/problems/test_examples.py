"""The examples of public sets: each entry reads a small file of the set's shape."""

from pathlib import Path
from typing import Any

import fetch_problems
import fetch_responses
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from helpers import REPOSITORY, jsonl, recipe

from distill import tables
from distill.config.load import load
from distill.config.recipes import CorpusRecipe, TeacherRecipe

EXAMPLES = REPOSITORY / "config/catalogue/examples"
BOX = r"So it is \boxed{2}."


def messages(*roles: str, inner: tuple[str, str] = ("from", "value")) -> list[dict[str, str]]:
    texts = {"system": "Think.", "human": "1 + 1?", "user": "1 + 1?", "gpt": BOX, "assistant": BOX}
    return [{inner[0]: role, inner[1]: texts[role]} for role in roles]


TAGGED = f"<|begin_of_thought|>\n\nHm.\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n{BOX}\n\n<|end_of_solution|>"
DAPO = ("Solve the following math problem step by step. The last line of your response should be of the form Answer: "
        "$Answer.\n\n1 + 1?\n\nRemember to put your answer on its own line after \"Answer:\".")  # fmt: skip
NUMINA = {"problem": "1 + 1?", "solution": BOX, "problem_type": "Algebra", "source": "olympiads", "synthetic": False,
          "problem_is_valid": "Yes", "solution_is_valid": "Yes", "question_type": "math-word-problem"}  # fmt: skip
# Rows by entry; what they become: (statement, answer), or the responses of the first draw.
SETS: dict[str, tuple[list[dict[str, Any]], list[Any]]] = {
    "openthoughts": ([{"problem": "1 + 1?", "ground_truth_solution": BOX, "domain": "math"},
                      {"problem": "Sort.", "ground_truth_solution": None, "domain": "code"}], [("1 + 1?", "2")]),
    "openthoughts-r1": ([{"problem": "1 + 1?", "deepseek_reasoning": "Hm.", "deepseek_solution": BOX, "domain": "math"},
                         {"problem": "1 + 1?", "deepseek_reasoning": "x", "deepseek_solution": "y", "domain": "code"}],
                        [f"<think>\nHm.\n</think>\n\n{BOX}"]),
    "openthoughts-r1-messages": ([{"system": "Think.", "conversations": [{"from": "user", "value": "1 + 1?"},
                                                                        {"from": "assistant", "value": TAGGED}]}],
                                 [f"<think>\nHm.\n</think>\n\n{BOX}"]),
    "openthoughts3": ([{"conversations": messages("human", "gpt"), "domain": "math", "difficulty": 7}],
                      [("1 + 1?", "")]),
    "openthoughts3-qwq": ([{"conversations": messages("human", "gpt"), "domain": "math", "difficulty": 7}] * 3, [BOX]),
    "openr1-math": ([{**NUMINA, "answer": "2", "uuid": "u1"}, {**NUMINA, "answer": "3", "uuid": "u2",
                                                                "problem_is_valid": "Incomplete"}], [("1 + 1?", "2")]),
    "openr1-math-r1": ([{"uuid": "0", "generations": [BOX, "cut"], "correctness_math_verify": [True, False],
                         "finish_reasons": ["stop", "length"]},
                        {"uuid": "1", "generations": ["b", "c"], "correctness_math_verify": [False, True],
                         "finish_reasons": None}], [BOX, "b"]),
    "openmathreasoning": ([{"problem": "1 + 1?", "expected_answer": "2", "problem_type": "has_answer_extracted",
                            "problem_source": "aops"}] * 2, [("1 + 1?", "2")]),
    "openmathreasoning-r1": ([{"problem": "1 + 1?", "generated_solution": BOX, "generation_model": "DeepSeek-R1",
                               "inference_mode": "cot"}, {"problem": "1 + 1?", "generated_solution": "x",
                               "generation_model": "QwQ-32B", "inference_mode": "cot"}], [BOX]),
    "numinamath": ([{**NUMINA, "answer": "2"}, {**NUMINA, "problem": "Prove.", "answer": "proof"},
                    {**NUMINA, "problem": "Why?", "answer": "notfound"}], [("1 + 1?", "2")]),
    "s1k": ([{"question": "1 + 1?", "solution": "2", "cot_type": "math"},
             {"question": "Who?", "solution": "He.", "cot_type": "crossword"}], [("1 + 1?", "2")]),
    "s1k-r1": ([{"question": "1 + 1?", "deepseek_thinking_trajectory": "Hm.", "deepseek_attempt": BOX,
                 "deepseek_grade": "Yes"}], [f"<think>\nHm.\n</think>\n\n{BOX}"]),
    "s1k-gemini": ([{"question": "1 + 1?", "thinking_trajectories": ["Hm.", "Again."], "attempt": BOX}],
                   [f"<think>\nHm.\n</think>\n\n{BOX}"]),
    "limo": ([{"question": "1 + 1?", "solution": BOX, "answer": "2"}], [("1 + 1?", "2")]),
    "limo-solutions": ([{"question": "1 + 1?", "solution": BOX, "answer": "2"}], [BOX]),
    "uwnsl-math": ([{"problem": "1 + 1?", "solution": BOX}], [("1 + 1?", "2")]),
    "uwnsl-long": ([{"problem": "1 + 1?", "solution": BOX}], [BOX]),
    "uwnsl-short": ([{"problem": "1 + 1?", "solution": BOX}], [BOX]),
    "uwnsl-mix-long": ([{"problem": "1 + 1?", "solution": BOX}], [BOX]),
    "deepmath": ([{"question": "1 + 1?", "final_answer": "2", "difficulty": 4.5, "topic": "Mathematics -> Algebra",
                   "r1_solution_1": BOX}], [("1 + 1?", "2")]),
    "deepmath-r1": ([{"question": "1 + 1?", "final_answer": "2", "r1_solution_1": None, "r1_solution_2": BOX,
                      "r1_solution_3": "x"}], [BOX]),
    "dapo-math": ([{"prompt": [{"role": "user", "content": DAPO}], "reward_model": {"ground_truth": "2"},
                    "extra_info": {"index": "a-1"}, "data_source": "math_dapo"}], [("1 + 1?", "2")]),
}  # fmt: skip
ENTRIES = [
    (kind, name, entry)
    for path in sorted(EXAMPLES.glob("*.yaml"))
    for kind, entries in yaml.safe_load(path.read_text()).items()
    for name, entry in entries.items()
]


def made(folder: Path, entry: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Write rows in the form that an entry reads; return the entry with that file's path."""
    local = {key: value for key, value in entry.items() if key not in ("hub", "revision")}
    if str(entry.get("path", "")).endswith(".jsonl"):
        return {**local, "path": str(jsonl(folder / "rows.jsonl", rows))}
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows-0.parquet")
    return {**local, "path": str(folder / "rows-*.parquet")}


@pytest.mark.parametrize(("kind", "name", "entry"), ENTRIES, ids=[name for _, name, _ in ENTRIES])
def test_an_example_reads_a_file_of_its_shape(tmp_path: Path, kind: str, name: str, entry: dict[str, Any]) -> None:
    rows, expected = SETS[name]
    if kind == "corpora":
        CorpusRecipe.model_validate(entry)
        output = tmp_path / "p/problems.parquet"
        fetch_problems.main(["--recipe", recipe(**made(tmp_path, entry, rows)), "--output", str(output)])
        assert [(r["problem"], r["answer"]) for r in tables.read(output, tables.PROBLEMS).to_pylist()] == expected
        return
    TeacherRecipe.model_validate(entry)
    statements = tables.build([{"problem_id": str(i), "problem": "1 + 1?" if i == 0 else f"{i}?"} for i in range(2)],
                              tables.STATEMENTS)  # fmt: skip
    tables.write(tmp_path / "s.parquet", statements, tables.STATEMENTS)
    output = tmp_path / "r/responses.parquet"
    keys = recipe(**made(tmp_path, entry["published"], rows))
    fetch_responses.main(["--statements", str(tmp_path / "s.parquet"), "--draw", "0", "--shard", "00-of-01",
                          "--recipe", keys, "--output", str(output)])  # fmt: skip
    assert tables.read(output, tables.RESPONSES)["response"].to_pylist() == expected


def test_every_example_is_tried_and_none_is_longer_than_ten_lines() -> None:
    assert {name for _, name, _ in ENTRIES} == SETS.keys()
    for path in EXAMPLES.glob("*.yaml"):
        lines, length = [line for line in path.read_text().splitlines() if not line.strip().startswith("#")], 0
        for line in lines:
            length = 1 if line.startswith("  ") and not line.startswith("   ") else length + 1
            assert length <= 10, (path.name, line)


def test_examples_are_not_loaded_by_themselves() -> None:
    catalogue = load(REPOSITORY / "config", {"studies": ["toy"]})
    assert not {name for _, name, _ in ENTRIES} & {*catalogue.corpora, *catalogue.teachers}
