"""Files written atomically, folders locked, digests, JSON."""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distill.runtime.errors import InputError

SHA256_DIGITS = 64
_OF_ARM = ("student", "training", "dataset", "seed")  # what an identity says once more than `model_path`
_LOCKED: dict[Path, int] = {}  # folders that this process has locked


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary sibling to write to; it takes the place of `path` when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty temporary sibling folder; it takes the place of the folder `path` when the block ends well."""
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def link(source: Path, target: Path) -> None:
    """Make `target` a second name of the file `source`, or a copy where the file system has none; atomic.

    Neither may be written in place from then on: a program replaces files.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)  # a link that replaces itself stays


def link_folder(source: Path, target: Path) -> None:
    """Fill a folder with second names of another folder's files; it takes its place when it is whole."""
    with replacing_folder(target) as temporary:
        for path in sorted(source.iterdir()):
            link(path, temporary / path.name)


def lock_folder(folder: Path) -> None:
    """Lock a folder until this process ends, after waiting for another process that holds it.

    A program whose Snakemake was killed goes on; the same one started again must not write the same files beside it.
    The lock is the folder's own, so no file is left behind. Some network file systems have no locks; a line says so.
    """
    folder = folder.absolute()
    if folder in _LOCKED:
        return
    folder.mkdir(parents=True, exist_ok=True)
    _LOCKED[folder] = handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logging.info("%s: another process is writing here; waiting for it", folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        logging.info("%s: no lock (%s); make sure that nothing else writes here", folder, error)


@contextmanager
def tried_lock(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder for a block; yields False where another process has it, or there are no locks."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
        except OSError:
            held = False
        yield held
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(data: Mapping[str, Any]) -> str:
    """Return a JSON object as it is written to files: keys sorted, one trailing newline."""
    return json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON atomically, keys sorted, one trailing newline."""
    write_text(path, json_text(data))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises InputError when the file is missing or torn, or a manifest that was altered."""
    data = read_object(path)
    check_manifest(path)
    return data


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object as it is; raises InputError when the file is missing, torn, or holds something else."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: no JSON object; get the file anew, or let its program write it again")
    return data


def check_manifest(path: Path) -> None:
    """Raise InputError for a `manifest.json` that was altered after its program wrote it, or stands in another place.

    What the program wrote states the provenance beside it; where it wrote it, the manifest's own identity.
    """
    path = Path(path)
    if path.name != "manifest.json":
        return
    try:
        stated = json.loads(path.with_name("provenance.json").read_bytes())["outputs"]["manifest.json"]
        content = path.read_bytes() if len(stated) == SHA256_DIGITS else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        content = None
    if content is None:
        return  # made by hand, or by an older version; `snakemake check` tells what is lacking
    if hashlib.sha256(content).hexdigest() != stated:
        raise InputError(f"{path}: not the manifest that its program wrote; delete the file and run again")
    identity = json.loads(content).get("identity", {})
    spelled = _OF_ARM if str(identity.get("model_path")).startswith("students/") else ()
    named = {key: str(value) for key, value in identity.items() if key not in ("kind", *spelled)}
    if strangers := [f"{key} {value}" for key, value in named.items() if not _stands_in(path.parent, value)]:
        why = f"it is that of {', '.join(strangers)}, so folders were swapped or renamed"
        raise InputError(f"{path}: {why}; put them back, or delete this one and run again")


def _stands_in(folder: Path, value: str) -> bool:
    """Whether a part of an identity is in a folder's path below `results/`, as all are; any is where there is none."""
    _, is_result, below = f"{folder.absolute().as_posix()}/".rpartition("/results/")
    return not is_result or "/kept/" in below or f"/{value}/" in f"/{below}" or f"-{value}/" in below


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes; raises InputError when there is no such file."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None


def text_digest(text: str) -> str:
    """Return the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
