"""Keys of licences, and of where artefacts are published."""

from typing import Any

from keys import Keys, key
from keys_labels import LABEL
from keys_problems import KEYS as PROBLEMS
from keys_responses import KEYS as RESPONSES

from distill.config import jobs
from distill.config.catalogue import Catalogue
from distill.config.lineage import BaseModel, Problems
from distill.config.plan import Plan
from distill.config.recipes import (
    CorpusEntry,
    CorpusRecipe,
    Licensed,
    PublishRecipe,
    Settings,
    StudentEntry,
    StudentRecipe,
    TeacherEntry,
    TeacherRecipe,
)
from distill.publishing.facts import Facts
from distill.publishing.licences import refusal


def _of(entry: Any) -> tuple[str, Catalogue]:
    kinds = {CorpusEntry: "corpora", TeacherEntry: "teachers", StudentEntry: "students"}
    kind = kinds[type(entry)]
    return kind, Catalogue(Settings(studies=("toy",)), **{kind: {"x": entry}})


def part(entry: Any) -> Any:
    """What a card says of an entry, and whether it may be passed on."""
    kind, catalogue = _of(entry)
    found = Facts(Plan(catalogue)).part(kind, "x")
    return found, refusal(found, "texts")


def job(entry: Any) -> Any:
    """The recipe of the job that makes an entry's rows or weights."""
    kind, catalogue = _of(entry)
    return jobs.job_of(catalogue, Problems("x") if kind == "corpora" else BaseModel("x"))


def of_corpus(recipe: Licensed) -> Any:
    return part(CorpusEntry(path="rows.jsonl", **recipe.model_dump()))


def whole(recipe: PublishRecipe) -> Any:
    """What the program is given; tests/rules/test_publish_runs.py shows what it does with it."""
    return recipe.model_dump()


LICENCE = {"licence": key("mit", part, same=job), "citation": key("A, 2020", part, same=job)}
HUB = {"to": "hub", "owner": "me"}
KEYS = {
    Licensed: Keys({}, {"licence": key("mit", of_corpus), "citation": key("A, 2020", of_corpus)}),
    CorpusEntry: Keys(PROBLEMS[CorpusRecipe].base, {**PROBLEMS[CorpusRecipe].fields, **LICENCE, **LABEL}),
    TeacherEntry: Keys(RESPONSES[TeacherRecipe].base, {**RESPONSES[TeacherRecipe].fields, **LICENCE, **LABEL}),
    StudentEntry: Keys(RESPONSES[StudentRecipe].base, {**RESPONSES[StudentRecipe].fields, **LICENCE, **LABEL}),
    PublishRecipe: Keys({"to": "out"}, {
        "to": key("other", whole),
        "owner": key("you", whole, **HUB),
        "private": key(False, whole, **HUB),
        "kinds": key(["scores"], whole),
        "despite": key(["toy-xs"], whole),
    }),
}  # fmt: skip
