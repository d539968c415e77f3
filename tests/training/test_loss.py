"""The loss of a large step, its logits made piece by piece: equal to the loss of whole logits, with less in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from test_steps import MODELS, TOKENS, model
from transformers import CohereConfig, GraniteConfig, LlamaConfig

from distill.config.recipes import Distillation, LoraRecipe
from distill.training.distillation import TeacherLogprobs
from distill.training.loss import Head, summed_loss
from distill.training.sft import adapt
from distill.training.steps import tensors

WHOLE = {name: config for name, config in MODELS.items() if name != "gemma2"}
ROWS = [2, 0, 5, 4, 1, 3]
SHAPE = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 1}  # fmt: skip


def head_of(network: Any, positions: int, **keys: Any) -> Head:
    head = Head.of(network, 1000, logits=positions * 50, **keys)
    assert head is not None
    assert head.positions == positions
    return head


def gradients(network: Any, loss: Any) -> dict[str, Any]:
    network.zero_grad()
    loss.backward()
    return {name: weight.grad.clone() for name, weight in network.named_parameters() if weight.grad is not None}


def check_equal(network: Any, step: dict[str, Any], head: Head, *taught: Any) -> None:
    expected, found = summed_loss(network, step, *taught), summed_loss(network, step, *(taught or [None]), head)
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    wanted, given = gradients(network, expected), gradients(network, found)
    assert wanted.keys() == given.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(given[name], gradient, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("positions", [1, 4, 7])
@pytest.mark.parametrize("name", WHOLE)
def test_loss_and_gradients_are_those_of_whole_logits(name: str, positions: int, packed: bool) -> None:
    network = model(WHOLE[name])
    check_equal(network, tensors(ROWS, TOKENS, packed, pad=0), head_of(network, positions))


def test_so_they_are_with_adapters() -> None:
    network = adapt(model(MODELS["llama"]), LoraRecipe(rank=2, dropout=0.0))
    for name, weight in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    check_equal(network, tensors(ROWS, TOKENS, True, pad=0), head_of(network, 5))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_so_they_are_where_a_teacher_teaches(temperature: float) -> None:
    network, rng = model(MODELS["llama"]), np.random.default_rng(1)
    lengths = [TOKENS.loss_tokens([row]) for row in range(6)]
    ids = [np.concatenate([rng.permutation(50)[:3] for _ in range(n)]) for n in lengths]
    logprobs = [np.log(rng.dirichlet([1, 1, 1, 1], n)[:, :3]).ravel() for n in lengths]
    recipe = Distillation(top_k=3, temperature=temperature, weight=0.6)
    taught = TeacherLogprobs(ids, logprobs, recipe).of(ROWS)
    check_equal(network, tensors(ROWS, TOKENS, True, pad=0), head_of(network, 4), taught)


def test_the_pieces_are_made_in_the_arithmetic_of_the_model() -> None:
    network = model(MODELS["llama"])
    with torch.no_grad():
        network.lm_head.weight *= 20  # large logits have large errors

    @contextmanager
    def autocast() -> Iterator[None]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            yield

    step, head, exactly = tensors(ROWS, TOKENS, True, pad=0), head_of(network, 5, autocast=autocast), network.forward

    def forward(**keys: Any) -> Any:
        """Compute in bfloat16, give float32: as accelerate does."""
        with autocast():
            found = exactly(**keys)
        return type(found)(logits=found.logits.float())

    exact = float(summed_loss(network, step).detach())
    network.forward = forward
    expected, found = (float(summed_loss(network, step, None, each).detach()) for each in (None, head))
    assert found == pytest.approx(expected, rel=1e-6)
    assert expected != pytest.approx(exact, rel=1e-5)  # else this could not be seen


def largest_kept(network: Any, step: dict[str, Any], head: Head | None) -> int:
    """Return the numbers in the largest tensor, of the model's weights apart, that is kept for the gradients."""
    sizes, weights = [0], {weight.data_ptr() for weight in network.parameters()}

    def keep(tensor: Any) -> Any:
        if tensor.data_ptr() not in weights:
            sizes.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        summed_loss(network, step, None, head)
    return max(sizes)


def test_whole_logits_are_never_kept() -> None:
    network = model(LlamaConfig(**{**SHAPE, "vocab_size": 5000}))
    step = tensors(ROWS, TOKENS, True, pad=0)
    positions = step["targets"].numel()
    assert largest_kept(network, step, None) == positions * 5000
    head = Head.of(network, 1000, logits=4 * 5000)
    assert largest_kept(network, step, head) <= step["input_ids"].numel() * 64  # of the layers


@pytest.mark.parametrize(
    "config",
    [MODELS["gemma2"], CohereConfig(**SHAPE, logit_scale=0.3), GraniteConfig(**SHAPE, logits_scaling=3.0)],
    ids=["capped", "scaled", "divided"],
)
def test_a_model_that_does_more_to_its_logits_keeps_them_whole(config: Any) -> None:
    assert Head.of(model(config), 1000, logits=50) is None


def test_a_head_is_for_steps_that_need_one() -> None:
    network = model(MODELS["llama"])
    assert Head.of(network, 100, logits=100 * 50) is None
    assert Head.of(network, 101, logits=100 * 50) is not None
    assert "forward" not in vars(network.get_output_embeddings())
    network.train()
    assert Head.of(network, 101, logits=100 * 50) is not None
    assert network.training
