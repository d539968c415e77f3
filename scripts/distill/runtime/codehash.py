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

import ast
import builtins
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from pathlib import Path

from distill.runtime.hashed import remembered, sources_digest

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = Path("distill", "runtime")
DECLARED = "FORMAT"  # the one name of runtime that counts
WHOLE, ENTRY = "*", ""  # all of a module; what runs when it is imported

Target = tuple[Path, str]
Chain = tuple[str, ...]  # `a.b.c` as it is written
Origin = tuple[str, Chain]  # a module's name, and the names that are taken from it
Scope = dict[str, list[Origin]]  # local names; a local import has origins, another name has none

_READERS = {"help", "description", "metavar", "epilog"}
_TAKERS = {"Field", "ArgumentParser", "add_argument", "add_argument_group", "add_mutually_exclusive_group",
           "add_parser", "add_subparsers"}  # fmt: skip
_LOGGERS = {"logging", "logger", "log", "_logger", "_log", "LOGGER", "LOG", "busy", "execution"}
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log", "note", "count", "tell", "hear"}
# Built-in errors whose arguments are texts; those of OSError are numbers that handlers read, of StopIteration a value.
_TEXT_ERRORS = {"InputError"} | {
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and not issubclass(kind, (OSError, StopIteration, StopAsyncIteration))
}
_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


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
        self._modules: dict[Path, _Module] = {}
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

    def module(self, path: Path) -> "_Module":
        if path not in self._modules:
            inside = path.relative_to(self.root) if path.is_relative_to(self.root) else Path(path.name)
            self._modules[path] = _parse(path.read_text(encoding="utf-8"), ".".join(inside.parent.parts))
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


@dataclass
class _Module:
    """A parsed module: what binds each top-level name, what it imports, and what runs when it is imported."""

    package: str
    bound: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: Scope = field(default_factory=dict)
    entered: list[str] = field(default_factory=list)
    runs: list[ast.stmt] = field(default_factory=list)
    _sources: dict[str, str] = field(default_factory=dict)
    _uses: dict[str, "_Uses"] = field(default_factory=dict)

    def source(self, name: str) -> str:
        """Return the source of a definition in one spelling, without what cannot change a row."""
        if name not in self._sources:
            self._sources[name] = "\n".join(ast.unparse(s) for s in self._statements(name))
        return self._sources[name]

    def uses(self, name: str) -> "_Uses":
        """Return what a definition reads and imports."""
        if name not in self._uses:
            uses = self._uses[name] = _Uses(self.package)
            uses.entered.update(self.entered if name == ENTRY else ())
            for statement in self._statements(name):
                uses.visit(statement)
        return self._uses[name]

    def _statements(self, name: str) -> list[ast.stmt]:
        statements = self.runs if name == ENTRY else self.bound.get(name, [])
        stripped = [_STRIP.visit(statement) for statement in statements]
        return [statement for statement in stripped if statement is not None]

    def collect(self, statements: Sequence[ast.stmt], top: bool = True) -> None:
        """Note what top-level statements bind, import and run; those inside `if` or `try` run as a whole."""
        for statement in statements:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                self.entered += _entered(statement, self.package)
                for local, origin in _imported_names(statement, self.package):
                    self.imports.setdefault(local, []).append(origin)
            elif names := _bound_names(statement):
                for name in names:
                    self.bound.setdefault(name, []).extend([statement] if top else [])
            else:
                typing = isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING")
                if top and not typing:
                    self.runs.append(statement)
                blocks = ("orelse",) if typing else ("body", "orelse", "finalbody")
                for block in blocks:
                    self.collect(getattr(statement, block, []), top=top and typing)
                for inner in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                    self.collect(inner.body, top=False)


@cache
def _parse(text: str, package: str) -> _Module:
    module = _Module(package)
    module.collect(ast.parse(text).body)
    return module


def _bound_names(statement: ast.stmt) -> list[str]:
    """Return what a statement binds and does no more than that."""
    if isinstance(statement, (*_Function, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    else:
        return []
    parts = [part for target in targets for part in ast.walk(target)]
    if any(isinstance(part, (ast.Attribute, ast.Subscript)) for part in parts):
        return []
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _imported_names(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Origin]]:
    """Yield each local name of an import statement, and what it stands for."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            first = alias.name.split(".")[0]
            yield alias.asname or first, (alias.name if alias.asname else first, ())
        return
    above = package.split(".") if package else []
    above = above[: len(above) - statement.level + 1] if statement.level else []
    origin = ".".join([*above, *([statement.module] if statement.module else [])])
    for alias in statement.names:
        yield alias.asname or alias.name, (origin, (alias.name,))


def _entered(statement: ast.Import | ast.ImportFrom, package: str) -> list[str]:
    """Return the names of all that may be a module which an import statement runs."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return [".".join((origin, *names)) for _, (origin, names) in _imported_names(statement, package)]


class _Strip(ast.NodeTransformer):
    """Takes out of a statement, in place, what cannot change a row."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return None if _is_log_line(node.value) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if _last_name(node.func) in _TAKERS:
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in _READERS]
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        error = node.exc
        if isinstance(error, ast.Call) and _last_name(error.func) in _TEXT_ERRORS:
            node.exc = error.func
        return self.generic_visit(node)


_STRIP = _Strip()


def _is_log_line(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in _LEVELS:
        return False
    binds = any(isinstance(part, ast.NamedExpr) for part in ast.walk(node))  # a name that later lines may read
    return _last_name(node.func.value) in _LOGGERS and not binds


def _last_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Uses(ast.NodeVisitor):
    """Collects the global names that statements read, the origins of local ones, and the modules they import."""

    def __init__(self, package: str):
        self.names: set[Chain] = set()
        self.origins: set[Origin] = set()
        self.entered: set[str] = set()
        self._package = package
        self._scopes: list[Scope] = []

    def _use(self, *chain: str) -> None:
        for scope in reversed(self._scopes):
            if chain[0] in scope:
                self.origins |= {(origin, (*names, *chain[1:])) for origin, names in scope[chain[0]]}
                return
        self.names.add(chain)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Store):
            self._use(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        for name in node.names:
            self._use(name)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        inner: ast.expr = node
        chain: list[str] = []
        while isinstance(inner, ast.Attribute):
            chain.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self._use(inner.id, *chain)
        else:
            self.visit(inner)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.generic_visit(node)
        for part in ast.walk(node.annotation):  # a quoted type of a recipe's key is looked up by pydantic
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                with suppress(SyntaxError):
                    self.visit(ast.parse(part.value, mode="eval"))

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.entered.update(_entered(node, self._package))

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        body = node.body if isinstance(node.body, list) else [node.body]
        for outside in (*getattr(node, "decorator_list", ()), node.args, getattr(node, "returns", None)):
            if outside is not None:
                self.visit(outside)
        scope: Scope = {part.arg: [] for part in ast.walk(node.args) if isinstance(part, ast.arg)}
        _bind(body, scope, self._package)
        self._inside(scope, body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815
    visit_Lambda = visit_FunctionDef  # noqa: N815

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        targets = [part for generator in node.generators for part in ast.walk(generator.target)]
        scope: Scope = {part.id: [] for part in targets if isinstance(part, ast.Name)}
        inside = [part for generator in node.generators for part in (generator.target, *generator.ifs)]
        inside += [generator.iter for generator in node.generators[1:]]
        inside += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._inside(scope, inside)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def _inside(self, scope: Scope, nodes: Iterable[ast.AST]) -> None:
        self._scopes.append(scope)
        for node in nodes:
            self.visit(node)
        self._scopes.pop()


def _bind(nodes: Sequence[ast.AST], scope: Scope, package: str) -> None:
    """Add to a function's scope all that its body binds; what it declares `global` is none of it."""
    todo, shared = list(nodes), set()
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, (*_Function, ast.ClassDef)):
            scope.setdefault(node.name, [])
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for local, origin in _imported_names(node, package):
                scope.setdefault(local, []).append(origin)
        elif isinstance(node, ast.Global):
            shared |= set(node.names)
        elif isinstance(node, ast.comprehension):  # its targets are its own
            todo += [node.iter, *node.ifs]
        else:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                scope.setdefault(node.id, [])
            elif name := getattr(node, "name", None) or getattr(node, "rest", None):  # `except .. as name`, patterns
                scope.setdefault(name, [])
            todo += ast.iter_child_nodes(node)
    for name in shared:
        scope.pop(name, None)
