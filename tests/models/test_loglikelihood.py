"""Likelihoods against the plain forward pass of the library, whatever the batch and the window; the program on rows."""

from pathlib import Path
from typing import Any

import compute_loglikelihood
import pytest
import write_solutions
from helpers import PROMPTS, TOY, base_model, manifest, problems_table, recipe, responses_table
from hypothesis import given
from hypothesis import strategies as st

from distill import tables
from distill.datasets.curation import perplexity
from distill.models import loglikelihood
from distill.models.rendering import RenderedRow
from distill.models.spans import Span, tokens_of
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
    each = scorer.of_tokens(rows)
    assert [len(own) for own in each] == [len(ids) - prompt for ids, prompt in rows]
    assert [sum(own) for own in each] == pytest.approx(expected, abs=1e-3)


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


SOLUTIONS = [
    {"problem_id": "a", "solution": "3 up 4 down 2 = 5.", "answer": "5"},
    {"problem_id": "b", "solution": LONG + "\\boxed{5}", "answer": "5.0"},
    {"problem_id": "c", "solution": None, "answer": "5 up 4"},
    {"problem_id": "d", "solution": "3 <|user|> 5", "answer": "5"},
    {"problem_id": "e", "solution": LONG * 30, "answer": "5"},
]


def rated(folder: Path, model: Path, solutions: list[dict]) -> list[dict]:
    known = problems_table(folder / "problems.parquet", [{"problem": PROBLEM, **row} for row in solutions])
    written, output = folder / "s/solutions.parquet", folder / "l/likelihoods.parquet"
    write_solutions.main(["--problems", str(known), "--output", str(written)])
    options = ["--solutions", str(written), "--model", str(model), "--prompt", str(PROMPTS / "plain.jinja")]
    compute_loglikelihood.main([*options, "--recipe", recipe(system=None), "--output", str(output)])
    return tables.read(output, tables.LIKELIHOODS).to_pylist()


def of_text(before: str, text: str) -> tuple[float, int]:
    """The log-likelihood of a text after another one, and its tokens, by the toy's weights and transformers alone."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TOY / "base-m")
    network = AutoModelForCausalLM.from_pretrained(TOY / "base-m").eval()
    messages = [{"role": "user", "content": PROBLEM}]  # the prompt `plain` is the problem
    opening = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    given, whole = (tokenizer(opening + t, add_special_tokens=False)["input_ids"] for t in (before, before + text))
    assert whole[: len(given)] == given
    with torch.inference_mode():
        words = network(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    return sum(words[i - 1, whole[i]].item() for i in range(len(given), len(whole))), len(whole) - len(given)


def test_likelihoods_of_solutions_are_those_of_transformers_alone(tmp_path: Path, model: Path) -> None:
    found = {row["problem_id"]: row for row in rated(tmp_path, model, SOLUTIONS)}
    solution = SOLUTIONS[0]["solution"]
    expected = {
        ("a", "solution"): of_text("", solution),
        ("a", "answer"): of_text(solution + "\n\n\\boxed{", "5"),
        ("b", "solution"): of_text("", LONG + "\\boxed{5}"),
        ("b", "answer"): of_text(LONG + "\\boxed{", "5"),  # as the solution spells it
        ("c", "answer"): of_text("\\boxed{", "5 up 4"),
    }
    for (problem, part), (value, tokens) in expected.items():
        assert found[problem][f"{part}_loglikelihood"] == pytest.approx(value, abs=1e-4), (problem, part)
        assert found[problem][f"{part}_tokens"] == tokens, (problem, part)
    absent = [("c", "solution"), *((problem, part) for problem in "de" for part in ("solution", "answer"))]
    assert all(found[problem][f"{part}_loglikelihood"] is None for problem, part in absent)
    facts = manifest(tmp_path / "l/likelihoods.parquet")
    nats = [-expected[key][0] / expected[key][1] for key in expected if key[1] == "answer"]
    assert facts["answer_nats"] == pytest.approx(sum(nats) / 3, abs=1e-5)
    assert (facts["rows"], facts["solutions"], facts["answers"]) == (5, 2, 3)


def test_a_model_that_can_read_no_solution_is_told(tmp_path: Path, model: Path) -> None:
    with pytest.raises(InputError, match=r"can read none of its solutions \(special_token: <\|user\|>\)"):
        rated(tmp_path, model, SOLUTIONS[3:4])
    with pytest.raises(InputError, match="give either --statements and --responses, or --solutions"):
        compute_loglikelihood.main(["--prompt", "p", "--model", "m", "--recipe", recipe(system=None),
                                    "--output", str(tmp_path / "l/x.parquet")])  # fmt: skip


class Pieces:
    """A tokenizer whose tokens are pieces of bytes."""

    def __init__(self, *pieces: bytes):
        self._pieces = pieces

    def decode(self, ids: list[int], **_: object) -> str:
        return b"".join(self._pieces[i] for i in ids).decode(errors="replace")


@pytest.mark.parametrize(
    ("pieces", "text", "span", "tokens"),
    [
        ((b"A ", b"{", b"12", b"3", b"}"), "A {123}", (3, 6), range(2, 4)),
        ((b"A {1", b"23}"), "A {123}", (3, 6), range(2)),  # a token that holds some of it counts
        ((b"A", b" {", b"123", b"}"), "A {123}", (0, 7), range(4)),
        (("é".encode()[:1], "é".encode()[1:], b"1", b"2"), "é12", (1, 3), range(2, 4)),  # half a character is none
        ((b"<think>", b"A", b"B"), "AB", (1, 2), range(2, 3)),  # what the template wrote before
        ((b"A", b"B"), "A B", (0, 1), None),
    ],
)
def test_tokens_of_a_part(pieces: tuple[bytes, ...], text: str, span: tuple[int, int], tokens: range | None) -> None:
    row = RenderedRow([*range(len(pieces)), 99], 0, "", 0)
    found = tokens_of(Pieces(*pieces), row, text, [Span(*span)])
    assert found == (None if tokens is None else [tokens])


def test_responses_to_problems_of_another_corpus(tmp_path: Path, model: Path) -> None:
    with pytest.raises(InputError, match="problem 'q' is not in"):
        run(tmp_path, model, [{"problem_id": "q", "response": SHORT}])


def overflown(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    """Let the model's numbers overflow, as float16 does, in every row."""
    whole = loglikelihood.CausalModel.windows

    def windows(self: loglikelihood.CausalModel, rows: list) -> Any:
        for logits, targets, counted in whole(self, rows):
            yield logits * float(at), targets, counted

    monkeypatch.setattr(loglikelihood.CausalModel, "windows", windows)


@pytest.mark.parametrize("at", ["nan", "inf"])
def test_numbers_that_overflow_end_the_program_with_the_row(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    overflown(monkeypatch, at)
    with pytest.raises(InputError, match=r"base: what it computes for draw 0 of problem 'p' is not finite"):
        run(tmp_path, model, [{"response": SHORT}])
    assert not (tmp_path / "l/loglikelihoods.parquet").exists()
    with pytest.raises(InputError, match=r"base: what it computes for problem 'a' is not finite"):
        rated(tmp_path, model, SOLUTIONS[:1])
