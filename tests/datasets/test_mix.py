"""mix.py on small files: the row budget, teachers swapped by alpha, ledgers that say why, files that do not match."""

import itertools
from pathlib import Path
from typing import Any

import mix
import pytest
from helpers import manifest, problems_table, recipe, responses_table, verdicts_table

from distill import tables
from distill.config.recipes import canonical_json
from distill.runtime.errors import InputError

IDS = [f"p{i}" for i in range(8)]
WORDS = {
    "hard": dict.fromkeys(IDS, "correct") | {"p0": "wrong", "p1": "no_answer"},
    "easy": dict.fromkeys(IDS, "correct") | {"p0": "wrong", "p2": "wrong"},
}


def run(folder: Path, name: str, counted: bool = True, **keys: Any) -> Path:
    """Run mix.py; hard's responses have 30 tokens, easy's 7, or easy's are not counted."""
    known = problems_table(folder / "problems.parquet", [{"problem_id": i, "answer": "1"} for i in IDS])
    inputs: dict[str, dict[str, list[str]]] = {"responses": {}, "verdicts": {}}
    for teacher, words in WORDS.items():
        tokens = 30 if teacher == "hard" else 7 if counted else None
        text = f"{teacher} {'and so on ' * (teacher == 'hard')}"
        rows = [{"problem_id": i, "response": f"{text}{i}", "response_tokens": tokens} for i in IDS]
        responses = responses_table(folder / teacher / "r.parquet", rows)
        verdicts = verdicts_table(folder / teacher / "v.parquet", words)
        inputs["responses"][teacher], inputs["verdicts"][teacher] = [str(responses)], [str(verdicts)]
    output = folder / name / "train.parquet"
    keys = {"corpus": "c", "teachers": ["hard", "easy"], **keys}
    mix.main(["--problems", str(known), "--inputs", canonical_json(inputs), "--recipe", recipe(**keys),
              "--output", str(output)])  # fmt: skip
    return output


def taught(path: Path) -> dict[str, str]:
    return {r["problem_id"]: r["messages"][1]["content"] for r in tables.read(path, tables.TRAIN).to_pylist()}


def test_both_correct_keeps_the_problems_that_all_teachers_solve(tmp_path: Path) -> None:
    output = run(tmp_path, "long", alpha=1.0)
    assert taught(output) == {i: f"hard and so on {i}" for i in IDS[3:]}
    facts = manifest(output)
    assert facts["ledger"] == {"rows_in": 8, "rows_out": 5, "lost": {"not_paired": 3}}
    stations = {"problems": 8, "generated": 8, "stopped": 8, "answered": 7, "correct": 6, "curated": 6,
                "paired": 5}  # fmt: skip
    assert facts["funnel"]["hard"] == stations
    lost = tables.read(output.with_name("ledger.parquet"), tables.LEDGER).to_pylist()
    reasons = {(r["teacher"], r["problem_id"]): r["reason"] for r in lost}
    assert reasons["hard", "p0"] == "not_correct"
    assert reasons["hard", "p1"] == "not_answered"


def test_a_larger_share_only_swaps_rows(tmp_path: Path) -> None:
    sweep = [taught(run(tmp_path, f"a{i}", alpha=i / 5)) for i in range(6)]
    assert sweep[0] == {i: f"easy {i}" for i in IDS[3:]}
    for before, after in itertools.pairwise(sweep):
        assert before.keys() == after.keys()
        swapped = {i for i in before if before[i] != after[i]}
        assert len(swapped) == 1
        assert all(before[i].startswith("easy") and after[i].startswith("hard") for i in swapped)


def test_the_same_recipe_makes_the_same_bytes_and_another_seed_other_rows(tmp_path: Path) -> None:
    one, two, other = (run(tmp_path, n, alpha=0.4, rows=4, seed=s) for n, s in (("a", 0), ("b", 0), ("c", 5)))
    assert one.read_bytes() == two.read_bytes()
    assert manifest(one) == manifest(two)
    assert taught(one) != taught(other)


def test_more_rows_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"big.*6.*5|5.*6"):
        run(tmp_path, "big", alpha=0.5, rows=6)
    assert not (tmp_path / "big/train.parquet").exists()


def test_verdicts_of_other_responses(tmp_path: Path) -> None:
    WORDS["easy"]["z9"] = "correct"
    try:
        with pytest.raises(
            InputError, match=r"v\.parquet: not the verdicts of .*r\.parquet; verify these responses first"
        ):
            run(tmp_path, "odd", alpha=0.5)
    finally:
        del WORDS["easy"]["z9"]


def test_a_token_matched_arm_from_the_other_arms_manifest(tmp_path: Path) -> None:
    short = manifest(run(tmp_path, "short", alpha=0.0))
    assert (short["rows"], short["tokens"], short["characters"], short["budget"]) == (5, 35, 5 * len("easy p0"), None)
    output = run(tmp_path, "long", alpha=1.0, tokens=short["tokens"])
    facts = manifest(output)
    assert facts["budget"] == {"tokens": 35, "reached": 30, "difference": -5}
    assert (facts["rows"], facts["tokens_by_teacher"], facts["characters_by_teacher"]) == (
        1, {"hard": 30, "easy": 0}, {"hard": len("hard and so on p0"), "easy": 0}
    )  # fmt: skip
    assert facts["ledger"]["lost"] == {"not_paired": 3, "over_budget": 4}
    assert taught(output).items() <= taught(run(tmp_path, "whole", alpha=1.0)).items()


def test_alpha_as_share_of_tokens_and_of_characters(tmp_path: Path) -> None:
    def rows(name: str, **keys: Any) -> tuple[dict[str, int], Any]:
        facts = manifest(run(tmp_path, name, **keys))
        return facts["teachers"], facts["budget"]

    # One of hard's rows to four of easy's: 30 of 58 tokens, 17 of 45 characters
    assert rows("a", alpha=0.5, share_of="tokens") == ({"hard": 1, "easy": 4}, None)
    assert rows("b", alpha=0.6, share_of="characters") == ({"hard": 2, "easy": 3}, None)  # 34 of 55
    assert rows("c", alpha=0.5, share_of="tokens", tokens=58) == (
        {"hard": 1, "easy": 4}, {"tokens": 58, "reached": 58, "difference": 0}
    )  # fmt: skip
    assert rows("d", alpha=0.5, characters=48) == (
        {"hard": 2, "easy": 2}, {"characters": 48, "reached": 48, "difference": 0}
    )  # fmt: skip


def test_a_budget_that_cannot_be_filled(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^big: tokens 151, but the 5 rows .* have only 150; lower it$"):
        run(tmp_path, "big", alpha=1.0, tokens=151)
    assert not (tmp_path / "big/train.parquet").exists()


@pytest.mark.parametrize("keys", [{"tokens": 30}, {"share_of": "tokens"}])
def test_tokens_that_nobody_has_counted(tmp_path: Path, keys: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"^\S*easy/r\.parquet: no token counts \(.*in `characters` instead$"):
        run(tmp_path, "odd", counted=False, alpha=0.5, **keys)
    facts = manifest(run(tmp_path, "letters", counted=False, alpha=0.4, characters=40))
    assert facts["tokens"] is None
    assert facts["tokens_by_teacher"]["easy"] is None
    assert facts["tokens_by_teacher"]["hard"] == 30 * facts["teachers"]["hard"] > 0


def test_the_order_in_which_teachers_are_written_changes_no_byte(tmp_path: Path) -> None:
    one = run(tmp_path, "one", alpha=0.2, pairing="own_correct")
    other = run(tmp_path, "other", teachers=["easy", "hard"], alpha=0.8, pairing="own_correct")
    assert one.read_bytes() == other.read_bytes()
    assert manifest(one) == manifest(other)
