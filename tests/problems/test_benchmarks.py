"""The benchmarks of the catalogue on real files, laid out as the hub and the papers' repositories have them.

Sizes, columns and the cleaning of gold answers are those of the entries; each gold answer equals itself.
"""

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from helpers import DATA, REPOSITORY, jsonl, needs_data

from distill.config.recipes import CorpusEntry, CorpusRecipe
from distill.problems import readers
from distill.problems.mapping import Corpus, read_corpus
from distill.runtime.errors import InputError
from distill.verdicts.workers import check_golds, grade_all

Row = dict[str, Any]
ENTRIES = yaml.safe_load((REPOSITORY / "config/catalogue/corpora.yaml").read_text())
BENCHMARKS = ("math", "math-500", "gsm8k", "amc23", "aime24", "aime25", "olympiadbench", "olympiadbench-hub", "minerva",
              "gpqa-diamond", "svamp", "asdiv", "mawps")  # fmt: skip


@cache
def rows_of(name: str) -> list[Row]:
    """Return the rows of a real file."""
    return pq.read_table(DATA / f"{name}.parquet").to_pylist()


def parquet(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def maths(folder: Path) -> None:
    for subject in sorted({row["subject"] for row in rows_of("math_test")}):
        own = [{"problem": r["problem"], "level": r["level"], "type": r["subject"], "solution": r["solution"]}
               for r in rows_of("math_test") if r["subject"] == subject]  # fmt: skip
        home = folder / subject.lower().replace(" ", "_")
        parquet(home / "test-00000-of-00001.parquet", own)


def math_500(folder: Path) -> None:
    rows = [{"problem": r["problem"], "solution": r["solution"], "answer": r["answer"], "subject": r["subject"],
             "level": int(r["level"].split()[1]), "unique_id": f"test/{r['id']}.json"}
            for r in rows_of("math_test") if r["in_math500"]]  # fmt: skip
    jsonl(folder / "test.jsonl", rows)


def gsm8k(folder: Path) -> None:
    rows = [{"question": r["problem"], "answer": f"{r['solution']}\n#### {int(r['answer']):,}"}
            for r in rows_of("gsm8k_test")]  # fmt: skip
    parquet(folder / "main/test-00000-of-00001.parquet", rows)
    configs = [{"config_name": "main", "data_files": [{"split": "test", "path": "main/test-*"}]}]
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")


def amc23(folder: Path) -> None:
    rows = [{"id": n, "question": r["problem"], "answer": float(r["answer"]), "url": r["url"]}
            for n, r in enumerate(rows_of("amc23"))]  # fmt: skip
    jsonl(folder / "test.jsonl", rows)


def aime24(folder: Path) -> None:
    rows = [{"id": n, "problem": r["problem"], "solution": rf"\boxed{{{r['answer']}}}", "url": r["url"]}
            for n, r in enumerate(rows_of("aime24"))]  # fmt: skip
    jsonl(folder / "test.jsonl", rows)


def olympiad(path: Path, rows: list[Row]) -> None:
    jsonl(path, [{"id": int(r["id"].split("-")[1]), "question": r["problem"], "solution": [r["solution"]],
                  "final_answer": [r["answer"]], "is_multiple_answer": r["is_multiple"], "unit": r["unit"],
                  "subfield": r["subfield"], "error": "1e-1" if n == 3 else None}
                 for n, r in enumerate(rows)])  # fmt: skip


def word_problems(source: str) -> list[Row]:
    return [row for row in rows_of("easy_word_problems") if row["source"] == source]


def svamp(folder: Path) -> None:
    rows = []
    for row in word_problems("svamp"):
        body, _, question = row["problem"].rpartition(". ")
        own = {"ID": row["id"], "Body": f"{body}.", "Question": question, "Type": row["kind"]}
        rows.append({**own, "Answer": f"{float(row['answer']):.1f}"})
    for split, own in {"train": rows[:700], "test": rows[700:]}.items():
        parquet(folder / f"data/{split}-00000-of-00001.parquet", own)


def asdiv(path: Path) -> None:
    jsonl(
        path,
        [
            {
                "body": r["problem"].rpartition(" ")[0],
                "question": r["problem"].rpartition(" ")[2],
                "answer": f"{r['answer']} (apples)",
                "solution_type": r["kind"],
            }
            for r in word_problems("asdiv")
        ],
    )


def mawps(path: Path) -> None:
    jsonl(path, [{"input": r["problem"], "target": float(r["answer"]), "type": r["kind"]}
                 for r in word_problems("mawps")])  # fmt: skip


ON_THE_HUB: dict[str, Callable[[Path], None]] = {
    "math": maths, "math-500": math_500, "gsm8k": gsm8k, "amc23": amc23, "aime24": aime24, "svamp": svamp,
}  # fmt: skip
IN_A_FILE: dict[str, Callable[[Path], None]] = {
    "olympiadbench": lambda path: olympiad(path, rows_of("olympiadbench_math_en")), "asdiv": asdiv, "mawps": mawps,
}  # fmt: skip


def read(name: str, folder: Path, patch: pytest.MonkeyPatch, **changes: Any) -> Corpus:
    """Read the corpus of an entry; where it is one of the hub, `folder` is its snapshot."""
    patch.setattr(readers, "snapshot", lambda *_: folder)
    return read_corpus(CorpusEntry.model_validate({**ENTRIES[name], **changes}))


def laid_out(name: str, folder: Path, patch: pytest.MonkeyPatch, **changes: Any) -> Corpus:
    """Lay the real rows of a benchmark out as its source has them, and read the entry."""
    folder.mkdir(exist_ok=True)
    if name in ON_THE_HUB:
        ON_THE_HUB[name](folder)
        return read(name, folder, patch, **changes)
    path = folder / Path(ENTRIES[name]["path"]).name
    IN_A_FILE[name](path)
    return read(name, folder, patch, path=str(path), **changes)


# Rows without a problem of their own, and gold answers that no other spelling could be told right or wrong against.
REPEATED = {"asdiv": 1, "mawps": 84}
UNVERIFIABLE = {
    "olympiadbench": {
        r"$f(x)=a x+b$, where $b$ is an arbitrary integer, and $a$ is an arbitrary positive integer with $\mho(a)=0$",
        "t(0,4]",
    },
    "asdiv": {"11:55 p.m. on 24 December 2014."},
}


@needs_data
@pytest.mark.parametrize("name", [*ON_THE_HUB, *IN_A_FILE])
def test_a_real_benchmark_has_its_size_and_each_gold_answer_equals_itself(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = laid_out(name, tmp_path / name, monkeypatch)
    assert corpus.rows_in == ENTRIES[name]["size"]
    assert list(corpus.lost.values()) == ["repeated_problem"] * REPEATED.get(name, 0)
    golds = [row["answer"] for row in corpus.rows]
    grades = grade_all(((gold, rf"\boxed{{{gold}}}", "stop") for gold in golds), workers=2)
    assert [gold for gold, grade in zip(golds, grades, strict=True) if grade.verdict != "correct"] == []
    unverifiable = {gold for gold, is_good in check_golds(golds, workers=2).items() if not is_good}
    assert unverifiable == UNVERIFIABLE.get(name, set())


@needs_data
def test_leading_zeros_and_floats_are_cleaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = [row["answer"] for row in rows_of("aime24")]
    cleaned = [row["answer"] for row in laid_out("aime24", tmp_path / "aime24", monkeypatch).rows]
    assert sum(answer.startswith("0") for answer in written) == 7
    assert cleaned == [str(int(answer)) for answer in written]
    raw = laid_out("aime24", tmp_path / "aime24", monkeypatch, answer_rewrites=[])
    assert [row["answer"] for row in raw.rows] == written
    amc = laid_out("amc23", tmp_path / "amc23", monkeypatch).rows
    assert [row["answer"] for row in amc] == [str(int(row["answer"])) for row in rows_of("amc23")]
    units = {row["answer"] for row in laid_out("asdiv", tmp_path / "asdiv", monkeypatch).rows}
    assert units == {row["answer"].strip() for row in word_problems("asdiv")}


@needs_data
def test_olympiadbench_states_an_error_of_one_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = laid_out("olympiadbench", tmp_path / "olympiadbench", monkeypatch).rows
    assert [(n, row["tolerance"]) for n, row in enumerate(rows) if row["tolerance"] is not None] == [(3, 0.1)]


@needs_data
def test_the_hubs_olympiadbench_is_one_row_short_of_the_papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / uuid4().hex  # as a commit's: `datasets` keeps what it has once read from a folder of this name
    home.mkdir()
    olympiad(home / "train.jsonl", rows_of("olympiadbench_math_en")[:-1])
    configs = [{"config_name": "OE_TO_maths_en_COMP", "data_files": "train.jsonl"}]
    (home / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    assert read("olympiadbench-hub", home, monkeypatch).rows_in == 674


def test_every_benchmark_is_pinned_and_says_its_size() -> None:
    assert [name for name in ENTRIES if ENTRIES[name].get("always_compared") is False] == list(BENCHMARKS)
    for name in BENCHMARKS:
        recipe = CorpusEntry.model_validate(ENTRIES[name])
        assert recipe.size
        assert recipe.benchmark
        assert recipe.hub is None or len(str(recipe.revision)) == 40


def aime25(folder: Path, count: int = 30) -> Path:
    jsonl(folder / "test.jsonl", [{"problem": f"Find {n}.", "answer": f"{n:03d}", "id": str(n)} for n in range(count)])
    return folder


def test_another_size_ends_the_fetch_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = r"^math-ai/aime25: 29 rows, and `size` says 30; look at what has changed, then correct or remove `size`$"
    with pytest.raises(InputError, match=message):
        read("aime25", aime25(tmp_path, 29), monkeypatch)
    assert read("aime25", tmp_path, monkeypatch, size=None).rows_in == 29
    assert read("aime25", tmp_path, monkeypatch, size=5, start=1, stop=6).rows_in == 5


def test_shapes_of_benchmarks_that_are_not_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read("aime25", aime25(tmp_path), monkeypatch).rows
    assert [row["answer"] for row in found][:3] == ["0", "1", "2"]
    (tmp_path / "minerva").mkdir()
    jsonl(tmp_path / "minerva/test.jsonl", [{"question": "How far is it?", "answer": r"1.5 \times 10^{11}"}])
    (row,) = read("minerva", tmp_path / "minerva", monkeypatch, size=1).rows
    assert (row["problem"], row["answer"]) == ("How far is it?", r"1.5 \times 10^{11}")


CHOICES = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def gpqa(folder: Path, rows: list[tuple[str, ...]]) -> Path:
    folder.mkdir()
    with open(folder / "gpqa_diamond.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Question", *CHOICES, "High-level domain"])
        writer.writerows([*row, "Physics"] for row in rows)
    configs = [{"config_name": "gpqa_diamond", "data_files": "gpqa_diamond.csv"}]
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    return folder


def test_a_choice_question_shows_its_answers_and_its_gold_is_a_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [(f"Which is {n}?\n", f"It is {n}.\n", "none", "all", "other") for n in range(40)]
    found = read("gpqa-diamond", gpqa(tmp_path / "a", asked), monkeypatch, size=40).rows
    for number, row in enumerate(found):
        question, *choices = row["problem"].splitlines()
        assert question == f"Which is {number}?"
        assert choices[0] == ""
        assert sorted(choice[4:] for choice in choices[1:]) == sorted([f"It is {number}.", "none", "all", "other"])
        assert [choice[:4] for choice in choices[1:]] == ["(A) ", "(B) ", "(C) ", "(D) "]
        assert f"({row['answer']}) It is {number}." in choices
    letters = [row["answer"] for row in found]
    assert all(letters.count(letter) >= 4 for letter in "ABCD")  # no place is favoured
    # The order is the question's own: neither other questions nor the order of the columns matter.
    turned = ["Incorrect Answer 3", "Incorrect Answer 1", "Incorrect Answer 2"]
    columns = {**ENTRIES["gpqa-diamond"]["columns"], "wrong_answers": turned}
    some = read("gpqa-diamond", gpqa(tmp_path / "b", asked[3:9]), monkeypatch, size=6, columns=columns).rows
    assert [(row["problem"], row["answer"]) for row in some] == [(r["problem"], r["answer"]) for r in found[3:9]]
    odd = gpqa(tmp_path / "c", [("Which?", "one", "two", "one", "three")])
    with pytest.raises(InputError, match=r"has an empty answer to choose, or one twice$"):
        read("gpqa-diamond", odd, monkeypatch, size=1)


def golds(folder: Path, cell: Any, **keys: Any) -> list[str]:
    path = jsonl(folder / "rows.jsonl", [{"problem": "What?", "answer": cell}])
    recipe = CorpusRecipe.model_validate({"path": str(path), "max_unusable": 1.0, **keys})
    return [row["answer"] for row in read_corpus(recipe).rows]


def test_lists_of_gold_answers(tmp_path: Path) -> None:
    assert golds(tmp_path, ["$2$"]) == ["2"]
    assert golds(tmp_path, ["$2$", "$-x$"], several_answers="joined") == ["2, -x"]
    assert golds(tmp_path, [r"so \boxed{2}", r"so \boxed{3}"], several_answers="first", answer_format="boxed") == ["2"]
    assert golds(tmp_path, [2, 3.50], several_answers="joined") == ["2, 3.5"]
    rewrites = [{"pattern": r"\s*\([^()]*\)$", "replacement": ""}]
    assert golds(tmp_path, ["9 (apples)", "3 (pears)"], several_answers="joined", answer_rewrites=rewrites) == ["9, 3"]
    with pytest.raises(InputError, match="holds a list of 2, and text is wanted"):
        golds(tmp_path, ["2", "3"])
    with pytest.raises(InputError, match="the boolean true"):
        golds(tmp_path, ["2", True], several_answers="joined")
