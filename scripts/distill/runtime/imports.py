"""What a program does without when it starts."""

import importlib
import importlib.util
import os
from unittest.mock import patch


def import_without_torch(package: str) -> None:
    """Import a package as if torch were not installed; it must ask `importlib.util.find_spec`, as transformers does.

    transformers takes torch along for its tokenizers, who do not use it: 3.6 of the 5 s of processor time that they
    take to load. Only for a program that loads no model; torch itself can still be imported.
    """
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it says that torch was not found
    find_spec = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> object:
        return None if name == "torch" else find_spec(name, package)

    with patch("importlib.util.find_spec", found):
        importlib.import_module(package)
