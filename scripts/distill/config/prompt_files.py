"""Prompt templates as files: what is wrong with one is told when the configuration is read, before a job has its GPU.

The program that writes the prompts looks again (`distill.models.prompts`), at what comes out. Here nothing is run: a
file that no editor shows as it is, a syntax error, a name that is not known, and a thing written that is no text. Such
a thing (`{{ problem.strip }}` without its brackets) is written with its address in memory, so no two prompts are alike.
"""

import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path

from jinja2 import Environment, TemplateError, nodes
from jinja2.defaults import DEFAULT_NAMESPACE

PLAIN = "\n\r\t\u200c\u200d"  # of the signs that are not seen
LAZY = {"map", "select", "reject", "selectattr", "rejectattr", "batch", "slice"}  # filters that give no text, no list
OBJECTS = {"self", "loop", "range", "dict", "cycler", "joiner", "namespace", "lipsum", "caller", "super"}
IN_MACROS = {"varargs", "kwargs"}
MAKERS = {"cycler", "joiner", "namespace"}
_INSIDE = (nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Concat, nodes.CondExpr, nodes.BinExpr)


def prompt_mistakes(path: Path, known: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with a template that is given the variables `known`, a line each."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        yield f"{path}: not UTF-8 (byte {error.start}); save the prompt template as UTF-8"
        return
    except OSError as error:
        yield f"{path}: the prompt template cannot be read ({error.strerror})"
        return
    if sign := next((sign for sign in text if unicodedata.category(sign)[0] == "C" and sign not in PLAIN), None):
        line = text[: text.index(sign)].count("\n") + 1
        what = "a byte order mark" if sign == "\ufeff" else f"a sign that is not seen (U+{ord(sign):04X})"
        yield f"{path}: line {line}: {what} would stand in every prompt; take it out"
    try:
        tree = Environment().parse(text)
    except TemplateError as error:
        yield f"{path}: line {getattr(error, 'lineno', None) or 1}: no Jinja template ({error.message})"
        return
    except RecursionError:
        yield f"{path}: no Jinja template (its brackets or signs are nested too deep)"
        return
    yield from (f"{path}: line {line}: {problem}" for line, problem in _mistakes(tree, set(known)))


def read_names(tree: nodes.Template) -> set[str]:
    """Return the names that a template reads and sets nowhere.

    `jinja2.meta` works out constants first, outside any sandbox: `'x' * 10**10` would fill the memory.
    """
    names = list(tree.find_all(nodes.Name))
    own = {name.name for name in names if name.ctx != "load"} | {macro.name for macro in tree.find_all(nodes.Macro)}
    return {name.name for name in names if name.ctx == "load"} - own


def _mistakes(tree: nodes.Template, known: set[str]) -> Iterator[tuple[int, str]]:
    """Yield (line, what is wrong) of a template."""
    asks = any(f.name in ("default", "d") for f in tree.find_all(nodes.Filter)) or any(tree.find_all(nodes.Test))
    unknown = read_names(tree) - known - DEFAULT_NAMESPACE.keys() - OBJECTS - IN_MACROS
    for name in () if asks else sorted(unknown):
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), 1)
        yield line, f"{name!r} is not known; a prompt is given {' and '.join(map(repr, sorted(known)))}"
    macros = {macro.name for macro in tree.find_all(nodes.Macro)}
    for output in tree.find_all(nodes.Output):
        for part in output.nodes:
            for thing in _no_texts(part, known, macros):
                yield part.lineno, f"{thing} is no text; what is written of it is another at each start"


def _no_texts(part: nodes.Node, known: set[str], macros: set[str]) -> Iterator[str]:
    """Yield the things in what is written that are functions, classes or other objects of Jinja."""
    if isinstance(part, _INSIDE):
        for inner in part.iter_child_nodes():
            yield from _no_texts(inner, known, macros)
    elif isinstance(part, nodes.Name) and part.name in OBJECTS | macros:
        yield f"`{part.name}`"
    elif isinstance(part, nodes.Getattr) and isinstance(part.node, nodes.Name) and part.node.name in known:
        yield f"`{part.node.name}.{part.attr}`, a function that is not called,"
    elif isinstance(part, nodes.Call) and isinstance(part.node, nodes.Name) and part.node.name in MAKERS:
        yield f"`{part.node.name}()`"
    elif isinstance(part, nodes.Filter) and part.name in LAZY:
        yield f"`|{part.name}` without `|list`"
