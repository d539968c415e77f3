"""What is known of a corpus before anything runs: what a generation reads, and nothing else, changes it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from helpers import jsonl

from distill.config.recipes import CorpusRecipe
from distill.problems import mapping
from distill.problems.fingerprint import fingerprint, fingerprint_rows

ROWS = [{"id": f"p{i}", "problem": f"{i} + 1?", "answer": str(i + 1), "solution": f"{i + 1}."} for i in range(40)]
COLUMNS = {"problem_id": "id", "solution": "solution"}


def digests(folder: Path, rows: list[dict[str, Any]], shards: int = 2, **keys: Any) -> dict[str, str]:
    path = jsonl(folder / "rows.jsonl", rows)
    return fingerprint(CorpusRecipe(path=str(path), columns=COLUMNS, shards=shards, **keys), "code", folder / "kept")


def edited(number: int, **keys: str) -> list[dict[str, Any]]:
    return [{**row, **keys} if i == number else row for i, row in enumerate(ROWS)]


def test_another_gold_changes_nothing(tmp_path: Path) -> None:
    before = digests(tmp_path, ROWS)
    assert digests(tmp_path, edited(3, answer="17")) == before
    assert digests(tmp_path, edited(3, solution="Four.")) == before
    assert digests(tmp_path, list(reversed(ROWS))) == before
    assert len(set(before.values())) == 2


def test_another_statement_changes_its_shard(tmp_path: Path) -> None:
    before, after = digests(tmp_path, ROWS), digests(tmp_path, edited(3, problem="3 and 1?"))
    assert sum(before[name] != after[name] for name in before) == 1


@pytest.mark.parametrize("rows", [ROWS[:-1], [*ROWS, {**ROWS[0], "id": "new"}], edited(5, id="other")])
def test_other_problems_change_their_shards(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    assert digests(tmp_path, ROWS) != digests(tmp_path, rows)


def test_a_gold_that_is_found_or_lost_adds_or_takes_a_problem(tmp_path: Path) -> None:
    before = digests(tmp_path, ROWS, max_unusable=0.5)
    after = digests(tmp_path, edited(3, answer=""), max_unusable=0.5)
    assert sum(before[name] != after[name] for name in before) == 1


def test_shards_have_their_names_and_rows(tmp_path: Path) -> None:
    assert list(digests(tmp_path, ROWS, shards=3)) == ["00-of-03", "01-of-03", "02-of-03"]
    row = {"problem_id": "a", "problem": "p", "solution": None}
    assert len(set(fingerprint_rows([row], ["00-of-02", "01-of-02"]).values())) == 2  # one of them is empty
    for other in ({"problem": "q"}, {"problem_id": "b"}):
        assert fingerprint_rows([{**row, **other}], ["00-of-01"]) != fingerprint_rows([row], ["00-of-01"])


def test_rows_are_read_again_only_when_file_recipe_or_code_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, kept, read = jsonl(tmp_path / "rows.jsonl", ROWS), tmp_path / "deep/kept.json", []
    whole = mapping.read_corpus
    monkeypatch.setattr(mapping, "read_corpus", lambda recipe: (read.append(recipe), whole(recipe))[1])
    recipe = CorpusRecipe(path=str(path), columns=COLUMNS, shards=2)
    first = fingerprint(recipe, "code", kept)
    assert (fingerprint(recipe, "code", kept), len(read)) == (first, 1)
    os.utime(path, ns=(1, 1))
    assert (fingerprint(recipe, "code", kept), len(read)) == (first, 2)
    assert (fingerprint(recipe, "other code", kept), len(read)) == (first, 3)
    assert list(fingerprint(recipe.model_copy(update={"shards": 1}), "other code", kept)) == ["00-of-01"]
    assert fingerprint(recipe.model_copy(update={"stop": 9}), "other code", kept) != first
    for torn in ("", "{", "[]", json.dumps({"key": 1})):
        kept.write_text(torn)
        assert fingerprint(recipe, "code", kept) == first


def test_rows_of_the_hub_are_known_by_their_recipe(tmp_path: Path) -> None:
    recipe = CorpusRecipe(hub="lab/maths", revision="abc", shards=2)
    found = fingerprint(recipe, "code", tmp_path / "kept")
    assert list(found) == ["00-of-02", "01-of-02"]
    assert fingerprint(recipe, "code", tmp_path / "kept") == found
    for other in ({"revision": "abd"}, {"answer_format": "boxed"}, {"hub": "lab/math"}):
        assert fingerprint(recipe.model_copy(update=other), "code", tmp_path / "kept") != found
    assert fingerprint(recipe, "other code", tmp_path / "kept") != found
    assert not (tmp_path / "kept").exists()


def test_rows_that_cannot_be_read_are_the_business_of_the_program_that_fetches_them(tmp_path: Path) -> None:
    recipe = CorpusRecipe(path=str(tmp_path / "none.jsonl"))
    assert fingerprint(recipe, "code", tmp_path / "kept") == {"00-of-01": "unreadable"}
    assert not (tmp_path / "kept").exists()
