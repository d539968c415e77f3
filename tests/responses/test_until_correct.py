"""A decoding that is `until_correct`: each further draw asks only for problems that no earlier draw got right."""

from pathlib import Path

import generate
import mix
import pytest
import verify
from helpers import TOY, base_model, manifest, problems_table, recipe, responses_table, verdicts_table
from test_generate import PROBLEMS, arguments

from distill import tables
from distill.responses.repeats import repeated_samples
from distill.runtime.errors import InputError

IDS = ["q0", "q1", "q2", "q3"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "teacher-short")


def asked(path: Path) -> list[str]:
    return tables.read(path, tables.RESPONSES)["problem_id"].to_pylist()


def draw_until_correct(folder: Path, model: Path, number: int, earlier: list[tuple[Path, Path]]) -> Path:
    output = folder / f"draw-{number}/responses.parquet"
    options = arguments(folder, model, PROBLEMS, output, number, temperature=0.3, max_new_tokens=80)
    files = [[str(f) for f in kind] for kind in zip(*earlier, strict=True)] or [[], []]
    generate.main([*options, "--responses", *files[0], "--verdicts", *files[1]])
    return output


def test_draws_ask_for_what_is_not_solved_and_the_other_programs_cope(tmp_path: Path, model: Path) -> None:
    first = draw_until_correct(tmp_path, model, 0, [])
    words = dict(zip(IDS, ["correct", "wrong", "no_answer", "correct"], strict=True))
    second = draw_until_correct(tmp_path, model, 1, [(first, verdicts_table(tmp_path / "v0.parquet", words))])
    assert asked(second) == ["q1", "q2"]
    facts = manifest(second)
    assert (facts["rows"], facts["asked"], facts["saved"]) == (2, 2, 2)
    assert facts["ledger"] == {"rows_in": 4, "rows_out": 2, "lost": {"already_correct": 2}}
    assert (manifest(first)["asked"], manifest(first)["saved"]) == (4, 0)

    rest = verdicts_table(tmp_path / "v1.parquet", dict.fromkeys(["q1", "q2"], "correct"), draw=1)
    earlier = [(first, tmp_path / "v0.parquet"), (second, rest)]
    third = draw_until_correct(tmp_path, model, 2, earlier)
    assert asked(third) == []
    assert (manifest(third)["asked"], manifest(third)["saved"], manifest(third)["response_tokens"]) == (0, 4, 0)

    known = problems_table(tmp_path / "graded.parquet", [{"problem_id": i, "answer": "7"} for i in IDS])
    graded = tmp_path / "v2/verdicts.parquet"
    options = ["--problems", str(known), "--responses", str(third), "--recipe", "{}", "--output", str(graded)]
    verify.main(options)
    assert tables.read(graded, tables.VERDICTS).num_rows == 0
    assert manifest(graded)["rows"] == 0

    files = [first, second, third], [*(v for _, v in earlier), graded]
    inputs = {k: {"t": [str(p) for p in own]} for k, own in zip(("responses", "verdicts"), files, strict=True)}
    options = ["--problems", str(known), "--inputs", recipe(**inputs), "--output", str(tmp_path / "d/train.parquet")]
    mix.main([*options, "--recipe", recipe(corpus="c", teachers=["t"])])
    rows = tables.read(tmp_path / "d/train.parquet", tables.TRAIN).to_pylist()
    assert [(r["problem_id"], r["draw"]) for r in rows] == [("q0", 0), ("q1", 1), ("q2", 1), ("q3", 0)]
    assert repeated_samples(files[0])["pairs"]["0, 1"]["both"] == 2


def test_a_correct_answer_that_was_cut_off_is_asked_again(tmp_path: Path) -> None:
    rows = [{"problem_id": "a", "finish_reason": "length"}, {"problem_id": "b"}]
    responses = responses_table(tmp_path / "r.parquet", rows)
    verdicts = verdicts_table(tmp_path / "v.parquet", {"a": "correct", "b": "correct"})
    assert generate.solved([responses], [verdicts]) == {"b"}
    with pytest.raises(InputError, match=r"other\.parquet: not the verdicts of .*r\.parquet; verify these"):
        generate.solved([responses], [verdicts_table(tmp_path / "other.parquet", {"a": "correct"})])
    with pytest.raises(InputError, match="1 files of earlier responses, 0 of their verdicts"):
        generate.solved([responses], [])
