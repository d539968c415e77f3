"""`snakemake publish`: a folder, a stub hub, the way back through the catalogue, and all that is refused."""

import inspect
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import publish as program
import pytest
import yaml
from helpers import COMMIT, cached_repository
from study import CATALOGUE, Study

from distill.publishing.facts import texts_digest
from distill.runtime.errors import InputError

TO = "publish={to: out}"


def published(study: Study, monkeypatch: pytest.MonkeyPatch, **keys: Any) -> Path:
    """Publish in this process; return the folder."""
    monkeypatch.chdir(study.folder)
    settings = {"studies": ["toy"], "publish": {"to": "out", **keys}}
    program.main(["--settings", json.dumps(settings)])
    return study.folder / "out"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def comes_back(study: Study, card: str, commit: str | None = None) -> None:
    """Enter the teacher that the card of toy-mix-long names into the catalogue: it gives the published dataset."""
    entry = yaml.safe_load(card.split("In `catalogue/teachers.yaml` of Mixdistill")[1].split("```")[1][5:])
    ((name, teacher),) = entry.items()
    if commit is not None:
        teacher["published"]["revision"] = commit
    study.edit(CATALOGUE + "teachers.yaml", **{name: teacher})
    back = {"corpus": "toy-train", "teachers": [name], "pairing": "unfiltered"}
    study.edit(CATALOGUE + "datasets.yaml", back=back)
    study.run("results/datasets/back/train.parquet")
    own, again = (study.folder / f"results/datasets/{d}/train.parquet" for d in ("toy-mix-long", "back"))
    assert texts_digest(own) == texts_digest(again)
    assert f"`{texts_digest(own)}`" in card


def test_the_target_publishes_and_a_published_dataset_comes_back(study: Study, monkeypatch: Any) -> None:
    study.run("publish", "--config", TO)
    out = study.folder / "out"
    first = contents(out)
    times = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    assert published(study, monkeypatch) == out
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == times
    (out / "scores/gaps.txt").unlink()
    published(study, monkeypatch)
    assert contents(out) == first
    comes_back(study, first["datasets/toy-mix-long/README.md"].decode())
    own, other = (study.folder / f"results/datasets/{d}/train.parquet" for d in ("toy-mix-long", "toy-short-arm"))
    assert texts_digest(other) != texts_digest(own)


def test_what_is_not_whole_or_not_allowed_is_refused(study: Study, monkeypatch: Any) -> None:
    (study.folder / "out").mkdir()
    (study.folder / "out/own.txt").write_text("mine")
    with pytest.raises(InputError, match="no folder of an earlier `publish`"):
        published(study, monkeypatch)
    with pytest.raises(InputError, match="lies in results/"):
        published(study, monkeypatch, to="results/x")
    study.edit(CATALOGUE + "teachers.yaml", **{"toy-long": {"licence": "none"}})
    with pytest.raises(InputError, match=r"toy-mix-long: .*toy-long: its licence none forbids it"):
        published(study, monkeypatch, to="new")
    assert published(study, monkeypatch, to="new", despite=["toy-long"]).parent.joinpath("new").is_dir()
    assert "passed over by the publisher" in (study.folder / "new/datasets/toy-mix-long/README.md").read_text()
    table = study.folder / "results/datasets/toy-mix-long/train.parquet"
    table.write_bytes(table.read_bytes() + b"x")
    with pytest.raises(InputError, match=r"toy-mix-long: altered: train\.parquet.*run `snakemake` first"):
        published(study, monkeypatch, to="third")
    assert not (study.folder / "third").exists()


def test_an_adapter_names_the_base_that_others_have(study: Study, monkeypatch: Any) -> None:
    """PEFT names a folder of this machine, which nobody else has; without it the adapter loads on the named base."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    study.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"lora": {"rank": 4}}})
    path = study.folder / "config/studies/toy.yaml"
    content = yaml.safe_load(path.read_text())
    content["arms"] = [{**content["arms"][0], "datasets": ["toy-short-arm"]}]
    path.write_text(yaml.safe_dump({**content, "gaps": {}}))
    study.run()
    folder = published(study, monkeypatch, kinds=["models"]) / "models/toy-xs-toy-sft-toy-short-arm-seed-1"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("resources/toy/base-xs", None)
    shutil.move("results/models/toy-xs/base", "elsewhere")
    base = AutoModelForCausalLM.from_pretrained(config["base_model_name_or_path"])
    loaded = PeftModel.from_pretrained(base, folder)
    assert loaded.peft_config["default"].r == 4
    assert "library_name: peft" in (folder / "README.md").read_text()


def test_a_model_folder_loads_and_answers_as_the_engine_did(study: Study, monkeypatch: Any) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from distill import tables

    out = published(study, monkeypatch, kinds=["models"])
    folder = out / "models/toy-xs-toy-sft-toy-short-arm-seed-1"
    model, tokenizer = (kind.from_pretrained(folder) for kind in (AutoModelForCausalLM, AutoTokenizer))
    root = study.folder / "results/responses/toy-test/students/toy-xs/toy-sft/toy-short-arm/seed-1"
    (path,) = root.glob("*/*/*/responses.parquet")
    said = {row["problem_id"]: row["response"] for row in tables.read(path, tables.RESPONSES).to_pylist()}
    problems = tables.read(study.folder / "results/problems/toy-test/problems.parquet", tables.PROBLEMS).to_pylist()
    for problem in problems[:5]:
        messages = [{"role": "user", "content": problem["problem"]}]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        made = model.generate(**ids, max_new_tokens=200, do_sample=False)[0, ids["input_ids"].shape[1] :]
        assert tokenizer.decode(made, skip_special_tokens=True).strip() == said[problem["problem_id"]].strip()


class StubHub:
    """Keeps what is uploaded; each call must fit the real client's signature."""

    kept: dict[str, dict[str, bytes]]

    def __init__(self, token: str):
        assert token == "secret"

    def __getattribute__(self, name: str) -> Any:
        from huggingface_hub.hf_api import HfApi as Real

        own = object.__getattribute__(self, name)
        if inspect.ismethod(own):
            return lambda *a, **k: (inspect.signature(getattr(Real, name)).bind(self, *a, **k), own(*a, **k))[1]
        return own

    def whoami(self) -> Any:
        return {"name": "me", "orgs": [{"name": "lab"}]}

    def repo_exists(self, name: str, repo_type: str) -> bool:
        return f"{repo_type} {name}" in self.kept

    def list_repo_files(self, name: str, repo_type: str) -> list[str]:
        return [".gitattributes", *self.kept[f"{repo_type} {name}"]]

    def create_repo(self, name: str, repo_type: str, private: bool, exist_ok: bool) -> None:
        assert private
        assert exist_ok
        self.kept.setdefault(f"{repo_type} {name}", {})

    def create_commit(self, name: str, operations: Any, commit_message: str, repo_type: str) -> Any:
        assert commit_message
        for each in operations:
            with each.as_file() as file:
                self.kept[f"{repo_type} {name}"][each.path_in_repo] = file.read()
        return SimpleNamespace(oid=COMMIT)


def test_the_hub_gets_what_the_folder_has(study: Study, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(InputError, match="HF_TOKEN"):
        published(study, monkeypatch, to="hub", owner="lab")
    monkeypatch.setenv("HF_TOKEN", "secret")
    with monkeypatch.context() as away:
        away.setattr("huggingface_hub.hf_api.constants.ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(InputError, match="cannot be reached") as told:
            published(study, away, to="hub", owner="lab")
    assert "secret" not in str(told.value)
    monkeypatch.setattr("huggingface_hub.HfApi", StubHub)
    StubHub.kept = {}
    with pytest.raises(InputError, match="is of me, lab, not of 'you'"):
        published(study, monkeypatch, to="hub", owner="you")
    published(study, monkeypatch, to="hub", owner="lab")
    published(study, monkeypatch, to="hub", owner="lab")
    assert f"lab/toy-mix-long at {COMMIT}" in capsys.readouterr().out
    table = study.folder / "results/datasets/toy-mix-long/train.parquet"
    assert StubHub.kept["dataset lab/toy-mix-long"]["data/train.parquet"] == table.read_bytes()
    assert "model.safetensors" in StubHub.kept["model lab/toy-xs-toy-sft-toy-mix-long-seed-1"]
    there = study.folder / "there"
    for name, content in StubHub.kept["dataset lab/toy-mix-long"].items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(content)
    cached_repository(study.folder / "hf", "datasets", "lab/toy-mix-long",
                      {name: there / name for name in StubHub.kept["dataset lab/toy-mix-long"]})  # fmt: skip
    for key, value in {"HF_HOME": str(study.folder / "hf"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}.items():
        monkeypatch.setenv(key, value)
    comes_back(study, (there / "README.md").read_text(), COMMIT)
    StubHub.kept["dataset lab/toy-mix-long"]["own.txt"] = b""
    with pytest.raises(InputError, match=r"holds own\.txt"):
        published(study, monkeypatch, to="hub", owner="lab")
