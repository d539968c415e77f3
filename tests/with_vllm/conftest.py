"""What the tests with a real vLLM share: the toy teacher, and a server that has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import TOY, base_model
from vllm_server import serve

TEACHER = TOY / "teacher-long"


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TEACHER)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of `vllm serve` with the teacher under the name `toy-long`."""
    with serve(TEACHER, "toy-long", tmp_path_factory.mktemp("served") / "log") as url:
        yield url
