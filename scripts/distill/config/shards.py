"""Fixed shards: a problem's shard follows from its id alone, so growth elsewhere never moves it."""

import hashlib
import re

from distill.runtime.errors import InputError


def stable_hash(*parts: object) -> int:
    """Return a 63-bit number that depends on the parts' texts only, on every machine and Python."""
    text = "\x1f".join(str(p) for p in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]) >> 1


def shard_names(count: int) -> list[str]:
    """Return `00-of-04`, `01-of-04`, ..."""
    return [f"{i:02d}-of-{count:02d}" for i in range(count)]


def parse_shard(name: str) -> tuple[int, int]:
    """Return (index, count) of a shard's name. Raises InputError when it is none."""
    match = re.fullmatch(r"(\d+)-of-(\d+)", name)
    if not match or not int(match[1]) < int(match[2]):
        raise InputError(f"{name!r} is no shard; expected e.g. 03-of-16")
    return int(match[1]), int(match[2])


def in_shard(problem_id: str, index: int, count: int) -> bool:
    """Whether a problem belongs to a shard."""
    return stable_hash(problem_id) % count == index
