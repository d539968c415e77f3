"""What is wrong with artefacts: missing, altered, or out of date. Snakemake's own records are not asked.

Each file is read once, in threads (hashing frees the interpreter's lock), so a check runs at the disk's speed.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from distill.audit.expected import chosen_places, extra_inputs, inputs_of
from distill.config import jobs
from distill.config.lineage import ROOT, BaseModel, Browser, Place, Report, Statements, TrainedModel
from distill.config.plan import Plan
from distill.models.folders import origin
from distill.problems.fingerprint import fingerprint_rows
from distill.problems.mapping import read_corpus
from distill.runtime.codehash import code_hashes
from distill.runtime.errors import InputError, first_line
from distill.runtime.files import file_digest, read_object
from distill.runtime.record import TIMED, output_names, seal

# Folders of scripts/ whose files a page is made of.
ASSETS: dict[type[Place], str] = {Report: "distill/report/templates", Browser: "distill/report/browser"}
UNTRACKED = ("provenance.json", *TIMED)  # inputs that tell how things came about; they re-make nothing
UNDECLARED = {"kept", "refused", "state"}  # what programs keep for themselves
SHA256_DIGITS = 64
_LEFT = re.compile(r"\..*\.tmp|\.nfs.*|\.snakemake.*")
MISSING, ALTERED, OUT_OF_DATE = "missing", "altered", "out of date"


class Finding(NamedTuple):
    """What is wrong with the artefact of a folder: one of the three words, and which of its parts."""

    folder: str
    word: str
    detail: str


class Audit:
    """The artefacts of the selected studies, each compared with its records, the configuration and the code.

    `scripts` is the folder of the programs. Paths are relative to the folder that the workflow runs in.
    """

    def __init__(self, plan: Plan, scripts: Path):
        self._plan, self._scripts = plan, scripts
        self.places = chosen_places(plan)
        self.digest: Callable[[Path], str | None] = cache(_digest)
        self._code = code_hashes(scripts)
        self._fingerprints = cache(self._corpus_fingerprints)

    def findings(self, threads: int) -> list[Finding]:
        """Return all that is wrong, artefact by artefact in the order of the data flow."""
        files = {path for place in self.places for path in _files(Path(place.folder))}
        bases = {place.model for place in self.places if isinstance(place, BaseModel)}
        files |= {Path(path) for name in bases for path in jobs.model_files(self._plan.catalogue, name)}
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self.digest, sorted(files)))
        return [finding for place in self.places for finding in self.of(place)]

    def orphans(self) -> list[str]:
        """Return the folders with a manifest that belong to no selected study."""
        chosen = {place.folder for place in self.places}
        folders = (Path(parent) for parent, _, names in _walk(Path(ROOT)) if "manifest.json" in names)
        return sorted(str(folder) for folder in folders if str(folder) not in chosen)

    def of(self, place: Place) -> list[Finding]:
        """Return what is wrong with one artefact."""
        folder = Path(place.folder)
        if not folder.is_dir():
            return [Finding(place.folder, MISSING, "the whole folder")]
        if absent := [n for n in ("manifest.json", "provenance.json") if not (folder / n).is_file()]:
            return [Finding(place.folder, MISSING, name) for name in absent]
        try:
            manifest, provenance = (read_object(folder / n) for n in ("manifest.json", "provenance.json"))
        except (InputError, OSError) as error:
            return [Finding(place.folder, ALTERED, first_line(error))]
        if provenance.get("seal") != seal(provenance) or not _is_provenance(provenance):
            return [Finding(place.folder, ALTERED, "provenance.json (not as its program wrote it)")]
        altered = [Finding(place.folder, *pair) for pair in self._altered(place, folder, manifest, provenance)]
        reasons = list(self._out_of_date(place, manifest, provenance))
        return altered + ([Finding(place.folder, OUT_OF_DATE, "; ".join(reasons))] if reasons else [])

    def _altered(self, place: Place, folder: Path, manifest: Any, provenance: Any) -> Iterator[tuple[str, str]]:
        """Yield the files that are not as the program left them."""
        outputs = provenance["outputs"]
        for name, stated in sorted(outputs.items()):
            digest = self.digest(folder / name)
            if digest != stated:
                yield (MISSING if digest is None else ALTERED), name
        for name in [*output_names(folder), *_hidden(folder)]:
            if name not in outputs:
                yield ALTERED, f"{name} (no file of this artefact)"
        if manifest.get("identity") != json.loads(json.dumps(place.identity)):
            yield ALTERED, f"manifest.json (it is that of {manifest.get('identity')})"

    def _out_of_date(self, place: Place, manifest: Any, provenance: Any) -> Iterator[str]:
        """Yield what of configuration, code and inputs has changed since."""
        job = jobs.job_of(self._plan.catalogue, place)
        if isinstance(place, Statements) and self._plan.catalogue.corpora[place.corpus].path is not None:
            # A corrected gold answer, or another column of it, changes no statement.
            if self._statements_differ(place):
                yield "input (the statements in the corpus's file)"
            return
        if provenance["recipe"] != json.loads(job.recipe):
            yield f"recipe ({_difference(provenance['recipe'], json.loads(job.recipe))})"
        if provenance["program"] != f"{job.program}.py" or provenance["code"] != self._code(job.program, job.modules):
            yield f"code ({job.program}.py or what it imports)"
        if changed := [*self._changed_inputs(place, provenance), *self._changed_model(place, manifest)]:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            yield f"input ({', '.join(changed[:3])}{more})"

    def _changed_inputs(self, place: Place, provenance: Any) -> Iterator[str]:
        """Yield the inputs whose content is another than was read, that were not read, or are no inputs any more."""
        paths = {name: Path(path) for name, path in provenance["paths"].items()}
        for name, path in sorted(paths.items()):
            here = self._asset(place, path) or path
            if path.name not in UNTRACKED and self.digest(here) != provenance["inputs"][name]:
                yield str(here)
        read = {str(path) for path in paths.values()}
        yield from (str(p) for p in extra_inputs(place, self._plan) if str(p) not in read)
        if (needed := inputs_of(place, self._plan)) is not None:
            assets = {str(path) for path in paths.values() if self._asset(place, path)}
            yield from sorted(needed ^ (read - assets))

    def _asset(self, place: Place, path: Path) -> Path | None:
        """Return where an input lies now that moves with the workflow: a page's template, scripts and style."""
        folder = Path(ASSETS.get(type(place), ""))
        is_asset = folder.name and path.parent.name == folder.name and path.parts[0] != ROOT
        return self._scripts / folder / path.name if is_asset else None

    def _changed_model(self, place: Place, manifest: Any) -> Iterator[str]:
        """Yield the files of a base model that are not those of its manifest; an adapter is used with its base's."""
        if isinstance(place, BaseModel):
            yield from self._changed_base(place, manifest)
        elif isinstance(place, TrainedModel) and manifest.get("adapter"):
            base = BaseModel(place.student)
            with contextlib.suppress(InputError, OSError):  # a manifest that cannot be read is told as the base's
                yield from self._changed_base(base, read_object(Path(base.manifest)))
                outputs = read_object(Path(base.file("provenance.json"))).get("outputs", {})
                weights = {base.file(name): digest for name, digest in outputs.items() if name.startswith("weights/")}
                yield from (name for name, digest in weights.items() if self.digest(Path(name)) != digest)

    def _changed_base(self, place: BaseModel, manifest: Any) -> Iterator[str]:
        recipe, stated = jobs.base_model(self._plan.catalogue, place.model), manifest.get("files", {})
        stated = stated if isinstance(stated, dict) else {}
        if recipe.chat_template and manifest.get("chat_template") != _text(Path(recipe.chat_template)):
            yield recipe.chat_template
        if recipe.path:
            now = {p.name: self.digest(p) for p in _own_files(Path(recipe.path))}
            yield from sorted(str(Path(recipe.path, n)) for n in now.keys() | stated if now.get(n) != stated.get(n))
        if recipe.hub:
            with contextlib.suppress(InputError, ImportError):  # where the hub's cache lies elsewhere, nothing is known
                at = Path(origin(Path(place.folder)).folder())
                yield from (str(at / n) for n, digest in sorted(stated.items()) if not self._is_blob(at / n, digest))

    def _is_blob(self, path: Path, digest: str) -> bool:
        """Whether a file of the hub's cache is what its name there says: a sha256, or of a small file git's hash."""
        if len(digest) == SHA256_DIGITS:
            return self.digest(path) == digest
        content = path.read_bytes() if path.is_file() else b""
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == digest

    def _statements_differ(self, place: Statements) -> bool:
        from distill import tables

        digests = self._fingerprints(place.corpus)
        try:
            rows = tables.read(Path(place.file("statements.parquet")), tables.STATEMENTS).to_pylist()
        except InputError:
            return False  # told as altered or missing already
        return digests.get(place.shard) != fingerprint_rows(rows, [place.shard])[place.shard]

    def _corpus_fingerprints(self, corpus: str) -> dict[str, str]:
        try:
            return fingerprint_rows(read_corpus(self._plan.catalogue.corpora[corpus]).rows, self._plan.shards(corpus))
        except InputError:
            return {}


def _is_provenance(data: Mapping[str, Any]) -> bool:
    """Whether data have the parts of a provenance that are compared; a seal can be made anew."""
    texts, tables = ("program", "code"), ("inputs", "paths", "outputs")
    whole = all(isinstance(data.get(name), str) for name in texts) and "recipe" in data
    whole = whole and all(isinstance(data.get(name), dict) for name in tables)
    return whole and data["inputs"].keys() == data["paths"].keys() and all(map(_is_text, data["paths"].values()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _digest(path: Path) -> str | None:
    """Return the digest of a file, None where it cannot be read, or is none: reading a pipe would wait for ever."""
    try:
        return file_digest(path) if path.is_file() else None
    except (InputError, OSError):
        return None


def _files(folder: Path) -> list[Path]:
    """Return the files of an artefact, those of its weights or data among them."""
    inner = [p for name in ("weights", "data") for p in (folder / name).rglob("*") if p.is_file()]
    return _own_files(folder) + inner


def _hidden(folder: Path) -> list[str]:
    """Return the hidden files of an artefact, but what a killed program, Snakemake or NFS has left there."""
    paths = [*folder.glob(".*"), *(folder / "weights").rglob(".*"), *(folder / "data").rglob(".*")]
    return sorted(p.relative_to(folder).as_posix() for p in paths if p.is_file() and not _LEFT.fullmatch(p.name))


def _own_files(folder: Path) -> list[Path]:
    """Return the files of a folder, not those of folders in it."""
    return [p for p in folder.iterdir() if p.is_file()] if folder.is_dir() else []


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _walk(root: Path) -> Iterable[tuple[str, list[str], list[str]]]:
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in UNDECLARED]
        yield parent, folders, names


def _difference(old: Any, new: Any, where: str = "") -> str:
    """Return the first key that differs, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                return _difference(old.get(key), new.get(key), f"{where}.{key}".lstrip("."))
    return f"{where or 'all of it'}: made with {str(old)[:60]}, now {str(new)[:60]}"
