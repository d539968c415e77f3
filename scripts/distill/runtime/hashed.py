"""Code hashes that were computed before, for as long as no file of the programs has changed.

To follow what a program runs takes a tenth of a second, and all programs of a plan 2 s, a third of planning a small
study; to read all their files takes a hundredth. So the hashes stand in a file beside Python's own compiled modules,
under a digest of every source file and of Python's version, and are of no use as soon as one differs.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FILE = Path("distill", "runtime", "__pycache__", "codehash.json")


def remembered(
    script: Path, also: tuple[str, ...], root: Path, digest: Callable[[], str], compute: Callable[[], str]
) -> str:
    """Return the hash of a program below `root`: one that was kept, or what `compute` gives, which is kept.

    `digest` gives what `sources_digest` says of the root.
    """
    path = root / FILE
    if sys.dont_write_bytecode or not script.is_relative_to(root) or not path.parents[1].is_dir():
        return compute()
    key = " ".join([script.relative_to(root).as_posix(), *also])
    sources = digest()
    hashes = _kept(path, sources)
    if key not in hashes:
        hashes[key] = compute()
        if sources_digest(root) == sources:  # nobody has edited a file meanwhile
            _keep(path, sources, {**_kept(path, sources), key: hashes[key]})
    return hashes[key]


def sources_digest(root: Path) -> str:
    """Return a digest of every source file below a root and of Python's version."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(root.rglob("*.py")):
        text = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\n{len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()


def _kept(path: Path, sources: str) -> dict[str, str]:
    """Return program -> hash; nothing where the file is of other sources, or is none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["sources"] == sources:
            return {str(key): str(value) for key, value in content["hashes"].items()}
    return {}


def _keep(path: Path, sources: str, hashes: dict[str, str]) -> None:
    """Write the file, unless it cannot be written. Of two that do so at once, one's hashes are computed again."""
    own = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with suppress(OSError):
        own.parent.mkdir(exist_ok=True)
        own.write_text(json.dumps({"sources": sources, "hashes": hashes}), encoding="utf-8")
        own.replace(path)
