"""Arguments for servers and engines, looked at when the configuration is read: before a job waits for a GPU."""

import datetime
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import REPOSITORY

from distill.config.arguments import REQUEST, SERVER, VLLM
from distill.config.load import load
from distill.runtime.errors import InputError

KEY = "sk-proj-abcdefgh0123456789"


def mistakes(folder: Path, **keys: Any) -> list[str]:
    """Return what is said of a teacher with these keys: `body` of a server, `engine` arguments of vLLM, or `serve`."""
    shutil.copytree(REPOSITORY / "config", folder / "config")
    path = {"path": "resources/toy/teacher-long"}
    teachers: dict[str, dict[str, Any]] = {
        "body": {"model": {"served": "m"}, "engine": "openai", "server": {"url": "http://h/v1", "extra_body": None}},
        "url": {"model": {"served": "m"}, "engine": "openai", "server": {"url": None}},
        "engine": {"model": path, "engine": "vllm", "vllm": {"engine_args": None}},
        "serve": {"model": path, "engine": "openai", "serve": None},
    }
    ((kind, value),) = keys.items()
    teacher = teachers[kind]
    place = {"body": ("server", "extra_body"), "url": ("server", "url"), "engine": ("vllm", "engine_args")}.get(kind)
    if place:
        teacher[place[0]][place[1]] = value
    else:
        teacher[kind] = value
    whole = {"new": {**teacher, "prompt": "plain", "decoding": "toy-sampled"}}
    file = folder / "config/catalogue/new/teachers.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump(whole, allow_unicode=True))
    try:
        load(folder / "config", {"studies": ["toy"]})
    except InputError as error:
        lines = str(error).splitlines()
        assert all(str(file) in line and ": new." in line for line in lines), lines
        return lines
    return []


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a letter less": ({"body": {"chat_template_kwarg": {"a": 1}}}, "did you mean 'chat_template_kwargs'?"),
    "capitals": ({"body": {"Temperature": 1}}, "did you mean 'temperature'?"),
    "hyphens in a request": ({"body": {"repetition-penalty": 1.1}}, "did you mean 'repetition_penalty'?"),
    "another limit": ({"body": {"max_completion_tokens": 5}}, "`max_completion_tokens` is said by `max_new_tokens`"),
    "not the same limit": ({"body": {"max_tokens": None, "max_completion_tokens": 5}}, "is not `max_new_tokens: "),
    "an empty key": ({"body": {" ": 5}}, "is no key of a request"),
    "as OpenAI's client has it": ({"body": {"extra_body": {"top_k": 5}}}, "'extra_body' is no key of a request"),
    "a day": ({"body": {"metadata": {"day": datetime.date(2026, 1, 2)}}}, "`metadata` holds something else than text"),
    "a set": ({"body": {"user": {"a"}}}, "`user` holds something else"),
    "bytes": ({"body": {"user": b"a"}}, "`user` holds something else"),
    "no number": ({"body": {"length_penalty": float("nan")}}, "`length_penalty` holds something else"),
    "infinite": ({"engine": {"swap_space": float("inf")}}, "`swap_space` holds something else"),
    "a key in a value": ({"body": {"metadata": [{"a": KEY}]}}, "`metadata` holds what looks like a secret"),
    "letters swapped": ({"engine": {"kv_cahce_dtype": "fp8"}}, "did you mean 'kv_cache_dtype'?"),
    "hyphens": ({"engine": {"max-model-len": 5}}, "did you mean 'max_model_len'?"),
    "hyphens around a ban": ({"engine": {"trust-remote-code": True}}, "did you mean 'trust_remote_code'?"),
    "no word": ({"engine": {"a b": 5}}, "'a b' is no name of an argument"),
    "of a server": ({"serve": {"args": {"max-modle-len": 5}}}, "did you mean 'max_model_len'?"),
    "of a server, execution": ({"serve": {"execution_args": {"max_num_seq": 5}}}, "did you mean 'max_num_seqs'?"),
    "twice": ({"serve": {"args": {"max_model_len": 5, "max-model-len": 6}}}, "are one argument"),
    "in both": ({"serve": {"args": {"swap_space": 5}, "execution_args": {"swap-space": 6}}}, "are one argument"),
    "a day for a server": ({"serve": {"args": {"quantization": datetime.date(2026, 1, 2)}}}, "holds something else"),
    "the address of responses": ({"url": "http://h/v1/responses"}, "ends before `/responses`"),
    "the address of Anthropic": ({"url": "http://h/v1/messages/"}, "ends before `/messages/`"),
    "the address of Ollama": ({"url": "http://h:11434/api/chat"}, "ends before `/api/chat`"),
    "port 0": ({"url": "http://h:0/v1"}, "no server listens at port 0"),
}


@pytest.mark.parametrize(("keys", "message"), WRONG.values(), ids=WRONG)
def test_an_argument_that_only_a_job_would_refuse_is_one_line(
    tmp_path: Path, keys: dict[str, Any], message: str
) -> None:
    (line,) = mistakes(tmp_path, **keys)
    assert message in line
    assert KEY not in line


RIGHT: dict[str, dict[str, Any]] = {
    "of nobody here": {"body": {"fancy_new_thing": {"on": True}, "seed": None, "provider": {"order": ["a"]}}},
    "nested, null, numbers": {"body": {"chat_template_kwargs": {"a": [1, 2.5, None, "task_sk_abcdefghijklmnopqrst"]}}},
    "the one limit": {"body": {"max_tokens": None, "max_completion_tokens": 240}},
    "of a newer vLLM": {"engine": {"quantum_cache": 3, "kv_cache_dtype": "fp8"}},
    "of a server": {"serve": {"args": {"max-model-len": 5, "context-length": 7}, "execution_args": {"swap_space": 1}}},
    "of another server": {"serve": {"command": ["llama-server", "{port}"], "args": {}}},
    "a base": {"url": "https://x.openai.azure.com/openai/v1/"},
}


@pytest.mark.parametrize("keys", RIGHT.values(), ids=RIGHT)
def test_what_may_be_right_is_taken(tmp_path: Path, keys: dict[str, Any]) -> None:
    assert mistakes(tmp_path, **keys) == []


def test_no_known_name_is_taken_for_another() -> None:
    assert {"chat_template_kwargs", "max_tokens", "top_k"} <= REQUEST
    assert {"kv_cache_dtype", "max_model_len"} <= VLLM < SERVER
    assert all(name.isidentifier() and name == name.lower() for name in REQUEST | SERVER)
