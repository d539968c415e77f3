"""Token shift against a naive loop over full logits; the kinds of tokens; the program on rows."""

import math
from pathlib import Path
from typing import Any

import compute_token_shift
import numpy as np
import pytest
from helpers import PROMPTS, TOY, base_model, manifest, problems_table, recipe, responses_table
from hypothesis import given
from hypothesis import strategies as st

from distill import tables
from distill.models.suitability import TokenValues
from distill.models.token_shift import STYLE, Spelling, TokenKind, kinds, shifts

PROBLEM = "Ana sets the dial to 3. Go up 4 then down 2. Where is it?"
SHORT = "3 up 4 down 2 = 5.\n\\boxed{5}"
LINE = "Let me think. The dial starts at 3.\nPart 1 says up 4 then down 2.\n3 up 4 = 7. Check: 7 down 4 = 3. Right.\n"
ODD = "5 = 2 down 4 up 3 dial"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "base-m")


def naive(response: str, stops: bool) -> list[tuple[str, int, float]]:
    """Text, rank and log-likelihood of each token of a response, from the whole logits, by transformers alone."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TOY / "base-m")
    network = AutoModelForCausalLM.from_pretrained(TOY / "base-m").eval()
    messages = [{"role": "user", "content": PROBLEM}]
    opening = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template([*messages, {"role": "assistant", "content": response}], tokenize=False)
    ids, prompt = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (whole, opening))
    end = ids.index(tokenizer.eos_token_id, len(prompt)) + stops
    with torch.inference_mode():
        logits = network(torch.tensor([ids])).logits[0].double()
    found = []
    for place in range(len(prompt), end):
        before = logits[place - 1].tolist()
        own = before[ids[place]]
        total = math.log(sum(math.exp(other) for other in before))
        found.append((tokenizer.decode(ids[place]).strip(), 1 + sum(other > own for other in before), own - total))
    return found


def run(folder: Path, model: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = problems_table(folder / "problems.parquet", [{"problem_id": "p", "problem": PROBLEM, "answer": "5"}])
    answered = responses_table(folder / "r.parquet", [{"problem_id": "p", "draw": i, **r} for i, r in enumerate(rows)])
    output = folder / "t/token_shift.parquet"
    options = ["--statements", str(known), "--responses", str(answered), "--model", str(model)]
    keys = ["--prompt", str(PROMPTS / "plain.jinja"), "--recipe", recipe(system=None)]
    compute_token_shift.main([*options, *keys, "--output", str(output)])
    return tables.read(output, tables.TOKEN_SHIFT).to_pylist()


def test_the_program_looks_up_what_was_written(tmp_path: Path, model: Path) -> None:
    rows = [{"response": SHORT}, {"response": LINE * 30}, {"response": "", "finish_reason": "error"},
            {"response": SHORT.replace("5", "<|user|>")}, {"response": ODD, "finish_reason": "length"},
            {"response": LINE}]  # fmt: skip
    found = run(tmp_path, model, rows)
    assert [row["tokens"] is not None for row in found] == [True, False, False, False, True, True]
    assert all((row["types"] is None) == (row["tokens"] is None) for row in found)
    for place, response, stops in ((0, SHORT, True), (4, ODD, False), (5, LINE, True)):
        expected, row = naive(response, stops), found[place]
        ranks = [rank for _, rank, _ in expected]
        assert row["tokens"] == len(expected)
        assert row["marginal"] == sum(rank in (2, 3) for rank in ranks)
        assert row["shifted"] == sum(rank > 3 for rank in ranks)
        assert row["loglikelihood"] == pytest.approx(sum(value for *_, value in expected), abs=1e-3)
        for each in row["types"]:
            if each["token"].strip():
                own = [rank for token, rank, _ in expected if token == each["token"]]
                assert each["count"] == len(own), each
                assert each["marginal"] == sum(rank in (2, 3) for rank in own)
                assert each["shifted"] == sum(rank > 3 for rank in own)
                assert each["ranks"] == sum(min(rank, 100) for rank in own)
        assert sum(each["count"] for each in row["types"]) == row["tokens"]
        assert any(each["kind"] == "stop" for each in row["types"]) == stops
    assert found[4]["shifted"] > 3  # never were words in that order
    facts = manifest(tmp_path / "t/token_shift.parquet")
    known = [found[place] for place in (0, 4, 5)]
    sums = {name: sum(row[name] for row in known) for name in ("tokens", "marginal", "shifted")}
    assert {name: facts[name] for name in sums} == sums
    assert (facts["rows"], facts["read"]) == (6, 3)
    nats = -sum(row["loglikelihood"] for row in known) / sums["tokens"]
    assert facts["surprisal"] == pytest.approx(nats, abs=1e-5)


def test_greedy_answers_of_the_student_itself_are_unshifted(tmp_path: Path, model: Path) -> None:
    """What transformers writes greedily is of rank 1 throughout, but for near ties."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(TOY / "base-m")
    network = AutoModelForCausalLM.from_pretrained(TOY / "base-m").eval()
    text = tokenizer.apply_chat_template([{"role": "user", "content": PROBLEM}], tokenize=False,
                                         add_generation_prompt=True)  # fmt: skip
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        out = network.generate(ids, max_new_tokens=200, do_sample=False)[0, ids.shape[1] :]
    assert out[-1] == tokenizer.eos_token_id
    (row,) = run(tmp_path, model, [{"response": tokenizer.decode(out[:-1])}])
    assert (row["tokens"], row["marginal"], row["shifted"]) == (len(out), 0, 0)


def test_a_table_of_nothing_that_can_be_read(tmp_path: Path, model: Path) -> None:
    (row,) = run(tmp_path, model, [{"response": "", "finish_reason": "error"}])
    assert row["tokens"] is None
    facts = manifest(tmp_path / "t/token_shift.parquet")
    assert (facts["read"], facts["tokens"], facts["surprisal"]) == (0, 0, None)


class Words:
    """A tokenizer whose tokens are given; alone, a word has no space before it, as with SentencePiece."""

    def __init__(self, *words: str, bare: bool):
        self._words, self._bare = words, bare

    def decode(self, ids: list[int], **_: object) -> str:
        text = "".join(self._words[i] for i in ids)
        return text.removeprefix(" ") if self._bare else text


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wait|,| but| the| dial", "style layout style words words"),
        ("Al|ternatively| so", "words words style"),  # a piece of a word is judged with its begin
        (" is| \\|frac|{|3|}{|4|}", "words mathematics mathematics mathematics mathematics mathematics mathematics "
                                    "mathematics"),
        ("\\|box|ed|{|5|}", "mathematics mathematics mathematics mathematics mathematics mathematics"),
        (" x| =| 3| -| y|.", "mathematics mathematics mathematics mathematics mathematics layout"),
        ("\n|-| a| **|x|**", "layout layout words layout mathematics layout"),
        ("\n|*| I| \u03b1| ≤| 中", "layout layout style mathematics mathematics words"),
        ("3|up", "mathematics words"),
        ("Let's|\n\n|CHECK|!", "style layout style layout"),
        ("12|%| off| 5|€", "mathematics mathematics words mathematics layout"),
    ],
)  # fmt: skip
def test_kinds_of_tokens(text: str, expected: str, bare: bool) -> None:
    words = text.split("|")
    spelled = Spelling(Words(*words, bare=bare)).words(range(len(words)))
    assert [kind.value for kind in kinds(spelled, stops=False)] == expected.split()
    stopped = [kind.value for kind in kinds(spelled, stops=True)]
    assert stopped == [*expected.split()[:-1], "stop"]


def test_words_of_style_are_written_as_they_are_compared() -> None:
    assert all(word == word.casefold().strip("'") and " " not in word for word in STYLE)


@given(st.lists(st.tuples(st.sampled_from(["a", " b", "1", "\n", "wait"]), st.integers(1, 500)), min_size=1))
def test_every_token_counts_once(tokens: list[tuple[str, int]]) -> None:
    words = [(text, False) for text, _ in tokens]
    ranks = np.array([rank for _, rank in tokens], dtype=float)
    row = shifts(words, TokenValues(-ranks, ranks), stops=False)
    for name in ("marginal", "shifted"):
        assert row[name] == sum(each[name] for each in row["types"])
    assert row["tokens"] == sum(each["count"] for each in row["types"]) == len(tokens)
    assert row["shifted"] == sum(rank >= 4 for _, rank in tokens)
    assert row["marginal"] == sum(2 <= rank <= 3 for _, rank in tokens)
    assert sum(each["ranks"] for each in row["types"]) == sum(min(rank, 100) for _, rank in tokens)
    keys = [(each["token"], each["kind"]) for each in row["types"]]
    assert keys == sorted(set(keys))
    assert {kind for _, kind in keys} <= {kind.value for kind in TokenKind}
