"""A folder of published artefacts: whole or not there, the same bytes each time."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from distill.config.lineage import ROOT
from distill.publishing.contents import Artefact
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest, read_json, replacing_folder, write_json

INVENTORY = "manifest.json"
KIND = "publication"


def write(to: Path, artefacts: Sequence[Artefact]) -> bool:
    """Write artefacts to a folder; False where they stand there already.

    Raises InputError for a folder within results/, and for one that holds what no earlier call has written.
    """
    if to.absolute().resolve().is_relative_to(Path(ROOT).absolute().resolve()):
        raise InputError(f"publish: to: {to} lies in {ROOT}/, which is the workflow's; name a folder elsewhere")
    files = {_path(artefact, name): source for artefact in artefacts for name, source in artefact.files.items()}
    content = {"kind": KIND, "files": {path: digest(source) for path, source in sorted(files.items())}}
    if _stated(to) == content:
        return False
    with replacing_folder(to) as temporary:
        for path, source in files.items():
            target = temporary / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(source, str):
                target.write_text(source, encoding="utf-8")
            else:
                shutil.copyfile(source, target)  # no link: who edits a copy must not alter the results
        write_json(temporary / INVENTORY, content)
    return True


def digest(source: Path | str) -> str:
    """Return the sha256 of a file or a text."""
    return hashlib.sha256(source.encode()).hexdigest() if isinstance(source, str) else file_digest(source)


def _path(artefact: Artefact, name: str) -> str:
    return f"scores/{name}" if artefact.kind == "scores" else f"{artefact.kind}/{artefact.name}/{name}"


def _stated(to: Path) -> dict[str, object] | None:
    """Return what stands in a folder of ours, with the digests of now; None for none. Raises InputError for others."""
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return None
    refused = InputError(f"publish: to: {to} is there, and no folder of an earlier `publish`; name another one")
    if not to.is_dir() or not (to / INVENTORY).is_file():
        raise refused
    stated = read_json(to / INVENTORY)
    if not isinstance(stated, dict) or stated.get("kind") != KIND:
        raise refused
    here = {p.relative_to(to).as_posix() for p in to.rglob("*") if not p.is_dir()} - {INVENTORY}
    if strangers := sorted(here - stated["files"].keys()):
        raise InputError(f"publish: to: {to} holds {strangers[0]}, which no `publish` has written; move it away")
    return {**stated, "files": {path: file_digest(to / path) for path in sorted(here)}}
