"""Every key of every recipe reaches whom it is meant for; one that only says how work is done changes no row.

The tables of keys stand beside this file, one per part of the line. A key without an entry there fails here by name.
"""

import importlib
from pathlib import Path
from typing import Any

import pytest
from keys import ABSENT, Key, Keys, Probe
from pydantic import ValidationError

import distill.config.recipes
from distill.config.recipes import EXECUTION, Recipe

TABLES = ("keys_problems", "keys_responses", "keys_servers", "keys_models", "keys_datasets", "keys_verdicts",
          "keys_trainings", "keys_on_policy", "keys_studies", "keys_publishing", "keys_labels")  # fmt: skip


def table() -> dict[type[Recipe], Keys]:
    """Return the keys of all recipes."""
    found: dict[type[Recipe], Keys] = {}
    for name in TABLES:
        own = importlib.import_module(name).KEYS
        assert not found.keys() & own.keys()
        found |= own
    return found


def recipes(of: type[Recipe] = Recipe) -> list[type[Recipe]]:
    """Return all recipes, those of recipes too."""
    assert distill.config.recipes.__all__
    return [r for own in of.__subclasses__() for r in (own, *recipes(own)) if r.__module__.startswith("distill.")]


RECIPES = sorted(set(recipes()), key=lambda r: r.__name__)
FIELDS = [(r, f) for r in RECIPES for f in r.model_fields]
_seen: dict[tuple[Probe, str, str], Any] = {}


def given(probe: Probe, recipe: Recipe) -> Any:
    """Return what a probe shows of a recipe; asked once for equal ones."""
    where = probe, type(recipe).__name__, recipe.model_dump_json()
    if where not in _seen:
        _seen[where] = probe(recipe)
    return _seen[where]


def test_no_entry_is_of_a_key_that_does_not_exist() -> None:
    keys = table()
    assert set(keys) <= set(RECIPES)
    assert [(r.__name__, f) for r, own in keys.items() for f in own.fields if f not in r.model_fields] == []


@pytest.mark.parametrize(("recipe", "name"), FIELDS, ids=[f"{r.__name__}.{f}" for r, f in FIELDS])
@pytest.mark.usefixtures("world")
def test_a_key_has_an_effect(recipe: type[Recipe], name: str) -> None:
    own = table().get(recipe, Keys({}, {}))
    entry = own.fields.get(name)
    assert entry is not None, f"{recipe.__name__}.{name}: no entry says what it changes (tests/config/keys/)"
    keys = {name: value for name, value in {**own.base, **entry.base}.items() if value is not ABSENT}
    if entry.refused:
        with pytest.raises(ValidationError):
            recipe.model_validate({**keys, name: entry.value})
        return
    before, after = recipe.model_validate(keys), recipe.model_validate({**keys, name: entry.value})
    assert before != after, f"{name}: {entry.value!r} is what it is without"
    assert entry.probes
    for probe in entry.probes:
        assert given(probe, before) != given(probe, after), f"{name} does not reach {probe.__name__}"
    tracked(recipe, name, entry, before, after)


def tracked(recipe: type[Recipe], name: str, entry: Key, before: Recipe, after: Recipe) -> None:
    """Check that a change is tracked, or for an `execution` key that it is not, and changes no row."""
    if recipe.model_fields[name].json_schema_extra == EXECUTION:
        assert before.canonical() == after.canonical()
        assert recipe.parse(after.canonical(), distill.config.recipes.canonical_json(after.execution())) == after
        if entry.same is not None:
            assert given(entry.same, before) == given(entry.same, after)
    else:
        assert before.canonical() != after.canonical()
        assert entry.same is None


def test_the_world_is_left_as_it_was(world: Path) -> None:
    assert {p.name for p in (world / "mixed").iterdir()} >= {"a", "b", "c", "problems.parquet"}


@pytest.mark.usefixtures("world")
def test_the_rules_pass_on_every_key_of_grading_and_similarity() -> None:
    from keys_studies import GRADING, SIMILARITY
    from planned import recipes as given_to

    settings = {"grading": GRADING, "similarity": SIMILARITY}
    assert given_to("check_golds", settings=settings) == [GRADING]
    assert given_to("verify", settings=settings) == [{**GRADING, "tolerance": 0.0}]
    searches = given_to("find_contamination", settings=settings) + given_to("find_duplicates", settings=settings)
    assert searches[0] | searches[1] == SIMILARITY
