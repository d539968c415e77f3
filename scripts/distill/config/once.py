"""Work that is done once for the same things: a graph of thousands of jobs asks the same of the catalogue for each."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")


def once_each(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Let a method work once for an object and the same arguments, which can be hashed; what it returns is shared."""

    @wraps(method)
    def kept(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
        memory: dict[Any, R] = vars(self).setdefault("_once", {})
        key = (method.__name__, args, *kwargs.items())
        if key not in memory:
            memory[key] = method(self, *args, **kwargs)
        return memory[key]

    return kept


def once_for(work: Callable[..., R]) -> Callable[..., R]:
    """Let a function of frozen recipes, or of names, work once for the same objects; what it returns is shared."""
    memory: dict[tuple[Any, ...], tuple[tuple[Any, ...], R]] = {}

    @wraps(work)
    def kept(*things: Any) -> R:
        key = tuple(thing if isinstance(thing, str) else id(thing) for thing in things)
        if key not in memory:
            memory[key] = things, work(*things)  # as long as they are kept, no other object has their identity
        return memory[key][1]

    return kept
