"""Analyses: each module makes one table and one section of the report. To add one, add a module here.

A module has NEEDS (the kinds of files it reads, as workflow/rules/inputs.smk lists them), ORDER (its place on the page)
and `analyse(inputs)`, which returns a Section. LABELLED ones are `analyse(inputs, labels)`: for their order, picture,
titles and sentences, while rows keep names, which the page labels. Importing a module is cheap: heavy libraries are
imported inside functions.
"""

import importlib
import pkgutil
from types import ModuleType


def load(name: str) -> ModuleType:
    """Return the module of an analysis."""
    return importlib.import_module(f"{__name__}.{name}")


def is_labelled(name: str) -> bool:
    """Whether an analysis is given labels."""
    return getattr(load(name), "LABELLED", False)


def names() -> list[str]:
    """Return the names of all analyses, in the order of the page: the modules here that have an ORDER."""
    modules = {module.name: load(module.name) for module in pkgutil.iter_modules(__path__)}
    orders = {name: module.ORDER for name, module in modules.items() if hasattr(module, "ORDER")}
    return sorted(orders, key=lambda name: (orders[name], name))
