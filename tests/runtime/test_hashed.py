"""Code hashes that are kept: used while no source has changed, and never when one has."""

import json
import sys
from pathlib import Path

import pytest

from distill.runtime.codehash import code_hash
from distill.runtime.hashed import FILE

KEPT = "0123456789ab"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program, two modules, and hashes that say nothing true."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "distill/runtime").mkdir(parents=True)
    (tmp_path / "distill/runtime/files.py").write_text("")
    (tmp_path / "program.py").write_text("from lib import one\n\nprint(one)\n")
    (tmp_path / "lib.py").write_text("one = 1\n")
    (tmp_path / "other.py").write_text("two = 2\n")
    code_hash(tmp_path / "program.py", (), tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    assert list(content["hashes"]) == ["program.py"]
    (tmp_path / FILE).write_text(json.dumps({**content, "hashes": {"program.py": KEPT, "lib.py": KEPT}}))
    return tmp_path


def hashed(root: Path, *also: str) -> str:
    return code_hash(root / "program.py", also, root)


def test_a_kept_hash_is_not_computed_again(root: Path) -> None:
    assert hashed(root) == KEPT
    (root / "program.py").touch()
    assert hashed(root) == KEPT


def test_each_program_and_what_it_loads_by_name_has_its_own(root: Path) -> None:
    first, second = hashed(root, "other"), code_hash(root / "other.py", (), root)
    assert len({KEPT, first, second}) == 3
    assert json.loads((root / FILE).read_text())["hashes"] == {
        "program.py": KEPT, "lib.py": KEPT, "program.py other": first, "other.py": second}  # fmt: skip


@pytest.mark.parametrize("change", ["edited", "added", "removed", "renamed", "moved text"])
def test_whatever_changes_in_a_source_they_are_of_no_use(root: Path, change: str) -> None:
    other = root / "other.py"
    if change == "edited":
        other.write_text("two = 3\n")
    elif change == "added":
        (root / "distill/new.py").write_text("")
    elif change == "removed":
        other.unlink()
    elif change == "renamed":
        other.rename(root / "another.py")
    else:  # the same bytes in a row, in other files
        other.write_text("two = 2\nprint(one)\n")
        (root / "program.py").write_text("from lib import one\n\n")
    assert hashed(root) != KEPT
    assert KEPT not in (root / FILE).read_text()


def test_another_python_computes_its_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version", "3.12.0")
    assert hashed(root) != KEPT


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sources": 1}', '{"hashes": {}}'])
def test_a_file_that_is_none_is_written_anew(root: Path, content: str) -> None:
    (root / FILE).write_text(content)
    first = hashed(root)
    assert first != KEPT
    assert json.loads((root / FILE).read_text())["hashes"] == {"program.py": first}


def test_where_nothing_may_be_written_it_is_computed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / FILE).unlink()
    (root / FILE).parent.rmdir()
    (root / FILE).parent.write_text("in the way")
    first = hashed(root)
    assert len(first) == 12
    (root / FILE).parent.unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert hashed(root) == first
    assert not (root / FILE).parent.exists()
