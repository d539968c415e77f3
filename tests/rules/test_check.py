"""check.py on a finished study: silent where all is well, a line for each thing that was touched or has changed."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import check
import pytest
import yaml
from study import CATALOGUE, Study

from distill.audit.expected import chosen_places
from distill.audit.findings import Audit, Finding
from distill.config.load import load
from distill.config.plan import Plan
from distill.runtime.errors import InputError
from distill.runtime.files import write_json
from distill.runtime.record import seal

ARM = "results/models/toy-xs/toy-sft/toy-mix-long/seed-1"
OTHER = "results/models/toy-xs/toy-sft/toy-long-arm/seed-1"
TEACHER = "toy-train/teachers/toy-long/toy-sampled/draw-0/00-of-02"
RESPONSES, VERDICTS = f"results/responses/{TEACHER}", f"results/verdicts/{TEACHER}"


@pytest.fixture(scope="module")
def copy(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = finished.copy(tmp_path_factory.mktemp("check") / "study")
    shutil.rmtree(study.folder / ".snakemake")  # its records are not asked
    toy = (study.folder / "resources/toy").resolve()
    (study.folder / "resources/toy").unlink()
    shutil.copytree(toy, study.folder / "resources/toy")  # to be edited
    return study


@pytest.fixture
def study(copy: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    """The one copy; what a test does to it is undone."""
    names = ("results", "config", "resources", "scripts")
    for name in names:
        shutil.copytree(copy.folder / name, tmp_path / name)
    monkeypatch.chdir(copy.folder)
    yield copy
    for name in names:
        shutil.rmtree(copy.folder / name)
        shutil.move(tmp_path / name, copy.folder / name)


def findings() -> list[Finding]:
    settings = yaml.safe_load(Path("config/config.yaml").read_text())
    return Audit(Plan(load(Path("config"), settings)), Path("scripts").resolve()).findings(2)


def one_bit(name: str) -> None:
    content = bytearray(Path(name).read_bytes())
    content[len(content) // 2] ^= 1
    Path(name).write_bytes(content)


def half(name: str) -> None:
    Path(name).write_bytes(Path(name).read_bytes()[: Path(name).stat().st_size // 2])


def all_correct(name: str) -> None:
    from distill import tables

    rows = tables.read(Path(name), tables.VERDICTS).to_pylist()
    rows = [{key: row[key] for key in tables.VERDICTS.schema.names} | {"verdict": "correct"} for row in rows]
    tables.write(Path(name), tables.build(rows, tables.VERDICTS), tables.VERDICTS)


def remove(name: str) -> None:
    path = Path(name)
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def fact(name: str) -> None:
    """Change one number of a manifest or provenance."""
    data = json.loads(Path(name).read_text())
    data["rows" if "rows" in data else "seconds"] += 1
    write_json(Path(name), data)


def deep(name: str) -> None:
    Path(name).write_text("[" * 100_000)


def pipe(name: str) -> None:
    """Put a named pipe in a file's place: who reads it waits for ever."""
    Path(name).unlink()
    os.mkfifo(name)


def without(key: str, value: object = None) -> Callable[[str], None]:
    """Return what takes a key out of a provenance, or gives it another value, and seals it again."""

    def touch(name: str) -> None:
        data = json.loads(Path(name).read_text())
        data = {**data, key: value} if value is not None else {k: v for k, v in data.items() if k != key}
        write_json(Path(name), {**data, "seal": seal(data)})

    return touch


def swap(name: str) -> None:
    """Exchange the folders of two arms."""
    Path(name).rename("aside")
    Path(OTHER).rename(name)
    Path("aside").rename(OTHER)


ALTERED = [
    (all_correct, f"{VERDICTS}/verdicts.parquet", "altered", "verdicts.parquet"),
    (one_bit, f"{ARM}/weights/model.safetensors", "altered", "weights/model.safetensors"),
    (one_bit, f"{ARM}/weights/tokenizer.json", "altered", "weights/tokenizer.json"),
    (one_bit, f"{ARM}/train_log.parquet", "altered", "train_log.parquet"),
    (half, f"{RESPONSES}/responses.parquet", "altered", "responses.parquet"),
    (remove, f"{RESPONSES}/responses.parquet", "missing", "responses.parquet"),
    (remove, f"{ARM}/weights", "missing", "weights/model.safetensors"),
    (remove, ARM, "missing", "the whole folder"),
    (remove, f"{VERDICTS}/manifest.json", "missing", "manifest.json"),
    (remove, f"{VERDICTS}/provenance.json", "missing", "provenance.json"),
    (fact, f"{VERDICTS}/manifest.json", "altered", "manifest.json"),
    (fact, f"{VERDICTS}/provenance.json", "altered", "provenance.json"),
    (half, f"{VERDICTS}/manifest.json", "altered", "manifest.json"),
    (half, f"{VERDICTS}/provenance.json", "altered", "provenance.json"),
    (deep, f"{VERDICTS}/manifest.json", "altered", "manifest.json"),
    (deep, f"{VERDICTS}/provenance.json", "altered", "provenance.json"),
    (pipe, f"{VERDICTS}/verdicts.parquet", "missing", "verdicts.parquet"),
    (pipe, f"{VERDICTS}/manifest.json", "missing", "manifest.json"),
    *(
        (without(key), f"{VERDICTS}/provenance.json", "altered", "provenance.json")
        for key in ("program", "code", "recipe", "inputs", "paths", "outputs")
    ),
    *(
        (without(key, value), f"{VERDICTS}/provenance.json", "altered", "provenance.json")
        for key, value in (("outputs", [1]), ("inputs", {"x": "0"}), ("paths", {"problems": 3}), ("code", 7))
    ),
    (one_bit, "results/problems/toy-test/ledger.parquet", "altered", "ledger.parquet"),
    (one_bit, "results/report/index.html", "altered", "index.html"),
    (one_bit, "results/contrasts/gaps.csv", "altered", "gaps.csv"),
    (one_bit, "results/report/browser/data/rows-0.js", "altered", "data/rows-0.js"),
    (lambda name: Path(name).write_text(""), f"{ARM}/weights/more.bin", "altered", "weights/more.bin"),
    (swap, ARM, "altered", "manifest.json (it is that of"),
]


@pytest.mark.parametrize(
    ("touch", "name", "word", "detail"), ALTERED, ids=lambda value: getattr(value, "__name__", None)
)
def test_what_was_touched_is_told(
    study: Study, touch: Callable[[str], None], name: str, word: str, detail: str
) -> None:
    assert Path.cwd() == study.folder
    touch(name)
    folder = next(str(p) for p in (Path(name), *Path(name).parents) if str(p) in all_folders())
    told = [f for f in findings() if f.word != "out of date"]
    assert [f.detail for f in told if f.folder == folder and f.word == word and detail in f.detail]
    assert {f.folder for f in told} == ({folder, OTHER} if touch is swap else {folder})


def all_folders() -> set[str]:
    settings = yaml.safe_load(Path("config/config.yaml").read_text())
    return {place.folder for place in chosen_places(Plan(load(Path("config"), settings)))}


def corpus(edit: Callable[[list[dict]], None]) -> Callable[[Study], None]:
    def change(study: Study) -> None:
        path = study.folder / "resources/toy/train.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        edit(rows)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    return change


def gold(rows: list[dict]) -> None:
    rows[0]["answer"] = "17"


def statement(rows: list[dict]) -> None:
    rows[0]["problem"] += " Please."


def resealed(study: Study) -> None:
    """A provenance of another recipe that is whole in itself."""
    path = study.folder / ARM / "provenance.json"
    data = json.loads(path.read_text())
    data["recipe"]["lr"] *= 2
    write_json(path, {**data, "seal": seal(data)})


def fewer_arms(study: Study) -> None:
    """Without the one arm of toy-m: its analyses read files that are no longer of the study."""
    path = study.folder / "config/studies/toy.yaml"
    content = yaml.safe_load(path.read_text())
    del content["arms"][1]
    path.write_text(yaml.safe_dump(content))


# What changes, and what then is out of date: (folder, how it is told).
CHANGES: list[tuple[str, Callable[[Study], None], str, str]] = [
    ("lr", lambda s: s.edit(CATALOGUE + "trainings.yaml", **{"toy-sft": {"lr": 1e-4}}), ARM, "recipe (lr: "),
    ("resealed", resealed, ARM, "recipe (lr: "),
    ("temperature", lambda s: s.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"temperature": 0.5}}), RESPONSES,
     "recipe (decoding.temperature: "),
    ("gold", corpus(gold), "results/problems/toy-train", "input (resources/toy/train.jsonl"),
    ("statement", corpus(statement), "results/problems/toy-train/statements", "input (the statements"),
    ("prompt", lambda s: s.replace("config/prompts/plain.jinja", "{{", "Now {{"), RESPONSES,
     "input (config/prompts/plain.jinja"),
    ("program", lambda s: s.replace("scripts/verify.py", '"kind": "verdicts"', '"kind": "verdict"'),
     VERDICTS, "code (verify.py"),
    ("base", lambda _: one_bit("resources/toy/base-xs/model.safetensors"), "results/models/toy-xs/base",
     "input (resources/toy/base-xs/model.safetensors"),
    ("base file gone", lambda _: remove("resources/toy/base-xs/generation_config.json"), "results/models/toy-xs/base",
     "input (resources/toy/base-xs/generation_config.json"),
    ("template", lambda s: s.replace("scripts/distill/report/templates/report.html.j2", "<", " <"), "results/report",
     "input ("),
    ("browser", lambda s: s.replace("scripts/distill/report/browser/browser.css", "16px", "17px"),
     "results/report/browser", "input ("),
    ("draws", lambda s: s.edit(CATALOGUE + "decodings.yaml", **{"toy-sampled": {"draws": 1}}),
     "results/datasets/toy-mix-long", "input (results/"),
    ("arm less", fewer_arms, "results/analyses/curves", "input (results/models/toy-m/"),
    ("arm less: gaps", fewer_arms, "results/contrasts", "recipe (parameters.toy-m"),
    ("arm less: spread", fewer_arms, "results/analyses/levels", "input (results/scores/"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "folder", "detail"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_what_would_come_out_otherwise_is_told(
    study: Study, change: Callable[[Study], None], folder: str, detail: str
) -> None:
    change(study)
    told = findings()
    assert [f for f in told if f.folder.startswith(folder) and f.word == "out of date" and detail in f.detail], told
    assert {f.word for f in told} == {"out of date"}


def test_how_things_came_about_is_nobodys_input(study: Study) -> None:
    path = study.folder / ARM / "provenance.json"
    data = json.loads(path.read_text())
    data["seconds"] += 1
    write_json(path, {**data, "seal": seal(data)})
    assert findings() == []
    one_bit(f"{ARM}/train_log.parquet")
    assert findings() == [(ARM, "altered", "train_log.parquet")]


def test_a_corrected_gold_leaves_statements_as_they_are(study: Study) -> None:
    corpus(gold)(study)
    assert [f.folder for f in findings()] == ["results/problems/toy-train"]


def test_all_is_well_and_what_is_of_no_study_is_listed(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.stat().st_mtime_ns for p in study.folder.rglob("*")}
    check.main(["--threads", "2"])
    assert capsys.readouterr().out.endswith(
        f"{len(all_folders())} artefacts checked: {len(all_folders())} well, 0 not\n"
    )
    assert {p: p.stat().st_mtime_ns for p in study.folder.rglob("*")} == before
    shutil.copytree(ARM, ARM.replace("seed-1", "seed-9"))
    check.main([])
    assert f"{ARM.replace('seed-1', 'seed-9')}: not of the chosen studies\n" in capsys.readouterr().out
    remove(f"{RESPONSES}/responses.parquet")
    with pytest.raises(SystemExit) as caught:
        check.main([])
    assert caught.value.code == 1
    assert f"{RESPONSES}: missing: responses.parquet\n" in capsys.readouterr().out


def test_the_rule_starts_no_other_job(study: Study) -> None:
    remove(f"{RESPONSES}/responses.parquet")
    done = study.snakemake("check")
    assert done.returncode == 1
    assert f"{RESPONSES}: missing: responses.parquet" in done.stdout
    assert f"{len(all_folders())} artefacts checked: " in done.stdout
    assert not Path(f"{RESPONSES}/responses.parquet").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--settings", "{"], "--settings: not JSON"),
        (["--settings", "[1]"], "--settings: expected a JSON object"),
        (["--settings", '{"studies": ["nobody"]}'], "config.yaml: studies: 'nobody' is no known study"),
        (["--folder", "nowhere"], "nowhere/config.yaml: no such file"),
    ],
)
def test_bad_options_end_in_one_line(study: Study, options: list[str], message: str) -> None:
    assert Path.cwd() == study.folder
    with pytest.raises(InputError, match=re.escape(message)):
        check.main(options)


@pytest.mark.parametrize("threads", ["0", "-1", "x"])
def test_a_check_wants_a_thread(threads: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        check.main(["--threads", threads])
    assert "--threads" in capsys.readouterr().err
