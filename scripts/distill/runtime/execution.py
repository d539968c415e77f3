"""How a program laid its work out (tokens per step, processes): for its provenance, since it changes rounding at most.

A line of `execution` says a fact and changes no row, so the code hash leaves it out, as it does log lines. Where
several processes train together the first one tells the program that started them, through the group's own store.
"""

import json
import logging
import os
from typing import Any

KEY = "execution"
_facts: dict[str, Any] = {}


def begin() -> None:
    """Forget what was noted: a program begins."""
    _facts.clear()


def note(**facts: Any) -> None:
    """Note facts by their names; a later value takes the place of an earlier one."""
    _facts.update(facts)


def count(name: str) -> None:
    """Note that something has happened once more."""
    _facts[name] = _facts.get(name, 0) + 1


def log() -> None:
    """Say in the log what was noted."""
    logging.info("laid out: %s", ", ".join(f"{name} {value}" for name, value in _facts.items()))


def tell() -> None:
    """Tell the program that started this process what was noted, if this is the first process of its group."""
    if os.environ.get("RANK") == "0":
        from torch.distributed import TCPStore

        place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        TCPStore(*place, is_master=False).set(KEY, json.dumps(_facts))


def hear(store: Any) -> None:
    """Note what the first process of a group has told to its store; nothing where it has told nothing."""
    if store.check([KEY]):
        note(**json.loads(store.get(KEY)))


def reading() -> dict[str, Any]:
    """Return `execution` with all that was noted; nothing of a program that notes nothing."""
    return {KEY: dict(_facts)} if _facts else {}
