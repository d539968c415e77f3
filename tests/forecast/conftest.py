"""A table of round speeds, and a study of round numbers in a folder of its own."""

import shutil
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY
from round_numbers import CATALOGUE, SPEEDS, STUDY, Planned

from distill.config import speeds
from distill.config.load import load
from distill.config.plan import Plan
from distill.config.ranges import Range


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speeds of round numbers, without margins."""
    rows = [speeds.Speed(*names, Range(figure, figure), "x") for *names, figure in SPEEDS]  # type: ignore[arg-type]
    monkeypatch.setattr(speeds, "rows", lambda: tuple(rows))
    monkeypatch.setattr(speeds, "MARGIN", 1)


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """Return a function that plans the study of round numbers with changed keys of it and of the catalogue's entries.

    It stands in a folder of its own, with the toy's problems.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resources").symlink_to(REPOSITORY / "resources")

    def plan(study: dict | None = None, settings: dict | None = None, **files: dict[str, dict]) -> Plan:
        shutil.rmtree("config", ignore_errors=True)
        shutil.copytree(REPOSITORY / "config", "config")
        for kind, entries in CATALOGUE.items():
            path = Path(f"config/catalogue/{kind}.yaml")
            changed = files.get(kind, {})
            own = {name: {**entries.get(name, {}), **changed.get(name, {})} for name in [*entries, *changed]}
            path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | own))
        Path("config/studies/small.yaml").write_text(yaml.safe_dump({**STUDY, **(study or {})}))
        return Plan(load(Path("config"), {"studies": ["small"], **(settings or {})}))

    return plan
