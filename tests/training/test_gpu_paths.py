"""What runs on a GPU alone, as far as a processor shows it: flash-attention's bounds, and what is laid out for it."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from test_steps import MODELS, TOKENS, alone, model
from transformers import AttentionInterface, MambaConfig, TrainingArguments
from transformers.modeling_flash_attention_utils import _is_packed_sequence, prepare_fa_kwargs_from_position_ids

from distill.config.recipes import TrainJob
from distill.runtime.errors import InputError
from distill.training.loss import Head, summed_loss
from distill.training.steps import attention_share, check_isolation, tensors
from distill.training.trainer import GPU_TOKENS, MASKED_GPU_TOKENS, UpdateTrainer

FLASH = {"attention": "flash_attention_2", "precision": "bfloat16"}
ROWS = [2, 0, 5, 4, 1, 3]


def flash(
    _module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float | None = None,
    sliding_window: int | None = None, softcap: float | None = None, position_ids: Any = None, **_: Any,
) -> tuple[Any, None]:  # fmt: skip
    """Do as transformers' flash-attention does: without a mask, between bounds that it finds in the positions."""
    assert attention_mask is None
    bounds = [0, query.shape[2]]
    if _is_packed_sequence(position_ids, len(query)):
        bounds = prepare_fa_kwargs_from_position_ids(position_ids)[0][0].tolist()
    key, value = (each.repeat_interleave(query.shape[1] // each.shape[1], 1) for each in (key, value))
    parts = []
    for start, end in itertools.pairwise(bounds):
        q, k, v = (each[:, :, start:end] for each in (query, key, value))
        scores = q @ k.transpose(-1, -2) * (scaling or q.shape[-1] ** -0.5)
        scores = softcap * torch.tanh(scores / softcap) if softcap else scores
        back = torch.arange(end - start)[:, None] - torch.arange(end - start)
        seen = (back >= 0) & (back < (sliding_window or end))
        parts.append(scores.masked_fill(~seen, -torch.inf).softmax(-1) @ v)
    return torch.cat(parts, 2).transpose(1, 2).contiguous(), None


def only_bfloat16(_module: Any, query: Any, *more: Any, **keys: Any) -> tuple[Any, None]:
    """Do so for 16 bits alone, as the kernel does."""
    if query.dtype == torch.float32 and not torch.is_autocast_enabled("cpu"):
        raise RuntimeError("FlashAttention only support fp16 and bf16 data type")
    return flash(_module, query, *more, **keys)


AttentionInterface.register("flash_by_hand", flash)
AttentionInterface.register("only_bfloat16", only_bfloat16)


def attending(config: Any, kernel: str) -> Any:
    """Return a model that attends by a kernel of ours."""
    network = model(config)
    for module in network.modules():
        if hasattr(module, "config"):
            module.config._attn_implementation = kernel
    return network


@pytest.mark.parametrize("name", MODELS)
def test_a_pack_is_cut_at_its_rows(name: str) -> None:
    network, reference = attending(MODELS[name], "flash_by_hand"), model(MODELS[name])
    with torch.no_grad():
        loss = float(summed_loss(network, tensors(ROWS, TOKENS, True, pad=0)))
    expected = sum(alone(reference, TOKENS, row) for row in ROWS)
    assert loss / TOKENS.loss_tokens(ROWS) == pytest.approx(expected / TOKENS.loss_tokens(ROWS), abs=1e-5)


def test_the_bounds_of_a_pack_are_its_rows() -> None:
    positions = tensors(ROWS, TOKENS, True, pad=0)["position_ids"]
    (bounds, same), (longest, _) = prepare_fa_kwargs_from_position_ids(positions)
    assert bounds.tolist() == same.tolist() == [0, 14, 23, 25, 45, 50, 53]
    assert int(longest) == 20
    assert _is_packed_sequence(positions, 1)
    assert not _is_packed_sequence(tensors([4], TOKENS, True, pad=0)["position_ids"], 1)  # a row alone
    assert not _is_packed_sequence(tensors([], TOKENS, True, pad=0)["position_ids"], 1)


class Switched:
    """Notes the kernels that a model is given; flash-attention itself is not there."""

    def __init__(self, network: Any, monkeypatch: pytest.MonkeyPatch):
        self.kernels: list[str] = []
        network.config._attn_implementation = "flash_attention_2"
        monkeypatch.setattr(network, "set_attn_implementation", self.switch, raising=False)
        self.network = network

    def switch(self, kernel: str) -> None:
        self.kernels.append(kernel)
        self.network.config._attn_implementation = kernel


@pytest.mark.parametrize("config", [MODELS["llama"], MambaConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2)])
def test_isolation_is_looked_at_where_flash_attention_cannot_run(monkeypatch: pytest.MonkeyPatch, config: Any) -> None:
    network = model(config, "eager")
    switched = Switched(network, monkeypatch)
    if isinstance(config, MambaConfig):
        with pytest.raises(InputError, match="rows of a pack see each other in a MambaForCausalLM"):
            check_isolation(network, TOKENS)
    else:
        check_isolation(network, TOKENS)
    assert switched.kernels == ["sdpa", "flash_attention_2"]


def test_the_head_is_looked_at_in_the_arithmetic_of_the_training() -> None:
    @contextmanager
    def autocast() -> Iterator[None]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            yield

    network = attending(MODELS["llama"], "only_bfloat16")
    with pytest.raises(RuntimeError, match="only support fp16 and bf16"):
        Head.of(network, 1000, logits=4 * 50)
    head = Head.of(network, 1000, autocast, logits=4 * 50)
    assert head is not None
    step = tensors(ROWS, TOKENS, True, pad=0)
    with autocast():
        expected, found = (float(summed_loss(network, step, None, each).detach()) for each in (None, head))
    assert found == pytest.approx(expected, rel=1e-3)
    assert Head.of(attending(MODELS["gemma2"], "only_bfloat16"), 1000, autocast, logits=50) is None


def test_flash_attention_without_bfloat16_is_refused() -> None:
    with pytest.raises(
        ValidationError, match="`attention: flash_attention_2` has no float32; set `precision: bfloat16`"
    ):
        TrainJob(lr=1, attention="flash_attention_2")
    assert TrainJob(lr=1, **FLASH).precision == "bfloat16"


@pytest.mark.parametrize(
    ("keys", "tokens", "packed"), [(FLASH, GPU_TOKENS, True), ({}, MASKED_GPU_TOKENS, False)], ids=["flash", "sdpa"]
)
def test_what_is_laid_out_on_a_gpu(tmp_path: Path, keys: dict[str, Any], tokens: int, packed: bool) -> None:
    """Flash-attention has packs; without it rows stand side by side where a dense mask would cost more."""
    args, network = TrainingArguments(str(tmp_path), use_cpu=False, report_to="none"), model(MODELS["llama"])
    trainer = UpdateTrainer(network, args, TOKENS, [], TrainJob(lr=1, **keys), 0, None)
    assert trainer.size.most == tokens
    assert trainer.layout([0, 1, 2, 4] * 8).packed is packed
    assert (attention_share(network, keys.get("attention", "sdpa")) == 0) is packed
