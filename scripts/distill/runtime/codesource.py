"""The source of a module for its code hash: what its statements bind, import, use and run, without what cannot matter.

Which names of other modules these are, and what counts, is `codehash`'s matter.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

Chain = tuple[str, ...]  # `a.b.c` as it is written
Origin = tuple[str, Chain]  # a module's name, and the names that are taken from it
Scope = dict[str, list[Origin]]  # local names; a local import has origins, another name has none

ENTRY = ""  # what runs when a module is imported

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


@dataclass
class Module:
    """A parsed module: what binds each top-level name, what it imports, and what runs when it is imported."""

    package: str
    bound: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: Scope = field(default_factory=dict)
    entered: list[str] = field(default_factory=list)
    runs: list[ast.stmt] = field(default_factory=list)
    _sources: dict[str, str] = field(default_factory=dict)
    _uses: dict[str, "Uses"] = field(default_factory=dict)

    def source(self, name: str) -> str:
        """Return the source of a definition in one spelling, without what cannot change a row."""
        if name not in self._sources:
            self._sources[name] = "\n".join(ast.unparse(s) for s in self._statements(name))
        return self._sources[name]

    def uses(self, name: str) -> "Uses":
        """Return what a definition reads and imports."""
        if name not in self._uses:
            uses = self._uses[name] = Uses(self.package)
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
def parsed(text: str, package: str) -> Module:
    """Return a module of a package by its text. Raises SyntaxError."""
    module = Module(package)
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


class Uses(ast.NodeVisitor):
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
