"""A training that was paid for is not repeated when only names moved, and is when anything else did."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import train
from helpers import base_model, manifest
from test_distillation import logprobs
from test_train import inputs, options, weights  # noqa: F401  # `inputs` is a fixture

from distill import tables

OUTPUTS = ("manifest.json", "provenance.json", "train_log.parquet", "ledger.parquet")


class Arms:
    """Trainings of one student that lie as in `results/`; `fits` counts those that were really made."""

    def __init__(self, folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch):
        self.folder, self.fits, self.more = folder, 0, []
        shutil.copytree(data, folder / "data")
        fit = train.fit

        def counted(*args: Any) -> Any:
            self.fits += 1
            return fit(*args)

        monkeypatch.setattr(train, "fit", counted)

    def output(self, name: str = "mix", seed: int = 1) -> Path:
        return self.folder / f"results/models/s/sft/{name}/seed-{seed}/weights"

    def train(self, name: str = "mix", seed: int = 1, **keys: Any) -> int:
        """Train an arm as Snakemake does, its outputs deleted before; return how many trainings were made."""
        output, before = self.output(name, seed), self.fits
        shutil.rmtree(output, ignore_errors=True)
        for file in OUTPUTS:
            output.with_name(file).unlink(missing_ok=True)
        train.main(options(self.folder / "data", output, seed, **{"max_updates": 2, **keys}) + self.more)
        assert {p.name for p in output.parent.iterdir()} == {*OUTPUTS, "weights", "kept"}
        return self.fits - before

    def edit(self, change: Callable[[list[dict]], None]) -> None:
        path = self.folder / "data/rendered.parquet"
        rows = pq.read_table(path).to_pylist()
        change(rows)
        tables.write(path, tables.build(rows, tables.RENDERED), tables.RENDERED)


@pytest.fixture
def arms(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arms:  # noqa: F811
    found = Arms(tmp_path, inputs, monkeypatch)
    assert found.train() == 1
    return found


def provenance(output: Path) -> dict[str, Any]:
    return json.loads(output.with_name("provenance.json").read_text())


def test_the_same_training_again_is_taken_from_its_own_folder(arms: Arms) -> None:
    before, bytes_before = manifest(arms.output()), weights(arms.output())
    assert arms.train() == 0
    assert (manifest(arms.output()), weights(arms.output())) == (before, bytes_before)
    assert provenance(arms.output())["reused_from"].endswith("/mix/seed-1/kept/" + key(arms))
    assert arms.output().joinpath("model.safetensors").stat().st_nlink == 2  # no second copy on the disk


def key(arms: Arms, name: str = "mix") -> str:
    (folder,) = (arms.output(name).parent / "kept").iterdir()
    return folder.name


def test_another_name_trains_nothing(arms: Arms) -> None:
    assert arms.train("renamed") == 0
    assert weights(arms.output("renamed")) == weights(arms.output())
    assert arms.output("renamed").with_name("train_log.parquet").read_bytes() == (
        arms.output().with_name("train_log.parquet").read_bytes()
    )
    shutil.rmtree(arms.output().parent)  # the old name goes, the new one stays whole
    assert arms.train("renamed") == 0


def test_another_name_of_a_teacher_stands_in_ledger_and_manifest(arms: Arms) -> None:
    counts = manifest(arms.output())["trained_on"]
    arms.edit(lambda rows: [row.update(teacher="even" if row["teacher"] == "odd" else "odd") for row in rows])
    assert arms.train("renamed") == 0
    facts = manifest(arms.output("renamed"))
    assert facts["trained_on"] == {"even": counts["odd"], "odd": counts["even"]}
    lost = tables.read(arms.output("renamed").with_name("ledger.parquet"), tables.LEDGER).to_pylist()
    old = tables.read(arms.output().with_name("ledger.parquet"), tables.LEDGER).to_pylist()
    assert [row["problem_id"] for row in lost] == [row["problem_id"] for row in old]
    assert all(one["teacher"] != other["teacher"] for one, other in zip(lost, old, strict=True))
    assert facts["ledger"] == manifest(arms.output())["ledger"]


def move_a_token(rows: list[dict]) -> None:
    """Give the last token of a row to the next: all tokens in a line stay what they were."""
    for column in ("input_ids", "loss_mask"):
        rows[4][column].insert(0, rows[3][column].pop())
    for row in rows[3:5]:
        row["length"] = len(row["input_ids"])


CHANGES: dict[str, Callable[[list[dict]], None]] = {
    "a token": lambda rows: rows[3]["input_ids"].__setitem__(-2, 7),
    "a mask": lambda rows: rows[3]["loss_mask"].__setitem__(-2, 0),
    "a boundary": move_a_token,
    "a row fewer": lambda rows: rows.pop(),
    "a problem": lambda rows: rows[-1].update(problem_id="99"),
    "two rows swapped": lambda rows: [rows[0].update(problem_id="01"), rows[1].update(problem_id="00")],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_other_rows_are_trained(arms: Arms, change: Callable[[list[dict]], None]) -> None:
    arms.edit(change)
    assert arms.train("other") == 1


@pytest.mark.parametrize("keys", [{"seed": 2}, {"lr": 1e-4}, {"max_updates": 3}, {"packing": False}], ids=str)
def test_another_seed_or_recipe_is_trained(arms: Arms, keys: dict[str, Any]) -> None:
    assert arms.train("other", **keys) == 1


def test_another_teachers_probabilities_are_trained(arms: Arms) -> None:
    keys, distil = {"top_k": 4, "temperature": 1.0}, {"top_k": 4, "temperature": 1.0, "weight": 0.5}
    tables_of = {name: logprobs(arms.folder / "data", arms.folder / name, f"teacher-{name}", **keys)
                 for name in ("long", "short")}  # fmt: skip
    again = logprobs(arms.folder / "data", arms.folder / "again", "teacher-long", **keys)
    made = {"mix": (tables_of["long"], 1), "renamed": (again, 0), "other": (tables_of["short"], 1)}
    for name, (teacher, count) in made.items():
        arms.more = ["--teacher-logprobs", str(teacher)]
        assert arms.train(name, distil=distil) == count
    assert weights(arms.output("renamed")) == weights(arms.output()) != weights(arms.output("other"))
    assert manifest(arms.output("renamed"))["teacher"] == manifest(arms.output())["teacher"]


def test_another_base_is_trained_and_the_same_one_elsewhere_is_not(arms: Arms) -> None:
    shutil.move(arms.folder / "data/base", arms.folder / "data/moved")
    shutil.copytree(arms.folder / "data/moved", arms.folder / "data/base")
    assert arms.train("same") == 0
    shutil.rmtree(arms.folder / "data/base")
    base_model(arms.folder / "data/base", dtype="bfloat16")
    assert arms.train("other") == 1


def test_a_model_that_is_taken_over_names_its_own_base(arms: Arms) -> None:
    shutil.copytree(arms.folder / "data", arms.folder / "elsewhere")
    train.main(options(arms.folder / "elsewhere", arms.output("other"), 1, max_updates=2))
    assert arms.fits == 1
    facts = manifest(arms.output("other"))
    assert facts["base"] == str(arms.folder / "elsewhere/base")
    assert facts["identity"]["dataset"] == "other"


def test_other_code_is_trained(arms: Arms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distill.runtime.record.code_hash", lambda *_: "other")
    assert arms.train() == 1


def test_spoilt_weights_are_trained_again(arms: Arms, caplog: pytest.LogCaptureFixture) -> None:
    kept = arms.output().parent / "kept" / key(arms)
    path = kept / "weights/model.safetensors"
    spoilt = bytearray(path.read_bytes())
    spoilt[-3] ^= 1
    path.unlink()
    path.write_bytes(spoilt)
    with caplog.at_level("INFO"):
        assert arms.train("other") == 1
    assert "the weights are not what the manifest says; not used" in caplog.text
    for file in ("weights", "manifest.json", "ledger.parquet"):
        broken = arms.output("other").parent / "kept" / key(arms, "other") / file
        shutil.rmtree(broken) if broken.is_dir() else broken.unlink()
        shutil.rmtree(kept, ignore_errors=True)
        assert arms.train("other") == 1


def test_only_the_latest_training_of_a_folder_is_kept(arms: Arms) -> None:
    first = key(arms)
    assert arms.train(lr=1e-4) == 1
    assert key(arms) != first
