"""Paths of `results/` are built and read back in one module; what the rules write stands where it says."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from helpers import REPOSITORY
from hypothesis import given
from hypothesis import strategies as st

from distill.config import lineage
from distill.config.lineage import Arm

names = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True)
free = names.filter(lambda name: name not in ("base", "golds"))
numbers = st.integers(0, 10**6)
arms = st.builds(Arm, free, free, free, numbers) | st.builds(Arm.base, free)
model_paths = arms.map(lambda arm: arm.model_path) | free.map(lambda name: f"teachers/{name}")
shards = st.tuples(st.integers(0, 99), st.integers(1, 100)).map(lambda n: f"{n[0]:02d}-of-{n[1]:02d}")
VALUES = {"model_path": model_paths, "shard": shards}


def places(kind: type[lineage.Place]) -> st.SearchStrategy[lineage.Place]:
    values = {f.name: numbers if f.type is int else VALUES.get(f.name, free) for f in fields(kind)}
    return st.builds(kind, **values)


@given(st.one_of([places(kind) for kind in lineage.KINDS]))
def test_a_place_is_read_back_from_its_folder(place: lineage.Place) -> None:
    assert lineage.find(place.folder) == place
    assert lineage.find(f"/home/results/mine/{place.folder}") == place
    assert lineage.place_of(place.identity) == place
    assert lineage.found_identity(Path(f"/home/{place.folder}")) == place.identity


@given(st.one_of([places(kind) for kind in lineage.PLACES]))
def test_programs_read_back_all_that_was_there_before(place: lineage.Place) -> None:
    assert lineage.parse(place.folder) == place
    assert lineage.identity(Path(f"/home/{place.folder}")) == place.identity


@given(st.one_of([places(kind) for kind in lineage.KINDS]), st.one_of([places(kind) for kind in lineage.KINDS]))
def test_two_places_never_share_a_folder(one: lineage.Place, other: lineage.Place) -> None:
    assert (one.folder == other.folder) == (one == other)


@given(arms)
def test_an_arm_is_read_back_from_its_model_path(arm: Arm) -> None:
    assert Arm.parse(arm.model_path) == arm
    assert Arm.of(lineage.Score("bench", arm.model_path, "greedy").identity) == arm


@pytest.mark.parametrize("path", ["teachers/x", "students/x", "students/x/t/d/seed-", "students/x/t/d/1", ""])
def test_what_is_no_arm_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="names no arm"):
        Arm.parse(path)


@pytest.mark.parametrize("path", ["results", "results/models/x", "elsewhere/problems/x", "results/problems/a/b/c/d"])
def test_what_is_no_place_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no folder of results/"):
        lineage.find(path)
    assert lineage.identity(REPOSITORY / "tests") == lineage.found_identity(REPOSITORY / "tests") == {}


def test_places_and_identities_by_hand() -> None:
    answered = lineage.Responses("math", "students/s/sft/mix/seed-3", "greedy", 2, "00-of-04")
    assert answered.folder == "results/responses/math/students/s/sft/mix/seed-3/greedy/draw-2/00-of-04"
    assert answered.identity == {
        "kind": "responses", "corpus": "math", "model_path": "students/s/sft/mix/seed-3", "decoding": "greedy",
        "draw": 2, "shard": "00-of-04", "student": "s", "training": "sft", "dataset": "mix", "seed": 3,
    }  # fmt: skip
    rated = lineage.Loglikelihoods("math", "teachers/t", "hot", 0, "00-of-01", "s")
    assert rated.folder == "results/signals/math/teachers/t/hot/draw-0/00-of-01/s"
    assert rated.identity["student"] == "s"
    suited = lineage.Suitability("math", "teachers/t", "hot", 0, "00-of-01", "s")
    assert suited.folder == "results/signals/math/suitability/teachers/t/hot/draw-0/00-of-01/s"
    base = lineage.Score("bench", "students/s/base", "greedy").identity
    assert (base["student"], base["training"], base["dataset"], base["seed"]) == ("s", "base", "base", 0)
    assert lineage.model_place("teachers/t").folder == "results/models/t/base"
    assert lineage.model_place("students/s/base").folder == "results/models/s/base"
    assert lineage.model_place("students/s/sft/mix/seed-3").folder == "results/models/s/sft/mix/seed-3"
    assert lineage.Golds("math").manifest == "results/verdicts/math/golds/manifest.json"


EXAMPLES = {"model_path": "students/s/t/d/seed-1", "draw": "0", "seed": "1", "shard": "00-of-01"}


def test_the_rules_write_only_places() -> None:
    found = set()
    for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk")):
        for text in re.findall(r'"(results/[^"]+)"', path.read_text()):
            filled = re.sub(r"\{(\w+)\}", lambda m: EXAMPLES.get(m[1], "x"), text)
            last = filled.rpartition("/")[2]
            folder = filled.rpartition("/")[0] if "." in last or last in ("weights", "data") else filled
            found.add(lineage.find(folder).KIND)
    assert found >= {place.KIND for place in lineage.KINDS} - {"analysis", "report", "browser"}
