"""The engine's cache fits each architecture that students have: its answers are those of the library, row by row."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers import TOY, base_model
from test_generate import PROBLEMS, engine, library, requests, texts

LATENT = {"kv_lora_rank": 8, "q_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 16,
          "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
          "moe_intermediate_size": 16}  # fmt: skip
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {}, "qwen2": {}, "olmo2": {}, "phi3": {}, "smollm3": {}, "qwen3": {"head_dim": 16},
    "mistral": {"sliding_window": 16}, "gemma2": {"head_dim": 16, "sliding_window": 16},
    "gemma3_text": {"head_dim": 16, "sliding_window": 16, "sliding_window_pattern": 2}, "deepseek_v3": LATENT,
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_greedy_is_what_the_library_generates(name: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    own = shutil.copytree(TOY / "teacher-short", tmp_path / "own")
    tokenizer = AutoTokenizer.from_pretrained(own)
    config = AutoConfig.for_model(
        name, vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=3,
        num_attention_heads=2, num_key_value_heads=2 if name == "deepseek_v3" else 1, max_position_embeddings=256,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=None, initializer_range=0.3,
        tie_word_embeddings=False,
        **ARCHITECTURES[name],
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(own)
    model = base_model(tmp_path / "base", own)
    asked = requests([f"{problem} Go up {n}." for problem in PROBLEMS for n in range(2)])
    expected = library(model, asked)
    assert len(set(expected)) > len(asked) // 2
    assert texts(engine(model, 3), asked) == expected  # rows join running ones
