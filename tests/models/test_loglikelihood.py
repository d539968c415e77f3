"""Likelihoods against the plain forward pass of the library, whatever the batch and the window; the program on rows."""

from pathlib import Path

import compute_loglikelihood
import pytest
from helpers import PROMPTS, TOY, base_model, manifest, problems_table, recipe, responses_table
from hypothesis import given
from hypothesis import strategies as st

from distill import tables
from distill.datasets.curation import perplexity
from distill.models import loglikelihood
from distill.runtime.errors import InputError

PROBLEM = "Ana sets the dial to 3. Go up 4 then down 2. Where is it?"
SHORT = "3 up 4 down 2 = 5.\n\\boxed{5}"
LONG = "Let me think. The dial starts at 3.\nPart 1 says up 4 then down 2.\n3 up 4 = 7. Check: 7 down 4 = 3. Right.\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "base-m")


def plain(model: Path, rows: list[loglikelihood.Tokens]) -> list[float]:
    """Each row alone, in one pass, in the library's own words."""
    import torch

    from distill.models.folders import load_model

    network = load_model(model).eval()
    found = []
    for ids, prompt in rows:
        with torch.inference_mode():
            words = network(torch.tensor([ids])).logits[0].double().log_softmax(-1)
        found.append(sum(words[i - 1, ids[i]].item() for i in range(prompt, len(ids))))
    return found


def test_likelihoods_are_those_of_each_row_alone(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [([5 + (7 * i + j) % 60 for j in range(n)], prompt) for i, (n, prompt) in
            enumerate([(40, 7), (3, 1), (130, 60), (41, 40), (9, 2), (128, 1)])]  # fmt: skip
    expected = plain(model, rows)
    scorer = loglikelihood.LoglikelihoodModel(model)
    assert scorer.loglikelihoods(rows) == pytest.approx(expected, abs=1e-3)
    monkeypatch.setattr(loglikelihood, "WINDOW", 16)
    monkeypatch.setattr(loglikelihood, "STEP_TOKENS", 64)
    assert scorer.loglikelihoods(rows) == pytest.approx(expected, abs=1e-3)


@given(st.lists(st.integers(1, 5000), max_size=60))
def test_batches_hold_every_row_once_within_the_step(lengths: list[int]) -> None:
    found = list(loglikelihood.batches(lengths))
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    for batch in found:
        width = min(max(lengths[i] for i in batch), loglikelihood.WINDOW)
        assert len(batch) == 1 or len(batch) * width <= loglikelihood.STEP_TOKENS


def run(folder: Path, model: Path, rows: list[dict]) -> list[dict]:
    known = problems_table(folder / "problems.parquet", [{"problem_id": "p", "problem": PROBLEM, "answer": "5"}])
    answered = responses_table(folder / "r.parquet", [{"problem_id": "p", "draw": i, **r} for i, r in enumerate(rows)])
    output = folder / "l/loglikelihoods.parquet"
    options = ["--statements", str(known), "--responses", str(answered), "--model", str(model)]
    keys = ["--prompt", str(PROMPTS / "plain.jinja"), "--recipe", recipe(system=None)]
    compute_loglikelihood.main([*options, *keys, "--output", str(output)])
    return tables.read(output, tables.LOGLIKELIHOODS).to_pylist()


def test_the_program_rates_what_it_can(tmp_path: Path, model: Path) -> None:
    rows = [{"response": SHORT}, {"response": LONG * 30}, {"response": "", "finish_reason": "error"},
            {"response": SHORT.replace("5", "<|user|>")}, {"response": "5 = 2 down 4 up 3 dial"}]  # fmt: skip
    found = run(tmp_path, model, rows)
    assert [r["tokens"] is not None for r in found] == [True, False, False, False, True]
    assert [r["loglikelihood"] is not None for r in found] == [True, False, False, False, True]
    known, odd = (perplexity(found[i]["loglikelihood"], found[i]["tokens"]) for i in (0, 4))
    assert 1 <= known < 2 < 10 < odd  # the model was trained on the first style, and never on words in that order
    facts = manifest(tmp_path / "l/loglikelihoods.parquet")
    assert (facts["rows"], facts["rated"], facts["tokens"]) == (5, 2, found[0]["tokens"] + found[4]["tokens"])


def test_responses_to_problems_of_another_corpus(tmp_path: Path, model: Path) -> None:
    with pytest.raises(InputError, match="problem 'q' is not in"):
        run(tmp_path, model, [{"problem_id": "q", "response": SHORT}])
