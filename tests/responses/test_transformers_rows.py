"""The transformers engine row by row: each row has its own limit and ends at its own token, counted to the token."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import TOY, base_model

from distill.config.recipes import DecodingRecipe, GenerateJob
from distill.models.folders import load_model, load_tokenizer
from distill.models.templates import ChatTemplate
from distill.responses.batch import Batch
from distill.responses.engines import Completion, Request, load_engine

CONTEXT = 512
PROBLEMS = [
    "Ana sets the dial to 3. Go up 4. Where is it?",
    "The dial of Ben is at 9. Go times 7. Then go down 2 then up 5. What does the dial show?",
    "Gus turns the dial to 0. Go down 1. Next go times 3. Now go up 8. Where does the dial stop?",
    "Eli sets the dial to 5. Go times 9. Where is it?",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "teacher-short")


@pytest.fixture(scope="module")
def tokenizer(model: Path) -> Any:
    return load_tokenizer(model)


def engine(model: Path, batch_size: int = 64, **decoding: Any) -> Any:
    decoding = {"max_new_tokens": 80, **decoding}
    return load_engine(model, GenerateJob(prompt="plain", batch_size=batch_size, decoding=DecodingRecipe(**decoding)))


def requests(problems: list[str], seeds: list[int] | None = None) -> list[Request]:
    seeds = seeds or list(range(len(problems)))
    return [Request([{"role": "user", "content": p}], seed) for p, seed in zip(problems, seeds, strict=True)]


def answers(loaded: Any, asked: list[Request]) -> list[Completion]:
    found = dict(loaded.generate(asked))
    return [found[i] for i in range(len(asked))]


def prompt_ids(tokenizer: Any, problem: str) -> list[int]:
    return ChatTemplate(tokenizer).prompt_ids([{"role": "user", "content": problem}])


@pytest.fixture(scope="module")
def greedy(model: Path, tokenizer: Any) -> list[list[int]]:
    """The new tokens of each problem, with the one that stops it, by the library's own generate."""
    import torch

    network, found = load_model(model).eval(), []
    for problem in PROBLEMS:
        ids = torch.tensor([prompt_ids(tokenizer, problem)])
        out = network.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=80)
        found.append(out[0, ids.shape[1] :].tolist())
    return found


def of_length(tokenizer: Any, count: int) -> str:
    """Return a problem whose prompt has so many tokens."""
    empty = len(prompt_ids(tokenizer, "up"))
    problem = " ".join(["up"] * (count - empty + 1))
    assert len(prompt_ids(tokenizer, problem)) == count
    return problem


# Limits


@pytest.mark.parametrize("batch_size", [64, 2, 1])
def test_each_row_has_the_limit_of_its_own_room(model: Path, tokenizer: Any, batch_size: int) -> None:
    """The context leaves a long prompt less room than the recipe allows; the shortest comes first into a batch."""
    lengths = [CONTEXT - 5, 40, CONTEXT - 12, CONTEXT - 1, CONTEXT - 20, CONTEXT - 21]
    loaded = engine(model, batch_size, max_new_tokens=20, temperature=3.0)
    loaded._engine._stops.clear()  # so that nothing but its limit ends a row
    found = answers(loaded, requests([of_length(tokenizer, count) for count in lengths]))
    assert [c.response_tokens for c in found] == [5, 20, 12, 1, 20, 20]
    assert {c.finish_reason for c in found} == {"length"}
    assert [c.prompt_tokens for c in found] == lengths


@pytest.mark.parametrize("count", [CONTEXT, CONTEXT + 1])
def test_a_prompt_that_leaves_no_room_is_an_error(model: Path, tokenizer: Any, count: int) -> None:
    found = answers(engine(model), requests([of_length(tokenizer, count), PROBLEMS[0]]))
    assert (found[0].finish_reason, found[0].prompt_tokens, found[0].response_tokens) == ("error", count, 0)
    assert found[1].finish_reason == "stop"


def test_a_stop_at_the_limit_is_a_stop_and_one_token_less_is_not(
    model: Path, tokenizer: Any, greedy: list[list[int]]
) -> None:
    count = len(greedy[0])
    (whole,), (short,) = (answers(engine(model, max_new_tokens=n), requests(PROBLEMS[:1])) for n in (count, count - 1))
    assert (whole.finish_reason, whole.response_tokens) == ("stop", count)
    assert (short.finish_reason, short.response_tokens) == ("length", count - 1)
    assert whole.text == short.text == tokenizer.decode(greedy[0], skip_special_tokens=True)


def test_tokens_are_counted_per_row(model: Path, tokenizer: Any, greedy: list[list[int]]) -> None:
    found = answers(engine(model, 3), requests(PROBLEMS))
    assert [c.prompt_tokens for c in found] == [len(prompt_ids(tokenizer, p)) for p in PROBLEMS]
    assert [c.response_tokens for c in found] == [len(ids) for ids in greedy]
    assert {c.finish_reason for c in found} == {"stop"}


def test_a_stop_token_that_is_a_word_is_no_part_of_the_response(
    tmp_path: Path, tokenizer: Any, greedy: list[list[int]]
) -> None:
    own = shutil.copytree(TOY / "teacher-short", tmp_path / "own")
    config = json.loads((own / "generation_config.json").read_text())
    (stop,) = tokenizer.encode(".", add_special_tokens=False)
    (own / "generation_config.json").write_text(json.dumps({**config, "eos_token_id": [tokenizer.eos_token_id, stop]}))
    found = answers(engine(base_model(tmp_path / "base", own)), requests(PROBLEMS))
    counts = [ids.index(stop) + 1 for ids in greedy]
    assert [(c.response_tokens, c.finish_reason) for c in found] == [(count, "stop") for count in counts]
    assert [c.text for c in found] == [tokenizer.decode(ids[: n - 1]) for ids, n in zip(greedy, counts, strict=True)]


# Stop texts


def end_of(tokenizer: Any, ids: list[int], stops: tuple[str, ...]) -> tuple[int, str, str]:
    """Return after how many tokens a stop text has first come, the text before it, and why the row ended."""
    for count in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[:count], skip_special_tokens=True)
        places = [text.find(stop) for stop in stops if stop in text]
        if places:
            return count, text[: min(places)], "stop"
    return len(ids), tokenizer.decode(ids, skip_special_tokens=True), "stop"


STOPS = [
    (" = 7",),  # two tokens
    ("= 7.\n",),  # four
    ("3 up 4 = 7.\n\\boxed{7}",),  # all of a response
    ("xed{",),  # within a token
    (".\n\\bo",),  # two tokens and a part
    ("p 4 =",),  # parts at both ends
    ("9 times", "= 3.\n", "4 ="),  # another one in each row
    ("!", "3 up 4 = 7.\n\\box"),  # a short one that never comes beside a long one
    ("no such text",),
    ("up",),  # one token, anywhere
]


@pytest.mark.parametrize("batch_size", [64, 3])
@pytest.mark.parametrize("stops", STOPS, ids=str)
def test_a_row_ends_with_the_token_that_completes_a_stop_text(
    model: Path, tokenizer: Any, greedy: list[list[int]], stops: tuple[str, ...], batch_size: int
) -> None:
    found = answers(engine(model, batch_size, stop=stops), requests(PROBLEMS))
    expected = [end_of(tokenizer, ids, stops) for ids in greedy]
    assert [(c.response_tokens, c.text, c.finish_reason) for c in found] == expected


def test_the_stop_texts_of_these_tests_end_rows_early(tokenizer: Any, greedy: list[list[int]]) -> None:
    early = [sum(end_of(tokenizer, ids, stops)[0] < len(ids) for ids in greedy) for stops in STOPS]
    assert all(early[:8])
    assert early[8] == 0
    assert early[6] >= 2


# Seeds


def test_a_row_has_its_own_seed_wherever_it_stands(model: Path) -> None:
    seeds = [11, 7, 7, 5, 11]
    problems = [PROBLEMS[1], PROBLEMS[0], PROBLEMS[0], PROBLEMS[3], PROBLEMS[0]]
    loaded = engine(model, temperature=3.0, max_new_tokens=30)
    found = [c.text for c in answers(loaded, requests(problems, seeds))]
    alone = [answers(loaded, requests([p], [s]))[0].text for p, s in zip(problems, seeds, strict=True)]
    assert found == alone
    assert found[1] == found[2] != found[4]


# The batch itself


@pytest.mark.parametrize("size", [1, 3, 8])
def test_each_line_has_the_logits_of_its_row_alone(model: Path, size: int) -> None:
    """Rows of random tokens join, grow and finish; after each step a line's logits are those of its whole sequence."""
    import torch

    chance = random.Random(size)
    network = load_model(model).eval()
    prompts = [[chance.randrange(5, 40) for _ in range(n)] for n in (2, 3, 5, 8, 9, 9, 14, 21, 30)]
    ends = {row: chance.randrange(1, 12) for row in range(len(prompts))}
    batch, taken, logits, compared = Batch(network, 0, size, "cpu"), 0, None, 0
    with torch.inference_mode():
        while True:
            joining = batch.room(prompts, taken)
            if joining or batch.is_sparse():
                logits = batch.rebuild(logits, {taken + i: prompts[taken + i] for i in range(joining)})
                taken += joining
            if not batch.alive:
                break
            for line, row in enumerate(batch.rows):
                if row is not None:
                    whole = torch.tensor([prompts[row] + batch._new[row]])
                    torch.testing.assert_close(logits[line], network(whole).logits[0, -1], atol=2e-4, rtol=1e-3)
                    compared += 1
            grown = batch.append(torch.tensor([chance.randrange(5, 40) for _ in batch.rows]))
            for row in [row for row, ids in grown if len(ids) == ends[row]]:
                assert len(batch.finish(row)) == ends[row]
            if batch.alive:
                logits = batch.step()
    assert taken == len(prompts)
    assert compared == sum(ends.values())
