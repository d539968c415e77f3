"""Problems that repeat others: hand-checked cases, MinHash against brute force, and the real MATH problems."""

import itertools
from pathlib import Path

import find_contamination
import find_duplicates
import pyarrow.parquet as pq
import pytest
from helpers import DATA, manifest, needs_data, problems_table, recipe
from hypothesis import given, settings
from hypothesis import strategies as st

from distill import tables
from distill.datasets.similarity import Duplicate, Repeat, banding, near_duplicates, ngrams, repeats, tokenize_words
from distill.runtime.errors import InputError

LONG = "Find the sum of all positive integers less than one hundred that leave remainder three when divided by seven"


def test_words_are_letters_and_digits_only() -> None:
    assert tokenize_words("What is $\\frac{1}{2}$ of \uff12\uff10,  Ana_B?") == (
        "what",
        "is",
        "frac",
        "1",
        "2",
        "of",
        "20",
        "ana",
        "b",
    )


def test_ngrams_of_a_short_text_are_the_text() -> None:
    assert ngrams(("a", "b"), 3) == {("a", "b")}
    assert ngrams(("a", "b", "a", "b"), 2) == {("a", "b"), ("b", "a")}


def repeated(problem: str, *benchmark: str, overlap: float = 0.5) -> list[Repeat]:
    texts = {f"b{i}": text for i, text in enumerate(benchmark)}
    return list(repeats({"p": problem}, {"bench": texts}, 8, overlap))


def test_the_same_letters_and_digits_are_an_exact_repeat() -> None:
    assert repeated("What is $1+1$?", "Other.", "what is 1 + 1") == [Repeat("p", "bench", "b1", True, 1.0)]
    assert repeated("What is $1+1$?", "What is $1+2$?") == []  # shorter than a run: whole or nothing


def test_overlap_is_the_share_of_runs_in_one_problem_of_the_benchmark() -> None:
    # 19 words have 12 runs of 8; another last word breaks the last one
    (repeat,) = repeated(LONG, "Unrelated.", LONG.replace("seven", "nine"))
    assert repeat == Repeat("p", "bench", "b1", False, round(11 / 12, 6))
    halves = LONG.split()
    assert repeated(LONG, " ".join(halves[:12]), " ".join(halves[8:])) == []  # 5 runs in each, 10 in both together
    assert repeated(LONG, " ".join(halves[:12]), overlap=5 / 12 - 1e-6) == [Repeat("p", "bench", "b0", False, 0.416667)]


def test_of_near_duplicates_the_first_by_id_stays() -> None:
    problems = {"c": LONG, "b": LONG + " exactly", "a": LONG.upper(), "d": "Something else."}
    hits = list(near_duplicates(problems, 0.8))
    assert hits == [Duplicate("b", "a", round(17 / 18, 6)), Duplicate("c", "a", 1.0)]
    assert list(near_duplicates(problems, 0.95)) == [Duplicate("c", "a", 1.0)]


TEXTS = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=9).map(" ".join), min_size=2, max_size=12)


# The same cases each time: of pairs just at the threshold MinHash may miss one in a thousand.
@settings(derandomize=True, deadline=None)
@given(TEXTS, st.sampled_from([0.5, 0.8, 1.0]))
def test_near_duplicates_are_those_of_brute_force(texts: list[str], threshold: float) -> None:
    problems = {f"p{i:02d}": text for i, text in enumerate(texts)}
    shingles = {i: ngrams(tokenize_words(text), 3) for i, text in problems.items()}
    kept, expected = [], set()
    for problem_id in sorted(problems):
        triples = shingles[problem_id]
        if any(len(triples & shingles[k]) / len(triples | shingles[k]) >= threshold for k in kept):
            expected.add(problem_id)
        else:
            kept.append(problem_id)
    assert {hit.problem_id for hit in near_duplicates(problems, threshold)} == expected


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.99, 1.0])
def test_banding_finds_a_pair_at_the_threshold(threshold: float) -> None:
    bands, rows = banding(threshold)
    assert bands * rows <= 128
    assert 1 - (1 - threshold**rows) ** bands >= 0.999


def test_the_programs_write_hits_and_counts(tmp_path: Path) -> None:
    corpus = problems_table(tmp_path / "own.parquet", [
        {"problem_id": "a", "problem": LONG, "answer": "1"},
        {"problem_id": "b", "problem": LONG + " exactly", "answer": "1"},
        {"problem_id": "c", "problem": "What is 2?", "answer": "2"},
    ])  # fmt: skip
    others = problems_table(tmp_path / "o.parquet", [{"problem_id": "x", "problem": "what IS 2", "answer": "2"}])
    output = tmp_path / "contamination/contamination.parquet"
    options = ["--statements", str(corpus), "--recipe", recipe(), "--output"]
    find_contamination.main(
        [*options, str(output), "--inputs", recipe(benchmarks={"second": [str(corpus)], "first": [str(others)]})]
    )
    rows = tables.read(output, tables.CONTAMINATION).to_pylist()
    assert [(r["problem_id"], r["benchmark"], r["exact"]) for r in rows] == [
        ("a", "second", True), ("b", "second", True), ("c", "first", True), ("c", "second", True),
    ]  # fmt: skip
    facts = manifest(output)
    assert facts["benchmarks"] == {"first": {"exact": 1, "overlap": 0}, "second": {"exact": 3, "overlap": 0}}
    assert (facts["repeating"], facts["problems"]) == (3, 3)
    output = tmp_path / "duplicates/duplicates.parquet"
    find_duplicates.main([*options, str(output)])
    assert [r["problem_id"] for r in tables.read(output, tables.DUPLICATES).to_pylist()] == ["b"]
    with pytest.raises(InputError, match="stands in another table too; give each shard once"):
        find_duplicates.main([*options, str(output), "--statements", str(corpus), str(corpus)])
    with pytest.raises(InputError, match="--inputs: benchmarks: "):
        find_contamination.main([*options, str(output), "--inputs", recipe(benchmarks=[str(corpus)])])


def statements(name: str) -> dict[str, str]:
    rows = pq.read_table(DATA / f"{name}.parquet", columns=["id", "problem"]).to_pylist()
    return {r["id"]: r["problem"] for r in rows}


@needs_data
def test_math_train_repeats_ten_test_problems_and_two_of_olympiadbench() -> None:
    names = ("math_test", "gsm8k_test", "aime24", "amc23", "olympiadbench_math_en")
    hits = list(repeats(statements("math_train"), {n: statements(n) for n in names}, 8, 0.5))
    exact = {n: sum(h.exact for h in hits if h.benchmark == n) for n in names}
    assert exact == {"math_test": 10, "gsm8k_test": 0, "aime24": 0, "amc23": 0, "olympiadbench_math_en": 2}
    # The same problem with other spacing, of which letters and digits alone are not equal
    assert any("sin" in statements("math_train")[h.problem_id] and not h.exact for h in hits
               if h.benchmark == "olympiadbench_math_en")  # fmt: skip


@needs_data
def test_minhash_misses_no_near_duplicate_of_math() -> None:
    some = dict(itertools.islice(statements("math_train").items(), 1500))
    shingles = {i: ngrams(tokenize_words(text), 3) for i, text in some.items()}
    pairs = {b for a, b in itertools.combinations(sorted(some), 2)
             if len(shingles[a] & shingles[b]) >= 0.7 * len(shingles[a] | shingles[b])}  # fmt: skip
    hits = {h.problem_id for h in near_duplicates(some, 0.7)}
    assert hits == pairs
    assert len(hits) > 10
