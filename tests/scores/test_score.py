"""score.py: what is counted, hand-checked, and sets of files that are not whole."""

from pathlib import Path
from typing import Any

import pytest
import score
from helpers import manifest, problems_table, recipe, responses_table, verdicts_table

from distill import tables
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


def judgements(folder: Path, draw: int, words: dict[str, str]) -> Path:
    rows = [{"problem_id": i, "draw": draw, "judgement": word, "reply": "?"} for i, word in words.items()]
    path = folder / f"j{draw}.parquet"
    tables.write(path, tables.build(rows, tables.JUDGEMENTS), tables.JUDGEMENTS)
    return path


def run(folder: Path, *answered: tuple[Path, ...], policy: str = "rule") -> Path:
    levels = [{"problem_id": i, "answer": "1", "level": "1" if i < "c" else "2"} for i in IDS]
    known = problems_table(folder / "problems.parquet", levels)
    output = folder / "s/items.parquet"
    files = zip(("responses", "verdicts", "judgements"), zip(*answered, strict=True), strict=False)
    inputs = recipe(**{kind: [str(path) for path in paths] for kind, paths in files})
    score.main(["--problems", str(known), "--inputs", inputs, "--output", str(output),
                "--recipe", recipe(policy=policy)])  # fmt: skip
    return output


def test_one_draw_by_hand(tmp_path: Path) -> None:
    output = run(tmp_path, answers(tmp_path, 0, WORDS))
    facts = manifest(output)
    low, high = wilson(0.25, 4)
    assert (facts["accuracy"], facts["ci_low"], facts["ci_high"]) == (0.25, round(low, 6), round(high, 6))
    assert (facts["n_problems"], facts["n_samples"], facts["mean_tokens"]) == (4, 1, 5)
    assert (facts["no_answer"], facts["cut_off"]) == (0.5, 0.25)
    (low, high), none = wilson(0.5, 2), wilson(0, 2)
    one = {"n_problems": 2, "accuracy": 0.5, "ci_low": round(low, 6), "ci_high": round(high, 6)}
    two = {"n_problems": 2, "accuracy": 0.0, "ci_low": 0.0, "ci_high": round(none[1], 6)}
    assert facts["by_level"] == {"1": one, "2": two}
    assert (facts["by_subject"], facts["pass_at_k"], facts["maj_at_k"], facts["loops"]) == ({}, {}, {}, 0)


def test_draws_are_counted_per_problem(tmp_path: Path) -> None:
    second = {**WORDS, "b": "correct"}
    output = run(tmp_path, answers(tmp_path, 0, WORDS), answers(tmp_path, 1, second))
    rows = tables.read(output, tables.ITEMS).to_pylist()
    assert [(r["problem_id"], r["n_samples"], r["n_correct"]) for r in rows] == [
        ("a", 2, 2), ("b", 2, 1), ("c", 2, 0), ("d", 2, 0),
    ]  # fmt: skip
    assert manifest(output)["accuracy"] == 0.375


def test_unknown_token_counts_stay_unknown(tmp_path: Path) -> None:
    output = run(tmp_path, answers(tmp_path, 0, WORDS, response_tokens=None))
    assert manifest(output)["mean_tokens"] is None
    (tmp_path / "unknown").mkdir()
    some = [answers(tmp_path, 0, WORDS), answers(tmp_path / "unknown", 1, WORDS, response_tokens=None)]
    assert manifest(run(tmp_path, *some))["mean_tokens"] is None


def test_a_failed_request_is_not_cut_off(tmp_path: Path) -> None:
    responses, verdicts = answers(tmp_path, 0, {**WORDS, "b": "error"})
    rows = tables.read(responses, tables.RESPONSES).to_pylist()
    responses_table(responses, [{**r, "finish_reason": "error"} if r["problem_id"] == "b" else r for r in rows])
    facts = manifest(run(tmp_path, (responses, verdicts)))
    assert (facts["cut_off"], facts["no_answer"], facts["verdicts"]["error"]) == (0.25, 0.5, 1)
    assert (facts["errors"], facts["ungraded"]) == (0.25, 0)
    items = tables.read(tmp_path / "s/items.parquet", tables.ITEMS)
    assert items["n_errors"].to_pylist() == [0, 1, 0, 0]


def test_a_cut_off_response_is_not_correct_whatever_stands_in_it(tmp_path: Path) -> None:
    responses, verdicts = answers(tmp_path, 0, {**WORDS, "b": "correct"})
    rows = tables.read(responses, tables.RESPONSES).to_pylist()
    responses_table(responses, [{**r, "finish_reason": "length"} if r["problem_id"] == "b" else r for r in rows])
    output = run(tmp_path, (responses, verdicts))
    facts = manifest(output)
    assert (facts["accuracy"], facts["by_grader"]["rule"], facts["cut_off"]) == (0.25, 0.25, 0.5)
    assert [r["n_correct"] for r in tables.read(output, tables.ITEMS).to_pylist()] == [1, 0, 0, 0]
    judged = (responses, verdicts, judgements(tmp_path, 0, {}))
    assert manifest(run(tmp_path, judged, policy="rule+judge"))["accuracy"] == 0.25


def lenient(path: Path, words: dict[str, str]) -> None:
    rows = tables.read(path, tables.VERDICTS).to_pylist()
    changed = [{**row, "lenient": words.get(row["problem_id"], row["lenient"])} for row in rows]
    tables.write(path, tables.build(changed, tables.VERDICTS), tables.VERDICTS)


def test_lenient_accuracy_stands_beside_the_strict_one_and_takes_no_cut_off_response(tmp_path: Path) -> None:
    responses, verdicts = answers(tmp_path, 0, dict.fromkeys("abcd", "no_answer") | {"a": "correct"})
    lenient(verdicts, {"b": "correct", "c": "correct", "d": "wrong"})
    rows = tables.read(responses, tables.RESPONSES).to_pylist()
    reasons = dict(zip("abcd", ("stop", "stop", "length", "stop"), strict=True))
    responses_table(responses, [{**r, "finish_reason": reasons[r["problem_id"]]} for r in rows])
    output = run(tmp_path, (responses, verdicts))
    facts = manifest(output)
    assert (facts["accuracy"], facts["lenient"], facts["by_grader"]["rule"]) == (0.25, 0.5, 0.25)
    items = tables.read(output, tables.ITEMS)
    assert items["n_correct"].to_pylist() == [1, 0, 0, 0]
    assert items["n_lenient"].to_pylist() == [1, 1, 0, 0]


@pytest.mark.parametrize("word", ["timeout", "error", "unverifiable"])
def test_what_the_grader_could_not_say_is_counted(word: str, tmp_path: Path) -> None:
    responses, verdicts = answers(tmp_path, 0, dict.fromkeys("abcd", "correct") | {"b": word})
    facts = manifest(run(tmp_path, (responses, verdicts)))
    assert (facts["accuracy"], facts["ungraded"], facts["errors"]) == (0.75, 0.25, 0)
    assert facts["verdicts"] == {"correct": 3, word: 1}


def test_graders_stand_beside_each_other_and_a_judge_only_where_there_is_one(tmp_path: Path) -> None:
    responses, verdicts = answers(tmp_path, 0, WORDS)
    rows = tables.read(verdicts, tables.VERDICTS).to_pylist()
    matched = tables.build([{**r, "matcher": "correct" if r["problem_id"] in "abc" else "wrong"} for r in rows],
                           tables.VERDICTS)  # fmt: skip
    tables.write(verdicts, matched, tables.VERDICTS)
    facts = manifest(run(tmp_path, (responses, verdicts)))
    assert facts["by_grader"] == {"rule": 0.25, "matcher": 0.75}
    assert facts["accuracy"] == 0.25


def test_the_judge_counts_under_its_policy_only(tmp_path: Path) -> None:
    first = (*answers(tmp_path, 0, WORDS), judgements(tmp_path, 0, {"b": "different"}))
    second = (*answers(tmp_path, 1, WORDS), judgements(tmp_path, 1, {"b": "equal"}))
    graders = {"rule": 0.25, "rule+judge": 0.375, "matcher": 0.25}
    for policy, n_correct in (("rule", 0), ("rule+judge", 1)):
        output = run(tmp_path, first, second, policy=policy)
        (row,) = (r for r in tables.read(output, tables.ITEMS).to_pylist() if r["problem_id"] == "b")
        facts = manifest(output)
        assert (row["n_samples"], row["n_correct"]) == (2, n_correct)
        assert (facts["accuracy"], facts["by_grader"]) == (graders[policy], graders)
        assert facts["verdicts"].get("wrong", 0) == 2 - n_correct
        assert facts["ledger"] == {"rows_in": 8, "rows_out": 8, "lost": {}}


def test_files_that_are_not_whole(tmp_path: Path) -> None:
    whole = answers(tmp_path, 0, WORDS)
    part = {i: WORDS[i] for i in "abc"}
    (tmp_path / "part").mkdir()
    responses, verdicts = answers(tmp_path / "part", 0, part)
    with pytest.raises(InputError, match=r"part/r0\.parquet: no response for d \(draw 0\)"):
        run(tmp_path, (responses, verdicts))
    for pair in ((whole[0], verdicts), (responses, whole[1])):
        with pytest.raises(InputError, match=r"v0\.parquet: not the verdicts of .*r0\.parquet; verify these responses"):
            run(tmp_path, pair)
    with pytest.raises(InputError, match=r"several responses for a \(draw 0\)"):
        run(tmp_path, whole, whole)
    with pytest.raises(InputError, match=r"no response for d \(draw 1\)"):
        run(tmp_path, whole, answers(tmp_path / "part", 1, part))
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"z \(draw 0\) are not among the problems"):
        run(tmp_path, answers(tmp_path / "other", 0, {**WORDS, "z": "wrong"}))
    assert not (tmp_path / "s/items.parquet").exists()


def test_a_policy_without_its_judge(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"policy rule\+judge needs `judgements` in --inputs"):
        run(tmp_path, answers(tmp_path, 0, WORDS), policy="rule+judge")
