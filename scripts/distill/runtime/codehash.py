"""A hash of the code that can change a row, for Snakemake's `params` and for `provenance.json`.

Snakemake notices a touched script and misses an edited module. This hash does neither: from what a program runs it
follows first-party names definition by definition (functions, classes, constants) through imports and re-exports, and
hashes their parsed source. An edit re-makes what can reach it and nothing else.

Left out, with the names that only they use: comments, docstrings, texts for readers (`help=` and the like), log lines,
notes of `distill.runtime.busy` and `execution`, the texts of assertions and of built-in errors and `InputError`. Errors
of our own keep theirs, which may be data (how long to wait, why a row failed). Of `distill/runtime/`, which cannot
change a row, only constants named `FORMAT` count.

What it cannot see: modules loaded by name. Those are passed as `also` (one engine, not all of them).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import accumulate
from pathlib import Path

from distill.runtime.codesource import ENTRY, Chain, Module, parsed
from distill.runtime.hashed import remembered, sources_digest

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = Path("distill", "runtime")
DECLARED = "FORMAT"  # the one name of runtime that counts
WHOLE = "*"  # all of a module

Target = tuple[Path, str]


def code_hash(script: Path, also: tuple[str, ...] = (), root: Path = ROOT) -> str:
    """Return 12 hex digits over everything that can change a row of what `script` writes.

    `also` names modules below `root` that it loads by name. Files are read anew at each call and parsed once.
    """
    return _code_hash(script.resolve(), also, _Tree(root.resolve()))


def code_hashes(scripts: Path = ROOT) -> Callable[[str, tuple[str, ...]], str]:
    """Return what gives `code_hash` of a program in `scripts` by its name; of all, the files are read once."""
    tree = _Tree(scripts.resolve())
    return cache(lambda name, also: _code_hash(tree.root / f"{name}.py", also, tree))


def _code_hash(script: Path, also: tuple[str, ...], tree: "_Tree") -> str:
    return remembered(script, also, tree.root, tree.sources, lambda: _computed(script, also, tree))


def _computed(script: Path, also: tuple[str, ...], tree: "_Tree") -> str:
    digest = hashlib.sha256()
    for path, name in sorted(tree.reached(script, also), key=lambda t: (t[0].name, str(t[0]), t[1])):
        if source := tree.module(path).source(name):
            digest.update(f"{path.stem}:{name}\n{source}\n".encode())
    return digest.hexdigest()[:12]


def reached(script: Path, also: tuple[str, ...] = (), root: Path = ROOT) -> set[Target]:
    """Return (file, name) of every definition that `code_hash` covers; the name is empty for what an import runs."""
    tree = _Tree(root.resolve())
    return {(path, name) for path, name in tree.reached(script, also) if tree.module(path).source(name)}


class _Tree:
    """The modules below a root, as they stand on disk when first asked for, and the ways between their definitions."""

    def __init__(self, root: Path):
        self.root = root
        self._sources: str | None = None
        self._runtime: dict[Path, bool] = {}
        self._files: dict[str, Path | None] = {}
        self._modules: dict[Path, Module] = {}
        self._runs: dict[str, list[Target]] = {}

    def sources(self) -> str:
        """Return a digest of all files, modules of no program too."""
        if self._sources is None:
            self._sources = sources_digest(self.root)
        return self._sources

    def reached(self, script: Path, also: Iterable[str]) -> set[Target]:
        todo: list[Target] = [(script.resolve(), ENTRY)]
        todo += [target for name in also for target in self._imported(name, ())]
        seen: set[Target] = set()
        while todo:
            target = todo.pop()
            if target not in seen:
                seen.add(target)
                todo += self._used(*target)
        return {(path, name) for path, name in seen if name != WHOLE}

    def module(self, path: Path) -> Module:
        if path not in self._modules:
            inside = path.relative_to(self.root) if path.is_relative_to(self.root) else Path(path.name)
            self._modules[path] = parsed(path.read_text(encoding="utf-8"), ".".join(inside.parent.parts))
        return self._modules[path]

    def _used(self, path: Path, name: str) -> Iterator[Target]:
        """Yield what one definition needs: the names that it uses, where they come from, what imports run."""
        module = self.module(path)
        if self._is_runtime(path):
            return
        if name == WHOLE:
            yield from ((path, bound) for bound in module.bound if bound != "__all__")
        for origin, _ in module.imports.get("*", ()):
            yield from self._imported(origin, ())
        uses = module.uses(name)
        for imported in uses.entered:
            yield from self._entries(imported)
        for chain in uses.names:
            yield from self._named(path, chain)
        for origin, chain in uses.origins:
            yield from self._imported(origin, chain)

    def _named(self, path: Path, chain: Chain, trail: tuple[Target, ...] = ()) -> Iterator[Target]:
        """Yield what a dotted name means in a module: its own definition, or what it has imported (re-exports too)."""
        module, name = self.module(path), chain[0]
        if name in module.bound:
            yield path, name
        for origin, names in module.imports.get(name, ()):
            yield from self._imported(origin, (*names, *chain[1:]), (*trail, (path, name)))

    def _imported(self, origin: str, names: Chain, trail: tuple[Target, ...] = ()) -> Iterator[Target]:
        """Yield what `names` (an attribute chain) are in the module `origin`; nothing for other people's modules."""
        path = self._file(origin)
        yield from self._entries(origin)
        inner = (f"{origin}.{names[0]}", names[1:], trail) if names else None
        if path is None:
            if inner and self.root.joinpath(*origin.split(".")).is_dir():
                yield from self._imported(*inner)
        elif self._is_runtime(path):
            if DECLARED in self.module(path).bound:
                yield path, DECLARED
            if inner and path.name == "__init__.py":
                yield from self._imported(*inner)
        elif inner is None:
            yield path, WHOLE
        elif names[0] in self.module(path).bound | self.module(path).imports and (path, names[0]) not in trail:
            yield from self._named(path, names, trail)
        else:
            yield from self._imported(*inner)

    def _entries(self, name: str) -> list[Target]:
        """Return what an import of a module runs: the packages around it, and itself."""
        if name not in self._runs:
            around = (self._file(whole) for whole in accumulate(name.split("."), "{}.{}".format))
            self._runs[name] = [(path, ENTRY) for path in around if path and not self._is_runtime(path)]
        return self._runs[name]

    def _is_runtime(self, path: Path) -> bool:
        if path not in self._runtime:
            self._runtime[path] = path.is_relative_to(self.root / RUNTIME)
        return self._runtime[path]

    def _file(self, name: str) -> Path | None:
        if name not in self._files:
            base = self.root.joinpath(*name.split("."))
            files = (path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file())
            self._files[name] = next(files, None)
        return self._files[name]
