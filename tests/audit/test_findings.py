"""Audit.of on a small line of artefacts: what is altered, what is out of date and why, and what is neither."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import line
import pytest
from helpers import TOY, jsonl

from distill.config.lineage import (
    BaseModel,
    Contamination,
    Dataset,
    Duplicates,
    Problems,
    Repeats,
    Responses,
    Statements,
    Verdicts,
)
from distill.runtime.files import file_digest, write_json
from distill.runtime.record import seal


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("line")
    with contextlib.chdir(folder):
        line.prepare()
        for place in line.MADE:
            line.make(place)
    return folder


@pytest.fixture(autouse=True)
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "line")
    monkeypatch.chdir(tmp_path / "line")
    return tmp_path / "line"


def one_bit(name: str) -> None:
    content = bytearray(Path(name).read_bytes())
    content[-5] ^= 1
    Path(name).write_bytes(content)


def rewrite(name: str, **keys: Any) -> None:
    write_json(Path(name), json.loads(Path(name).read_text()) | keys)


def reseal(place: Any, **keys: Any) -> None:
    """Write a provenance with other keys that is whole in itself."""
    data = json.loads(Path(place.file("provenance.json")).read_text()) | keys
    write_json(Path(place.file("provenance.json")), {**data, "seal": seal(data)})


def in_folders() -> set[tuple[str, str]]:
    return {(finding.folder.removeprefix("results/"), finding.word) for finding in line.told()}


ONE, OTHER = (Verdicts(*answers) for answers in line.ANSWERS[:2])


def test_what_was_just_made_is_well() -> None:
    assert line.told() == []


# Models


def test_an_adapter_is_out_of_date_when_the_bytes_of_its_base_change() -> None:
    one_bit("base/model.safetensors")
    detail = "input (base/model.safetensors)"
    assert line.told() == [
        (BaseModel("tiny").folder, "out of date", detail),
        (line.ADAPTER.folder, "out of date", detail),  # all weights are their own, an adapter's are its base's too
    ]


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json"])
def test_every_file_of_the_base_counts(name: str) -> None:
    Path("base", name).unlink()
    Path("base/added.json").write_text("{}")
    told = line.told(BaseModel("tiny"), line.ADAPTER)
    assert [f.detail for f in told] == [f"input (base/added.json, base/{name})"] * 2


def test_folders_beside_the_files_of_a_base_do_not_count() -> None:
    Path("base/weights").mkdir()
    Path("base/weights/other.safetensors").write_text("")
    assert line.told(BaseModel("tiny"), line.ADAPTER) == []


def test_a_base_that_was_made_anew_leaves_all_of_its_trainings_behind() -> None:
    one_bit("base/model.safetensors")
    line.make(BaseModel("tiny"))
    trained = {line.FULL.folder, line.ADAPTER.folder}
    told = {f.folder: f for f in line.told() if f.folder in trained}
    assert told.keys() == trained
    assert {f.detail for f in told.values()} == {"input (results/models/tiny/base/manifest.json)"}


def test_an_adapter_follows_the_weights_of_a_base_from_scratch() -> None:
    path = BaseModel("blank").file("weights/model.safetensors")
    one_bit(path)
    assert line.told() == [
        (BaseModel("blank").folder, "altered", "weights/model.safetensors"),
        (line.BLANK.folder, "out of date", f"input ({path})"),
    ]


@pytest.mark.parametrize("name", ["manifest.json", "provenance.json"])
def test_an_adapter_whose_base_cannot_be_read_is_no_traceback(name: str) -> None:
    Path(BaseModel("tiny").file(name)).write_text("{")
    assert (BaseModel("tiny").folder.removeprefix("results/"), "altered") in in_folders()


def test_the_adapter_itself_and_a_part_of_it() -> None:
    one_bit(line.ADAPTER.file("weights/adapter_model.safetensors"))
    Path(line.ADAPTER.file("weights/adapter_config.json")).unlink()
    assert line.told() == [
        (line.ADAPTER.folder, "missing", "weights/adapter_config.json"),
        (line.ADAPTER.folder, "altered", "weights/adapter_model.safetensors"),
    ]


def test_the_chat_template_that_the_recipe_names() -> None:
    Path("own.jinja").write_text("{% generation %}{{ messages[0].content }}{% endgeneration %}")
    line.edit("students", lambda s: s["tiny"]["model"].update(chat_template="own.jinja"))
    line.make(BaseModel("tiny"))
    assert line.told(BaseModel("tiny")) == []
    Path("own.jinja").write_text("another")
    assert [f.detail for f in line.told(BaseModel("tiny"))] == ["input (own.jinja)"]
    Path("own.jinja").unlink()
    assert [f.detail for f in line.told(BaseModel("tiny"))] == ["input (own.jinja)"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A base of the hub with its cache, made without a network: name -> blob."""
    from huggingface_hub import constants

    commit, cache = "a" * 40, Path("cache/models--some--model").absolute()
    (cache / "blobs").mkdir(parents=True)
    (cache / "snapshots" / commit).mkdir(parents=True)
    blobs = {}
    for path in (TOY / "base-xs").iterdir():
        content = path.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        blobs[path.name] = cache / "blobs" / (file_digest(path) if path.suffix == ".safetensors" else git)
        shutil.copy(path, blobs[path.name])
        (cache / "snapshots" / commit / path.name).symlink_to(blobs[path.name])
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(Path("cache").absolute()))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    line.edit("students", lambda s: s["tiny"].update(model={"hub": "some/model", "revision": commit}))
    line.make(BaseModel("tiny"))
    return blobs


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_base_of_the_hub_is_read_in_its_cache(hub: dict[str, Path], name: str) -> None:
    assert line.told(BaseModel("tiny")) == []
    one_bit(str(hub[name]))
    (finding,) = line.told(BaseModel("tiny"))
    assert finding.word == "out of date"
    assert finding.detail.endswith(f"snapshots/{'a' * 40}/{name})")
    hub[name].unlink()
    assert len(line.told(BaseModel("tiny"))) == 1
    shutil.rmtree("cache")  # a folder of results on another machine
    assert line.told(BaseModel("tiny")) == []


# Records


def test_a_manifest_edited_by_hand() -> None:
    rewrite(ONE.manifest, rows=99)
    # What reads the table and not the manifest is as it was.
    assert line.told() == [(ONE.folder, "altered", "manifest.json")]


def test_a_manifest_and_its_provenance_edited_by_hand() -> None:
    rewrite(ONE.manifest, rows=99)
    outputs = json.loads(Path(ONE.file("provenance.json")).read_text())["outputs"]
    rewrite(ONE.file("provenance.json"), outputs={**outputs, "manifest.json": file_digest(Path(ONE.manifest))})
    assert line.told(ONE) == [(ONE.folder, "altered", "provenance.json (not as its program wrote it)")]


@pytest.mark.parametrize("text", ["[]", "3", "null", "", "{", '{"seal": 1}', "\udcff"])
@pytest.mark.parametrize("name", ["manifest.json", "provenance.json"])
def test_records_that_are_none(name: str, text: str) -> None:
    Path(ONE.file(name)).write_bytes(text.encode(errors="surrogateescape"))
    assert {f.word for f in line.told(ONE)} == {"altered"}
    assert all(name in f.detail for f in line.told(ONE))


def test_a_provenance_of_another_code_or_program() -> None:
    reseal(ONE, code="0" * 12)
    reseal(OTHER, program="score.py")
    detail = "code (verify.py or what it imports)"
    assert line.told() == [(ONE.folder, "out of date", detail), (OTHER.folder, "out of date", detail)]


def test_a_provenance_of_another_recipe_names_the_key() -> None:
    data = json.loads(Path(line.FULL.file("provenance.json")).read_text())
    reseal(line.FULL, recipe={**data["recipe"], "lr": 0.5})
    (finding,) = line.told()
    assert finding == (line.FULL.folder, "out of date", "recipe (lr: made with 0.5, now 0.001)")


@pytest.mark.parametrize("records", [False, True], ids=["alone", "with its records"])
def test_tables_swapped_with_each_other(records: bool) -> None:
    names = ["verdicts.parquet", *(["manifest.json", "provenance.json"] if records else [])]
    for name in names:
        one, other = Path(ONE.file(name)), Path(OTHER.file(name))
        content = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
    told = line.told(ONE, OTHER)
    assert {(f.folder, f.word) for f in told if f.word != "out of date"} == {
        (p.folder, "altered") for p in (ONE, OTHER)
    }
    words = "manifest.json (it is that of" if records else "verdicts.parquet"
    assert all(f.detail.startswith(words) for f in told if f.word == "altered")
    # What was made of the tables was made of others.
    assert "results/datasets/mixed" in {f.folder for f in line.told()}


def test_what_is_no_part_of_an_artefact_and_what_a_program_keeps_for_itself() -> None:
    for name in ("kept/KEY/model.safetensors", "state/KEY/x.bin", ".a.parquet.tmp", ".nfs0001", ".snakemake_timestamp"):
        Path(line.FULL.file(name)).parent.mkdir(parents=True, exist_ok=True)
        Path(line.FULL.file(name)).write_text("")
    assert line.told(line.FULL) == []
    names = (".hidden", "extra.parquet", "weights/.config.json", "weights/below/.x", "weights/below/extra.bin")
    for name in names:
        Path(line.FULL.file(name)).parent.mkdir(exist_ok=True)
        Path(line.FULL.file(name)).write_text("")
    assert sorted(f.detail for f in line.told(line.FULL)) == sorted(f"{n} (no file of this artefact)" for n in names)


def test_folders_of_no_study_are_listed() -> None:
    # A training's kept result has a manifest of its own and is none of the artefacts.
    for folder in ("results/models/tiny/full/other/seed-1", "results/old", line.FULL.file("kept/KEY")):
        Path(folder).mkdir(parents=True)
        write_json(Path(folder, "manifest.json"), {})
    Path("results/empty").mkdir()
    assert line.audit().orphans() == ["results/models/tiny/full/other/seed-1", "results/old"]


@pytest.mark.parametrize("name", ["responses.parquet", "manifest.json", "provenance.json", ""])
def test_what_is_missing_is_named(name: str) -> None:
    place = Responses(*line.ANSWERS[0])
    shutil.rmtree(place.folder) if not name else Path(place.file(name)).unlink()
    assert line.told(place) == [(place.folder, "missing", name or "the whole folder")]


def test_what_was_made_of_a_missing_table_is_out_of_date() -> None:
    path = Path(Responses(*line.ANSWERS[0]).file("responses.parquet"))
    path.unlink()
    told = {f.folder: f for f in line.told(ONE, OTHER, Repeats("own", "teachers/one", "published"))}
    assert told.keys() == {ONE.folder, "results/repeats/own/teachers/one/published"}
    assert {f.detail for f in told.values()} == {f"input ({path})"}


# Inputs


def test_a_corrected_gold_leaves_statements_and_responses() -> None:
    rows = [json.loads(text) for text in Path("rows/all.jsonl").read_text().splitlines()]
    rows[3]["answer"] = "17"
    jsonl(Path("rows/all.jsonl"), rows)
    told = line.told()
    assert [f.folder for f in told] == ["results/problems/own"]
    line.make(Problems("own"))
    made = {f.folder.split("/", 1)[1] for f in line.told()}
    assert made == {"verdicts/own/golds", *(Verdicts(*a).folder.removeprefix("results/") for a in line.ANSWERS),
                    "datasets/mixed", "models/blank/base"}  # fmt: skip


def test_a_reworded_problem_and_its_shard_only() -> None:
    rows = [json.loads(text) for text in Path("rows/all.jsonl").read_text().splitlines()]
    rows[3]["problem"] += " Please."
    jsonl(Path("rows/all.jsonl"), rows)
    told = line.told(*(Statements("own", shard) for shard in line.SHARDS))
    assert len(told) == 1
    assert told[0].detail == "input (the statements in the corpus's file)"


def test_statements_that_cannot_be_read_are_altered_and_no_more() -> None:
    path = Path(Statements("own", "00-of-02").file("statements.parquet"))
    path.write_bytes(path.read_bytes()[:20])
    assert line.told(Statements("own", "00-of-02")) == [(str(path.parent), "altered", "statements.parquet")]


@pytest.mark.parametrize("name", ["rows/all.jsonl", "published/all.jsonl", "base", "test.jsonl"])
def test_a_source_that_is_gone_is_an_input_that_changed(name: str) -> None:
    path = Path(name)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    told = line.told()
    assert told
    assert {f.word for f in told} == {"out of date"}


def further(name: str) -> None:
    """Another file that a pattern of the recipe finds."""
    shutil.copy(name, Path(name).with_name("more.jsonl"))


def shards(count: int) -> None:
    line.edit("corpora", lambda c: c["own"].update(shards=count))


def another_benchmark() -> None:
    line.edit("corpora", lambda c: c["more"].update(benchmark=True))


def no_signal() -> None:
    line.edit("datasets", lambda d: d["mixed"].update(curation={"deduplicate": True}))


def another_prompt() -> None:
    Path("config/prompts/plain.jinja").write_text("Now: {{ problem }}")


INPUTS = [
    (lambda: further("rows/all.jsonl"), Problems("own"), "input (rows/more.jsonl)"),
    (lambda: further("published/all.jsonl"), Responses(*line.ANSWERS[0]), "input (published/more.jsonl)"),
    (lambda: shards(3), Duplicates("own"), "input (results/problems/own/statements/00-of-02/statements.parquet"),
    (lambda: shards(3), Contamination("own"), "input (results/problems/own/statements/00-of-02/statements.parquet"),
    (lambda: shards(3), Repeats("own", "teachers/one", "published"), "input (results/responses/own/teachers/one/"),
    (lambda: shards(3), Dataset("mixed"), "input (results/responses/own/teachers/one/"),
    (another_benchmark, Contamination("own"), "input (results/problems/more/statements/00-of-01/statements.parquet)"),
    (no_signal, Dataset("mixed"), "input (results/signals/own/contamination/contamination.parquet)"),
    (another_prompt, line.FULL, ""),
    (another_prompt, line.MADE[-6], "input (config/prompts/plain.jinja)"),
]


@pytest.mark.parametrize(("change", "place", "detail"), INPUTS)
def test_inputs_that_were_not_read_or_are_read_no_more(change: Callable[[], None], place: Any, detail: str) -> None:
    change()
    told = line.told(place)
    assert len(told) == bool(detail)
    assert all(f.word == "out of date" and detail in f.detail for f in told), told


def test_another_prompt_was_not_read() -> None:
    line.edit("students", lambda s: s["tiny"].update(prompt="boxed"))
    (finding,) = line.told(line.MADE[-6])
    assert finding.detail == "input (config/prompts/boxed.jinja)"


def test_many_inputs_are_counted() -> None:
    for answers in line.ANSWERS:
        one_bit(Verdicts(*answers).file("verdicts.parquet"))
    (finding,) = line.told(Dataset("mixed"))
    assert finding.detail.count(".parquet") == 3
    assert finding.detail.endswith(" and 1 more)")
