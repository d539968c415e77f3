"""Reads `config/`: the catalogue, the studies and the settings, with every mistake reported before a graph is built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill.config.catalogue import KINDS, RESERVED, Catalogue
from distill.config.mistakes import parse, read_yaml, unknown
from distill.config.recipes import Settings, StudyRecipe
from distill.config.references import References
from distill.runtime.errors import InputError


def load(root: Path, settings: Mapping[str, Any]) -> Catalogue:
    """Read and check `root` (the folder `config/`) for the given settings (the content of config.yaml).

    Raises InputError with one line per mistake.
    """
    mistakes: list[str] = []
    checked = parse(Settings, settings, root / "config.yaml", "", mistakes)
    if checked is None:
        raise InputError("\n".join(mistakes))
    catalogue = Catalogue(settings=checked)
    names: dict[str, list[str]] = {}  # also of entries with mistakes, so that one mistake is not told twice
    for kind, model in KINDS.items():
        path = root / "catalogue" / f"{kind}.yaml"
        entries = read_yaml(path, mistakes)
        names[kind] = [str(name) for name in entries]
        for name, entry in entries.items():
            recipe = parse(model, entry, path, str(name), mistakes, name=True, reserved=RESERVED.get(kind))
            if recipe is not None:
                getattr(catalogue, kind)[name] = recipe
    known = sorted(p.stem for p in (root / "studies").glob("*.yaml"))
    for name in checked.studies:
        if name not in known:
            mistakes.append(f"{root / 'config.yaml'}: studies: {unknown(name, 'study', known)}")
            continue
        path = root / "studies" / f"{name}.yaml"
        study = parse(StudyRecipe, read_yaml(path, mistakes), path, "", mistakes)
        if study is not None:
            catalogue.studies[name] = study
    if all(names.values()):
        mistakes += References(catalogue, root, names).mistakes()
    if mistakes:
        raise InputError("\n".join(dict.fromkeys(mistakes)))
    return catalogue
