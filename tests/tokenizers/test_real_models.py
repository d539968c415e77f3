"""A tiny model of each family with its real tokenizer is rendered for, trained and asked by the programs, end to end.

Two updates teach it an answer by heart: the output layer begins at zero and the embeddings are far apart, so the first
update moves the output layer alone, towards the token that follows each token.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import generate
import pytest
import render
import train
from families import FAMILIES, Family, folder_of, load
from helpers import PROMPTS, base_model, problems_table, recipe

from distill import tables
from distill.models.tokenizer_files import read_tokenizer
from distill.runtime.files import read_json, write_json

THINKING = ("Qwen3", "QwQ", "DeepSeek-R1-Distill")  # what comes after a token is the same wherever it stands
# What an architecture needs beside the common sizes; windows are shorter than the prompts.
SIZES: dict[str, dict[str, Any]] = {
    "gemma2": {"head_dim": 16, "sliding_window": 16},
    "gemma3_text": {"head_dim": 16, "sliding_window": 16},
    "mistral": {"sliding_window": 16},
    "qwen3": {"head_dim": 16},
    "deepseek_v3": {"kv_lora_rank": 8, "q_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8,
                    "v_head_dim": 16, "n_routed_experts": 2, "num_experts_per_tok": 1, "n_group": 1, "topk_group": 1,
                    "moe_intermediate_size": 16},
}  # fmt: skip


def tiny_model(folder: Path, family: Family) -> Path:
    """Make a model folder: the tokenizer as users have it where the template is its own, and two thin layers."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    tokenizer = load(family)
    config = AutoConfig.for_model(
        family.architecture, vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=False,
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=None,
        **SIZES.get(family.architecture, {}),
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        model.get_output_embeddings().weight.zero_()
        model.get_input_embeddings().weight.mul_(500)
    model.save_pretrained(folder / "own")
    if family.template is None:
        shutil.copytree(folder_of(family.tokenizer), folder / "own", dirs_exist_ok=True)
    else:
        tokenizer.save_pretrained(folder / "own")
    stops = [tokenizer.eos_token_id, *(tokenizer.convert_tokens_to_ids(t) for t in family.stops)]
    GenerationConfig(eos_token_id=stops).save_pretrained(folder / "own")
    return base_model(folder / "base", folder / "own")


def rendered(folder: Path, base: Path, family: Family, response: str) -> Path:
    """Render three rows of one response."""
    rows = [
        {"problem_id": f"q{i}", "source": "s", "teacher": "t", "draw": 0, "messages": [
            {"role": "user", "content": f"{i} + {7 - i} = ?"}, {"role": "assistant", "content": response}]}
        for i in range(3)
    ]  # fmt: skip
    tables.write(folder / "train.parquet", tables.build(rows, tables.TRAIN), tables.TRAIN)
    keys = recipe(system=None, cutoff=400, over_cutoff="drop", template_args=family.args, date=family.date)
    places = ["--dataset", folder / "train.parquet", "--model", base, "--prompt", PROMPTS / "plain.jinja"]
    render.main([*map(str, places), "--recipe", keys, "--output", str(folder / "r/rendered.parquet")])
    return folder / "r/rendered.parquet"


def answers(folder: Path, model: Path, family: Family) -> list[tuple[str, str]]:
    """Ask the first two of the problems; return response and finish reason of each."""
    rows = [{"problem_id": f"q{i}", "problem": f"{i} + {7 - i} = ?", "answer": "7"} for i in range(2)]
    problems = problems_table(folder / "problems.parquet", rows)
    keys = recipe(prompt="plain", decoding={"max_new_tokens": 9}, template_args=family.args, date=family.date)
    places = ["--statements", problems, "--model", model, "--prompt", PROMPTS / "plain.jinja"]
    output = folder / "a/responses.parquet"
    generate.main([*map(str, places), "--draw", "0", "--shard", "00-of-01", "--recipe", keys, "--output", str(output)])
    return [(r["response"], r["finish_reason"]) for r in tables.read(output, tables.RESPONSES).to_pylist()]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_learns_an_answer_and_gives_it(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    response = "<think>\nso.\n</think>\n\n7 is" if name in THINKING else "7 is"
    base = tiny_model(tmp_path, family)
    table = rendered(tmp_path, base, family, response)
    keys = recipe(lr=0.02, max_updates=2, global_batch=3, micro_batch=3, schedule="constant")
    options = ["--rendered", str(table), "--model", str(base), "--seed", "1", "--recipe", keys]
    train.main([*options, "--output", str(tmp_path / "trained/weights")])
    stops = [read_json(tmp_path / f / "generation_config.json")["eos_token_id"] for f in ("own", "trained/weights")]
    assert stops[1] == (sorted(stops[0]) if family.stops else stops[0][0])
    found = answers(tmp_path, tmp_path / "trained", family)
    if name == "Qwen3":  # both `<think>` and `so` follow a newline, so its student may leave out the first
        found = [("<think>\n" + text.removeprefix("<think>\n"), reason) for text, reason in found]
    assert found == [(response, "stop")] * 2


@pytest.mark.parametrize("name", ["deepseek_v3", "llama3_1", "llama2", "gemma3", "smollm2"])
def test_files_that_transformers_rebuilds_wrongly_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    """Of a model of Llama it rebuilds DeepSeek's tokenizer without spaces; of one of Qwen, most with other tokens."""
    from tokenizers import Tokenizer

    text = "7 is  1234 \u65e5\u672c"
    wanted = Tokenizer.from_file(str(folder_of(name) / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    for kind in ("llama", "qwen2"):
        shutil.copytree(folder_of(name), tmp_path / kind)
        write_json(tmp_path / kind / "config.json", {"model_type": kind})
        tokenizer = read_tokenizer(str(tmp_path / kind), {}, tmp_path / kind)
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == wanted


def test_such_a_tokenizer_carries_rows(tmp_path: Path) -> None:
    family = replace(FAMILIES["DeepSeek-V3"], architecture="llama")
    assert rendered(tmp_path, tiny_model(tmp_path, family), family, "7 is").is_file()
