"""Makes the tiny language models of the toy study: tokenizer, architecture, training loop, model folder.

Every model is trained from random weights on gold traces with fixed seeds, on the CPU and one thread, so a rebuild
on the same machine gives the same bytes. torch, transformers and tokenizers are imported inside the functions.
"""

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.toy import problems as toy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

HEAD_SIZE = 32  # the smallest head dimension that vLLM's kernels accept
CONTEXT = 512
BATCH = 16
BATCHES_PER_BUCKET = 25  # rows of similar length meet in a batch, which saves padding
IGNORED = -100

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{{- '<|user|>' + message['content'] -}}
{%- elif message['role'] == 'assistant' -%}
{{- '<|assistant|>' -}}
{%- generation -%}
{{- message['content'] + '<|end|>' -}}
{%- endgeneration -%}
{%- else -%}
{{- raise_exception('the toy models know the roles user and assistant, not ' + message['role']) -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|assistant|>' -}}
{%- endif -%}
"""

EVEN = dict.fromkeys(toy.LEVELS, 1.0)


@dataclass(frozen=True)
class Spec:
    """How one model is made: its shape (Qwen3, heads of 32), its corpus (example count, weights) and training."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    styles: Mapping[str, float]
    examples: int
    learning_rate: float
    seed: int
    levels: Mapping[int, float] = field(default_factory=lambda: EVEN)


def make_tokenizer() -> "PreTrainedTokenizerFast":
    """The word-level tokenizer: one token per word, digit or sign; spaces are dropped and put back by the decoder."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: index for index, word in enumerate(toy.vocabulary())}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token=toy.UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(toy.TOKEN_PATTERN), behavior="removed", invert=True)
    # Joins tokens with spaces, then drops the spaces that no problem or trace has.
    glued = [(f" {sign}", sign) for sign in (".", ",", ":", "?", "}", "\n")]
    glued += [("\n ", "\n"), ("\\boxed{ ", "\\boxed{")]
    joins = [decoders.WordPiece(prefix="##", cleanup=False), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*joins, *(decoders.Replace(old, new) for old, new in glued)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=toy.PAD,
        unk_token=toy.UNKNOWN,
        eos_token=toy.END,
        extra_special_tokens=[toy.USER, toy.ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=CONTEXT,
        padding_side="left",
    )


def make_model(spec: Spec) -> "Qwen3ForCausalLM":
    """A Qwen3 model with the shape of `spec` and random float32 weights from its seed."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    words = toy.vocabulary()
    config = Qwen3Config(
        vocab_size=len(words),
        hidden_size=spec.hidden,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        num_key_value_heads=spec.heads,
        head_dim=HEAD_SIZE,
        intermediate_size=spec.feed_forward,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        use_sliding_window=False,
        bos_token_id=None,
        eos_token_id=words.index(toy.END),
        pad_token_id=words.index(toy.PAD),
        dtype="float32",
    )
    torch.manual_seed(spec.seed)
    return Qwen3ForCausalLM(config)


def encode(pair: tuple[str, str], ids: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """Token ids and labels of a (problem, response) pair as the chat template renders it; loss on response and end."""
    problem, response = ([ids[word] for word in toy.split_words(text)] for text in pair)
    prompt = [ids[toy.USER], *problem, ids[toy.ASSISTANT]]
    answer = [*response, ids[toy.END]]
    return prompt + answer, [IGNORED] * len(prompt) + answer


def batches(rows: Sequence[tuple[list[int], list[int]]], seed: int) -> Iterator[list[tuple[list[int], list[int]]]]:
    """Batches of `BATCH` rows in random order, rows of similar length together; an incomplete last batch is dropped."""
    rng = random.Random(seed)
    order = rng.sample(range(len(rows)), len(rows))
    bucket = BATCH * BATCHES_PER_BUCKET
    for first in range(0, len(order), bucket):
        near = sorted(order[first : first + bucket], key=lambda index: len(rows[index][0]))
        groups = [near[at : at + BATCH] for at in range(0, len(near), BATCH)]
        rng.shuffle(groups)
        yield from ([rows[index] for index in group] for group in groups if len(group) == BATCH)


def train(
    model: "Qwen3ForCausalLM", rows: Sequence[tuple[list[int], list[int]]], spec: Spec, log: Callable[[str], Any]
) -> None:
    """One epoch of AdamW over `rows`, in place: 5 % linear warm-up, cosine to zero, gradients clipped to norm 1."""
    import torch
    from transformers import get_cosine_schedule_with_warmup

    updates = len(rows) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=spec.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimizer, updates // 20, updates)
    model.train()
    for update, batch in enumerate(batches(rows, spec.seed), start=1):
        width = max(len(tokens) for tokens, _ in batch)
        tokens = torch.tensor([tokens + [0] * (width - len(tokens)) for tokens, _ in batch])
        labels = torch.tensor([labels + [IGNORED] * (width - len(labels)) for _, labels in batch])
        # Padding is on the right, so causal attention never sees it and no mask is needed.
        logits = model(input_ids=tokens, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if update % 250 == 0 or update == updates:
            log(f"update {update} of {updates}, loss {loss.item():.4f}")


def build(spec: Spec, folder: Path, excluded: Collection[object], log: Callable[[str], Any] = print) -> None:
    """Trains the model of `spec` and writes it with its tokenizer to `folder` (which must exist)."""
    import torch
    from transformers import GenerationConfig

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    tokenizer, model = make_tokenizer(), make_model(spec)
    ids = {word: index for index, word in enumerate(toy.vocabulary())}
    pairs = toy.examples(spec.seed, spec.examples, spec.styles, spec.levels, excluded)
    train(model, [encode(pair, ids) for pair in pairs], spec, log)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
