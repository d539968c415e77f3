"""The three engines on one toy teacher: equal greedy texts, equal shares of correct answers, rows that fail alone."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import fetch_model
import pytest
import torch
from helpers import TOY, recipe, z_score

from distill.config.recipes import GenerateJob
from distill.responses.engines import Completion, Request, load_engine
from distill.runtime.errors import InputError
from distill.verdicts.matcher import match

PROBLEMS = [json.loads(line) for line in (TOY / "test.jsonl").read_text().splitlines()]
VLLM = {"engine": "vllm", "vllm": {"gpu_memory_utilization": 0.1, "enforce_eager": True}}
GREEDY = {"max_new_tokens": 240, "stop": ["Part 3 says"]}  # a text of several tokens, in about half of the responses
SAMPLED = {"max_new_tokens": 240, "temperature": 0.7}


def load(model: Path, decoding: dict[str, Any], **keys: Any) -> Any:
    return load_engine(model, GenerateJob.model_validate({"decoding": decoding, **keys}), seed=5)


def requests(count: int, seed: int = 0) -> list[Request]:
    asked = enumerate(PROBLEMS[:count])
    return [Request([{"role": "user", "content": p["problem"]}], 2**40 + 1000 * seed + i) for i, p in asked]


def answers(engine: Any, asked: list[Request]) -> list[Completion]:
    pairs = list(engine.generate(asked))
    assert sorted(i for i, _ in pairs) == list(range(len(asked)))
    return [completion for _, completion in sorted(pairs, key=lambda pair: pair[0])]


def correct(completions: list[Completion]) -> int:
    pairs = zip(PROBLEMS, completions, strict=False)
    return sum(match(p["answer"], c.text, c.finish_reason) == "correct" for p, c in pairs)


def equal(one: list[Completion], other: list[Completion]) -> float:
    """Return the share of rows whose text, end and length are the same."""
    same = [(a.text, a.finish_reason, a.response_tokens) == (b.text, b.finish_reason, b.response_tokens)
            for a, b in zip(one, other, strict=True)]  # fmt: skip
    return sum(same) / len(same)


def stopped(engine: Any) -> None:
    """End vLLM's processes, so that the next engine has the memory."""
    engine._engine._engine.engine_core.shutdown()


@pytest.fixture(scope="module")
def greedy(teacher: Path) -> list[Completion]:
    found = answers(load(teacher, GREEDY), requests(200))
    assert 0.2 < sum("boxed" in completion.text for completion in found) / 200 < 0.8  # the others were cut
    return found


@pytest.fixture(scope="module")
def sampled(teacher: Path) -> list[Completion]:
    return answers(load(teacher, SAMPLED), requests(400))


def test_vllm_is_greedy_as_transformers_is(teacher: Path, greedy: list[Completion]) -> None:
    engine = load(teacher, GREEDY, **VLLM)
    asked = requests(200)
    asked.insert(3, Request([{"role": "user", "content": PROBLEMS[0]["problem"] * 60}], 0))
    found = answers(engine, asked)
    error = found.pop(3)
    stopped(engine)
    assert (error.finish_reason, error.text, error.response_tokens) == ("error", "", 0)
    assert error.error == f"prompt of {error.prompt_tokens} tokens, context of 512"
    share = equal(found, greedy)
    print(f"greedy texts of vllm and transformers: {share:.3f} equal")
    assert share >= 0.99
    assert [c.prompt_tokens for c in found] == [c.prompt_tokens for c in greedy]


def test_vllm_samples_by_row_and_as_often_right(teacher: Path, sampled: list[Completion]) -> None:
    engine = load(teacher, SAMPLED, **VLLM)
    asked = requests(400)
    found, again, other = answers(engine, asked), answers(engine, asked[::-1])[::-1], answers(engine, requests(400, 1))
    stopped(engine)
    z = z_score(correct(found), correct(sampled), 400)
    print(f"correct of 400 at 0.7: vllm {correct(found)}, {correct(other)}, transformers {correct(sampled)}, z {z:.2f}")
    assert z < 4
    print(
        f"sampled again in another order: {equal(found, again):.3f} equal; with other seeds {equal(found, other):.3f}"
    )
    assert equal(found, again) >= 0.99
    assert equal(found, other) < 0.9
    assert engine.seeds == "row"


def test_a_server_answers_as_the_weights_do(
    served: str, greedy: list[Completion], sampled: list[Completion], tmp_path: Path
) -> None:
    fetch_model.main(["--recipe", recipe(served="toy-long"), "--output", str(tmp_path / "manifest.json")])
    keys = {"engine": "openai", "server": {"url": served}}
    engine = load(tmp_path, GREEDY, **keys)
    assert engine.version.startswith("openai (vllm 0.")
    asked = requests(200)
    asked.insert(3, Request([{"role": "user", "content": PROBLEMS[0]["problem"] * 60}], 0))
    found = answers(engine, asked)
    error = found.pop(3)
    assert (error.finish_reason, error.text) == ("error", "")
    assert "maximum context length is 512 tokens" in error.error
    # The server decodes a response as what follows the prompt, so it keeps the space that a word-level tokenizer writes
    # between the two. Others decode the response alone.
    found = [dataclasses.replace(c, text=c.text.removeprefix(" ")) for c in found]
    share = equal(found, greedy)
    print(f"greedy texts of vllm serve and transformers: {share:.3f} equal")
    assert share >= 0.99
    more = answers(load(tmp_path, SAMPLED, **keys), requests(400))
    z = z_score(correct(more), correct(sampled), 400)
    print(f"correct of 400 at 0.7: vllm serve {correct(more)}, transformers {correct(sampled)}, z {z:.2f}")
    assert z < 4


def test_vllm_runs_an_adapter_on_its_base(teacher: Path, tmp_path: Path, greedy: list[Completion]) -> None:
    from peft import LoraConfig, get_peft_model

    from distill.models.folders import load_model, weights_digest

    torch.manual_seed(1)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(load_model(teacher), config).save_pretrained(tmp_path / "weights")
    digest = weights_digest(tmp_path / "weights")
    manifest = {"kind": "trained", "base": str(teacher), "adapter": True, "digest": digest}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    engine = load(tmp_path, GREEDY, **VLLM)
    found = answers(engine, requests(100))
    stopped(engine)
    share = equal(found, answers(load(tmp_path, GREEDY), requests(100)))
    print(f"greedy texts of an adapter in vllm and merged in transformers: {share:.3f} equal")
    assert share >= 0.95
    assert equal(found, greedy[:100]) < 0.9


@pytest.mark.parametrize(
    ("decoding", "keys", "message"),
    [
        ({**GREEDY, "temperature": 3.0}, {}, "decoding: vLLM cannot do this: temperature must be in"),
        (GREEDY, {"quantization": "no-such"}, "vLLM cannot run it .*no-such"),
        (
            GREEDY,
            {"engine_args": {"kv_cache_dtyp": "fp8"}},
            r"vllm\.engine_args: 'kv_cache_dtyp' is no .* of vllm 0\..*"
            r"; did you mean 'kv_cache_dtype'",
        ),
        (GREEDY, {"max_model_len": 100_000}, "vLLM cannot run it .*max_model_len"),
    ],
    ids=["temperature", "quantization", "argument", "context"],
)
def test_what_vllm_cannot_do(teacher: Path, decoding: dict[str, Any], keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(teacher, decoding, engine="vllm", vllm={"gpu_memory_utilization": 0.1, "enforce_eager": True, **keys})
    assert "\n" not in str(caught.value)


def test_an_unknown_argument_is_refused_before_the_weights_are_read(teacher: Path, tmp_path: Path) -> None:
    manifest = json.loads((teacher / "manifest.json").read_text()) | {"path": str(tmp_path / "nowhere")}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"vllm\.engine_args: 'no_such' is no argument"):
        load(tmp_path, GREEDY, engine="vllm", vllm={"engine_args": {"kv_cache_dtype": "auto", "no_such": 1}})


def test_a_build_for_gpus_without_one(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import vllm.platforms

    # What the build for GPUs finds where there is none; the one that runs here is for the processor.
    monkeypatch.setattr(vllm.platforms, "_current_platform", vllm.platforms.interface.UnspecifiedPlatform())
    with pytest.raises(InputError, match="vLLM finds no GPU here; `engine: transformers` runs without one"):
        load(teacher, GREEDY, **VLLM)
