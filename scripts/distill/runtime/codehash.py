"""A hash of the code that can reach a result, for Snakemake's `params` and for `provenance.json`.

Snakemake notices a touched script and misses an edited module. This hash does neither: from a program it follows
first-party imports definition by definition (functions, classes, constants), and hashes their parsed source without
comments and docstrings. An edit re-makes what can reach it and nothing else; a comment re-makes nothing.

What it cannot see: modules loaded by name. Those are passed as `also` (one engine, not all of them).
"""

import ast
import copy
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHOLE = "*"

Definition = ast.stmt
Target = tuple[Path, str]


def code_hash(script: Path, also: tuple[str, ...] = (), root: Path = ROOT) -> str:
    """Return 12 hex digits over everything `script` (and the modules `also`) can reach below `root`."""
    todo: list[Target] = [(script.resolve(), WHOLE)]
    todo += [(path, WHOLE) for name in also if (path := _module_file(name, root))]
    seen: set[Target] = set()
    while todo:
        target = todo.pop()
        if target in seen:
            continue
        seen.add(target)
        todo += _reached(*target, root)
    digest = hashlib.sha256()
    for path, name in sorted(seen, key=lambda t: (t[0].name, str(t[0]), t[1])):
        digest.update(f"{path.stem}:{name}\n{_source(path, name)}\n".encode())
    return digest.hexdigest()[:12]


def _source(path: Path, name: str) -> str:
    module = _Module.of(path)
    statements = module.body if name == WHOLE else module.side_effects if name == "" else module.bound.get(name, [])
    return "\n".join(ast.unparse(s) for s in statements)


def _reached(path: Path, name: str, root: Path) -> Iterable[Target]:
    """Yield what one definition uses: names of its own module, and names imported from others below `root`."""
    module = _Module.of(path)
    yield path, ""  # a module that is entered runs its top-level statements
    statements = {WHOLE: module.body, "": module.side_effects}.get(name) or module.bound.get(name, [])
    for used, attribute in _uses(statements):
        if name != WHOLE and used in module.bound:
            yield path, used
        for origin, imported in module.imports.get(used, ()):
            yield from _imported(origin, imported, attribute, root)


def _imported(origin: str, imported: str, attribute: str | None, root: Path) -> Iterable[Target]:
    as_module = _module_file(f"{origin}.{imported}" if imported else origin, root)
    if as_module:  # `from distill import tables` or `import distill.tables`
        yield as_module, attribute or WHOLE
    elif path := _module_file(origin, root):
        bound = _Module.of(path).bound
        if imported in bound or imported == WHOLE:
            yield path, imported
        else:  # imported there from elsewhere
            for onward, original in _Module.of(path).imports.get(imported, ()):
                yield from _imported(onward, original, attribute, root)


def _module_file(name: str, root: Path) -> Path | None:
    base = root / Path(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path.resolve()
    return None


def _uses(statements: list[Definition]) -> set[tuple[str, str | None]]:
    """Return (name, attribute or None) of every name that the statements read."""
    uses: set[tuple[str, str | None]] = set()
    for statement in statements:
        inner = {id(n.value) for n in ast.walk(statement) if isinstance(n, ast.Attribute)}
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                uses.add((node.value.id, node.attr))
            elif isinstance(node, ast.Name) and id(node) not in inner:
                uses.add((node.id, None))
    return uses


class _Module:
    """A parsed module: its body, what each top-level name is bound by, its imports, and its other statements."""

    def __init__(self, text: str):
        tree = _without_docstrings(ast.parse(text))
        self.body = tree.body
        self.bound: dict[str, list[Definition]] = {}
        self.imports: dict[str, list[tuple[str, str]]] = {}
        self.side_effects: list[Definition] = []
        for node in ast.walk(tree):  # also imports inside functions, where heavy ones live
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    self._add_import(alias.asname or alias.name, node.module, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    self._add_import(alias.asname or alias.name.split(".")[0], alias.name, "")
        for statement in tree.body:
            names = _bound_names(statement)
            for name in names:
                self.bound.setdefault(name, []).append(statement)
            if not names and not isinstance(statement, (ast.Import, ast.ImportFrom)):
                self.side_effects.append(statement)

    def _add_import(self, local: str, module: str, name: str) -> None:
        self.imports.setdefault(local, []).append((module, name))

    @staticmethod
    def of(path: Path) -> "_Module":
        return _parse(path.read_text())


@cache
def _parse(text: str) -> _Module:
    return _Module(text)


def _bound_names(statement: Definition) -> list[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign)) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return []


def _without_docstrings(tree: ast.Module) -> ast.Module:
    tree = copy.deepcopy(tree)
    for node in ast.walk(tree):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return tree
