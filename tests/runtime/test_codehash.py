"""The code hash sees what can reach a result, definition by definition, and nothing else."""

from pathlib import Path

import pytest

from distill.runtime.codehash import code_hash

PROGRAM = '''"""A program."""
from lib import tools
from lib.maths import add


def main():
    """Add."""
    from lib.heavy import load

    return add(tools.one(), load())
'''
FILES = {
    "program.py": PROGRAM,
    "lib/__init__.py": "",
    "lib/tools.py": "BASE = 1\n\n\ndef one():\n    return BASE\n\n\ndef two():\n    return 2\n",
    "lib/maths.py": "from lib.deep import carry\n\n\ndef add(a, b):\n    return carry(a) + b\n\n\n"
    "def sub(a, b):\n    return a - b\n",
    "lib/deep.py": "def carry(a):\n    return a\n",
    "lib/heavy.py": "def load():\n    return 3\n",
    "lib/named.py": "X = 1\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def changed(root: Path, file: str, old: str, new: str, *also: str) -> bool:
    before = code_hash(root / "program.py", also, root)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    return code_hash(root / "program.py", also, root) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("program.py", "tools.one()", "tools.two()"),
        ("lib/tools.py", "return BASE", "return BASE + 0"),
        ("lib/tools.py", "BASE = 1", "BASE = 2"),
        ("lib/deep.py", "return a", "return -a"),
        ("lib/heavy.py", "return 3", "return 4"),
        ("lib/maths.py", "(a, b):\n    return carry", "(a, b=0):\n    return carry"),
    ],
)
def test_an_edit_that_reaches_the_program_is_seen(root: Path, file: str, old: str, new: str) -> None:
    assert changed(root, file, old, new)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("lib/tools.py", "return 2", "return 22"),
        ("lib/maths.py", "return a - b", "return b - a"),
        ("lib/tools.py", "def one():", "def one():  # the first"),
        ("program.py", '"""Add."""', '"""Add two numbers."""'),
        ("lib/deep.py", "def carry", "\n\n# moved down\n\ndef carry"),
        ("lib/named.py", "X = 1", "X = 2"),
    ],
)
def test_an_edit_that_cannot_reach_it_is_not(root: Path, file: str, old: str, new: str) -> None:
    assert not changed(root, file, old, new)


def test_a_module_loaded_by_name_counts_when_named(root: Path) -> None:
    assert changed(root, "lib/named.py", "X = 1", "X = 2", "lib.named")


def test_touching_a_file_changes_nothing(root: Path) -> None:
    before = code_hash(root / "program.py", (), root)
    (root / "lib/deep.py").touch()
    assert code_hash(root / "program.py", (), root) == before


def test_statements_at_the_top_of_an_entered_module_count(root: Path) -> None:
    assert changed(root, "lib/deep.py", "def carry", "print(1)\n\n\ndef carry")
