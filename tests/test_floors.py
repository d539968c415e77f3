"""The floors of the library: which folder may import which, and no circle among siblings."""

import ast
from collections.abc import Iterator

from helpers import REPOSITORY

LIBRARY = REPOSITORY / "scripts/distill"
FLOORS = [
    {"runtime"},
    {"config", "tables", "models"},
    {"problems", "responses", "verdicts", "datasets", "training"},
    {"scores"},
    {"analyses"},
    {"report"},
    {"audit"},
    {"forecast"},
    {"publishing"},
]


def arrows() -> Iterator[tuple[str, str, str]]:
    """Yield (folder, folder that it imports, file) of the library; imports inside functions count too."""
    for path in sorted(LIBRARY.rglob("*.py")):
        own = path.relative_to(LIBRARY).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "distill":
                parts = node.module.split(".")[1:] or [alias.name for alias in node.names]
                yield own, parts[0], str(path.relative_to(LIBRARY))
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.startswith("distill."):
                        yield own, alias.name.split(".")[1], str(path.relative_to(LIBRARY))


def floor(folder: str) -> int:
    (number,) = (i for i, folders in enumerate(FLOORS) if folder in folders)
    return number


def test_every_folder_stands_on_a_floor() -> None:
    folders = {p.name for p in LIBRARY.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set().union(*FLOORS)
    assert [p.name for p in LIBRARY.glob("*.py")] == ["__init__.py"]


def test_no_arrow_points_upward() -> None:
    assert [arrow for arrow in arrows() if floor(arrow[1]) > floor(arrow[0])] == []


def test_folders_import_each_other_without_a_circle() -> None:
    imported: dict[str, set[str]] = {}
    for own, other, _ in arrows():
        imported.setdefault(own, set()).add(other)
    left = {own: others - {own} for own, others in imported.items()}
    while free := [own for own, others in left.items() if not others & left.keys()]:
        for own in free:
            del left[own]
    assert left == {}


def test_the_library_knows_neither_programs_nor_snakemake() -> None:
    programs = {p.stem for p in (REPOSITORY / "scripts").glob("*.py")} | {"snakemake", "tools"}
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {m.split(".")[0] for m in modules} & programs, path
