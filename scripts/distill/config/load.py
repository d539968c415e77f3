"""Reads `config/`: the catalogue, the studies and the settings, with every mistake reported before a graph is built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from distill.config.catalogue import KINDS, RESERVED, Catalogue
from distill.config.mistakes import parse, unknown
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
    studies = sorted(p.stem for p in (root / "studies").glob("*.yaml"))
    for name in checked.studies:
        if name not in studies:
            mistakes.append(f"{root / 'config.yaml'}: studies: {unknown(name, 'study', studies)}")
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


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses a key given twice (plain YAML silently keeps the last)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            keys.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, mistakes: list[str]) -> dict[str, Any]:
    """Return the mapping of a YAML file; what is wrong with the file goes to `mistakes`, and the mapping is empty."""
    try:
        data = yaml.load(path.read_text(), _Loader) or {}
    except FileNotFoundError:
        mistakes.append(f"{path}: no such file")
        return {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        mistakes.append(f"{path}:{line} {getattr(error, 'problem', None) or error}")
        return {}
    if not isinstance(data, dict):
        mistakes.append(f"{path}: expected names and recipes (a mapping), not {type(data).__name__}")
        return {}
    return data
