"""One key of a recipe: what it is changed to, and what then shows at its consumer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Probe = Callable[[Any], Any]
ABSENT = object()  # in place of a value of the base: the key is left out


@dataclass(frozen=True)
class Key:
    """A change of one key.

    probes: each returns what a consumer is given of a recipe, and each must see the change; base: the recipe's other
    keys; same: what must come out equal although an `execution` key changed; refused: no value is allowed here.
    """

    value: Any
    probes: tuple[Probe, ...]
    base: dict[str, Any] = field(default_factory=dict)
    same: Probe | None = None
    refused: bool = False


def key(value: Any, *probes: Probe, same: Probe | None = None, **base: Any) -> Key:
    """Return a change of a key that the probes see."""
    return Key(value, probes, base, same)


def refused(value: Any, **base: Any) -> Key:
    """Return a key that no value is allowed for."""
    return Key(value, (), base, refused=True)


@dataclass(frozen=True)
class Keys:
    """All keys of a recipe, and the keys that every change starts from."""

    base: dict[str, Any]
    fields: dict[str, Key]
