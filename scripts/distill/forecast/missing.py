"""What is missing: which artefacts of the chosen studies stand there as configuration and code would make them now."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from distill.audit.runs import INSIDE
from distill.config.jobs import job_of
from distill.config.lineage import ROOT, Place, Responses, Statements, TrainedModel, find
from distill.config.plan import Plan
from distill.runtime.errors import InputError
from distill.runtime.files import read_json

Code = Callable[[str, tuple[str, ...]], str]  # program and modules -> hash of its code
KEPT = "kept"


class State(StrEnum):
    """Of an artefact: it stands, it reads something that is missing, or it is missing itself."""

    DONE = "done"
    AGAIN = "again"
    MISSING = "missing"


@dataclass(frozen=True)
class Found:
    """What stands of an artefact: its state, its records as far as they can be read, and whether rows are kept for it.

    A generation or training that is made again takes over what is kept, if what it reads comes out as it was.
    """

    state: State
    manifest: Mapping[str, Any]
    provenance: Mapping[str, Any]
    kept: bool = False


def found(plan: Plan, places: Iterable[Place], code: Code) -> dict[Place, Found]:
    """Return place -> what stands of it. Reads manifests and provenances, no table and no digest of one."""
    seen = {place: _own(plan, place, code) for place in places}
    folders = {place.folder: place for place in seen}
    readers: dict[Place, list[Place]] = {}
    for place, each in seen.items():
        for path in each.provenance.get("paths", {}).values() if each.state is State.DONE else ():
            parent = Path(path).parent
            if source := folders.get(str(parent)) or folders.get(str(parent.parent)):
                readers.setdefault(source, []).append(place)
    todo = [place for place, each in seen.items() if each.state is State.MISSING]
    while todo:
        for place in readers.pop(todo.pop(), ()):
            if seen[place].state is State.DONE:
                old = seen[place]
                seen[place] = Found(State.AGAIN, old.manifest, old.provenance, old.kept)
                todo.append(place)
    return seen


def _own(plan: Plan, place: Place, code: Code) -> Found:
    """Return what stands of an artefact, whatever it has read."""
    if not os.path.isdir(place.folder):
        return Found(State.MISSING, {}, {})
    manifest, provenance = _read(Path(place.manifest)), _read(Path(place.file("provenance.json")))
    # Another recipe or other code finds no key of its own among what is kept.
    agrees = not provenance or _agrees(plan, place, provenance, code)
    kept = agrees and isinstance(place, (Responses, TrainedModel)) and any(Path(place.file(KEPT)).glob("*"))
    main = plan.main_file(place)
    stands = manifest and provenance and agrees and (main is None or Path(main).exists())
    return Found(State.DONE if stands else State.MISSING, manifest, provenance, kept)


def others(chosen: Iterable[Place]) -> Iterator[tuple[Place, Found]]:
    """Yield what stands under results/ and is not of the chosen studies: its times can be learnt from."""
    known = {place.folder for place in chosen}
    for parent, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in INSIDE]
        if parent not in known and {"manifest.json", "provenance.json"} <= {*names}:
            try:
                place = find(parent)
            except ValueError:
                continue
            yield place, Found(State.DONE, _read(Path(place.manifest)), _read(Path(parent, "provenance.json")))


def _agrees(plan: Plan, place: Place, provenance: Mapping[str, Any], code: Code) -> bool:
    """Whether recipe and code are those of now; of a local corpus's statements neither re-makes them."""
    if isinstance(place, Statements) and plan.catalogue.corpora[place.corpus].path is not None:
        return True
    job = job_of(plan.catalogue, place)
    return (
        provenance.get("recipe") == json.loads(job.recipe)
        and provenance.get("program") == f"{job.program}.py"
        and provenance.get("code") == code(job.program, job.modules)
    )


def _read(path: Path) -> dict[str, Any]:
    """Return a record, nothing where it cannot be read."""
    try:
        data = read_json(path)
    except (InputError, OSError):
        return {}
    return data if isinstance(data, dict) else {}
