"""The command line of a server that the workflow starts, for each program, on one machine and on several."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fetch_model
import pytest
from helpers import TOY, base_model, recipe

from distill.config.recipes import ServeRecipe
from distill.models.folders import weights_digest
from distill.responses.launching import command, name_of
from distill.runtime.errors import InputError

MASTER = ("node-1", 9000)


def words(model: Path, **keys: Any) -> list[str]:
    return command(ServeRecipe.model_validate(keys), model, model, "0.0.0.0", 8000, MASTER)


def option(found: list[str], name: str) -> str:
    assert found.count(name) == 1
    return found[found.index(name) + 1]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return base_model(tmp_path / "model")


@pytest.fixture
def adapter(tmp_path: Path, model: Path) -> Path:
    """An adapter of rank 5 on the model; what it weighs does not matter here."""
    folder = tmp_path / "adapter"
    (folder / "weights").mkdir(parents=True)
    (folder / "weights/adapter_config.json").write_text('{"r": 5}')
    facts = {"kind": "trained", "base": str(model), "adapter": True, "digest": weights_digest(folder / "weights")}
    (folder / "manifest.json").write_text(json.dumps(facts))
    return folder


def test_vllm_answers_with_the_recipe_s_sampling_and_the_weights_precision(model: Path) -> None:
    run = {"enforce_eager": True, "prefix-caching": False, "middleware": ["a", "b"], "speculative_config": {"n": 1}}
    sizes = {"tensor_parallel": 2, "pipeline_parallel": 3}
    found = words(model, args={"max_model_len": 400}, execution_args=run, **sizes)
    assert found[:3] == [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    assert option(found, "--model") == str(TOY / "base-xs")
    # The model's own sampling defaults would join the recipe's, and of 32 bits vLLM would make 16.
    assert option(found, "--generation-config") == "vllm"
    assert option(found, "--dtype") == "float32"
    assert option(found, "--served-model-name") == name_of(model)
    assert (option(found, "--host"), option(found, "--port")) == ("0.0.0.0", "8000")
    assert (option(found, "--tensor-parallel-size"), option(found, "--pipeline-parallel-size")) == ("2", "3")
    assert "--data-parallel-size" not in found
    assert option(found, "--max-model-len") == "400"
    assert "--enforce-eager" in found
    assert "--no-prefix-caching" in found
    assert found[found.index("--middleware") + 1 :][:2] == ["a", "b"]
    assert option(found, "--speculative-config") == '{"n": 1}'
    assert option(words(model, replicas=4), "--data-parallel-size") == "4"


def test_an_adapter_is_served_on_its_base_under_the_name_that_is_asked(adapter: Path) -> None:
    found = words(adapter)
    assert option(found, "--lora-modules") == f"{name_of(adapter)}={adapter}/weights"
    assert option(found, "--max-lora-rank") == "8"
    assert option(found, "--served-model-name") != name_of(adapter)
    for keys in ({"program": "sglang"}, {"command": ["a", "{port}"]}):
        with pytest.raises(InputError, match="serves whole weights"):
            words(adapter, **keys)


def test_sglang_takes_no_defaults_of_the_model_either(model: Path) -> None:
    found = words(model, program="sglang", python="/opt/python", tensor_parallel=2, pipeline_parallel=3, replicas=4)
    assert found[:3] == ["/opt/python", "-m", "sglang.launch_server"]
    assert option(found, "--sampling-defaults") == "openai"
    assert [option(found, f"--{size}-size") for size in ("tp", "pp", "dp")] == ["2", "3", "4"]


def test_a_template_of_the_recipe_reaches_the_server(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("{{ messages[0].content }}")
    model = base_model(tmp_path / "model", chat_template=str(tmp_path / "own.jinja"))
    for keys in ({}, {"program": "sglang"}):
        assert Path(option(words(model, **keys), "--chat-template")).read_text() == "{{ messages[0].content }}"
    assert Path(words(model, command=["a", "{port}", "{template}"])[2]).read_text() == "{{ messages[0].content }}"
    with pytest.raises(InputError, match=r"`\{template\}` must stand in its command"):
        words(model, command=["a", "{port}"])


def test_a_command_is_filled_in(model: Path, tmp_path: Path) -> None:
    line = ["run", "--at={host}:{port}", "{model}", "{name}", "{}", "{model"]
    found = words(model, command=line, args={"ctx-size": 9})
    assert found == [
        "run",
        "--at=0.0.0.0:8000",
        str(TOY / "base-xs"),
        name_of(model),
        "{}",
        "{model",
        "--ctx-size",
        "9",
    ]
    fetch_model.main(["--recipe", recipe(served="qwq.gguf"), "--output", str(tmp_path / "far/manifest.json")])
    assert words(tmp_path / "far", command=["run", "{name}", "{port}"]) == ["run", "qwq.gguf", "8000"]


def parts(found: list[str]) -> list[list[str]]:
    """Return the words that each node of a job of two runs, as its shell says."""
    assert found[0] == "srun"
    assert {"--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--kill-on-bad-exit=1"} < set(found)
    shell, echo = found[found.index("sh") :], "import sys, json; print(json.dumps(sys.argv[1:]))"
    own = [*shell[:4], sys.executable, "-c", echo, *shell[4:]]
    told = [subprocess.run(own, env={**os.environ, "SLURM_PROCID": n}, capture_output=True, check=True) for n in "01"]
    return [json.loads(each.stdout) for each in told]


def test_on_several_nodes_each_starts_its_part(model: Path) -> None:
    head, other = parts(words(model, tensor_parallel=2, pipeline_parallel=2, nodes=2))
    assert head[1:4] == ["-m", "vllm.entrypoints.cli.main", "serve"]
    assert other == [*head[:-1], "1", "--headless"]
    assert option(head, "--node-rank") == "0"
    assert [option(head, name) for name in ("--nnodes", "--master-addr", "--master-port")] == ["2", "node-1", "9000"]
    head, other = parts(words(model, program="sglang", tensor_parallel=2, nodes=2))
    assert other == [*head[:-1], "1"]
    assert [option(head, name) for name in ("--nnodes", "--dist-init-addr")] == ["2", "node-1:9000"]
