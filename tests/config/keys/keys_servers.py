"""Keys of a server: what it is asked, how often, at what price, and how the workflow starts one."""

from pathlib import Path
from typing import Any

import serve
from asking import ELSEWHERE, HERE, on_server
from keys import Keys, key
from world import scratch

from distill.config.catalogue import Catalogue
from distill.config.demands import serving_demand
from distill.config.recipes import GenerateJob, ServeRecipe, ServerRecipe, Settings, TeacherRecipe
from distill.responses import launching


def job(recipe: ServerRecipe, **keys: Any) -> GenerateJob:
    return GenerateJob(engine="openai", server=recipe, decoding={"max_new_tokens": 8}, **keys)


def bodies(recipe: ServerRecipe) -> Any:
    return on_server(job(recipe)).bodies


def rows(recipe: ServerRecipe) -> Any:
    return on_server(job(recipe)).rows


def ended(recipe: ServerRecipe) -> Any:
    return on_server(job(recipe, max_errors=1), ends="fertig").rows


def elsewhere(recipe: ServerRecipe) -> Any:
    return on_server(job(recipe)).elsewhere


def at_a_time(recipe: ServerRecipe) -> Any:
    return on_server(job(recipe), seconds=0.3).most_busy


def in_time(recipe: ServerRecipe) -> Any:
    return on_server(job(recipe, max_errors=1), seconds=1.3).rows


def tries(recipe: ServerRecipe) -> Any:
    return on_server(job(recipe, max_errors=1), busy=True).tries


def keys_sent(recipe: ServerRecipe) -> Any:
    return on_server(job(recipe)).keys


def cost(recipe: ServerRecipe) -> Any:
    return on_server(job(recipe)).cost


def words(recipe: ServeRecipe) -> Any:
    """The command line of a server of a model."""
    return launching.command(recipe, Path("models/base-xs"), scratch(), "localhost", 8000, ("node", 9000))


def limits(recipe: ServeRecipe) -> Any:
    return serve.limits_of(recipe)


def minutes(recipe: ServeRecipe) -> Any:
    """What a cluster is asked for a server."""
    teacher = TeacherRecipe(model={"hub": "a/b-7B", "revision": "c" * 40}, engine="openai", serve=recipe, decoding="d")
    return serving_demand(Catalogue(Settings(studies=("toy",)), teachers={"x": teacher}), "teachers/x")


KEYS = {
    ServeRecipe: Keys({}, {
        "program": key("sglang", words),
        "command": key(["llama-server", "{port}"], words),
        "args": key({"quantization": "fp8"}, words),
        "execution_args": key({"max_num_seqs": 9}, words),
        "python": key("/opt/sglang/bin/python", words),
        "tensor_parallel": key(2, words, minutes),
        "pipeline_parallel": key(2, words, minutes),
        "replicas": key(2, words, minutes),
        "nodes": key(2, words, minutes, tensor_parallel=2),
        "port": key(9000, limits),
        "hours": key(2, minutes),
        "start_minutes": key(5, limits),
        "idle_minutes": key(1, limits),
        "unhealthy_seconds": key(5, limits),
        "restarts": key(0, limits),
    }),
    ServerRecipe: Keys({"url": HERE}, {
        "url": key(ELSEWHERE, elsewhere, same=rows),
        "extra_body": key({"user": "x"}, bodies),
        "finish_reasons": key({"fertig": "length"}, ended),
        "concurrency": key(1, at_a_time, same=rows),
        "timeout_seconds": key(1, in_time, same=rows, attempts=1),
        "attempts": key(2, tries, same=rows),
        "key_variable": key("OTHER_KEY", keys_sent, same=rows),
        "input_price": key(1.0, cost, same=rows),
        "output_price": key(1.0, cost, same=rows),
    }),
}  # fmt: skip
