"""score.py: what is counted, hand-checked, and sets of files that are not whole."""

from pathlib import Path
from typing import Any

import pytest
import score
from helpers import manifest, problems_table, recipe, responses_table, verdicts_table

from distill import tables
from distill.responses.repeats import repeated_samples
from distill.runtime.errors import InputError
from distill.scores.accuracy import wilson

IDS = ["a", "b", "c", "d"]
WORDS = {"a": "correct", "b": "wrong", "c": "no_answer", "d": "cut_off"}


def answers(folder: Path, draw: int, words: dict[str, str], **more: Any) -> tuple[Path, Path]:
    rows = [
        {"problem_id": i, "draw": draw, "finish_reason": "length" if w == "cut_off" else "stop", **more}
        for i, w in words.items()
    ]
    responses = responses_table(folder / f"r{draw}.parquet", rows)
    return responses, verdicts_table(folder / f"v{draw}.parquet", words, draw)


def run(folder: Path, *pairs: tuple[Path, Path]) -> Path:
    levels = [{"problem_id": i, "answer": "1", "level": "1" if i < "c" else "2"} for i in IDS]
    known = problems_table(folder / "problems.parquet", levels)
    output = folder / "s/items.parquet"
    responses, verdicts = (map(str, files) for files in zip(*pairs, strict=True))
    score.main(["--problems", str(known), "--responses", *responses, "--verdicts", *verdicts, "--output", str(output),
                "--recipe", recipe(policy="rule")])  # fmt: skip
    return output


def test_one_draw_by_hand(tmp_path: Path) -> None:
    output = run(tmp_path, answers(tmp_path, 0, WORDS))
    facts = manifest(output)
    low, high = wilson(0.25, 4)
    assert (facts["accuracy"], facts["ci_low"], facts["ci_high"]) == (0.25, round(low, 6), round(high, 6))
    assert (facts["n_problems"], facts["n_samples"], facts["mean_tokens"]) == (4, 1, 5)
    assert (facts["no_answer"], facts["cut_off"]) == (0.5, 0.25)
    assert facts["by_level"] == {"1": {"n_problems": 2, "accuracy": 0.5}, "2": {"n_problems": 2, "accuracy": 0.0}}


def test_draws_are_counted_per_problem(tmp_path: Path) -> None:
    second = {**WORDS, "b": "correct"}
    output = run(tmp_path, answers(tmp_path, 0, WORDS), answers(tmp_path, 1, second))
    rows = tables.read(output, tables.ITEMS).to_pylist()
    assert [(r["problem_id"], r["n_samples"], r["n_correct"]) for r in rows] == [
        ("a", 2, 2), ("b", 2, 1), ("c", 2, 0), ("d", 2, 0),
    ]  # fmt: skip
    assert manifest(output)["accuracy"] == 0.375
    assert manifest(output)["repeated_samples"]["pairs"] == {"0, 1": {"both": 4, "same": 4}}


def test_identical_samples_of_several_draws_are_counted(tmp_path: Path) -> None:
    files = []
    texts = {0: "abcd", 1: "abxx", 2: "axyz"}  # the responses to problems a, b, c, d
    for draw, answered in texts.items():
        rows = [{"problem_id": i, "draw": draw, "response": r} for i, r in zip("abcd", answered, strict=True)]
        rows[3] |= {"finish_reason": "error"} if draw == 2 else {}
        files.append(responses_table(tmp_path / f"{draw}.parquet", rows))
    assert repeated_samples(files) == {
        "rows": 11,
        "repeated": 3,  # a twice, b once
        "pairs": {"0, 1": {"both": 4, "same": 2}, "0, 2": {"both": 3, "same": 1}, "1, 2": {"both": 3, "same": 1}},
    }
    assert repeated_samples(reversed(files)) == repeated_samples(files)
    assert repeated_samples(files[:1]) == {"rows": 4, "repeated": 0, "pairs": {}}


def test_unknown_token_counts_stay_unknown(tmp_path: Path) -> None:
    output = run(tmp_path, answers(tmp_path, 0, WORDS, response_tokens=None))
    assert manifest(output)["mean_tokens"] is None


def test_files_that_are_not_whole(tmp_path: Path) -> None:
    whole = answers(tmp_path, 0, WORDS)
    part = {i: WORDS[i] for i in "abc"}
    (tmp_path / "part").mkdir()
    responses, verdicts = answers(tmp_path / "part", 0, part)
    with pytest.raises(InputError, match=r"no response for d \(draw 0\)"):
        run(tmp_path, (responses, verdicts))
    with pytest.raises(InputError, match=r"no verdict for d \(draw 0\)"):
        run(tmp_path, (whole[0], verdicts))
    with pytest.raises(InputError, match=r"verdicts without a response|no response for"):
        run(tmp_path, (responses, whole[1]))
    with pytest.raises(InputError, match=r"several responses for a \(draw 0\)"):
        run(tmp_path, whole, whole)
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"z \(draw 0\) are not among the problems"):
        run(tmp_path, answers(tmp_path / "other", 0, {**WORDS, "z": "wrong"}))
    assert not (tmp_path / "s/items.parquet").exists()
