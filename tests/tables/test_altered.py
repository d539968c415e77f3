"""Tables that were touched after they were made: no program reads on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from distill import tables
from distill.config.lineage import identity
from distill.runtime.errors import InputError
from distill.runtime.files import read_json
from distill.runtime.record import Record

ROWS = [
    {"problem_id": f"p{i}", "draw": 0, "verdict": "wrong", "method": "number", "matcher": "wrong", "lenient": "wrong"}
    for i in range(9)
]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A table of verdicts with its manifest, as a program leaves it."""
    path = tmp_path / "verdicts.parquet"
    record = Record(__file__, "{}", {}, tmp_path, {})
    digest = tables.write(path, tables.build(ROWS, tables.VERDICTS), tables.VERDICTS)
    record.write({"kind": "verdicts", "digest": digest})
    return path


def all_correct(path: Path) -> None:
    table = tables.build([{**row, "verdict": "correct"} for row in ROWS], tables.VERDICTS)
    tables.write(path, table, tables.VERDICTS)


def one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def rows_gone(path: Path) -> None:
    tables.write(path, tables.build(ROWS[:5], tables.VERDICTS), tables.VERDICTS)


def written_again(path: Path) -> None:
    pq.write_table(pq.read_table(path), path, compression="none")


@pytest.mark.parametrize("touch", [all_correct, one_bit, rows_gone, written_again])
@pytest.mark.parametrize("how", ["read", "stream", "columns"])
def test_a_table_that_was_touched_is_not_read(made: Path, touch: Callable[[Path], None], how: str) -> None:
    def read() -> int:
        if how == "stream":
            return sum(batch.num_rows for batch in tables.stream(made, tables.VERDICTS, ["problem_id"]))
        return tables.read(made, tables.VERDICTS, ["problem_id"] if how == "columns" else None).num_rows

    assert read() == len(ROWS)
    touch(made)
    with pytest.raises(InputError, match=r"verdicts\.parquet: not the table that its manifest\.json states: .*delete"):
        read()


def test_a_table_of_another_folder_is_not_read(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    path = other / "verdicts.parquet"
    tables.write(path, tables.build(ROWS[:3], tables.VERDICTS), tables.VERDICTS)
    made.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="not the table that its manifest"):
        tables.read(made, tables.VERDICTS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tables": 3}', '{"tables": {"other.parquet": "x"}}'])
def test_a_manifest_that_states_nothing_forbids_nothing(made: Path, text: str) -> None:
    made.with_name("manifest.json").write_text(text)
    made.with_name("provenance.json").unlink()  # made by hand, or by an older version
    all_correct(made)
    assert tables.read(made, tables.VERDICTS).num_rows == len(ROWS)


def test_all_tables_of_a_folder_are_stated(made: Path) -> None:
    tmp_path = made.parent
    tables.write(tmp_path / "ledger.parquet", tables.build([], tables.PROBLEMS_LEDGER), tables.PROBLEMS_LEDGER)
    Record(__file__, "{}", {}, tmp_path, {}).write({"kind": "verdicts", "tables": {"gone.parquet": "x"}})
    stated = json.loads((tmp_path / "manifest.json").read_text())["tables"]
    assert sorted(stated) == ["ledger.parquet", "verdicts.parquet"]


ALTERED = ["", "[]", '"a"', "null", "3", "{", "{}", '{"kind": "verdicts", "digest": "x"}', "\ufeff{}"]


@pytest.mark.parametrize("text", ALTERED)
def test_a_manifest_that_was_altered_is_not_read(made: Path, text: str) -> None:
    manifest = made.with_name("manifest.json")
    assert read_json(manifest)["kind"] == "verdicts"
    manifest.write_text(text)
    for read in (lambda: tables.read(made, tables.VERDICTS), lambda: read_json(manifest)):
        with pytest.raises(InputError, match=r"manifest\.json: (not|no) ") as error:
            read()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[]", '"a"', "null", "3", "true"])
def test_what_is_no_json_object_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "facts.json").write_text(text)
    with pytest.raises(InputError, match=r"facts\.json: no JSON object"):
        read_json(tmp_path / "facts.json")


DRAW = "verdicts/c/teachers/long/sampled/draw-{}/00-of-02"
MODEL = "models/s/t/{}/seed-{}"
PLACES = [(DRAW.format(0), DRAW.format(1)), (DRAW.format(0), DRAW.format(0).replace("long", "short")),
          (DRAW.format(1), DRAW.format(1).replace("00-of", "01-of")), (MODEL.format("d", 1), MODEL.format("d", 2)),
          (MODEL.format("d", 1), MODEL.format("e", 1)), ("models/s/base", "models/z/base"),
          ("scores/b/students/s/base/greedy", "scores/b/students/z/base/greedy"),
          ("scores/b/students/s/t/d/seed-1/greedy", "scores/b/students/s/t/d/seed-2/greedy")]  # fmt: skip


@pytest.mark.parametrize(("own", "other"), PLACES, ids=str)
def test_a_folder_in_the_place_of_another_is_not_read(tmp_path: Path, own: str, other: str) -> None:
    made, there, copied = (tmp_path / root for root in (f"results/{own}", f"results/{other}", "copy"))
    digest = tables.write(made / "verdicts.parquet", tables.build(ROWS, tables.VERDICTS), tables.VERDICTS)
    Record(__file__, "{}", {}, made, identity(made)).write({"kind": "verdicts", "digest": digest})
    for folder in (there, copied, made / "kept/key"):
        shutil.copytree(made, folder)
    for folder in (made, copied, made / "kept/key"):  # not in results/, or kept for another name
        assert tables.read(folder / "verdicts.parquet", tables.VERDICTS).num_rows == len(ROWS)
        assert read_json(folder / "manifest.json")["digest"] == digest
    for read in (lambda: tables.read(there / "verdicts.parquet", tables.VERDICTS),
                 lambda: read_json(there / "manifest.json")):  # fmt: skip
        with pytest.raises(InputError, match="folders were swapped or renamed; put them back"):
            read()
