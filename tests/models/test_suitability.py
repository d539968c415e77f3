"""Suitability against a naive loop over full logits, whatever the batch and the window; the program on rows."""

import math
from pathlib import Path
from typing import Any

import compute_suitability
import pytest
from helpers import PROMPTS, TOY, base_model, manifest, problems_table, recipe, responses_table
from hypothesis import given
from hypothesis import strategies as st

from distill import tables
from distill.models import loglikelihood
from distill.models import suitability as module
from distill.models.suitability import Splitter, SuitabilityModel
from distill.runtime.errors import InputError

PROBLEM = "Ana sets the dial to 3. Go up 4 then down 2. Where is it?"
SHORT = "3 up 4 down 2 = 5.\n\\boxed{5}"
LINE = "Let me think. The dial starts at 3.\nPart 1 says up 4 then down 2.\n3 up 4 = 7. Check: 7 down 4 = 3. Right.\n"
LONG = LINE * 3 + "\\boxed{5}"
ODD = "5 = 2 down 4 up 3 dial"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "base-m")


@pytest.fixture(scope="module")
def network() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(TOY / "base-m").eval()


def values_of(network: Any, ids: list[int], start: int) -> list[tuple[float, int]]:
    """Log-likelihood and rank of each token from `start` on, from the whole logits, token by token."""
    import torch

    with torch.inference_mode():
        logits = network(torch.tensor([ids])).logits[0].double()
    found = []
    for place in range(start, len(ids)):
        before = logits[place - 1].tolist()  # what is said of a token stands before it
        own = before[ids[place]]
        above = sum(other > own for other in before)
        found.append((own - math.log(sum(math.exp(other) for other in before)), above + 1))
    return found


def naive(network: Any, ids: list[int], prompt: int, pieces: list[tuple[int, int]]) -> dict[str, float]:
    """The row of a response by its definition."""
    values = values_of(network, ids, prompt)
    local = []
    for place, (start, end) in enumerate(pieces):
        first = pieces[max(0, place - 4)][0]
        seen = ids[:prompt] + ids[prompt + first : prompt + end]
        own = values_of(network, seen, len(seen) - (end - start))
        local.append(sum(value for value, _ in own) / len(own))
    return {"tokens": len(values), "loglikelihood": sum(value for value, _ in values),
            "ranks": sum(min(rank, 100) for _, rank in values), "top_1": sum(rank == 1 for _, rank in values),
            "top_10": sum(rank <= 10 for _, rank in values), "pieces": len(pieces),
            "local": sum(local) / len(local)}  # fmt: skip


ROWS = [([5 + (7 * i + j * j) % 60 for j in range(n)], prompt) for i, (n, prompt) in
        enumerate([(40, 7), (3, 1), (130, 60), (41, 40), (9, 2), (128, 1)])]  # fmt: skip


def cut(length: int, width: int) -> list[tuple[int, int]]:
    return [(start, min(start + width, length)) for start in range(0, length, width)]


def test_facts_are_those_of_a_loop_over_the_logits(model: Path, network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [cut(len(ids) - prompt, 6) for ids, prompt in ROWS]
    expected = [naive(network, ids, prompt, own) for (ids, prompt), own in zip(ROWS, pieces, strict=True)]
    assert any(facts["ranks"] != facts["tokens"] for facts in expected)
    reader = SuitabilityModel(model)
    whole = reader.read(ROWS, pieces)
    monkeypatch.setattr(loglikelihood, "WINDOW", 16)
    monkeypatch.setattr(loglikelihood, "STEP_TOKENS", 64)
    monkeypatch.setattr(module, "TOGETHER", 3)
    for found in (whole, reader.read(ROWS, pieces)):
        for own, wanted in zip(found, expected, strict=True):
            assert own._asdict() == pytest.approx(wanted, abs=1e-3)


def test_what_is_far_from_likely_counts_as_rank_100(model: Path, network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    facts = module._facts(module.TokenValues(np.array([-1.0, -9.0]), np.array([99.0, 250.0])), [-5.0])
    assert facts.ranks == 99 + 100
    monkeypatch.setattr(module, "MAX_RANK", 30)  # the toy knows 71 tokens
    ids, prompt = ROWS[2]
    ranks = [rank for _, rank in values_of(network, ids, prompt)]
    (found,) = SuitabilityModel(model).read([(ids, prompt)], [cut(len(ids) - prompt, 6)])
    assert found.ranks == sum(min(rank, 30) for rank in ranks) < sum(ranks)


def test_the_prompt_is_seen_and_not_rated(model: Path) -> None:
    ids, prompt = ROWS[0]
    reader, pieces = SuitabilityModel(model), [cut(len(ids) - prompt, 6)]
    (found,) = reader.read([(ids, prompt)], pieces)
    (other,) = reader.read([([9] * prompt + ids[prompt:], prompt)], pieces)
    assert found.tokens == other.tokens == len(ids) - prompt
    assert found.loglikelihood != other.loglikelihood


def test_equal_logits_share_the_better_rank() -> None:
    import torch

    logits = torch.tensor([[[1.0, 2.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    values = module._values(logits, torch.tensor([[2, 3]]))
    assert values[..., 1].tolist() == [[1, 1]]
    assert values[0, 1, 0].item() == pytest.approx(-math.log(4))
    assert module._values(logits, torch.tensor([[3, 0]]))[0, 0, 1].item() == 4


@given(st.data())
def test_signals_are_in_their_bounds(data: st.DataObject) -> None:
    import numpy as np

    size = data.draw(st.integers(1, 30))
    nats = data.draw(st.lists(st.floats(-50, 0), min_size=size, max_size=size))
    ranks = data.draw(st.lists(st.integers(1, 10**5), min_size=size, max_size=size))
    facts = module._facts(module.TokenValues(np.array(nats), np.array(ranks, dtype=float)), nats)
    assert facts.tokens == size
    assert size <= facts.ranks <= 100 * size
    assert 0 <= facts.top_1 <= facts.top_10 <= size
    from distill.datasets.suitability import SIGNALS

    row = facts._asdict()
    assert SIGNALS["perplexity"].of(row) >= 1
    assert 0 <= SIGNALS["overlap_1"].of(row) <= SIGNALS["overlap_10"].of(row) <= 1
    assert SIGNALS["local_naturalness"].of(row) <= 0
    assert SIGNALS["rank_surprisal"].of(row) > 0


class Words:
    """A tokenizer whose tokens are words; alone, a word has no space before it, as with SentencePiece."""

    def __init__(self, *words: str):
        self._words = words

    def decode(self, ids: list[int], **_: object) -> str:
        text = "".join(self._words[i] for i in ids)
        return text.lstrip(" ") if len(ids) == 1 and len(text.strip()) else text


@pytest.mark.parametrize(
    ("words", "pieces"),
    [
        (["One", " is", " 1.", " Two", "."], ["One is 1.", " Two.$"]),
        (["Pi", " is", " 3.", "14", " so"], ["Pi is 3.14 so$"]),  # no white space after the point
        (["a", "\n", "\n", "b", "\n"], ["a\n\n", "b\n$"]),
        (["\n", "a", " b"], ["\na b$"]),  # nothing ends before it has begun
        (["Is", " it", '?"', " Yes", "!)", " So", " on"], ['Is it?"', " Yes!)", " So on$"]),
        (["x", " = 1,", "\n\n", "y", " = 2"], ["x = 1,\n\n", "y = 2$"]),
        (["alone"], ["alone$"]),
    ],
)
def test_pieces_are_sentences_and_lines(words: list[str], pieces: list[str]) -> None:
    splitter = Splitter(Words(*words, "$"))
    spans = splitter.pieces(range(len(words) + 1))
    assert ["".join([*words, "$"][start:end]) for start, end in spans] == pieces


@given(st.lists(st.sampled_from(["a", " b", ".", "\n", " ", "!", ". ", "?\n", "1"]), min_size=1, max_size=40))
def test_every_token_is_in_one_piece(words: list[str]) -> None:
    spans = Splitter(Words(*words, "$")).pieces(range(len(words) + 1))
    assert [place for start, end in spans for place in range(start, end)] == list(range(len(words) + 1))
    assert all(end > start for start, end in spans)


def run(folder: Path, model: Path, rows: list[dict]) -> list[dict]:
    known = problems_table(folder / "problems.parquet", [{"problem_id": "p", "problem": PROBLEM, "answer": "5"}])
    answered = responses_table(folder / "r.parquet", [{"problem_id": "p", "draw": i, **r} for i, r in enumerate(rows)])
    output = folder / "l/suitability.parquet"
    options = ["--statements", str(known), "--responses", str(answered), "--model", str(model)]
    keys = ["--prompt", str(PROMPTS / "plain.jinja"), "--recipe", recipe(system=None)]
    compute_suitability.main([*options, *keys, "--output", str(output)])
    return tables.read(output, tables.SUITABILITY).to_pylist()


def test_the_program_rates_what_it_can(tmp_path: Path, model: Path, network: Any) -> None:
    rows = [{"response": SHORT}, {"response": LINE * 30}, {"response": "", "finish_reason": "error"},
            {"response": SHORT.replace("5", "<|user|>")}, {"response": ODD}, {"response": LONG}]  # fmt: skip
    found = run(tmp_path, model, rows)
    assert [row["tokens"] is not None for row in found] == [True, False, False, False, True, True]
    for name in ("loglikelihood", "ranks", "top_1", "top_10", "pieces", "local"):
        assert [row[name] is not None for row in found] == [True, False, False, False, True, True], name
    for place, response in ((0, SHORT), (4, ODD), (5, LONG)):
        ids, prompt = taught(response)
        (row,) = [row for row in found if row["draw"] == place]
        expected = naive(network, ids, prompt, pieces_of(ids, prompt))
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-3)
    assert found[5]["pieces"] == 19  # more than one window
    facts = manifest(tmp_path / "l/suitability.parquet")
    known = [found[place] for place in (0, 4, 5)]
    assert (facts["rows"], facts["rated"], facts["tokens"]) == (6, 3, sum(row["tokens"] for row in known))
    ranks = [row["ranks"] / row["tokens"] for row in known]
    assert facts["rank"] == pytest.approx(sum(ranks) / 3, abs=1e-5)
    nats = [-row["loglikelihood"] / row["tokens"] for row in known]
    assert facts["surprisal"] == pytest.approx(sum(nats) / 3, abs=1e-5)
    assert nats[0] < 0.7 < 2.3 < nats[1]  # the model was trained on the first style, never on words in that order


def taught(response: str) -> tuple[list[int], int]:
    """The tokens of a row and how many are its prompt, by the toy's own template and transformers alone."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TOY / "base-m")
    messages = [{"role": "user", "content": PROBLEM}]
    opening = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([*messages, {"role": "assistant", "content": response}], tokenize=False)
    ids, prompt = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (whole, opening))
    assert ids[: len(prompt)] == prompt
    return ids[: ids.index(tokenizer.eos_token_id, len(prompt)) + 1], len(prompt)


def pieces_of(ids: list[int], prompt: int) -> list[tuple[int, int]]:
    from transformers import AutoTokenizer

    return Splitter(AutoTokenizer.from_pretrained(TOY / "base-m")).pieces(ids[prompt:])


def test_responses_that_none_can_be_rated_of(tmp_path: Path, model: Path) -> None:
    (found,) = run(tmp_path, model, [{"response": "", "finish_reason": "error"}])
    assert found["tokens"] is None
    assert manifest(tmp_path / "l/suitability.parquet")["rated"] == 0


def test_responses_to_problems_of_another_corpus(tmp_path: Path, model: Path) -> None:
    with pytest.raises(InputError, match="problem 'q' is not in"):
        run(tmp_path, model, [{"problem_id": "q", "response": SHORT}])


def test_numbers_that_overflow_end_the_program_with_the_row(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = SuitabilityModel.windows

    def windows(self: SuitabilityModel, rows: list) -> Any:
        for logits, targets, counted in whole(self, rows):
            yield logits * float("nan"), targets, counted

    monkeypatch.setattr(SuitabilityModel, "windows", windows)
    with pytest.raises(InputError, match=r"base: what it computes for draw 0 of problem 'p' is not finite"):
        run(tmp_path, model, [{"response": SHORT}])
    assert not (tmp_path / "l/suitability.parquet").exists()
