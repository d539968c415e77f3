"""What was paid for is never asked again: a counting server sees which questions a generation asks."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chat_server as faults
import fetch_model
import generate
import pytest
from chat_server import MODEL, ChatServer, running
from helpers import PROMPTS, manifest, problems_table, recipe, verdicts_table

from distill import tables
from distill.config.shards import in_shard
from distill.responses import kept
from distill.runtime import record

ROWS = {f"p{i:04d}": f"Say {i}." for i in range(60)}
DRAW = {"temperature": 0.7, "max_new_tokens": 9}


class Teacher:
    """A served teacher whose shards lie as in `results/`: draw-N/SHARD/responses.parquet."""

    def __init__(self, folder: Path, server: ChatServer):
        self.folder, self.server = folder, server
        self.name = self.prompt = "plain"
        fetch_model.main(["--recipe", recipe(served=MODEL), "--output", str(folder / "model/manifest.json")])

    def output(self, draw: int = 0, shard: str = "00-of-01") -> Path:
        return self.folder / f"results/{self.name}/draw-{draw}/{shard}/responses.parquet"

    def questions(self) -> int:
        """Return how many questions the server was asked so far."""
        return sum(map(len, self.server.asked.values()))

    def generate(
        self, rows: dict[str, str], draw: int = 0, shard: str = "00-of-01", earlier: Any = (), model: str = "model",
        prompt: Path = PROMPTS / "plain.jinja", decoding: dict[str, Any] = DRAW, **keys: Any,
    ) -> int:  # fmt: skip
        """Make one shard as Snakemake does, its outputs deleted before, and return how many questions it asked."""
        output = self.output(draw, shard)
        for name in ("responses.parquet", "manifest.json", "provenance.json"):
            output.with_name(name).unlink(missing_ok=True)
        own = [{"problem_id": i, "problem": text, "answer": "1"} for i, text in rows.items()]
        known = problems_table(self.folder / "problems.parquet", own)
        server = {"url": self.server.url, "concurrency": 8, **keys.pop("server", {})}
        whole = recipe(engine="openai", server=server, decoding=decoding, **keys)
        options = ["--statements", str(known), "--model", str(self.folder / model), "--prompt", str(prompt)]
        for kind, files in zip(("--responses", "--verdicts"), zip(*earlier, strict=True), strict=False):
            options += [kind, *map(str, files)]
        before = self.questions()
        generate.main([*options, "--draw", str(draw), "--shard", shard, "--recipe", whole, "--output", str(output)])
        asked = self.questions() - before
        facts = json.loads(output.with_name("provenance.json").read_text())
        assert facts["asked"] == asked
        assert facts["asked"] + facts["reused"] + facts["resumed"] == manifest(output)["rows"]
        return asked


@pytest.fixture
def teacher(tmp_path: Path) -> Iterator[Teacher]:
    with running() as server:
        yield Teacher(tmp_path, server)


def answers(path: Path) -> dict[str, str]:
    rows = tables.read(path, tables.RESPONSES, ["problem_id", "response"]).to_pylist()
    return {row["problem_id"]: row["response"] for row in rows}


def test_one_problem_more_of_1500_asks_one_question(teacher: Teacher) -> None:
    rows = {f"p{i:04d}": f"Say {i}." for i in range(1500)}
    assert teacher.generate(rows) == 1500
    assert teacher.generate(rows) == 0
    assert teacher.generate({**rows, "new": "Say 1500."}) == 1
    assert answers(teacher.output()) == {i: text[4:-1] for i, text in rows.items()} | {"new": "1500"}


def test_a_reworded_problem_is_asked_again_and_no_other(teacher: Teacher) -> None:
    teacher.generate(ROWS)
    assert teacher.generate({**ROWS, "p0003": "Say 99."}) == 1
    assert answers(teacher.output())["p0003"] == "99"
    assert teacher.generate(ROWS) == 0  # the first wording has been paid for too
    assert answers(teacher.output())["p0003"] == "3"


def test_a_problem_that_goes_and_comes_back_is_not_asked_again(teacher: Teacher) -> None:
    teacher.generate(ROWS)
    fewer = dict(list(ROWS.items())[:20])
    assert teacher.generate(fewer) == 0
    assert set(answers(teacher.output())) == set(fewer)
    assert teacher.generate(ROWS) == 0


def test_another_number_of_shards_asks_nothing_and_gives_the_same_rows(teacher: Teacher) -> None:
    for shard in ("00-of-02", "01-of-02"):
        teacher.generate(ROWS, shard=shard)
    for index in range(4):
        shard = f"{index:02d}-of-04"
        assert teacher.generate(ROWS, shard=shard) == 0
        assert set(answers(teacher.output(shard=shard))) == {i for i in ROWS if in_shard(i, index, 4)}
    moved = teacher.output(shard="01-of-04").read_bytes()
    shutil.rmtree(teacher.folder / "results")
    assert teacher.generate(ROWS, shard="01-of-04") > 0
    assert teacher.output(shard="01-of-04").read_bytes() == moved


def test_who_removes_a_shards_folder_asks_again(teacher: Teacher) -> None:
    teacher.generate(ROWS)
    shutil.rmtree(teacher.output().parent)
    assert teacher.generate(ROWS) == len(ROWS)


OTHERS = {
    "system": {"system": "Be brief."},
    "temperature": {"decoding": {**DRAW, "temperature": 0.8}},
    "seed": {"decoding": {**DRAW, "seed": 1}},
    "length": {"decoding": {**DRAW, "max_new_tokens": 8}},
    "prefix": {"response_prefix": "<think>"},
    "body": {"server": {"extra_body": {"user": "x"}}},
    "model": {"model": "other"},
    "prompt": {"prompt": PROMPTS / "boxed.jinja"},
}


@pytest.mark.parametrize("keys", OTHERS.values(), ids=OTHERS)
def test_what_changes_a_row_asks_for_all(teacher: Teacher, keys: dict[str, Any]) -> None:
    rows = dict(list(ROWS.items())[:5])
    fetch_model.main(["--recipe", recipe(served=MODEL), "--output", str(teacher.folder / "other/manifest.json")])
    facts = json.loads((teacher.folder / "other/manifest.json").read_text())
    (teacher.folder / "other/manifest.json").write_text(json.dumps({**facts, "digest": "another"}))
    (teacher.folder / "other/provenance.json").unlink()  # it says which manifest it was
    teacher.generate(rows)
    assert teacher.generate(rows, **keys) == 5
    assert teacher.generate(rows) == 0  # changed back


def test_other_code_asks_for_all(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = dict(list(ROWS.items())[:5])
    teacher.generate(rows)
    monkeypatch.setattr(record, "code_hash", lambda *_: "another")
    assert teacher.generate(rows) == 5
    assert teacher.generate(rows) == 0


def test_another_draw_asks_for_all(teacher: Teacher) -> None:
    teacher.generate(ROWS)
    assert teacher.generate(ROWS, draw=1) == len(ROWS)
    shutil.copytree(teacher.output().parent / "kept", teacher.output(draw=2).parent / "kept")
    assert teacher.generate(ROWS, draw=2) == len(ROWS)


def test_another_address_or_bound_asks_nothing(teacher: Teacher) -> None:
    teacher.generate(ROWS)
    assert teacher.generate(ROWS, server={"concurrency": 1, "input_price": 3.0}, max_errors=0.5) == 0


def test_a_seed_of_a_shard_is_not_that_of_another_shard_but_greedy_rows_have_none(teacher: Teacher) -> None:
    for decoding, asked in ((DRAW, len(ROWS)), ({"max_new_tokens": 9}, 0)):
        seedless = {"decoding": decoding, "server": {"extra_body": {"seed": None}}}
        teacher.name = f"asked-{asked}"
        for shard in ("00-of-02", "01-of-02"):
            teacher.generate(ROWS, shard=shard, **seedless)
        assert teacher.generate(ROWS, shard="00-of-01", **seedless) == asked
        assert teacher.generate(ROWS, shard="00-of-02", **seedless) == 0


def test_errors_are_asked_again(teacher: Teacher) -> None:
    teacher.server.plan["Say 3."] = [faults.status(400, "no")]
    teacher.generate(ROWS, max_errors=0.5)
    assert answers(teacher.output())["p0003"] == ""
    assert teacher.generate(ROWS, max_errors=0.5) == 1
    assert answers(teacher.output())["p0003"] == "3"


def test_draws_until_correct_ask_only_what_is_newly_wrong(teacher: Teacher, tmp_path: Path) -> None:
    teacher.generate(ROWS)
    wrong = dict.fromkeys(ROWS, "correct") | dict.fromkeys(["p0001", "p0002"], "wrong")
    verdicts_table(tmp_path / "v.parquet", wrong)
    first = [(teacher.output(), tmp_path / "v.parquet")]
    assert teacher.generate(ROWS, draw=1, earlier=first) == 2
    verdicts_table(tmp_path / "v.parquet", {**wrong, "p0002": "correct", "p0003": "wrong"})  # another grader
    assert teacher.generate(ROWS, draw=1, earlier=first) == 1
    assert set(answers(teacher.output(draw=1))) == {"p0001", "p0003"}


def test_what_a_killed_generation_was_given_counts_although_a_problem_was_added(teacher: Teacher) -> None:
    teacher.server.plan["Say 3."] = [faults.status(400, "no")] * 2
    with pytest.raises(generate.InputError, match="1 of 60 responses are errors"):
        teacher.generate(ROWS)
    assert teacher.generate({**ROWS, "new": "Say 1500."}, max_errors=0.5) == 2
    assert json.loads(teacher.output().with_name("provenance.json").read_text())["resumed"] == 59


def test_old_tables_go_when_newer_ones_hold_their_answers(teacher: Teacher) -> None:
    rows = dict(list(ROWS.items())[:9])
    folder = teacher.output().parent / "kept"
    for count in (3, 6, 9):
        teacher.generate(dict(list(rows.items())[:count]))
        assert len(list(folder.glob("*.parquet"))) == len(list(folder.glob("*.json"))) == 1
    for number in range(1, 5):
        teacher.generate(rows, decoding={**DRAW, "seed": number})
        os.utime(next(iter(sorted(folder.glob("*.json"), key=os.path.getmtime, reverse=True))), (number, number))
    assert len(list(folder.glob("*.parquet"))) == kept.KEYS
    assert (folder / next(p.name for p in folder.glob("*.parquet"))).stat().st_nlink <= 2
    assert teacher.output().stat().st_nlink == 2  # no second copy on the disk


def test_torn_or_foreign_files_among_the_kept_are_passed_over(teacher: Teacher) -> None:
    teacher.generate(ROWS)
    (entry,) = (teacher.output().parent / "kept").glob("*.json")
    for text in ("{", "[]", "{}", '{"questions": 3}'):
        entry.write_text(text)
        assert teacher.generate(ROWS) == len(ROWS)
    teacher.output().unlink()
    entry.with_suffix(".parquet").unlink()
    assert teacher.generate(ROWS) == len(ROWS)


def test_spoilt_bytes_are_asked_again(teacher: Teacher, caplog: pytest.LogCaptureFixture) -> None:
    teacher.generate(ROWS)
    (table,) = (teacher.output().parent / "kept").glob("*.parquet")
    spoilt = table.read_bytes()
    table.unlink()
    table.write_bytes(spoilt[:-9] + bytes([spoilt[-9] ^ 1]) + spoilt[-8:])
    with caplog.at_level("INFO"):
        assert teacher.generate(ROWS) == len(ROWS)
    assert "not the bytes that were kept" in caplog.text


def test_folders_beside_that_are_no_shards_are_not_looked_into(teacher: Teacher) -> None:
    teacher.generate(ROWS)
    teacher.output().parent.rename(teacher.output().parent.with_name("other"))
    assert teacher.generate(ROWS) == len(ROWS)
