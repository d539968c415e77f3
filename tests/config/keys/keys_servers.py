"""Keys of a server: what it is asked, how often, at what price."""

from typing import Any

from asking import ELSEWHERE, HERE, on_server
from keys import Keys, key

from distill.config.recipes import GenerateJob, ServerRecipe


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


KEYS = {
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
