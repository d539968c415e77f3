"""Ratings that were paid for: what a later job takes over and what it reads again, by what the provenance counts."""

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import compute_loglikelihood
import compute_suitability
import compute_token_shift
import pytest
import write_solutions
from helpers import PROMPTS, TOY, base_model, problems_table, recipe, responses_table

from distill import tables
from distill.models.loglikelihood import CausalModel
from distill.responses import ratings

PROBLEMS = {name: f"Ana sets the dial to {n}. Go up 4 then down 2. Where is it?" for n, name in enumerate("abcde")}
PROGRAMS = {
    compute_loglikelihood: ("loglikelihoods.parquet", tables.LOGLIKELIHOODS),
    compute_suitability: ("suitability.parquet", tables.SUITABILITY),
    compute_token_shift: ("token_shift.parquet", tables.TOKEN_SHIFT),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "base-xs")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that has an element for each time that a model is loaded."""
    found: list[int] = []
    original = CausalModel.__init__

    def load(self: CausalModel, folder: Path) -> None:
        found.append(1)
        original(self, folder)

    monkeypatch.setattr(CausalModel, "__init__", load)
    return found


def answer(problem: str, draw: int = 0) -> dict[str, Any]:
    return {"problem_id": problem, "draw": draw, "response": f"{draw} up 4 down 2 = 5.\n\\boxed{{5}}"}


def run(
    program: Any,
    folder: Path,
    model: Path,
    rows: Sequence[dict[str, Any]],
    statements: dict[str, str] = PROBLEMS,
    prompt: Path = PROMPTS / "plain.jinja",
) -> tuple[bytes, dict[str, Any]]:
    """Run a program on responses; return the bytes of its table and its provenance."""
    name, contract = PROGRAMS[program]
    known = [{"problem_id": i, "problem": text, "answer": "5"} for i, text in statements.items()]
    folder.mkdir(parents=True, exist_ok=True)
    given = problems_table(folder.parent / "problems.parquet", known)
    answered = responses_table(folder.parent / "responses.parquet", list(rows))
    keys = ["--prompt", str(prompt), "--recipe", recipe(system=None), "--model", str(model)]
    output = folder / name
    program.main(["--statements", str(given), "--responses", str(answered), *keys, "--output", str(output)])
    assert tables.read(output, contract).num_rows == len(rows)
    return output.read_bytes(), json.loads((folder / "provenance.json").read_text())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_one_more_response_reads_one_more(program: Any, tmp_path: Path, model: Path, loaded: list[int]) -> None:
    rows = [answer("a"), answer("b"), {**answer("c"), "finish_reason": "error", "response": ""}]
    first, made = run(program, tmp_path / "s", model, rows)
    assert made["reused"] == 0
    again, made = run(program, tmp_path / "s", model, rows)
    assert (again, made["reused"], len(loaded)) == (first, 3, 1)  # the second time no model was loaded
    longer, made = run(program, tmp_path / "s", model, [answer("d"), *rows])
    assert (made["reused"], len(loaded)) == (3, 2)
    whole, made = run(program, tmp_path / "fresh", model, [answer("d"), *rows])
    assert made["reused"] == 0
    name, contract = PROGRAMS[program]
    assert tables.read(tmp_path / "s" / name, contract).equals(tables.read(tmp_path / "fresh" / name, contract))
    assert longer == whole
    manifests = [json.loads((tmp_path / where / "manifest.json").read_text()) for where in ("s", "fresh")]
    assert manifests[0] == manifests[1]


CHANGES = {
    "response": {"rows": [{**answer("a"), "response": "5 up 0. \\boxed{5}"}, answer("b")]},
    "statement": {"statements": {**PROBLEMS, "a": "Ana sets the dial to 9. Go up 4."}},
    "end": {"rows": [{**answer("a"), "finish_reason": "length"}, answer("b")]},
    "prompt": {"prompt": PROMPTS / "boxed.jinja"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_row_is_made_from_has_it_read_again(what: str, tmp_path: Path, model: Path) -> None:
    rows = [answer("a"), answer("b")]
    run(compute_token_shift, tmp_path / "s", model, rows)
    _, made = run(compute_token_shift, tmp_path / "s", model, **{"rows": rows, **CHANGES[what]})
    assert made["reused"] == (0 if what == "prompt" else 1)
    _, made = run(compute_token_shift, tmp_path / "s", model, rows)
    assert made["reused"] == (2 if what == "prompt" else 1)  # a key of its own, or the latest table


def test_other_weights_or_code_read_again(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [answer("a"), answer("b")]
    run(compute_loglikelihood, tmp_path / "s", model, rows)
    other = base_model(tmp_path / "other", TOY / "base-m")
    assert run(compute_loglikelihood, tmp_path / "s", other, rows)[1]["reused"] == 0
    monkeypatch.setattr("distill.runtime.record.code_hash", lambda *_: "0" * 64)
    assert run(compute_loglikelihood, tmp_path / "s", model, rows)[1]["reused"] == 0


def test_rows_of_the_draws_other_shards_are_taken_over(tmp_path: Path, model: Path) -> None:
    draw = tmp_path / "draw-0"
    for shard, names in (("00-of-02", "ab"), ("01-of-02", "cd")):
        run(compute_suitability, draw / shard / "s", model, [answer(i) for i in names])
    _, made = run(compute_suitability, draw / "00-of-01/s", model, [answer(i) for i in "abcde"])
    assert made["reused"] == 4
    _, made = run(compute_suitability, draw / "00-of-01/t", model, [answer(i) for i in "abcde"])
    assert made["reused"] == 0  # another student's folder


def test_a_kept_table_that_was_altered_is_passed_over(
    tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [answer("a"), answer("b")]
    first, _ = run(compute_loglikelihood, tmp_path / "s", model, rows)
    (table,) = (tmp_path / "s/kept").glob("*.parquet")
    table.unlink()
    table.write_bytes(first[:-9] + b"otherwise")
    with caplog.at_level(logging.INFO):
        again, made = run(compute_loglikelihood, tmp_path / "s", model, rows)
    assert (again, made["reused"]) == (first, 0)
    assert "kept rows are passed over" in caplog.text
    for torn in ("", "[]", '{"sources": 3}', '{"sources": ["x"], "sha256": 1}'):
        (facts,) = (tmp_path / "s/kept").glob("*.json")
        facts.write_text(torn)
        assert run(compute_loglikelihood, tmp_path / "s", model, rows)[1]["reused"] == 0, torn
    facts.with_suffix(".parquet").unlink()
    assert run(compute_loglikelihood, tmp_path / "s", model, rows)[1]["reused"] == 0


def test_the_latest_keys_are_kept(tmp_path: Path, model: Path) -> None:
    rows = [answer("a")]
    prompts = [tmp_path / f"{name}.jinja" for name in "abcd"]
    for prompt in prompts:
        prompt.write_text(f"{prompt.stem}: {{{{ problem }}}}")
        run(compute_loglikelihood, tmp_path / "s", model, rows, prompt=prompt)
    assert len(list((tmp_path / "s/kept").glob("*.parquet"))) == len(list((tmp_path / "s/kept").glob("*.json"))) == 3
    found = [run(compute_loglikelihood, tmp_path / "s", model, rows, prompt=p)[1]["reused"] for p in prompts[::-1]]
    assert found == [1, 1, 1, 0]


def solve(folder: Path, model: Path, golds: dict[str, str]) -> dict[str, Any]:
    rows = [{"problem_id": i, "problem": PROBLEMS[i], "solution": "0 up 4.", "answer": a} for i, a in golds.items()]
    known, written = problems_table(folder / "problems.parquet", rows), folder / "s/solutions.parquet"
    write_solutions.main(["--problems", str(known), "--output", str(written)])
    keys = ["--prompt", str(PROMPTS / "plain.jinja"), "--recipe", recipe(system=None), "--model", str(model)]
    compute_loglikelihood.main(["--solutions", str(written), *keys, "--output", str(folder / "l/likelihoods.parquet")])
    return json.loads((folder / "l/provenance.json").read_text())


def test_a_corrected_gold_has_its_own_solution_read_again(tmp_path: Path, model: Path) -> None:
    assert solve(tmp_path, model, {"a": "5", "b": "5", "c": "4"})["reused"] == 0
    assert solve(tmp_path, model, {"a": "5", "b": "3", "c": "4"})["reused"] == 2
    shutil.rmtree(tmp_path / "l")
    assert solve(tmp_path, model, {"a": "5", "b": "3", "c": "4"})["reused"] == 0


def test_a_job_that_is_ended_keeps_nothing_that_is_not_whole(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ratings, "write_json", die)
    with pytest.raises(KeyboardInterrupt):
        run(compute_loglikelihood, tmp_path / "s", model, [answer("a")])
    monkeypatch.undo()
    assert run(compute_loglikelihood, tmp_path / "s", model, [answer("a")])[1]["reused"] == 0
