"""`config.yaml` is read by Snakemake, as plain YAML; what that takes for something else is refused all the same."""

from pathlib import Path

import pytest
from study import Study

from distill.config.load import check_as_written
from distill.runtime.errors import InputError


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study.small(tmp_path_factory.mktemp("settings") / "study")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hours_per_job: 1:30", "'1:30' would be read as 90"),
        ("budget: 0100", "'0100' would be read as 64"),
        ("hours_per_job: 1\nhours_per_job: 2", "key 'hours_per_job' stands twice"),
    ],
)
def test_settings_are_what_stands_there(study: Study, tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=f"^{path}: line .*{message}"):
        check_as_written([str(path)])
    if line.startswith("hours_per_job: 1:"):
        done = study.snakemake("--dry-run", "--configfile", str(path))
        assert done.returncode != 0
        assert f"the configuration has mistakes:\n{path}: line 1: {message}" in done.stdout + done.stderr


def test_other_files_are_left_to_snakemake(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{\n\t"budget": 3\n}')
    (tmp_path / "a.yaml").write_text("budget: 3\nstudies: [toy]\n")
    check_as_written([tmp_path / "a.json", tmp_path / "a.yaml"])
