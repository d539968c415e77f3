"""The steps of an update: packed rows do not see each other, and the loss is that of the rows alone."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Qwen3Config,
)

from distill import tables
from distill.runtime.errors import InputError
from distill.training.loss import IGNORED, summed_loss
from distill.training.steps import (
    Layout,
    Tokens,
    attention_share,
    cheaper,
    check_isolation,
    lay_out,
    of_device,
    side_by_side,
    tensors,
)

SHAPE = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1, "head_dim": 16}  # fmt: skip
MODELS = {
    "llama": LlamaConfig(**SHAPE),
    "qwen3": Qwen3Config(**SHAPE),
    "mistral": MistralConfig(**SHAPE, sliding_window=4),
    "gemma2": Gemma2Config(**SHAPE, sliding_window=4),
    "gemma3": Gemma3TextConfig(**SHAPE, sliding_window=4),
    "gpt2": GPT2Config(vocab_size=50, n_embd=32, n_layer=2, n_head=2),
}


def model(config: Any, attention: str = "sdpa") -> Any:
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()


def some_tokens(lengths: list[int], prompts: list[int], seed: int = 0) -> Tokens:
    rng = np.random.default_rng(seed)
    rows = [
        {"problem_id": f"{i:03d}", "teacher": "t", "input_ids": rng.integers(3, 50, n).tolist(),
         "loss_mask": [0] * p + [1] * (n - p), "length": n}
        for i, (n, p) in enumerate(zip(lengths, prompts, strict=True))
    ]  # fmt: skip
    return Tokens(tables.build(rows, tables.RENDERED))


TOKENS = some_tokens([9, 5, 14, 3, 20, 2], [3, 1, 6, 1, 10, 1])


def alone(network: Any, tokens: Tokens, row: int) -> float:
    """The loss of one row, from the probabilities of all its positions."""
    ids = torch.tensor(tokens.ids[row])[None]
    with torch.no_grad():
        logs = network(input_ids=ids).logits[0].float().log_softmax(-1)
    return -sum(float(logs[t - 1, ids[0, t]]) for t in range(1, ids.shape[1]) if tokens.masks[row][t])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(("packed", "masked"), [(True, True), (False, True), (False, False)],
                         ids=["packed", "padded", "padded without a mask"])  # fmt: skip
@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_that_of_the_rows_alone(name: str, packed: bool, masked: bool, attention: str) -> None:
    network = model(MODELS[name], attention)
    for rows in ([0, 1, 2], [4, 3], [5], [2, 0, 5, 4, 1, 3]):
        step = tensors(rows, TOKENS, packed, pad=0, masked=masked)
        assert ("attention_mask" in step) == (masked and not packed)
        with torch.no_grad():
            loss = float(summed_loss(network, step))
        expected = sum(alone(network, TOKENS, row) for row in rows)
        assert loss / TOKENS.loss_tokens(rows) == pytest.approx(expected / TOKENS.loss_tokens(rows), abs=1e-5)


def test_only_positions_that_predict_a_response_ask_for_logits() -> None:
    step = tensors([1, 3], TOKENS, True, pad=0)  # rows of 5 and 3 tokens, each behind a prompt of one
    assert step["logits_to_keep"].tolist() == [0, 1, 2, 3, 5, 6]
    assert step["position_ids"].tolist() == [[0, 1, 2, 3, 4, 0, 1, 2]]
    assert step["targets"].tolist() == [[*TOKENS.ids[1][1:], *TOKENS.ids[3][1:]]]
    padded = tensors([1, 3], TOKENS, False, pad=7)
    assert padded["input_ids"][1].tolist() == [*TOKENS.ids[3], 7, 7]
    assert padded["attention_mask"].tolist() == [[1] * 5, [1, 1, 1, 0, 0]]
    assert padded["targets"].tolist() == [[*TOKENS.ids[1][1:]], [*TOKENS.ids[3][1:], IGNORED, IGNORED]]


@pytest.mark.parametrize("name", MODELS)
def test_models_that_isolate_pass(name: str) -> None:
    check_isolation(model(MODELS[name]), TOKENS)


def test_a_model_that_looks_ahead_is_refused() -> None:
    network = model(MODELS["llama"], "eager")
    whole = network.forward

    def forward(input_ids: Any, **keys: Any) -> Any:
        """Add to each logit something of the last token, but for a row whose end is where it was."""
        out = whole(input_ids=input_ids, **keys)
        return type(out)(logits=out.logits + 0.1 * input_ids[:, -1, None, None])

    check_isolation(network, TOKENS)
    network.forward = forward
    with pytest.raises(InputError, match="rows of a pack see each other"):
        check_isolation(network, TOKENS)


def test_what_a_processor_has_less_to_do_with() -> None:
    even, uneven = [50, 50, 50, 50], [100, 100, 20, 20]
    assert cheaper(range(4), even, 100, None, share=0.0) == Layout([[0, 1], [2, 3]], packed=True)
    # One step of 200 tokens that look at 25: 50 + 200 (1 + 25 share) = 300. Two packs of 100: 300 + 20,000 share.
    assert cheaper(range(4), even, 100, None, share=0.01) == Layout([[0, 1, 2, 3]], packed=False)
    # Two steps, 100 + 200 (1 + 50 share) + 40 (1 + 10 share) = 340 + 10,400 share, or one of 400 tokens. Packs take two
    # steps as well, and 28,800 share; one pack of all is cheaper, as long as its 57,600 share are less than 50 more.
    assert cheaper(range(4), uneven, 120, None, share=1e-6) == Layout([[0, 1], [2, 3]], packed=False)
    assert cheaper(range(4), uneven, 240, None, share=1 / 950) == Layout([[0, 1, 2, 3]], packed=True)
    assert cheaper(range(4), uneven, 240, None, share=1 / 940) == Layout([[0, 1], [2, 3]], packed=False)


@given(
    st.lists(st.integers(1, 90), min_size=1, max_size=9),
    st.integers(1, 200),
    st.none() | st.integers(1, 4),
    st.floats(0, 0.02),
)
def test_no_other_cut_of_rows_side_by_side_costs_less(
    lengths: list[int], tokens: int, most_rows: int | None, share: float
) -> None:
    rows = range(10, 10 + len(lengths))
    steps, cost = side_by_side(rows, lengths, tokens, most_rows, share)

    def costs(steps: list[list[int]]) -> float:
        sizes = [(len(step), max(lengths[row - 10] for row in step)) for step in steps]
        fits = all(n == 1 or (n * width <= tokens and n <= (most_rows or n)) for n, width in sizes)
        return sum(50 + n * w * (1 + share * w / 2) for n, w in sizes) if fits else math.inf

    assert sorted(row for step in steps for row in step) == list(rows)
    assert costs(steps) == pytest.approx(cost)
    by_length = sorted(rows, key=lambda row: -lengths[row - 10])
    for cuts in itertools.product([False, True], repeat=len(lengths) - 1):
        other = [[by_length[0]]]
        for row, cut in zip(by_length[1:], cuts, strict=True):
            if cut:
                other.append([row])
            else:
                other[-1].append(row)
        assert costs(other) >= cost - 1e-9


def test_the_share_of_the_attention_by_hand() -> None:
    layer = 32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 64 + 2 * 32  # queries, keys and values, output, MLP, norms
    weights = 2 * layer + 32 + 50 * 32  # the last norm, and the head
    assert attention_share(model(MODELS["llama"]), "sdpa") == pytest.approx(2 * 32 * 2 / weights)
    assert attention_share(model(MODELS["gpt2"]), "eager") > 0


def test_a_model_that_cannot_tell_rows_apart_is_refused() -> None:
    config = MambaConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, state_size=4)
    network = AutoModelForCausalLM.from_config(config)
    with pytest.raises(InputError, match=r"rows of a pack see each other in a MambaForCausalLM .* `packing: false`"):
        check_isolation(network, TOKENS)


@given(
    st.lists(st.integers(2, 30), min_size=1, max_size=30),
    st.integers(1, 80),
    st.none() | st.integers(1, 4),
    st.booleans(),
    st.integers(1, 4),
)
@settings(max_examples=200, deadline=None)
def test_every_row_is_in_one_step_of_one_device(
    lengths: list[int], tokens: int, most: int | None, packing: bool, devices: int
) -> None:
    rows = [100 + i for i in range(len(lengths))]
    steps = lay_out(rows, lengths, tokens, most, packing)
    for step in steps:
        own = [lengths[r - 100] for r in step]
        assert len(step) == 1 or (sum(own) if packing else len(own) * max(own)) <= tokens
        assert len(step) <= (most or len(rows))
    shares = [of_device(steps, rank, devices) for rank in range(devices)]
    assert len({len(share) for share in shares}) == 1
    assert sorted(r for share in shares for step in share for r in step) == rows


def test_a_device_without_rows_adds_nothing() -> None:
    network = model(MODELS["llama"])
    loss = summed_loss(network, tensors([], TOKENS, True, pad=0))
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(p.grad is None or not p.grad.any() for p in network.parameters())
