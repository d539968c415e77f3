"""Keys of studies and of `config.yaml`."""

import json
from typing import Any

import numpy as np
from keys import ABSENT, Keys, key
from keys_verdicts import _judge_words
from planned import JUDGE, commands, option, recipes

from distill.config import analysed, jobs
from distill.config.catalogue import Catalogue, arms_of
from distill.config.plan import Plan
from distill.config.recipes import (
    ArmsRecipe,
    ContrastRecipe,
    CorpusRecipe,
    DatasetRecipe,
    DecodingRecipe,
    GapArm,
    GapRecipe,
    PowerRecipe,
    PricesRecipe,
    Settings,
    StudentRecipe,
    StudyEntry,
    StudyRecipe,
    TeacherRecipe,
)
from distill.config.report_jobs import studies_job
from distill.scores.arms import Likelihood, Score
from distill.scores.gaps import gap_rows
from distill.scores.power import outlook_text, outlooks, problem_counts, warnings
from distill.scores.terminal import gap_text

ARMS = {"students": ["s"], "datasets": ["hard", "easy"], "training": "t"}
STUDY = {"title": "One", "arms": [ARMS], "benchmarks": ["b"], "decoding": "d"}
GAP = {"plus": "hard", "minus": ["easy"]}
KNOWN = {"problems": {"b": 9}}
SHARES = {"hard": 0.75, "easy": 0.25, "base": 0.0}


def _plan(study: StudyRecipe) -> Plan:
    data = {name: DatasetRecipe(corpus="c", teachers=("x",)) for name in ("hard", "easy", "other")}
    corpora = {name: CorpusRecipe(path="rows.jsonl", benchmark=name != "c") for name in ("b", "b2", "c")}
    decodings = {name: DecodingRecipe(max_new_tokens=1) for name in ("d", "e")}
    teachers = {"x": TeacherRecipe(model={"path": "m"}, decoding="d")}
    students = {name: StudentRecipe(model={"path": "m"}) for block in study.arms for name in block.students}
    settings = Settings(studies=("toy",))
    catalogue = Catalogue(settings, corpora, teachers, data, students=students, decodings=decodings)
    catalogue.studies["toy"] = study
    return Plan(catalogue)


def scores(study: StudyRecipe) -> Any:
    return sorted(place.folder for place in _plan(study).scores())


def likely(study: StudyRecipe) -> Any:
    return sorted(place.folder for place in [*_plan(study).solutions(), *_plan(study).likelihoods()])


def read_of_references(study: StudyRecipe) -> Any:
    return analysed.files(_plan(study), "references")


def trained(study: StudyRecipe) -> Any:
    return sorted(place.folder for place in _plan(study).trained())


def reported(study: StudyRecipe) -> Any:
    """The text that the report is made from."""
    return studies_job(_plan(study).catalogue)


def suited(study: StudyEntry) -> Any:
    return sorted(place.folder for place in _plan(study).suitability())


def looked_up(study: StudyEntry) -> Any:
    return sorted(place.folder for place in _plan(study).token_shift())


def block(recipe: ArmsRecipe) -> Any:
    return trained(StudyRecipe.model_validate({**STUDY, "arms": [recipe.model_dump()]}))


def gaps(study: StudyRecipe) -> Any:
    """The rows of gaps.csv where each dataset has its own share of correct problems."""
    return [(r["gap"], r["student"], r["benchmark"], r["estimate"], r["plus"], r["minus"], r["parity"])
            for r in _rows(study)]  # fmt: skip


def told(study: StudyRecipe) -> Any:
    """The text that the terminal shows."""
    return gap_text(_rows(study), {"toy": study})


def _rows(study: StudyRecipe) -> list[dict[str, Any]]:
    found = {}
    for arm in arms_of(study):
        for benchmark in study.benchmarks:
            size = 8 if benchmark == "b" else 24
            share = SHARES.get(arm.dataset, 0.5) if benchmark == "b" else 0.5
            means = (np.arange(size) < size * share).astype(float)
            ids = [str(i) for i in range(size)]
            found[arm, benchmark, study.decoding] = Score(arm, benchmark, study.decoding, {"n_samples": 1}, ids, means)
    facts = {a: {"loss_tokens": 9, "epochs": SHARES.get(a.dataset, 0.5)} for a in arms_of(study) if a.is_trained}
    nats = {arm: {name: {"0": -1.0, "1": -SHARES.get(arm.dataset, 0.5)} for name in ("solution", "answer")}
            for arm in arms_of(study)}  # fmt: skip
    likelihoods = {(arm, b): Likelihood({}, nats[arm]) for arm in arms_of(study) for b in study.benchmarks}
    return gap_rows({"toy": study}, found, facts, likelihoods)


def foreseen(study: StudyRecipe) -> Any:
    """What `snakemake power` and a dry run say of it."""
    found = outlooks("toy", study, problem_counts(_plan(study).catalogue, study), 1)
    return outlook_text(found), warnings(found)


def told_of_power(recipe: PowerRecipe) -> Any:
    return foreseen(StudyRecipe.model_validate({**STUDY, "power": {"problems": {"b": 9}, **recipe.model_dump()}}))


def gap(recipe: GapRecipe) -> Any:
    return gaps(StudyRecipe.model_validate({**STUDY, "gaps": {"g": recipe.model_dump()}}))


def told_of_gap(recipe: GapRecipe) -> Any:
    return told(StudyRecipe.model_validate({**STUDY, "gaps": {"g": recipe.model_dump()}}))


def _with_contrast(recipe: ContrastRecipe) -> StudyRecipe:
    named = {"g": GAP, "h": {"plus": "easy", "minus": ["base"]}}
    arms = [{**ARMS, "students": ["s", "z", "y"], "seeds": [1, 2]}]
    return StudyRecipe.model_validate({**STUDY, "arms": arms, "gaps": named, "contrasts": {"c": recipe.model_dump()}})


def contrasted(recipe: ContrastRecipe) -> Any:
    return gaps(_with_contrast(recipe))


def told_of_contrast(recipe: ContrastRecipe) -> Any:
    return told(_with_contrast(recipe))


def compared_plans(recipe: ContrastRecipe) -> Any:
    return jobs.plans_job(_plan(_with_contrast(recipe)).catalogue, "s")


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


def told_of_plan(settings: Settings) -> Any:
    """What `snakemake plan` says with eight GPUs."""
    from pathlib import Path

    import plan as program

    from distill.config.load import load

    return program.told(load(Path("config"), settings.model_dump(mode="json")), cores=2, gpus=8)


def priced(recipe: PricesRecipe) -> Any:
    return told_of_plan(Settings(studies=("toy",), prices=recipe))


def built(settings: Settings) -> Any:
    """The file of an environment with torch."""
    return jobs.built(Catalogue(settings), "train")


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
        "torch": key("cpu", built),
        "prices": key({"gpu_hour": 2.5}, told_of_plan),
        "budget": key(0.001, told_of_plan),
        "publish": key({"to": "out"}, lambda s: s.publish, same=planned),
        "policy": key("rule+judge", counted, listened, judge=JUDGE),
    }),
    PricesRecipe: Keys({}, {"gpu_hour": key(2.5, priced)}),
    StudyRecipe: Keys(STUDY, {
        "title": key("Two", reported),
        "arms": key([{**ARMS, "training": "u"}], trained, scores),
        "benchmarks": key(["b", "b2"], scores, gaps, gaps={"g": GAP}),
        "decoding": key("e", scores),
        "gaps": key({"g": GAP}, gaps, reported),
        "contrasts": key({"c": {"slope": {"hard": 1, "easy": 0}}}, gaps, foreseen, power=KNOWN),
        "weights": key("by_problem", gaps, told, gaps={"g": GAP}, benchmarks=["b", "b2"]),
        "likelihoods": key(["answer"], likely, gaps),
        "references": key(["paper.csv"], read_of_references),
        "question": key("Which?", told, reported),
        "expected": key("This.", told, reported),
        "smallest_gap": key(0.9, told, foreseen, power=KNOWN, arms=[{**ARMS, "seeds": [1, 2]}]),
        "power": key({"problems": {"b": 8}}, foreseen, power=KNOWN),
    }),
    PowerRecipe: Keys({"problems": {"b": 9}}, {
        "accuracy": key({"b": 0.9}, told_of_power),
        "problems": key({"b": 30}, told_of_power),
        "correlation": key(0.1, told_of_power),
        "seed_sd": key(0.2, told_of_power),
    }),
    ContrastRecipe: Keys({"gap": "g", "students": ["s", "z"]}, {
        "gap": key("h", contrasted),
        "students": key(["s", "y"], contrasted),
        "slope": key({"hard": 2, "easy": 0}, contrasted, gap=ABSENT, students=ABSENT, slope={"hard": 1, "easy": 0}),
        "differs": key(["epochs"], contrasted, gap=ABSENT, students=ABSENT, slope={"hard": 1, "easy": 0}),
        "expected": key("More.", told_of_contrast),
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
        "expected": key("More.", told_of_gap),
    }),
    GapArm: Keys({"dataset": "hard", "training": "t"}, {
        "dataset": key("base", side),
        "training": key("u", side),
    }),
}  # fmt: skip
KEYS[StudyEntry] = Keys(STUDY, {
    **KEYS[StudyRecipe].fields,
    "suitability": key(True, suited, same=reported),
    "token_shift": key(True, looked_up, same=reported),
})  # fmt: skip
