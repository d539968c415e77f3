"""The command line of a server that the workflow starts: what it serves, and how, by the recipe.

It decides what is answered as an engine does: it is part of the code that a response depends on.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distill.config.recipes import ServeRecipe
from distill.models.folders import Origin, check_weights, is_served, origin, served_name
from distill.responses.engines.vllm import lora_rank, precision
from distill.runtime.errors import InputError
from distill.runtime.slurm import srun

NAME = "model"  # under which a server has the weights of a folder
# Every node of a job starts its part; the first is the one that is asked.
NODES = 'if [ "$SLURM_PROCID" -eq 0 ]; then exec "$@"; else exec "$@" {others}; fi'


def name_of(model: Path) -> str:
    """Return the name that a server has the model of a model folder under."""
    return served_name(model) if is_served(model) else NAME


def command(keys: ServeRecipe, model: Path, folder: Path, host: str, port: int, master: tuple[str, int]) -> list[str]:
    """Return the words that start a server for the model of a model folder.

    `folder` takes the model's own chat template, where there is one; `master` is where the parts of a server on several
    nodes meet. Raises InputError for what the program cannot serve.
    """
    if is_served(model):
        places: dict[str, Any] = {"model": "", "template": ""}
        return _filled_in(keys, {**places, "name": served_name(model), "host": host, "port": port})
    at = origin(model)
    template = _template(at, folder)
    if keys.command:
        if at.adapter:
            raise InputError("`serve.command` serves whole weights, and this model is an adapter on its base")
        if template and not any("{template}" in word for word in keys.command):
            raise InputError("`model.chat_template` does not reach the server: `{template}` must stand in its command")
        return _filled_in(keys, {"model": at.folder(), "name": NAME, "host": host, "port": port, "template": template})
    words = (_vllm if keys.program == "vllm" else _sglang)(keys, at, host, port)
    words += ["--chat-template", template] if template else []
    return _on_nodes(keys, words + flags({**keys.args, **keys.execution_args}), master)


def check(model: Path) -> None:
    """Raise InputError unless the weights are those that the manifest states."""
    if not is_served(model):
        check_weights(model)


def flags(arguments: Mapping[str, Any]) -> list[str]:
    """Return arguments as options: true is the option alone, false its `--no-`, a list several words, a map JSON."""
    words: list[str] = []
    for name, value in arguments.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif isinstance(value, list):
            words += [f"--{option}", *map(str, value)]
        else:
            words += [f"--{option}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return words


def _template(at: Origin, folder: Path) -> str:
    """Write the chat template that takes the place of the tokenizer's; return its path, empty where there is none."""
    if at.chat_template is None:
        return ""
    path = folder / "chat_template.jinja"
    path.write_text(at.chat_template, encoding="utf-8")
    return str(path)


def _filled_in(keys: ServeRecipe, places: Mapping[str, Any]) -> list[str]:
    words = []
    for word in keys.command or ():
        for place, value in places.items():
            word = word.replace(f"{{{place}}}", str(value))
        words.append(word)
    return words + flags({**keys.args, **keys.execution_args})


def _vllm(keys: ServeRecipe, at: Origin, host: str, port: int) -> list[str]:
    """Return vLLM's words (docs.vllm.ai, `vllm serve`).

    The model's own sampling defaults would join ours. Only the command of several nodes knows those without an address.
    """
    python = keys.python or sys.executable
    several = keys.nodes > 1
    program = "vllm.entrypoints.cli.main serve" if several else "vllm.entrypoints.openai.api_server --model"
    words = [python, "-m", *program.split(), at.folder()]
    words += ["--host", host, "--port", str(port), "--dtype", precision(at), "--generation-config", "vllm"]
    words += ["--tensor-parallel-size", str(keys.tensor_parallel)]
    words += ["--pipeline-parallel-size", str(keys.pipeline_parallel)]
    words += ["--data-parallel-size", str(keys.replicas)] if keys.replicas > 1 else []
    if at.adapter is None:
        return [*words, "--served-model-name", NAME]
    adapter = ["--enable-lora", "--max-loras", "1", "--max-lora-rank", str(lora_rank(at.adapter))]
    return [*words, "--served-model-name", f"{NAME}-base", *adapter, "--lora-modules", f"{NAME}={at.adapter}"]


def _sglang(keys: ServeRecipe, at: Origin, host: str, port: int) -> list[str]:
    """Return SGLang's words (docs.sglang.io, Server Arguments). Raises InputError for an adapter."""
    if at.adapter is not None:
        raise InputError(
            "`serve.program: sglang` serves whole weights, and this model is an adapter; `vllm` serves both"
        )
    words = [keys.python or sys.executable, "-m", "sglang.launch_server", "--model-path", at.folder()]
    words += ["--served-model-name", NAME, "--host", host, "--port", str(port), "--dtype", precision(at)]
    words += ["--sampling-defaults", "openai", "--tp-size", str(keys.tensor_parallel)]
    return [*words, "--pp-size", str(keys.pipeline_parallel), "--dp-size", str(keys.replicas)]


def _on_nodes(keys: ServeRecipe, words: Sequence[str], master: tuple[str, int]) -> list[str]:
    """Return the words that start a server's parts on all nodes of a SLURM job; on one node they are the server's."""
    if keys.nodes == 1:
        return list(words)
    host, port = master
    if keys.program == "vllm":
        meet, others = ["--master-addr", host, "--master-port", str(port)], "--headless"
    else:
        meet, others = ["--dist-init-addr", f"{host}:{port}"], ""
    words = [*words, "--nnodes", str(keys.nodes), *meet]
    every = 'set -- "$@" --node-rank "$SLURM_PROCID"; ' + NODES.format(others=others)
    return [*srun(keys.nodes, 1), "sh", "-c", every, "node", *words]
