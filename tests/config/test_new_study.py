"""A study of one's own: the template is right as it stands, under any name, and nothing of a user's is overwritten."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from helpers import REPOSITORY

from distill.config.catalogue import KINDS
from distill.config.lineage import TrainedModel
from distill.config.load import load
from distill.config.origins import unusable_files
from distill.config.plan import Plan
from distill.runtime.errors import InputError
from tools import new_study

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a user's with the project's configuration and the toy."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources/toy").symlink_to(REPOSITORY / "resources/toy")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_template_is_a_study_that_can_be_planned(capsys: pytest.CaptureFixture[str]) -> None:
    new_study.main(["so-mine"])
    plan = Plan(load(Path("config"), {"studies": ["so-mine"]}))
    names = ("so-mine-hard", "so-mine-easy", "so-mine-mix")
    assert set(plan.trained()) == {TrainedModel("so-mine-student", "so-mine-sft", name, 1) for name in names}
    assert unusable_files(plan) == []
    told = capsys.readouterr().out
    assert "wrote config/studies/so-mine.yaml" in told
    assert "snakemake -n -q rules --config studies=so-mine" in told
    assert all("my-first" not in path.read_text() for path in Path("config").glob("*/so-mine/*.yaml"))


def test_each_copy_names_its_schema_and_is_valid_by_it() -> None:
    new_study.main(["mine"])
    for path in [Path("config/studies/mine.yaml"), *(Path(f"config/catalogue/mine/{kind}.yaml") for kind in KINDS)]:
        first = path.read_text().splitlines()[0]
        schema = json.loads((path.parent / first.removeprefix("# yaml-language-server: $schema=")).read_text())
        jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("there", ["studies/mine.yaml", "catalogue/mine/teachers.yaml"])
def test_nothing_is_overwritten(there: str) -> None:
    path = Path("config") / there
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}\n")
    before = sorted(Path("config").rglob("*"))
    with pytest.raises(InputError, match=f"{there} stands there already"):
        new_study.main(["mine"])
    assert path.read_text() == "{}\n"
    assert sorted(Path("config").rglob("*")) == before


@pytest.mark.parametrize("name", ["", "Mine", "my study", "../mine", "m" * 52])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is no name of a study"):
        new_study.main([name])


def test_the_longest_name_fits_all_that_the_template_adds() -> None:
    new_study.main(["m" * 51])


def test_mistakes_of_the_configuration_are_told() -> None:
    shutil.rmtree("config/prompts")
    with pytest.raises(InputError, match="'plain' is no known prompt"):
        new_study.main(["mine"])


def test_files_that_are_not_there_are_told(project: Path) -> None:
    (project / "resources/toy").unlink()
    with pytest.raises(InputError, match=r"mine-train: resources/toy/train\.jsonl is not there"):
        new_study.main(["mine"])


def test_make_begins_one_and_says_what_is_wrong_in_a_line() -> None:
    command = [sys.executable, str(REPOSITORY / "scripts/tools/new_study.py"), "My study"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout) == (1, "")
    rule = "use lower-case words with hyphens, 51 characters in all"
    assert done.stderr == f"new_study.py: error: 'My study' is no name of a study; {rule}\n"
