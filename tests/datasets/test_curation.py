"""Which draw stands for a problem and which problems are left out: hand-checked cases, then mix.py with all of it."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mix
import mix_suited
import pyarrow.parquet as pq
import pytest
from helpers import DATA, manifest, needs_data, problems_table, recipe, responses_table
from hypothesis import given
from hypothesis import strategies as st

from distill import tables
from distill.config.recipes import SUITED, CurationRecipe, canonical_json
from distill.datasets import curation
from distill.datasets.curation import Sample
from distill.runtime.errors import InputError


def test_repetition_of_a_loop_and_of_plain_text() -> None:
    words = [f"w{i}" for i in range(40)]
    assert curation.repetition(" ".join(words)) == 0
    assert curation.repetition("too short to say anything twice") == 0
    # 80 tokens have 65 runs of 16; of the 40 that start in the first half 40 are new, the 25 others were there
    assert curation.repetition(" ".join(words * 2)) == pytest.approx(25 / 65)
    assert curation.repetition("Wait. " * 500) > 0.99


@given(st.text("ab ", max_size=200))
def test_repetition_is_a_share_and_never_falls_when_the_text_is_said_again(text: str) -> None:
    once, twice = curation.repetition(text), curation.repetition(text + " " + text)
    assert 0 <= once <= 1
    assert twice >= once - 1e-9


def test_rejections() -> None:
    keys = {"max_repetition": 0.3, "length": {"at_least": 10, "at_most": 20}}
    curation_recipe = CurationRecipe.model_validate(keys)
    assert curation.rejection(Sample("p", 0, tokens=10, repetition=0.3), curation_recipe) is None
    assert curation.rejection(Sample("p", 0, tokens=20), curation_recipe) is None
    assert curation.rejection(Sample("p", 0, tokens=9), curation_recipe) == "too_short"
    assert curation.rejection(Sample("p", 0, tokens=21), curation_recipe) == "too_long"
    assert curation.rejection(Sample("p", 0, tokens=15, repetition=0.31), curation_recipe) == "repetitive"
    letters = CurationRecipe.model_validate({"length": {"unit": "characters", "at_most": 5}})
    assert curation.rejection(Sample("p", 0, tokens=99, characters=5), letters) is None
    with pytest.raises(ValueError, match="bound `characters`"):
        curation.rejection(Sample("p", 0, characters=15), curation_recipe)


def chosen(choose: str, samples: list[Sample], seed: int = 0) -> int:
    keys = {"choose": choose, "student": "s" if choose == "student_likely" else None}
    curation_recipe = CurationRecipe.model_validate(keys)
    return min(samples, key=lambda s: curation.preference(s, curation_recipe, seed)).draw


def test_choice_among_draws() -> None:
    samples = [
        Sample("p", 2, tokens=30, characters=9, perplexity=None),
        Sample("p", 0, tokens=20, characters=90, perplexity=4.0),
        Sample("p", 1, tokens=10, characters=99, perplexity=2.5),
        Sample("p", 3, tokens=10, characters=1, perplexity=2.5),
    ]
    assert chosen("first", samples) == 0
    assert chosen("shortest", samples) == 1  # in tokens where they are known; the first of equals
    assert chosen("longest", samples) == 2
    assert chosen("student_likely", samples) == 1  # a draw that could not be rated comes last
    assert chosen("shortest", [Sample("p", 0, characters=9), Sample("p", 1, characters=8)]) == 1
    picks = [chosen("random", samples, seed) for seed in range(200)]
    assert picks == [chosen("random", samples[::-1], seed) for seed in range(200)]
    assert {picks.count(d) > 25 for d in range(4)} == {True}  # about 50 each


def test_the_random_draw_of_a_dataset_follows_its_seed(tmp_path: Path) -> None:
    keys = {"choose": "random", "max_repetition": 0.3}
    made = [rows_of(run(tmp_path, f"s{n}", curation=keys, seed=seed, alpha=1.0)) for n, seed in enumerate((0, 0, 1))]
    draws = [{i: draw for i, (_, draw) in rows.items()} for rows in made]
    assert draws[0] == draws[1]
    assert draws[0].keys() == draws[2].keys()  # the problems are the same, the draws are not
    assert draws[0] != draws[2]


def test_perplexity_is_per_token() -> None:
    assert curation.perplexity(-math.log(8), 3) == pytest.approx(2)
    assert curation.perplexity(None, None) is None


def test_excluded_problems_and_why() -> None:
    curation_recipe = CurationRecipe.model_validate({"pass_rate": {"teacher": "t", "at_least": 0.25, "at_most": 0.75}})
    rates = curation.pass_rates([("a", True), ("a", False), ("b", False), ("c", True), ("d", True), ("d", False)])
    assert rates == {"a": 0.5, "b": 0.0, "c": 1.0, "d": 0.5}
    excluded = curation.excluded_problems("abcdef", ["d", "f"], ["f"], rates, curation_recipe)
    assert excluded == {"b": "too_hard", "c": "too_easy", "d": "contaminated", "e": "not_rated", "f": "contaminated"}
    assert curation.excluded_problems("ab", [], ["b"], None, CurationRecipe()) == {"b": "near_duplicate"}


# mix.py

IDS = [f"p{i}" for i in range(8)]
LOOP = "again and again " * 40
# Per teacher two draws of each problem, all correct but those of p0 at `easy`; the second is shorter.
TEXTS = {"hard": ("a long way to say it", "shorter"), "easy": ("two words", "one")}


def verdicts(path: Path, rows: list[dict[str, Any]], wrong: set[str]) -> Path:
    words = [{"problem_id": r["problem_id"], "draw": r["draw"], "verdict": "wrong" if r["problem_id"] in wrong else
              "correct", "method": "text", "matcher": "wrong",
              "lenient": "wrong"} for r in rows]  # fmt: skip
    tables.write(path, tables.build(words, tables.VERDICTS), tables.VERDICTS)
    return path


def files(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Write the responses and verdicts of both teachers and return what names them."""
    inputs: dict[str, dict[str, list[str]]] = {"responses": {}, "verdicts": {}}
    for teacher, texts in TEXTS.items():
        rows = [{"problem_id": i, "draw": d, "response": LOOP if (i, d) == ("p7", 0) else f"{text} {i}",
                 "response_tokens": len(text)} for i in IDS for d, text in enumerate(texts)]  # fmt: skip
        answered = responses_table(folder / teacher / "r.parquet", rows)
        graded = verdicts(folder / teacher / "v.parquet", rows, {"p0"} if teacher == "easy" else set())
        inputs["responses"][teacher], inputs["verdicts"][teacher] = [str(answered)], [str(graded)]
    return inputs


def mixed(folder: Path, name: str, inputs: dict[str, Any], **keys: Any) -> Path:
    """Run mix.py, or the one for draws that suit a student, and return the table it made."""
    known = problems_table(folder / "problems.parquet", [{"problem_id": i, "answer": "1"} for i in IDS])
    output = folder / name / "train.parquet"
    keys = {"corpus": "c", "teachers": ["hard", "easy"], "alpha": 0.5, **keys}
    program = mix_suited if keys.get("curation", {}).get("choose") in SUITED else mix
    program.main(["--problems", str(known), "--inputs", canonical_json(inputs), "--recipe", recipe(**keys),
                  "--output", str(output)])  # fmt: skip
    return output


def table(path: Path, rows: list[dict[str, Any]], contract: tables.Contract) -> str:
    tables.write(path, tables.build(rows, contract), contract)
    return str(path)


def run(folder: Path, name: str, curation: dict[str, Any], more: dict[str, Any] | None = None, **keys: Any) -> Path:
    """Run mix.py on the files of both teachers; `more` names further files, by kind."""
    inputs: dict[str, Any] = files(folder)
    for kind, named in (more or {}).items():
        inputs[kind] = {**inputs.get(kind, {}), **named} if isinstance(named, dict) else named
    return mixed(folder, name, inputs, curation=curation, **keys)


def rows_of(path: Path) -> dict[str, tuple[str, int]]:
    return {r["problem_id"]: (r["teacher"], r["draw"]) for r in tables.read(path, tables.TRAIN).to_pylist()}


def reasons(path: Path) -> dict[tuple[str, str], str]:
    rows = tables.read(path.with_name("ledger.parquet"), tables.LEDGER).to_pylist()
    return {(r["teacher"], r["problem_id"]): r["reason"] for r in rows}


def test_everything_at_once_is_in_the_ledger_and_adds_up(tmp_path: Path) -> None:
    hit = {"benchmark": "b", "benchmark_problem_id": "x", "exact": True, "overlap": 1.0}
    dirty = table(tmp_path / "c.parquet", [{"problem_id": "p1", **hit}], tables.CONTAMINATION)
    twins = table(tmp_path / "d.parquet", [{"problem_id": "p2", "duplicate_of": "p3", "similarity": 0.9}],
                  tables.DUPLICATES)  # fmt: skip
    rated = [{"problem_id": i, "draw": d} for i in IDS for d in (0, 1)]
    answered = str(responses_table(tmp_path / "rater/r.parquet", rated))
    graded = str(verdicts(tmp_path / "rater/v.parquet", rated, {"p3"}))
    output = run(
        tmp_path, "all", {"decontaminate": True, "deduplicate": True, "choose": "shortest", "max_repetition": 0.3,
                          "pass_rate": {"teacher": "rater", "at_least": 0.5}, "length": {"at_least": 4}},
        {"contamination": dirty, "duplicates": twins, "responses": {"rater": [answered]},
         "verdicts": {"rater": [graded]}},
    )  # fmt: skip
    facts = manifest(output)
    assert facts["ledger"] == {"rows_in": 8, "rows_out": 3, "lost": {
        "contaminated": 1, "near_duplicate": 1, "not_paired": 2, "too_hard": 1}}  # fmt: skip
    stations = {"problems": 8, "generated": 8, "stopped": 8, "answered": 8}
    assert facts["funnel"] == {
        "hard": {**stations, "correct": 8, "curated": 5, "paired": 3},
        "easy": {**stations, "correct": 7, "curated": 3, "paired": 3},
    }
    draws = rows_of(output)
    # `one` is too short, so `easy` gives its first draw, which loops for p7; the shorter draw of `hard` is chosen
    assert draws.keys() == {"p4", "p5", "p6"}
    assert set(draws.values()) == {("hard", 1), ("easy", 0)}
    lost = reasons(output)
    for teacher in TEXTS:
        others = {"p1": "contaminated", "p2": "near_duplicate", "p3": "too_hard"}
        assert {i: lost[teacher, i] for i in others} == others
    assert lost["easy", "p0"] == "not_correct"
    assert lost["hard", "p0"] == "not_paired"
    assert lost["easy", "p7"] == "repetitive"  # of its two rejected draws the first


def test_student_likely_takes_the_likeliest_draw(tmp_path: Path) -> None:
    likely = {}
    for teacher in TEXTS:
        rows = [{"problem_id": i, "draw": d, "tokens": 4, "loglikelihood": -1.0 if (d == 1) == (i < "p4") else -9.0}
                for i in IDS for d in (0, 1)]  # fmt: skip
        likely[teacher] = [table(tmp_path / teacher / "l.parquet", rows, tables.LOGLIKELIHOODS)]
    keys = {"choose": "student_likely", "student": "toy-xs"}
    drawn = {i: draw for i, (_, draw) in rows_of(run(tmp_path, "d", keys, {"loglikelihoods": likely})).items()}
    assert drawn == {i: int(i < "p4") for i in IDS[1:]}
    with pytest.raises(InputError, match="--inputs: loglikelihoods must name files of hard"):
        run(tmp_path, "e", curation=keys)


# What the two draws of a problem are to a student: each is better by some of the signals.
DRAWN = ({"tokens": 10, "loglikelihood": -10.0, "ranks": 15, "top_1": 7, "top_10": 8, "local": -1.5},
          {"tokens": 20, "loglikelihood": -10.0, "ranks": 80, "top_1": 10, "top_10": 19, "local": -0.5})  # fmt: skip


def suited(folder: Path, swapped: str = "p4", lost: Sequence[str] = ()) -> dict[str, list[str]]:
    """Tables of suitability in which the draws change places from a problem on."""
    found = {}
    for teacher in TEXTS:
        rows = [{"problem_id": i, "draw": d, **({} if i in lost and d == 1 else DRAWN[d if i < swapped else 1 - d])}
                for i in IDS for d in (0, 1)]  # fmt: skip
        found[teacher] = [table(folder / teacher / "s.parquet", rows, tables.SUITABILITY)]
    return found


@pytest.mark.parametrize(
    ("choose", "best"),
    [("rank_surprisal", 0), ("local_naturalness", 1), ("overlap_1", 0), ("overlap_10", 1)],
)
def test_the_draw_that_suits_best_by_a_signal(tmp_path: Path, choose: str, best: int) -> None:
    # Ratios 1.5 and 8, shares 0.7 and 0.5 of first tokens, 0.8 and 0.95 of the first ten.
    keys = {"choose": f"student_{choose}", "student": "toy-xs"}
    files = {"suitability": suited(tmp_path)}
    drawn = {i: draw for i, (_, draw) in rows_of(run(tmp_path, "d", keys, files)).items()}
    assert drawn == {i: best if i < "p4" else 1 - best for i in IDS[1:]}


def test_a_draw_that_was_not_rated_comes_last(tmp_path: Path) -> None:
    keys = {"choose": "student_local_naturalness", "student": "toy-xs"}
    files = {"suitability": suited(tmp_path, swapped="p9", lost=("p2",))}
    drawn = {i: draw for i, (_, draw) in rows_of(run(tmp_path, "d", keys, files)).items()}
    assert drawn == {i: int(i != "p2") for i in IDS[1:]}


def test_suitability_that_is_missing_or_of_other_responses(tmp_path: Path) -> None:
    keys = {"choose": "student_overlap_1", "student": "toy-xs"}
    with pytest.raises(InputError, match="--inputs: suitability must name files of hard"):
        run(tmp_path, "e", curation=keys)
    files = suited(tmp_path)
    with pytest.raises(InputError, match="1 files of responses, 2 of their suitability; give one for each"):
        run(tmp_path, "e", keys, {"suitability": {**files, "hard": files["hard"] * 2}})
    short = table(tmp_path / "few.parquet", [{"problem_id": "p1", "draw": 0, **DRAWN[0]}], tables.SUITABILITY)
    with pytest.raises(InputError, match=r"few\.parquet: p0 \(draw 0\), .* not in both; compute it again"):
        run(tmp_path, "e", keys, {"suitability": {**files, "hard": [short]}})


@pytest.mark.parametrize("choose", ["first", "shortest", "longest", "random"])
def test_a_sweep_over_alpha_only_swaps_rows_after_curation(tmp_path: Path, choose: str) -> None:
    keys = {"choose": choose, "max_repetition": 0.3}
    sweep = [rows_of(run(tmp_path, f"a{i}", curation=keys, alpha=i / 7)) for i in range(8)]
    assert [sum(t == "hard" for t, _ in rows.values()) for rows in sweep] == list(range(8))
    for before, after in itertools.pairwise(sweep):
        assert before.keys() == after.keys()
        (swapped,) = [i for i in before if before[i] != after[i]]
        assert (before[swapped][0], after[swapped][0]) == ("easy", "hard")


def test_what_the_recipe_asks_for_must_be_given_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--inputs: contamination is missing"):
        run(tmp_path, "a", curation={"decontaminate": True})
    with pytest.raises(InputError, match="--inputs: responses must name files of rater"):
        run(tmp_path, "b", curation={"pass_rate": {"teacher": "rater"}})
    twins = table(tmp_path / "d.parquet", [], tables.DUPLICATES)
    with pytest.raises(InputError, match="--inputs: duplicates is not what the recipe asks for"):
        run(tmp_path, "c", {}, {"duplicates": twins})


def test_bounds_in_tokens_on_responses_without_token_counts(tmp_path: Path) -> None:
    inputs = files(tmp_path)
    rows = [{"problem_id": i, "draw": d, "response_tokens": None} for i in IDS for d in (0, 1)]
    responses_table(tmp_path / "hard/r.parquet", rows)
    with pytest.raises(InputError, match=r"hard/r\.parquet: no token counts .*bound `characters` instead"):
        mixed(tmp_path, "o", inputs, curation={"length": {"at_most": 9}})


@pytest.mark.parametrize(("choose", "draw"), [("longest", 0), ("shortest", 1)])
def test_each_row_holds_the_text_of_its_own_draw(tmp_path: Path, choose: str, draw: int) -> None:
    output = run(tmp_path, "d", {"choose": choose, "max_repetition": 0.3})
    taught = {r["problem_id"]: r["messages"][1]["content"] for r in tables.read(output, tables.TRAIN).to_pylist()}
    rows = rows_of(output)
    assert {d for i, (_, d) in rows.items() if i != "p7"} == {draw}
    assert taught == {i: f"{TEXTS[teacher][d]} {i}" for i, (teacher, d) in rows.items()}


def test_failed_requests_are_neither_rejected_nor_counted_in_a_pass_rate(tmp_path: Path) -> None:
    inputs = files(tmp_path)
    rows = [{"problem_id": i, "draw": d, "response": "abc", "finish_reason": "error" if d else "stop"}
            for i in IDS for d in (0, 1)]  # fmt: skip
    responses_table(tmp_path / "hard/r.parquet", rows)
    verdicts(tmp_path / "hard/v.parquet", rows, set())
    rated = {"pass_rate": {"teacher": "hard", "at_least": 1.0}}  # one correct of one draw, not of two
    assert manifest(mixed(tmp_path, "a", inputs, curation=rated))["funnel"]["hard"]["curated"] == 8
    # A failed request has no token count; that is no mistake of who bounds the lengths in tokens.
    uncounted = [{**row, "response_tokens": None} if row["finish_reason"] == "error" else row for row in rows]
    responses_table(tmp_path / "hard/r.parquet", uncounted)
    output = mixed(tmp_path, "b", inputs, curation={"length": {"at_most": 99}})
    assert manifest(output)["funnel"]["hard"]["curated"] == 8
    assert manifest(mixed(tmp_path, "c", inputs, tokens=9))["budget"]["reached"] > 0


@needs_data
def test_real_loops_are_found_and_real_solutions_are_not() -> None:
    def shares(name: str, column: str) -> list[float]:
        texts = pq.read_table(DATA / f"{name}.parquet", columns=[column])[column].to_pylist()
        return [curation.repetition(t) for t in texts if t]

    solutions = shares("outputs_processbench", "response")
    assert sum(s > 0.3 for s in solutions) <= 0.003 * len(solutions)
    looping = shares("outputs_zeroeval_110problems", "output")  # many are truncated in a loop
    assert 0.015 < sum(s > 0.5 for s in looping) / len(looping) < 0.04
