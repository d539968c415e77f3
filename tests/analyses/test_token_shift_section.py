"""The section on token shift on the hand-made tree: shares, kinds and tokens by hand."""

from pathlib import Path
from typing import Any

import pytest
from analyses import hand_made

from distill import analyses, tables
from distill.analyses import token_shift_tables as made
from distill.config import lineage
from distill.config.labels import JOINT

NEEDS = analyses.load("token_shift").NEEDS


def section(root: Path, files: hand_made.Files) -> dict[str, Any]:
    return hand_made.section(root, "token_shift", {kind: files[kind] for kind in NEEDS})


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("shifted")
    return section(root, hand_made.results(root))


def rows_of(content: dict[str, Any], block: int) -> list[dict[str, Any]]:
    (table,) = content["blocks"][block]["tables"]
    return table["rows"]


def test_shares_of_arms_by_hand(content: dict[str, Any]) -> None:
    rows = rows_of(content, 0)
    assert [row["trained on"] for row in rows] == ["untouched student", "easy", "hard", "mixed"]
    # 12 tokens of two responses, by two seeds: 5 shifted, 2 marginal. Of the problems 3 of 8 and 2 of 4 are shifted.
    assert rows[2] == {
        "student": "s", "trained on": "hard", "responses": 4, "tokens": 24, "unshifted": "41.7", "marginal": "16.7",
        "shifted": "41.7 (0.0 to 100.0)", "nats": "1.000", "of style": "100.0 of 8", "of words": "0.0 of 4",
        "of mathematics": "0.0 of 8", "of layout": "0.0 of 2", "of stop": "100.0 of 2",
    }  # fmt: skip
    for row in (rows[0], rows[1], rows[3]):
        assert (row["unshifted"], row["marginal"], row["shifted"]) == ("100.0", "0.0", "0.0 (0.0 to 0.0)")
    assert rows[0]["responses"] == 2


def test_the_tokens_that_are_shifted_most(content: dict[str, Any]) -> None:
    (row,) = rows_of(content, 1)  # nothing else is shifted
    # Ranks 9, 200 (which counts as 100), 4 and 8; the stop token is shifted twice only.
    assert row == {"student": "s", "trained on": "hard", "style": "“wait” 8 of 8, rank 30.2".replace(" ", JOINT),
                       "words": "", "mathematics": "", "layout": "", "stop": ""}  # fmt: skip


def test_the_other_direction(content: dict[str, Any]) -> None:
    (row,) = rows_of(content, 2)
    assert {name: row[name] for name in ("student", "corpus", "teacher", "responses", "tokens", "unshifted")} == {
        "student": "s", "corpus": "c0", "teacher": "teacher", "responses": 2, "tokens": 12, "unshifted": "41.7",
    }  # fmt: skip


def test_the_table_has_every_seed_and_source(content: dict[str, Any]) -> None:
    found = {(row["dataset"], row["seed"], row["teacher"]): row for row in content["rows"]}
    assert len(found) == len(content["rows"]) == len(hand_made.ARMS) + 1
    row = found["hard", 2, None]
    assert (row["rows"], row["read"], row["tokens"], row["marginal"], row["shifted"]) == (3, 2, 12, 2, 5)
    assert (row["style_tokens"], row["style_shifted"], row["mathematics_tokens"]) == (4, 4, 4)
    source = found[None, None, "teacher"]
    assert (source["corpus"], source["training"], source["stop_shifted"]) == ("c0", None, 1)


def test_what_could_not_be_read_is_told(content: dict[str, Any]) -> None:
    said, unread = content["blocks"][0]["text"]
    assert said == "Of what s writes, 41.7 % after hard, 0.0 % after easy is shifted, and 0.0 % before any training."
    assert unread.startswith("8 of 24 responses could not be read and do not count: failed requests")


def test_shards_count_together_and_other_benchmarks_too(tmp_path: Path) -> None:
    files = hand_made.shifted(tmp_path, ("b", "c"))
    read = made.read(files["token_shift"])
    (row,) = [row for row in made.share_rows(made.of_arms(read)) if row["trained on"] == "hard"]
    assert (row["responses"], row["tokens"]) == (8, 48)
    # Four problems now, of which two by two are alike: the interval is that of Student with three degrees of freedom.
    assert row["shifted"] == "41.7 (31.5 to 51.9)"


def test_an_arm_of_which_nothing_could_be_read(tmp_path: Path) -> None:
    place = lineage.TokenShift("b", "students/s/base", "greedy", 0, hand_made.SHARD, "s")
    path = hand_made.put(tmp_path, place, "compute_token_shift", kind="token_shift", rows=1, read=0, tokens=0,
                         marginal=0, shifted=0, surprisal=None)  # fmt: skip
    empty = tables.build([{"problem_id": "p", "draw": 0}], tables.TOKEN_SHIFT)
    tables.write(path.with_name("token_shift.parquet"), empty, tables.TOKEN_SHIFT)
    files = {"token_shift": [path], "token_shift_tables": [path.with_name("token_shift.parquet")]}
    found = section(tmp_path, files)
    assert found["blocks"][0]["tables"] == []
    assert found["rows"][0]["read"] == 0


def test_a_study_that_asks_for_none(tmp_path: Path) -> None:
    found = section(tmp_path, {"token_shift": [], "token_shift_tables": []})
    assert (found["text"], found["rows"]) == (["The studies ask for no token shift."], [])


@pytest.mark.parametrize(("token", "shown"), [("wait", "wait"), ("\n\n", "\\n\\n"), (" ", " "), ("\u200b", "\\u200b")])
def test_tokens_that_cannot_be_seen_are_spelled(token: str, shown: str) -> None:
    assert made._shown(token) == shown
