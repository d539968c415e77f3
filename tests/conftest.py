"""A small toy study, finished once per process of the tests."""

from pathlib import Path

import pytest
from study import Study


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study.small(tmp_path_factory.mktemp("finished"))
    done = study.snakemake(seconds=550)
    assert done.returncode == 0, done.stdout + done.stderr
    return study


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    return finished.copy(tmp_path / "study")
