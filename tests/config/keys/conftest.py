"""The world of the keys' tests, built once."""

import os
from pathlib import Path

import pytest
import world as files


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    files.build(folder)
    return folder


@pytest.fixture
def world(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in the world: its hub in place of the network, its caches, two keys of servers."""
    import datasets
    import huggingface_hub

    from distill.responses import endpoint

    monkeypatch.chdir(built)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", files.download)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", built / "cache")
    monkeypatch.setattr(endpoint, "FIRST_PAUSE_SECONDS", 0.01)
    for name in ("OPENAI_API_KEY", "OTHER_KEY"):
        monkeypatch.setenv(name, name.lower())
    assert Path.cwd() == Path(os.path.realpath(built))
    return built
