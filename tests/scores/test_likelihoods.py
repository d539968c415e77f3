"""Likelihoods beside accuracy: what they are of, contrasts of them by hand and by a plain t-test, what is refused."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import write_solutions
from analyses import hand_made
from helpers import manifest, problems_table, recipe, responses_table, verdicts_table
from scipy import stats

from distill import tables
from distill.runtime.errors import InputError
from distill.scores.solutions import solution_row

SOLVED = {"problem_id": "p", "problem": "1 + 1?", "answer": "2", "solution": "It is 2."}


def parts(row: dict[str, Any]) -> tuple[str | None, str | None]:
    """The solution and the answer of a row."""
    text, end, start = row["response"], row["solution_end"], row["answer_start"]
    return end and text[:end], start and text[start : row["answer_end"]]


@pytest.mark.parametrize(
    ("changes", "published", "response", "answer"),
    [
        ({}, None, "It is 2.\n\n\\boxed{2}", "2"),
        ({"solution": " It is \\boxed{1}, no, \\boxed{\\frac{4}{2}}. "}, None,
         "It is \\boxed{1}, no, \\boxed{\\frac{4}{2}}.", "\\frac{4}{2}"),
        ({"solution": None}, "So \\boxed{2}", "So \\boxed{2}", "2"),
        ({}, "So \\boxed{2}", "It is 2.\n\n\\boxed{2}", "2"),
        ({"answer": ""}, None, "It is 2.", None),
    ],
)  # fmt: skip
def test_what_a_likelihood_is_of(
    changes: dict[str, Any], published: str | None, response: str, answer: str | None
) -> None:
    row = solution_row({**SOLVED, **changes}, published)
    assert row["response"] == response
    solution = ((SOLVED | changes)["solution"] or published).strip()
    assert parts(row) == (solution, answer)


def test_a_line_that_states_the_answer_is_left_out() -> None:
    row = solution_row({**SOLVED, "solution": "So 1 + 1 = 2.\n#### 2"}, None)
    assert row["response"] == "So 1 + 1 = 2.\n\n\\boxed{2}"
    assert parts(row) == ("So 1 + 1 = 2.", "2")


def test_without_a_solution_the_box_is_all_and_without_both_there_is_nothing() -> None:
    row = solution_row({**SOLVED, "solution": None}, None)
    assert (row["response"], row["solution_end"], *parts(row)) == ("\\boxed{2}", None, None, "2")
    assert solution_row({**SOLVED, "solution": " ", "answer": ""}, None) is None


def written(folder: Path, problems: list[dict[str, Any]], **inputs: Any) -> list[dict[str, Any]]:
    known, output = problems_table(folder / "problems.parquet", problems), folder / "s/solutions.parquet"
    given = recipe(**{kind: list(map(str, paths)) for kind, paths in inputs.items()})
    write_solutions.main(["--problems", str(known), "--inputs", given, "--output", str(output)])
    return tables.read(output, tables.SOLUTIONS).to_pylist()


def test_the_first_correct_published_response_stands_for_a_solution(tmp_path: Path) -> None:
    problems = [{"problem_id": i, "answer": "2"} for i in "abcd"]
    said = {0: {"a": "wrong", "b": "correct", "c": "correct"}, 1: {"a": "correct", "b": "correct", "c": "wrong"}}
    files: dict[str, list[Path]] = {"responses": [], "verdicts": []}
    for draw in (1, 0):  # in whatever order the files come
        rows = [{"problem_id": i, "draw": draw, "response": f"{i}{draw} \\boxed{{2}}",
                 "finish_reason": "length" if (i, draw) == ("c", 0) else "stop"} for i in said[draw]]  # fmt: skip
        files["responses"].append(responses_table(tmp_path / f"r{draw}.parquet", rows))
        files["verdicts"].append(verdicts_table(tmp_path / f"v{draw}.parquet", said[draw], draw))
    found = {row["problem_id"]: row["response"] for row in written(tmp_path, problems, **files)}
    # One that was cut off is correct nowhere.
    assert found == {"a": "a1 \\boxed{2}", "b": "b0 \\boxed{2}", "c": "\\boxed{2}", "d": "\\boxed{2}"}
    facts = manifest(tmp_path / "s/solutions.parquet")
    assert {k: facts[k] for k in ("rows", "with_solution", "with_answer", "published")} == {
        "rows": 4, "with_solution": 2, "with_answer": 4, "published": 2}  # fmt: skip
    with pytest.raises(InputError, match="problem 'a' is not in"):
        written(tmp_path, [{**problems[1]}], **files)


def test_what_has_neither_is_in_the_ledger(tmp_path: Path) -> None:
    rows = written(tmp_path, [{"problem_id": "a", "answer": "2"}, {"problem_id": "b", "answer": "", "problem": "?"}])
    assert [row["problem_id"] for row in rows] == ["a"]
    ledger = manifest(tmp_path / "s/solutions.parquet")["ledger"]
    assert ledger == {"rows_in": 2, "rows_out": 1, "lost": {"no_solution_and_no_answer": 1}}


# Contrasts


def compared(root: Path, files: hand_made.Files, **changes: Any) -> list[dict[str, str]]:
    folder = hand_made.tabulated(root, files, **{"likelihoods": ["solution", "answer"], **changes})
    return hand_made.rows_of(folder / "gaps.csv")


def test_a_gap_in_nats_is_the_paired_t_of_log_likelihoods_and_more_is_better(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    rows = {(row["gap"], row["measure"]): row for row in compared(tmp_path, files)}
    row = rows["hard_gap", "solution"]
    # `hard` takes 0.25 nats less than `easy` of three solutions and 0.5 less of the fourth: it finds them likelier.
    d = np.array([0.25, 0.25, 0.25, 0.5])
    pair = ((d**4).sum() / (d**2).sum()) ** 0.5
    error = stats.sem(np.append(d, [pair, -pair]), ddof=0)
    assert (row["estimate"], row["unit"], row["n_problems"]) == ("0.312500", "nats per token", "4")
    assert float(row["problem_se"]) == pytest.approx(error, abs=1e-6)
    assert float(row["ci_high"]) == pytest.approx(d.mean() + stats.t.ppf(0.975, 5) * error, abs=1e-6)
    assert float(row["p_value"]) == pytest.approx(2 * stats.t.sf(d.mean() / error, 5), abs=1e-6)
    assert (row["parity"], row["n_seeds"], row["family"]) == ("equal", "2", "declared, likelihood of the solutions")
    assert rows["hard_gap", "answer"]["estimate"] == "-0.250000"  # and the answers less likely
    assert rows["hard_gap", "accuracy"]["estimate"] == "0.500000"
    # Families of their own: four rows of accuracy more would change none of these.
    alone = {(row["gap"], row["measure"]): row for row in compared(tmp_path, files, likelihoods=["solution"])}
    assert alone["hard_gap", "solution"] == row
    assert alone["hard_gap", "accuracy"] == rows["hard_gap", "accuracy"]
    assert not [key for key in alone if key[1] == "answer"]


def test_a_word_about_likelihoods_follows_holms_p_of_its_family_and_no_smallest_gap(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    for path, arm in zip(files["likelihoods"], hand_made.ARMS, strict=True):
        rng, more = np.random.default_rng(1), hand_made.NATS[arm.dataset]
        nats = 1 + rng.random(60) + more * (0.9 + 0.2 * rng.random(60))
        rows = [{"problem_id": f"{i:02d}", "solution_loglikelihood": -8 * x, "solution_tokens": 8}
                for i, x in enumerate(nats)]  # fmt: skip
        tables.write(path.with_name("likelihoods.parquet"), tables.build(rows, tables.LIKELIHOODS), tables.LIKELIHOODS)
    asked = {"likelihoods": ["solution"], "smallest_gap": 0.9}
    rows = [row for row in compared(tmp_path, files, **asked) if row["measure"] == "solution"]
    found = {(row["gap"], row["plus"], row["minus"]): row for row in rows}
    assert found["hard_gap", "hard", "easy"]["reading"] == "gain"
    assert found["mix_gain", "mixed", "hard"]["reading"] == "loss"
    assert found["mix_gain", "mixed", "the best of hard, easy"]["reading"] == "loss to the best"
    assert found["gain_over_base", "easy", "base"]["reading"] == "gain"
    p = sorted(float(row["p_value"]) for row in rows if row["family"].startswith("declared"))
    assert float(found["hard_gap", "hard", "easy"]["p_holm"]) <= 5 * p[-1]
    lines = (tmp_path / "results/contrasts/gaps.txt").read_text().splitlines()
    title = lines.index("contrasts in nats per token of the likelihood of the solutions")
    assert re.split("  +", lines[title + 1])[:6] == [
        "gap", "student", "benchmark", "arms", "nats per token", "95 % interval"]  # fmt: skip
    assert "contrasts in points of accuracy" in lines


def test_arms_are_compared_on_the_problems_that_all_can_read(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    hand_made.likelihood(tmp_path, "b", hand_made.ARMS[1], lost=2)
    rows = [row for row in compared(tmp_path, files) if row["measure"] == "solution"]
    assert {row["n_problems"] for row in rows} == {"2"}
    (row,) = (row for row in rows if row["gap"] == "hard_gap")
    assert row["estimate"] == "0.375000"


def test_a_benchmark_without_a_solution_is_left_out_of_this_measure(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path, ("b", "c"))
    for path in files["likelihoods"]:
        if "/c/" in str(path):
            table = path.with_name("likelihoods.parquet")
            rows = [{**row, "solution_loglikelihood": None, "solution_tokens": None}
                    for row in tables.read(table, tables.LIKELIHOODS).to_pylist()]  # fmt: skip
            tables.write(table, tables.build(rows, tables.LIKELIHOODS), tables.LIKELIHOODS)
    rows = compared(tmp_path, files, benchmarks=["b", "c"])
    found = {(row["measure"], row["benchmark"]): row["primary"] for row in rows if row["gap"] == "hard_gap"}
    assert found == {
        ("accuracy", "b"): "no", ("accuracy", "c"): "no", ("accuracy", "average"): "yes", ("solution", "b"): "yes",
        ("answer", "b"): "no", ("answer", "c"): "no", ("answer", "average"): "yes",
    }  # fmt: skip


def test_scores_hold_the_nats_that_a_study_asks_for(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    for asked, shown in ((["answer"], ("", "2.000000")), ([], ("", "")), (["solution"], ("1.000000", ""))):
        rows = hand_made.rows_of(hand_made.tabulated(tmp_path, files, likelihoods=asked) / "scores.csv")
        (row,) = (row for row in rows if (row["dataset"], row["seed"]) == ("hard", "1"))
        assert (row["solution_nats"], row["answer_nats"]) == shown


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    files = hand_made.results(tmp_path)
    with pytest.raises(InputError, match="no likelihoods of s/t/easy/seed-1 on b; make them first"):
        compared(tmp_path, {**files, "likelihoods": [p for p in files["likelihoods"] if "/easy/" not in str(p)]})
    for arm in hand_made.ARMS:
        hand_made.likelihood(tmp_path, "b", arm, lost=4)
    with pytest.raises(InputError, match="no problem has a solution that all arms can read"):
        compared(tmp_path, files)


def test_the_order_of_a_study_is_that_of_its_rows(tmp_path: Path) -> None:
    import contrast

    from distill.config.recipes import StudyRecipe

    gaps = {name: {"plus": "hard", "minus": ["easy"]} for name in ("z_gap", "a_gap", "m_gap")}
    study = StudyRecipe.model_validate({**hand_made.STUDY, "gaps": dict(sorted(gaps.items()))})
    assert list(contrast.in_order(study, list(gaps)).gaps) == ["z_gap", "a_gap", "m_gap"]
    assert list(contrast.in_order(study, []).gaps) == ["a_gap", "m_gap", "z_gap"]
    files, output = hand_made.results(tmp_path), tmp_path / "out/scores.csv"
    inputs = hand_made.as_json({kind: files[kind] for kind in ("scores", "models", "rendered")})
    given = recipe(studies={"y": study.model_dump(mode="json")}, order={"y": [*gaps]})
    contrast.main(["--inputs", inputs, "--recipe", given, "--output", str(output)])
    rows = hand_made.rows_of(output.with_name("gaps.csv"))
    assert [row["gap"] for row in rows if row["family"] == "declared"] == [*gaps]
    text = output.with_name("gaps.txt").read_text()
    assert text.index("z_gap") < text.index("a_gap") < text.index("m_gap")
