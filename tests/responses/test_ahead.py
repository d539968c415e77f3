"""A program that has loaded its model answers other shards, draws and corpora, whose own jobs then load nothing."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import generate
import pytest
from helpers import PROMPTS, TOY, base_model, manifest, recipe
from test_generate import PROBLEMS

from distill import tables
from distill.config.lineage import Responses, Statements
from distill.responses import asking
from distill.responses.engines.transformers import TransformersEngine
from distill.runtime.errors import InputError

CORPORA = {"c": {"draws": 2, "shards": 2}, "other": {"draws": 2, "shards": 1}}
PLACES = [Responses(corpus, "teachers/t", "d", draw, shard)
          for corpus, shards in (("c", ("00-of-02", "01-of-02")), ("other", ("00-of-01",)))
          for draw in (0, 1) for shard in shards]  # fmt: skip


class World:
    """Statements of two corpora and a teacher below a folder; `loads` counts how often a model was loaded."""

    def __init__(self, folder: Path, model: Path):
        self.folder, self.model, self.loads = folder, model, 0
        rows = [{"problem_id": f"q{i}", "problem": text} for i, text in enumerate(PROBLEMS * 2)]
        for place in (Statements("c", "00-of-02"), Statements("c", "01-of-02"), Statements("other", "00-of-01")):
            path = folder / place.file("statements.parquet")
            path.parent.mkdir(parents=True, exist_ok=True)
            tables.write(path, tables.build(rows, tables.STATEMENTS), tables.STATEMENTS)

    def generate(self, place: Responses, hours: float = 1.0, corpora: Any = CORPORA, **decoding: Any) -> dict[str, Any]:
        """Run the program for a place; return its provenance."""
        statements = self.folder / Statements(place.corpus, place.shard).file("statements.parquet")
        output = self.table(place)
        keys = recipe(prompt="plain", batch_size=3, decoding={"max_new_tokens": 40, "temperature": 1.0, **decoding})
        command = ["--statements", str(statements), "--model", str(self.model), "--draw", str(place.draw), "--shard",
                   place.shard, "--prompt", str(PROMPTS / "plain.jinja"), "--recipe", keys]  # fmt: skip
        ahead = json.dumps({"hours": hours, "corpora": corpora})
        generate.main([*command, "--ahead", ahead, "--output", str(output)])
        return json.loads(output.with_name("provenance.json").read_text())

    def table(self, place: Responses) -> Path:
        return self.folder / place.file("responses.parquet")

    def ahead(self) -> set[Responses]:
        """Return the places whose rows wait for their own job."""
        return {place for place in PLACES if list((self.folder / place.folder / "state").glob("*.jsonl"))}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return base_model(tmp_path_factory.mktemp("model") / "base", TOY / "teacher-short")


@pytest.fixture
def world(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world, load = World(tmp_path / "ahead", model), asking.load_engine

    def counted(*args: Any) -> Any:
        world.loads += 1
        return load(*args)

    monkeypatch.setattr(asking, "load_engine", counted)
    return world


def test_one_start_answers_all_and_the_rows_are_those_of_six_starts(world: World, model: Path, tmp_path: Path) -> None:
    first = world.generate(PLACES[0])
    assert world.loads == 1
    assert world.ahead() == set(PLACES[1:])
    for place in PLACES[1:]:
        facts = world.generate(place)
        assert (facts["asked"], facts["ahead"]) == (0, 0)
        assert facts["resumed"] == manifest(world.table(place))["rows"]
    assert world.loads == 1
    assert world.ahead() == set()
    assert first["ahead"] == sum(manifest(world.table(place))["rows"] for place in PLACES[1:]) == 30
    alone = World(tmp_path / "alone", model)
    for place in PLACES:
        assert alone.generate(place, hours=0)["ahead"] == 0
        assert alone.table(place).read_bytes() == world.table(place).read_bytes()
        assert manifest(alone.table(place)) == manifest(world.table(place))
    assert world.loads == 1 + len(PLACES)
    assert len({world.table(place).read_bytes() for place in PLACES}) == len(PLACES)


def test_one_more_corpus_is_one_more_start(world: World) -> None:
    corpora = {"c": CORPORA["c"]}
    for place in PLACES[:4]:
        world.generate(place, corpora=corpora)
    assert world.loads == 1
    facts = world.generate(PLACES[4])
    assert facts["ahead"] == 8  # draw 1; what is answered is not asked again
    assert world.ahead() == {PLACES[5]}
    world.generate(PLACES[5])
    assert world.loads == 2


def test_what_another_program_is_at_is_left_to_it(world: World) -> None:
    taken = world.folder / PLACES[2].folder
    taken.mkdir(parents=True)
    handle = os.open(taken, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    world.generate(PLACES[0])
    os.close(handle)
    assert world.ahead() == {*PLACES[1:]} - {PLACES[2]}
    assert world.generate(PLACES[2])["resumed"] == 0
    assert world.loads == 2


def test_where_statements_are_missing_or_the_time_is_over_nothing_is_asked(world: World) -> None:
    (world.folder / Statements("other", "00-of-01").file("statements.parquet")).unlink()
    world.generate(PLACES[0])
    assert world.ahead() == set(PLACES[1:4])
    world.generate(PLACES[1], hours=0, seed=5)
    assert world.ahead() == set(PLACES[2:4])


def test_a_complaint_ends_it_and_is_for_the_other_job(world: World) -> None:
    torn = world.folder / Statements("c", "01-of-02").file("statements.parquet")
    torn.write_bytes(torn.read_bytes()[:100])
    assert world.generate(PLACES[4])["ahead"] == 8 + 2  # the other draw, and the shard before the torn one
    assert world.ahead() == {PLACES[0], PLACES[5]}
    with pytest.raises(InputError, match="statements"):
        world.generate(PLACES[1])


def test_an_engine_with_one_seed_for_a_shard_answers_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TransformersEngine, "seeds", "shard")
    assert world.generate(PLACES[0])["ahead"] == 0
    assert world.generate(PLACES[1], temperature=0.0)["ahead"] == 30 - 6  # greedy rows have no seed


def test_other_recipes_ask_again(world: World) -> None:
    world.generate(PLACES[0])
    facts = world.generate(PLACES[1], temperature=0.5)
    assert facts["resumed"] == 0
    assert facts["asked"] == manifest(world.table(PLACES[1]))["rows"]
    assert facts["ahead"] > 0
