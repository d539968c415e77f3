"""What the tests with a real vLLM share: the toy teacher, and a server that has it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import TOY, base_model
from vllm_server import serve

from distill.publishing.contents import CARD, RECORDS

TEACHER = TOY / "teacher-long"
# Of itself each vLLM binds its worker to the first core, where the worker of another test is bound too.
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TEACHER)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of `vllm serve` with the teacher under the name `toy-long`, in a folder as `publish` lays it out."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(TEACHER, folder / "published")
    for name, content in {CARD: "---\nlicense: mit\n---\n", **dict.fromkeys(RECORDS, "{}")}.items():
        (folder / "published" / name).write_text(content)
    with serve(folder / "published", "toy-long", folder / "log") as url:
        yield url
