"""These tests need the real tokenizers: `make test-tokenizers` fetches them."""

from pathlib import Path

import pytest
from families import CACHE, NAMES, folder_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in NAMES if not (folder_of(name) / "tokenizer.json").is_file()]
    if missing:
        skip = pytest.mark.skip(reason=f"no tokenizer of {', '.join(missing)} in {CACHE}")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)
