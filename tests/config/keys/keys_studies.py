"""Keys of studies and of `config.yaml`."""

import json
from typing import Any

import numpy as np
from keys import Keys, key
from keys_verdicts import _judge_words
from planned import JUDGE, commands, option, recipes

from distill.config import jobs
from distill.config.catalogue import Catalogue, arms_of
from distill.config.plan import Plan
from distill.config.recipes import (
    ArmsRecipe,
    CorpusRecipe,
    DatasetRecipe,
    DecodingRecipe,
    GapArm,
    GapRecipe,
    Settings,
    StudyRecipe,
    TeacherRecipe,
)
from distill.scores.gaps import Score, gap_rows

ARMS = {"students": ["s"], "datasets": ["hard", "easy"], "training": "t"}
STUDY = {"title": "One", "arms": [ARMS], "benchmarks": ["b"], "decoding": "d"}
GAP = {"plus": "hard", "minus": ["easy"]}
SHARES = {"hard": 0.75, "easy": 0.25, "base": 0.0}


def _plan(study: StudyRecipe) -> Plan:
    data = {name: DatasetRecipe(corpus="c", teachers=("x",)) for name in ("hard", "easy", "other")}
    corpora = {name: CorpusRecipe(path="rows.jsonl", benchmark=name != "c") for name in ("b", "b2", "c")}
    decodings = {name: DecodingRecipe(max_new_tokens=1) for name in ("d", "e")}
    teachers = {"x": TeacherRecipe(model={"path": "m"}, decoding="d")}
    settings = Settings(studies=("toy",))
    return Plan(Catalogue(settings, corpora, teachers, data, decodings=decodings, studies={"toy": study}))


def scores(study: StudyRecipe) -> Any:
    return sorted(place.folder for place in _plan(study).scores())


def trained(study: StudyRecipe) -> Any:
    return sorted(place.folder for place in _plan(study).trained())


def reported(study: StudyRecipe) -> Any:
    """The text that the report is made from."""
    return jobs.studies_job(_plan(study).catalogue)


def block(recipe: ArmsRecipe) -> Any:
    return trained(StudyRecipe.model_validate({**STUDY, "arms": [recipe.model_dump()]}))


def gaps(study: StudyRecipe) -> Any:
    """The rows of gaps.csv where each dataset has its own share of correct problems."""
    found = {}
    for arm in arms_of(study):
        for benchmark in study.benchmarks:
            means = (np.arange(8) < 8 * SHARES.get(arm.dataset, 0.5)).astype(float)
            ids = [str(i) for i in range(8)]
            found[arm, benchmark, study.decoding] = Score(arm, benchmark, study.decoding, {"n_samples": 1}, ids, means)
    facts = {a: {"loss_tokens": 9, "epochs": SHARES.get(a.dataset, 0.5)} for a in arms_of(study) if a.is_trained}
    rows = gap_rows({"toy": study}, found, facts)
    return [(r["gap"], r["benchmark"], r["estimate"], r["plus"], r["minus"], r["parity"]) for r in rows]


def gap(recipe: GapRecipe) -> Any:
    return gaps(StudyRecipe.model_validate({**STUDY, "gaps": {"g": recipe.model_dump()}}))


def side(recipe: GapArm) -> Any:
    """A gap whose plus is this side, in a study with two trainings."""
    arms = [ARMS, {**ARMS, "training": "u"}]
    minus = [{"dataset": GAP["minus"][0], "training": "t"}]
    study = {**STUDY, "arms": arms, "gaps": {"g": {"plus": recipe.model_dump(), "minus": minus}}}
    return gaps(StudyRecipe.model_validate(study))


def planned(settings: Settings) -> Any:
    """The folders that the settings' studies need."""
    from pathlib import Path

    from distill.config.load import load

    return [p.folder for p in Plan(load(Path("config"), settings.model_dump(mode="json"))).trained()]


def _given(settings: Settings) -> dict[str, Any]:
    return json.loads(settings.model_dump_json(exclude_defaults=True, exclude={"studies"}))


def graded(settings: Settings) -> Any:
    return [recipes(program, settings=_given(settings)) for program in ("verify", "check_golds")]


def compared(settings: Settings) -> Any:
    return [recipes(name, settings=_given(settings)) for name in ("find_contamination", "find_duplicates")]


def folders(settings: Settings) -> Any:
    shown = [option(words, "--prompt") for words in commands("render", settings=_given(settings))]
    return {path.split("/prompts/")[0].split("-")[0] for path in shown}


def counted(settings: Settings) -> Any:
    return recipes("score", settings=_given(settings))


def begun_ahead(settings: Settings) -> Any:
    return [option(words, "--ahead") for words in commands("generate", settings=_given(settings))]


def listened(settings: Settings) -> Any:
    """Whether datasets are made from judgements."""
    return ["judgements" in str(words) for words in commands("mix", settings=_given(settings))]


GRADING = {"timeout_seconds": 5, "deadline_seconds": 20, "memory_mb": 1024}
SIMILARITY = {"ngram": 5, "overlap": 0.6, "near_duplicate": 0.7}

KEYS = {
    Settings: Keys({"studies": ["toy"]}, {
        "studies": key(["published"], planned),
        "folder": key("elsewhere", folders),
        "grading": key(GRADING, graded),
        "similarity": key(SIMILARITY, compared),
        "judge": key({**JUDGE, "teacher": "toy-small"}, _judge_words, judge=JUDGE),
        "hours_per_job": key(0.25, begun_ahead),
        "policy": key("rule+judge", counted, listened, judge=JUDGE),
    }),
    StudyRecipe: Keys(STUDY, {
        "title": key("Two", reported),
        "arms": key([{**ARMS, "training": "u"}], trained, scores),
        "benchmarks": key(["b", "b2"], scores, gaps, gaps={"g": GAP}),
        "decoding": key("e", scores),
        "gaps": key({"g": GAP}, gaps, reported),
    }),
    ArmsRecipe: Keys(ARMS, {
        "students": key(["s", "z"], block),
        "datasets": key(["hard", "other"], block),
        "training": key("u", block),
        "seeds": key([2], block),
    }),
    GapRecipe: Keys(GAP, {
        "plus": key("base", gap),
        "minus": key(["base"], gap),
        "differs": key(["epochs"], gap),
    }),
    GapArm: Keys({"dataset": "hard", "training": "t"}, {
        "dataset": key("base", side),
        "training": key("u", side),
    }),
}  # fmt: skip
