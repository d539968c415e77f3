"""What is answered and how it is graded does not depend on how many jobs it is cut into."""

from pathlib import Path

import generate
import pytest
import verify
from helpers import PROMPTS, TOY, base_model, problems_table, recipe

from distill import tables
from distill.config.shards import shard_names

Row = dict[str, object]
PROBLEMS, DRAWS = 40, 4


def graded(folder: Path, model: Path, draw: int, shard: str) -> list[Row]:
    """Answer a shard of the problems greedily, and return the rows of its verdicts."""
    rows = [{"problem_id": f"q{i}", "problem": f"Ana sets the dial to {i % 10}. Go up {i // 10}. Where is it?",
             "answer": str((i % 10 + i // 10) % 10)} for i in range(PROBLEMS)]  # fmt: skip
    folder.mkdir(parents=True)
    known, responses = problems_table(folder / "problems.parquet", rows), folder / "r/responses.parquet"
    decoding = {"max_new_tokens": 60, "temperature": 0.0}
    options = ["--model", str(model), "--prompt", str(PROMPTS / "plain.jinja"), "--draw", str(draw), "--shard", shard]
    options += ["--recipe", recipe(prompt="plain", decoding=decoding), "--execution", recipe(batch_size=16)]
    generate.main(["--statements", str(known), *options, "--output", str(responses)])
    output = folder / "v/verdicts.parquet"
    verify.main(
        ["--problems", str(known), "--responses", str(responses), "--recipe", recipe(), "--output", str(output)]
    )
    return tables.read(output, tables.VERDICTS).to_pylist()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "teacher-short")


def test_eight_shards_of_four_draws_give_the_greedy_verdicts_of_one(tmp_path: Path, model: Path) -> None:
    def rows(shards: int) -> list[Row]:
        found = [row for draw in range(DRAWS) for shard in shard_names(shards)
                 for row in graded(tmp_path / f"{draw}-{shard}", model, draw, shard)]  # fmt: skip
        return sorted(found, key=lambda row: (str(row["problem_id"]), row["draw"]))

    whole = rows(1)
    assert len(whole) == PROBLEMS * DRAWS
    assert {row["verdict"] for row in whole} == {"correct", "wrong"}
    assert rows(8) == whole
