"""Patterns of a recipe that would need ages on one text end in a line that names file, row and key."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from helpers import jsonl

from distill.config.recipes import CorpusRecipe, PublishedRecipe, Rewrite
from distill.problems import patterns
from distill.problems.mapping import read_corpus
from distill.problems.patterns import rewritten
from distill.problems.traces import read_traces
from distill.runtime.errors import InputError

TEXT = "a" * 60 + "!"  # 2^60 ways
SLOW = [r"(a+)+$", r"(a|aa)+$", r"(?:a*)*b", r"(.*a){30}b", r"(a|a)*c"]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0)  # the kernel rounds up to 1


def corpus(folder: Path, row: dict[str, Any], **keys: Any) -> Any:
    rows = [{"problem": "1 + 1?", "answer": "2"}, {"problem": "2 + 1?", "answer": "3", **row}]
    return read_corpus(CorpusRecipe.model_validate({"path": str(jsonl(folder / "a.jsonl", rows)), **keys}))


def published(folder: Path, row: dict[str, Any], columns: dict[str, Any], **keys: Any) -> Any:
    rows = [{"id": "p1", "response": "2"}, {"id": "p2", "response": "3", **row}]
    source = str(jsonl(folder / "a.jsonl", rows))
    return read_traces(PublishedRecipe.model_validate({"path": source, "columns": columns, **keys}))


@pytest.mark.parametrize("pattern", SLOW)
def test_no_pattern_outlives_the_limit(pattern: str) -> None:
    with pytest.raises(InputError, match=r"^x: row 0: `k` has not ended on this text"):
        rewritten(TEXT, [Rewrite(pattern=pattern, replacement="x")], "x: row 0", "k")


@pytest.mark.parametrize("key", ["rewrites", "answer_rewrites"])
def test_patterns_of_a_corpus(tmp_path: Path, key: str) -> None:
    pattern = SLOW[0]
    column = "problem" if key == "rewrites" else "answer"
    with pytest.raises(InputError, match=rf"a\.jsonl: row 1: `{key}` has not ended on this text") as caught:
        corpus(tmp_path, {column: TEXT}, **{key: [{"pattern": pattern, "replacement": "x"}]})
    assert "\n" not in str(caught.value)


def test_patterns_of_published_responses(tmp_path: Path) -> None:
    pattern = SLOW[0]
    rewrites = [{"pattern": pattern, "replacement": "x"}]
    cases = [("rewrites", {"response": TEXT}, {"problem_id": "id"}, {"rewrites": rewrites}),
             ("problem_rewrites", {"id": TEXT}, {"problem": "id"}, {"problem_rewrites": rewrites}),
             ("id_pattern", {"id": TEXT}, {"problem_id": "id"}, {"id_pattern": pattern})]  # fmt: skip
    for key, row, columns, keys in cases:
        with pytest.raises(InputError, match=rf"a\.jsonl: row [01]: `{key}` has not ended on this text"):
            published(tmp_path, row, columns, **keys)


def test_a_pattern_that_ends_does_its_work(tmp_path: Path) -> None:
    read = corpus(tmp_path, {"problem": TEXT}, rewrites=[{"pattern": r"a+$|a+(?=!)", "replacement": "b"}])
    assert [row["problem"] for row in read.rows] == ["1 + 1?", "b!"]


def test_threads_take_turns_and_the_limit_holds_in_each() -> None:
    rewrites = [Rewrite(pattern=r"^a|(?<=b)a", replacement="b")]
    with ThreadPoolExecutor(4) as pool:
        texts = [f"{'a' * count}\n{chr(0xD800)}é" for count in range(1, 40)]
        found = list(pool.map(lambda text: rewritten(text, rewrites, "x", "rewrites"), texts))
        slow = pool.submit(rewritten, TEXT, [Rewrite(pattern=SLOW[0], replacement="")], "x: row 3", "rewrites")
        assert "x: row 3: `rewrites` has not ended" in str(slow.exception())
    assert found == [re.sub(r"^a|(?<=b)a", "b", text, flags=re.MULTILINE) for text in texts]
    assert rewritten("aa", rewrites, "x", "rewrites") == "ba"


def test_a_text_that_grows_beyond_all_bounds_ends_in_one_line() -> None:
    growing = [Rewrite(pattern="a", replacement="a" * 1000)] * 2
    with pytest.raises(InputError, match=r"^x: row 0: `rewrites` needs more than 1024 MiB"):
        rewritten("a" * 2000, growing, "x: row 0", "rewrites")


def test_the_id_that_a_pattern_makes_may_be_empty(tmp_path: Path) -> None:
    read = published(tmp_path, {}, {"problem_id": "id"}, id_pattern="(x?)p", id_template=r"\1")
    assert [trace.key for trace in read.traces] == ["", ""]
