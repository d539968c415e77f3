"""Reads `config/`: the catalogue, the studies and the settings, with every mistake reported before a graph is built."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from distill.config.catalogue import KINDS, RESERVED, VARIANTS, Catalogue
from distill.config.labels import label_mistakes
from distill.config.mistakes import parse, unknown
from distill.config.recipes import OnPolicyTraining, Recipe, Settings, StudyEntry
from distill.config.references import References
from distill.config.values import value_mistakes
from distill.runtime.errors import InputError, first_line

EXAMPLES = "examples"  # a folder of the catalogue
MOST_PARTS = 1_000_000  # of one file


def load(root: Path, settings: Mapping[str, Any]) -> Catalogue:
    """Read and check `root` (the folder `config/`) for the given settings (the content of config.yaml).

    Raises InputError with one line per mistake.
    """
    mistakes: list[str] = []
    checked = parse(Settings, settings, root / "config.yaml", "", mistakes)
    if checked is None:
        raise InputError("\n".join(mistakes))
    mistakes += _lines(checked, root / "config.yaml")
    if not (root / "catalogue").is_dir():
        said = f"{root}: no folder of a configuration, for it has no catalogue/; correct `folder`, or where you run"
        raise InputError("\n".join(mistakes or [said]))
    catalogue = Catalogue(settings=checked)
    # Kind -> name -> file, also of entries with mistakes, so that one mistake is not told twice.
    names: dict[str, dict[str, Path]] = {}
    for kind in KINDS:
        read = [(path, read_yaml(path, mistakes)) for path in _files(root, kind)]
        if any(entries is None for _, entries in read):
            continue
        names[kind] = {}
        for path, entries in read:
            for name, entry in (entries or {}).items():
                if first := names[kind].get(name):
                    mistakes.append(f"{path}: {name}: stands in {first} too; a name has one recipe")
                    continue
                names[kind][name] = path
                _read_entry(catalogue, kind, name, entry, path, mistakes)
        catalogue.files |= {(kind, name): path.relative_to(root) for name, path in names[kind].items()}
    mistakes += _unread(root)
    studies = sorted(p.stem for p in (root / "studies").glob("*.yaml"))
    for name in checked.studies:
        if name not in studies:
            mistakes.append(f"{root / 'config.yaml'}: studies: {unknown(name, 'study', studies)}")
            continue
        path = root / "studies" / f"{name}.yaml"
        catalogue.files["studies", name] = path.relative_to(root)
        content = read_yaml(path, mistakes)
        study = None if content is None else parse(StudyEntry, content, path, "", mistakes)
        if study is not None:
            mistakes += _lines(study, path)
            catalogue.studies[name] = study
    if len(names) == len(KINDS):  # else what cannot be read would be told as what is not there
        mistakes += References(catalogue, root, names).mistakes()
    if not mistakes:
        mistakes += [f"{names[kind][name]}: {name}.label: {said}" for kind, name, said in label_mistakes(catalogue)]
    if mistakes:
        raise InputError("\n".join(dict.fromkeys(mistakes)))
    return catalogue


def chosen_settings(root: Path, text: str | None) -> dict[str, Any]:
    """Return settings from their JSON, without one the content of config.yaml in `root`.

    Raises InputError that says what is wrong with either.
    """
    if text is None:
        mistakes: list[str] = []
        settings = read_yaml(root / "config.yaml", mistakes)
        if settings is None:
            raise InputError(mistakes[0])
        return settings
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise InputError(f"--settings: not JSON ({error})") from None
    if not isinstance(settings, dict):
        raise InputError('--settings: expected a JSON object such as {"studies": ["toy"]}')
    return settings


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses what plain YAML 1.1 turns into something else in silence.

    A key given twice keeps its last value, 0320 is 208, 1:30 is 90, `no` is false; an alias may hold itself.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = set()
        for key_node, _ in node.value:
            is_merge = key_node.tag == "tag:yaml.org,2002:merge"
            if not is_merge and (not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str"):
                raise _refused(key_node, "a key is a text; put other things in quotes")
            if key_node.value in keys:
                raise _refused(key_node, f"key {key_node.value!r} stands twice")
            keys.add(key_node.value)
        return super().construct_mapping(node, deep)

    def construct_plain(self, node: yaml.ScalarNode) -> Any:
        """Return a number or truth value that is written as one. Raises ConstructorError for what only looks so."""
        text, kind = node.value, node.tag.rsplit(":", 1)[1]
        if not _WRITTEN[kind].fullmatch(text):
            raise _refused(
                node, f"{text!r} would be read as {self._plain(node, kind)!r}; write that, or put it in quotes"
            )
        return self._plain(node, kind)

    def construct_day(self, node: yaml.ScalarNode) -> Any:
        """Return a day or a time. Raises ConstructorError for one that no calendar has."""
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError as error:
            raise _refused(node, f"{node.value!r} is no day ({error}); correct it, or put it in quotes") from None

    def _plain(self, node: yaml.ScalarNode, kind: str) -> Any:
        return getattr(super(), f"construct_yaml_{kind}")(node)


_WRITTEN = {
    "int": re.compile(r"[-+]?(0|[1-9][0-9]*)"),
    "float": re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
}
for _kind in _WRITTEN:
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_plain)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_day)


def _refused(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def read_yaml(path: Path, mistakes: list[str]) -> dict[str, Any] | None:
    """Return the mapping of a YAML file; for a file that cannot be read None, and a line goes to `mistakes`."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        _count_parts(data, (), 0)
    except FileNotFoundError:
        mistakes.append(f"{path}: no such file")
        return None
    except (UnicodeDecodeError, OSError) as error:
        mistakes.append(f"{path}: not a readable text file in UTF-8 ({first_line(error)})")
        return None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        mistakes.append(f"{path}:{line} {first_line(getattr(error, 'problem', None) or error)}")
        return None
    except (RecursionError, ValueError) as error:
        mistakes.append(f"{path}: nested too deeply, too large, or holding itself ({first_line(error)})")
        return None
    if data is not None and not isinstance(data, dict):
        mistakes.append(f"{path}: expected names and recipes (a mapping), not {type(data).__name__}")
        return None
    return data or {}


def check_as_written(paths: Iterable[str | Path]) -> None:
    """Raise InputError where a file of settings holds what plain YAML takes for something else, a line per file.

    Snakemake reads these files itself: of a key given twice it keeps the last, and `1:30` is 90 to it.
    """
    mistakes: list[str] = []
    for path in map(Path, paths):
        if path.suffix in (".yaml", ".yml"):
            read_yaml(path, mistakes)
    if mistakes:
        raise InputError("\n".join(dict.fromkeys(mistakes)))


def _count_parts(data: Any, around: tuple[int, ...], before: int) -> int:
    """Return how many parts data have, those of an alias at each place again, and `before` more.

    Raises ValueError where a mapping or list holds itself through an alias, or there are more than MOST_PARTS: a file
    of ten lines may be a thousand million of them.
    """
    before += 1
    if before > MOST_PARTS:
        raise ValueError(f"with its aliases written out it has more than {MOST_PARTS} parts")
    if isinstance(data, (dict, list)):
        if id(data) in around:
            raise ValueError("an alias holds itself")
        for part in data.values() if isinstance(data, dict) else data:
            before = _count_parts(part, (*around, id(data)), before)
    return before


def _files(root: Path, kind: str) -> list[Path]:
    """Return the files of a kind: `catalogue/KIND.yaml`, which must be there, and those of that name in folders."""
    first = root / "catalogue" / f"{kind}.yaml"
    return [first, *(path for path in _below(root, f"{kind}.yaml") if path != first)]


def _below(root: Path, pattern: str) -> list[Path]:
    """Return the files below `catalogue/` of a pattern, sorted; the examples there are to be copied, not read."""
    folder = root / "catalogue"
    return sorted(p for p in folder.rglob(pattern) if p.relative_to(folder).parts[0] != EXAMPLES)


def _unread(root: Path) -> list[str]:
    """Return a line for each YAML file of the catalogue that is of no kind: nothing would read it."""
    strangers = [path for path in _below(root, "*.y*ml") if path.suffix != ".yaml" or path.stem not in KINDS]
    return [
        f"{path}: {unknown(path.name, 'file of the catalogue', (f'{k}.yaml' for k in KINDS))}" for path in strangers
    ]


def _lines(recipe: Recipe, path: Path, name: str = "") -> list[str]:
    return [f"{path}: {key}: {said}" for key, said in value_mistakes(recipe, name)]


def _read_entry(catalogue: Catalogue, kind: str, name: str, entry: Any, path: Path, mistakes: list[str]) -> None:
    """Check an entry of a catalogue file, and put its recipe into the catalogue."""
    others = [other for key, other in VARIANTS.get(kind, []) if isinstance(entry, dict) and key in entry]
    own = others[0] if others else KINDS[kind]
    recipe = parse(own, entry, path, str(name), mistakes, name=True, reserved=RESERVED.get(kind))
    if recipe is not None:
        mistakes += _lines(recipe, path, str(name))
    if label := getattr(recipe, "label", None):
        catalogue.labels[kind, name] = label
    if isinstance(recipe, OnPolicyTraining):
        catalogue.on_policy[name] = recipe.on_policy
    elif recipe is not None:
        getattr(catalogue, kind)[name] = recipe
