"""Chat templates by family: the tokenizers' own, and hand-made ones of the structure that families publish.

The tokenizers of Qwen3, Llama 3.1, Gemma 3, DeepSeek-V3, Llama 2 and SmolLM2 are real; those of the other families are
not to be had without a hub, so their templates stand on one of these, with the special tokens that they need added.
"""

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("MIXDISTILL_TOKENIZERS", REPOSITORY / ".tokenizers"))


@dataclass(frozen=True, eq=False)
class Family:
    """A tokenizer, its template (None: its own), arguments, tokens to add, and stop tokens beside the tokenizer's.

    `architecture` is that of the family's models in transformers.
    """

    tokenizer: str
    template: str | None = None
    args: dict[str, Any] = field(default_factory=dict)
    date: str | None = None
    tokens: tuple[str, ...] = ()
    eos: str | None = None
    stops: tuple[str, ...] = ()
    architecture: str = "llama"
    drops_thinking: bool = False  # from a response in a conversation


def _turns(user: str, assistant: str, opening: str, first: str = "") -> str:
    """Return a template of two roles; a system text is a user's turn."""
    return (
        first + "{% for message in messages %}{% set content = message['content'] %}"
        "{% if message['role'] == 'assistant' %}" + assistant + "{% else %}" + user + "{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}" + opening + "{% endif %}"
    )


_CHATML_USER = "<|im_start|>{{ message['role'] }}\n{{ content }}<|im_end|>\n"
_CHATML_OPEN = "<|im_start|>assistant\n"
_SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
_CHATML = _turns(_CHATML_USER, _CHATML_OPEN + "{{ content }}<|im_end|>\n", _CHATML_OPEN, _SYSTEM)
_LAST = "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
_HEADER = "<|start_header_id|>%s<|end_header_id|>\n\n"
_LLAMA = _turns(
    _HEADER % "{{ message['role'] }}" + "{{ content | trim }}<|eot_id|>",
    _HEADER % "assistant" + "{{ content | trim }}<|eot_id|>",
    _HEADER % "assistant",
    "{{ bos_token }}" + _HEADER % "system" + "Today Date: {{ strftime_now('%d %b %Y') }}\n\n<|eot_id|>",
)
_GEMMA2 = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}"
    + _turns(
        "<start_of_turn>user\n{{ content | trim }}<end_of_turn>\n",
        "<start_of_turn>model\n{{ content | trim }}<end_of_turn>\n",
        "<start_of_turn>model\n",
    )
)
_OLMO = _turns(
    "<|user|>\n{{ content }}\n",
    "<|assistant|>\n{{ content }}{{ eos_token }}\n",
    "<|assistant|>\n",
    "{{ eos_token }}",
)
_R1 = _turns(
    "<｜User｜>{{ content }}",
    _LAST + "<｜Assistant｜>{{ content }}<｜end▁of▁sentence｜>",
    "<｜Assistant｜><think>\n",
    "{{ bos_token }}",
)
_PHI4 = _turns(
    "<|im_start|>{{ message['role'] }}<|im_sep|>{{ content }}<|im_end|>",
    "<|im_start|>assistant<|im_sep|>{{ content }}<|im_end|>",
    "<|im_start|>assistant<|im_sep|>",
)
_PHI_MINI = (
    _turns("<|user|>\n{{ content }}<|end|>\n", "<|assistant|>\n{{ content }}<|end|>\n", "<|assistant|>\n")
    + "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}"
)
_MISTRAL = _turns("[INST] {{ content }} [/INST]", " {{ content }}{{ eos_token }}", "", "{{ bos_token }}")

FAMILIES = {
    "Qwen3": Family("qwen3", stops=("<|endoftext|>",), architecture="qwen3"),
    "Qwen3 without thinking": Family("qwen3", args={"enable_thinking": False}, stops=("<|endoftext|>",),
                                     architecture="qwen3"),
    "Qwen2.5": Family("qwen3", _CHATML, stops=("<|endoftext|>",), architecture="qwen2"),
    "SmolLM2": Family("smollm2"),
    "SmolLM3": Family(
        "llama3_1", _turns(_CHATML_USER, _CHATML_OPEN + "{{ content.lstrip('\\n') }}<|im_end|>\n",
                           _CHATML_OPEN, "<|im_start|>system\nToday Date: {{ strftime_now('%d %B %Y') }}<|im_end|>\n"),
        date="2025-01-31", tokens=("<|im_start|>", "<|im_end|>"), eos="<|im_end|>", architecture="smollm3",
    ),
    "QwQ": Family("qwen3", _turns(_CHATML_USER, _LAST + _CHATML_OPEN + "{{ content.lstrip('\\n') }}<|im_end|>\n",
                                  _CHATML_OPEN + "<think>\n"), architecture="qwen2", drops_thinking=True),
    "Llama 3.1": Family("llama3_1", stops=("<|end_of_text|>",)),
    "Llama 3.2": Family("llama3_1", _LLAMA, date="2025-01-31", stops=("<|end_of_text|>",)),
    "Gemma 3": Family("gemma3", stops=("<eos>",), architecture="gemma3_text"),
    "Gemma 2": Family("gemma3", _GEMMA2, stops=("<eos>",), architecture="gemma2"),
    "DeepSeek-V3": Family("deepseek_v3", architecture="deepseek_v3", drops_thinking=True),
    "DeepSeek-R1-Distill": Family("deepseek_v3", _R1, architecture="qwen2", drops_thinking=True),
    "OLMo 2": Family("qwen3", _OLMO, eos="<|endoftext|>", architecture="olmo2"),
    "Phi-4": Family("qwen3", _PHI4, tokens=("<|im_sep|>",), architecture="phi3"),
    "Phi-4-mini": Family("llama3_1", _PHI_MINI, tokens=("<|user|>", "<|assistant|>", "<|end|>"),
                         eos="<|end_of_text|>", stops=("<|end|>",), architecture="phi3"),
    "Mistral": Family("llama2", _MISTRAL, architecture="mistral"),
}  # fmt: skip


def folder_of(name: str) -> Path:
    """Return the folder of a real tokenizer in the cache; without it the test that asks is skipped."""
    folder = CACHE / name / "package/models"
    if not (folder / "tokenizer.json").is_file():
        pytest.skip(f"no tokenizer {name} in {CACHE}: `make test-tokenizers` fetches it")
    return folder


@cache
def load(family: Family) -> Any:
    """Load a family's tokenizer: from its files as they are, whatever class transformers would rebuild it with."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder_of(family.tokenizer))
    tokenizer.add_special_tokens({"additional_special_tokens": list(family.tokens)})
    if family.eos:
        tokenizer.eos_token = family.eos
    if family.template is not None:
        tokenizer.chat_template = family.template
    return tokenizer
