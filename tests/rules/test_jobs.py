"""Rules and audit say the same of each job: its program, recipe and code, and which artefacts there are."""

import importlib
import json
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import REPOSITORY, jsonl
from study import CATALOGUE, Study

from distill import analyses
from distill.audit.expected import chosen_places, extra_inputs, inputs_of
from distill.config import analysed, jobs, lineage
from distill.config.load import load
from distill.config.plan import Plan
from distill.config.recipes import GenerateJob
from distill.responses.engines import LAUNCHING, modules_of
from distill.runtime.codehash import code_hashes

Graph = list[tuple[str, dict[str, Any], list[str], list[str]]]
Planned = dict[lineage.Place, tuple[str, dict[str, Any]]]

TARGETS: dict[str, Callable[[Plan], list[Any]]] = {
    "problems": Plan.problems, "responses": lambda plan: plan.all_answers(lineage.Responses),
    "verdicts": lambda plan: [*plan.all_answers(lineage.Verdicts), *plan.agreements(), *plan.golds()],
    "signals": Plan.signals, "datasets": Plan.datasets, "rendered": Plan.rendered,
    "models": lambda plan: [*plan.plans(), *plan.trained()],
    "scores": lambda plan: [*plan.scores(), *plan.solutions(), *plan.likelihoods(), *plan.token_shift()],
    "analyses": lambda _: [lineage.Contrasts(), *map(lineage.Analysis, analyses.names())], }  # fmt: skip
# Plans without running, and writes what each job has as parameters.
JOBS = """
import json
from pathlib import Path
from snakemake.api import DAGSettings, OutputSettings, ResourceSettings, SnakemakeApi
with SnakemakeApi(OutputSettings(dryrun=True)) as api:
    workflow = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=Path("workflow/Snakefile"))
    workflow.dag(DAGSettings(forceall=True, targets=TARGETS)).printrulegraph()
    jobs = workflow._workflow.dag.jobs
    print("\\nJOBS" + json.dumps([[j.rule.name, dict(j.params.items()), list(j.output), list(j.input)] for j in jobs]))
"""


def with_every_rule(folder: Path) -> Study:
    """A study with jobs of all rules: a judge, agreement, signals, distillation, a served teacher, and so on."""
    study = Study.small(folder)
    jsonl(study.folder / "published.jsonl", [{"id": "x", "response": "y"}])
    study.replace("config/config.yaml", "studies:", "judge: {teacher: toy-small}\nstudies:")
    study.edit(CATALOGUE + "corpora.yaml", **{"gsm8k-benchmark": {"benchmark": False}})  # its file is not here
    # Nobody answers these: one trains a tokenizer, with one problems are compared.
    rows = {"path": "resources/toy/test.jsonl", "columns": {"problem_id": "id"}}
    study.edit(CATALOGUE + "corpora.yaml", words=rows, compared={**rows, "benchmark": True})
    published = {"path": "published.jsonl", "columns": {"problem_id": "id", "response": "response"}}
    served = {"engine": "openai", "serve": {"args": {"max_model_len": 400}, "replicas": 2}}
    teachers = {"known": {"published": published}, "solver": {"published": published}, "toy-short": served}
    study.edit(CATALOGUE + "teachers.yaml", **teachers)
    study.edit(CATALOGUE + "corpora.yaml", **{"toy-test": {"solutions_from": "solver"}})
    curation = {"decontaminate": True, "deduplicate": True, "choose": "student_likely", "student": "rater"}
    mixed = {"corpus": "toy-train", "teachers": ["toy-long", "known"], "alpha": 0.5, "curation": curation}
    suited = {"choose": "student_overlap_10", "student": "toy-xs"}
    agreed = {"corpus": "agreed", "teachers": ["toy-long", "toy-short"], "alpha": 0.5, "curation": suited}
    study.edit(CATALOGUE + "datasets.yaml", mixed=mixed, agreed=agreed)
    without = {"problem_id": "id", "answer": None}
    agreed = {
        "path": "resources/toy/train.jsonl",
        "columns": without,
        "agreement": {"teachers": ["toy-long", "toy-small"]},
    }
    study.edit(CATALOGUE + "corpora.yaml", agreed=agreed)
    sft = yaml.safe_load((study.folder / CATALOGUE / "trainings.yaml").read_text())["toy-sft"]
    study.edit(CATALOGUE + "trainings.yaml", distilled={**sft, "distil": {"teacher": "toy-long", "top_k": 8}})
    on_policy = {"teacher": "toy-short", "start": "toy-sft", "max_updates": 2, "max_new_tokens": 8, "lr": 1e-3}
    study.edit(CATALOGUE + "trainings.yaml", further={"on_policy": on_policy},
               last={"on_policy": {**on_policy, "start": "untouched"}}, untouched={**sft, "held_out": 0.1})  # fmt: skip
    scratch = {"model": {"scratch": {"tokenizer_corpora": ["words"]}}, "prompt": "plain"}
    rater = {"model": {"path": "resources/toy/base-xs"}, "prompt": "boxed"}
    study.edit(CATALOGUE + "students.yaml", blank=scratch, rater=rater)
    path = study.folder / "config/studies/toy.yaml"
    content = yaml.safe_load(path.read_text())
    content["arms"].append({"students": ["blank"], "datasets": ["mixed"], "training": "toy-sft", "seeds": [1]})
    content["arms"].append({"students": ["toy-xs"], "datasets": ["agreed"], "training": "distilled", "seeds": [1]})
    content |= {"likelihoods": ["solution", "answer"], "suitability": True, "token_shift": True}
    for training in ("further", "last"):  # the start of the first is an arm itself, that of the second is none
        arms = {"students": ["toy-xs"], "datasets": ["toy-short-arm"], "training": training, "seeds": [1]}
        content["arms"].append(arms)
    path.write_text(yaml.safe_dump(content))
    return study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return with_every_rule(tmp_path_factory.mktemp("jobs") / "study")


@pytest.fixture
def plan(study: Study, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(study.folder)
    return Plan(load(Path("config"), yaml.safe_load(Path("config/config.yaml").read_text())))


def jobs_of(study: Study, targets: set[str]) -> Graph:
    """Rule, parameters, outputs and inputs of each job that makes anything, and of the targets."""
    code = JOBS.replace("TARGETS", repr(targets))
    done = subprocess.run([study.python, "-c", code], cwd=study.folder, env=study.environment(), text=True,
                          capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.split("\nJOBS")[1])


@pytest.fixture(scope="module")
def graph(study: Study) -> Graph:
    return jobs_of(study, {*TARGETS, "all"})


@pytest.fixture(scope="module")
def planned(graph: Graph) -> Planned:
    """Place -> rule and parameters of the job that makes it."""
    made = [(rule, params, [p for p in outputs if p.endswith("manifest.json")]) for rule, params, outputs, _ in graph]
    places = {lineage.find(Path(path).parent): (rule, params) for rule, params, paths in made for path in paths}
    assert len(places) == len([outputs for _, _, outputs, _ in graph if outputs])
    return places


def test_the_study_has_jobs_of_every_rule_and_every_kind_of_place(planned: Planned) -> None:
    texts = [path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk")]
    rules = {m[1] for text in texts for m in re.finditer(r"^rule (\w+):\n(?:    .*\n|\n)*?    output:", text, re.M)}
    assert {rule for rule, _ in planned.values()} == rules
    assert {type(place) for place in planned} == set(lineage.KINDS)


def test_the_parameters_of_each_rule_are_those_of_the_audit(planned: Planned, plan: Plan, study: Study) -> None:
    hash_of = code_hashes(study.folder / "scripts")
    for place, (rule, params) in planned.items():
        job = jobs.job_of(plan.catalogue, place)
        # One program rates responses and solutions, by two rules; one rule mixes, by two programs.
        named = {lineage.Likelihoods: "rate_solutions", lineage.Dataset: "mix"}
        assert rule == named.get(type(place), job.program), place
        assert Path(params["program"]).name == f"{job.program}.py", place
        assert params.get("recipe", "{}") == job.recipe, place
        if rule == "fetch_statements":  # has the digest of what the corpus says in place of the code
            assert {"statements"} < params.keys()
        else:
            assert params["code"] == hash_of(job.program, job.modules)


def test_the_artefacts_of_the_audit_are_those_that_the_rules_make(planned: Planned, plan: Plan) -> None:
    places = chosen_places(plan)
    assert set(places) == planned.keys()
    assert len(set(places)) == len(places)


# Made of files which neither their name nor their recipe tells alone.
GATHERED = (lineage.Agreement, lineage.Verdicts, lineage.Golds, lineage.Duplicates, lineage.Contamination,
            lineage.Dataset, lineage.TeacherLogprobs, lineage.Plans, lineage.Repeats, lineage.Score,
            lineage.Solutions, lineage.Contrasts,
            lineage.Analysis, lineage.Report, lineage.Browser)  # fmt: skip
# Of what these read manifests are inputs, but of what other inputs were made from.
READ_ALL = (lineage.Contrasts, lineage.Analysis, lineage.Browser)


def folders(paths: set[str]) -> set[str]:
    return {str(Path(path).parent) for path in paths}


def made_before(graph: Graph, manifest: str) -> set[str]:
    """The files that a job comes after."""
    inputs_of_job = {path: inputs for _, _, outputs, inputs in graph for path in outputs}
    found: set[str] = set()
    ahead = [manifest]
    while ahead:
        new = {*inputs_of_job.get(ahead.pop(), ())} - found
        found |= new
        ahead += new
    return found


def test_what_an_artefact_must_have_read_is_what_its_rule_gives(graph: Graph, plan: Plan) -> None:
    for _, _, outputs, inputs in graph:
        for manifest in (path for path in outputs if path.endswith("manifest.json")):
            place = lineage.find(Path(manifest).parent)
            given = {path for path in inputs if path.startswith("results/")}
            needed = inputs_of(place, plan)
            further = isinstance(place, lineage.TrainedModel) and place.training in plan.catalogue.on_policy
            assert (needed is not None) == (isinstance(place, GATHERED) or further), place
            if isinstance(place, READ_ALL):
                before = made_before(graph, manifest)
                assert {path for path in needed if path.endswith("manifest.json")} <= before, place
                assert folders(given) <= folders(needed) <= folders(before), place
            elif needed is not None:  # of an artefact a rule is given the manifest and the file that it stands for
                assert needed <= given, place
                assert folders(needed) == folders(given), place
            if not isinstance(place, (lineage.BaseModel, lineage.Statements)):  # compared by what they say of the files
                assert {str(path) for path in extra_inputs(place, plan)} == set(inputs) - given, place


def asked_by(graph: Graph) -> dict[str, set[str]]:
    """Target -> what it asks for."""
    return {rule: set(inputs) for rule, _, outputs, inputs in graph if not outputs}


def kept(places: Iterable[lineage.Place]) -> set[str]:
    """The files of places that are missed if they are deleted."""
    paths = (path for place in places for path in (place.manifest, main_file(place)))
    return {path for path in paths if path}


def test_a_stage_asks_for_all_that_may_be_deleted(graph: Graph, plan: Plan) -> None:
    asked = asked_by(graph)
    assert asked.keys() == {*TARGETS, "all"}
    for target, places_of in TARGETS.items():
        assert asked[target] == kept(places_of(plan)), target


def ends(plan: Plan) -> set[str]:
    """What is asked for in any case: all else is made on the way."""
    sections = map(lineage.Analysis, analyses.names())
    return kept([*plan.plans(), lineage.Contrasts(), *sections, lineage.Report(), lineage.Browser()])


def test_where_nothing_is_made_the_ends_ask_for_every_artefact(study: Study, plan: Plan) -> None:
    graph = jobs_of(study, {"all"})
    made = {str(Path(path).parent) for _, _, outputs, _ in graph for path in outputs if path.endswith("manifest.json")}
    assert made == {place.folder for place in chosen_places(plan)}
    assert asked_by(graph) == {"all": ends(plan)}


def test_all_asks_for_each_file_that_was_deleted(study: Study, tmp_path: Path, plan: Plan) -> None:
    own = study.copy(tmp_path / "study")
    deleted: set[str] = set()
    for number, place in enumerate(chosen_places(plan)):
        files = sorted(kept([place]) | {place.file("provenance.json")})
        for path in files:
            (own.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (own.folder / path).touch()
        gone = [None, place.manifest, main_file(place), place.file("provenance.json")][number % 4]
        if gone and place in plan.places():
            (own.folder / gone).unlink()
            deleted.add(gone)
    graph = jobs_of(own, {"all"})
    beside = {path for path in deleted if path.endswith("provenance.json")}
    assert asked_by(graph) == {"all": ends(plan) | deleted - beside}
    given = {outputs[0]: set(inputs) for _, _, outputs, inputs in graph if outputs}
    assert beside & set(analysed.files(plan, "provenance")) <= given["results/analyses/cost/section.json"]
    assert beside & set(plan.browsed_provenances()) <= given["results/report/browser/index.html"]
    tables = {path for path in deleted if path.endswith(".parquet")}
    assert (answers := tables & set(plan.browsed_tables()))
    assert answers <= given["results/report/browser/index.html"]
    assert (items := {path for path in tables if path.startswith("results/scores")})
    assert items <= given["results/contrasts/scores.csv"]


def test_an_end_alone_does_not_stand_for_what_it_was_made_from(study: Study, tmp_path: Path, plan: Plan) -> None:
    own = study.copy(tmp_path / "study")
    report = lineage.Report()
    for path in kept([report]):
        (own.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (own.folder / path).touch()
    asked = asked_by(jobs_of(own, {"all"}))["all"]
    assert folders(asked) == {place.folder for place in chosen_places(plan)}


def test_a_quiet_dry_run_says_the_same_without_the_jobs(study: Study) -> None:
    shown, quiet = (study.snakemake("--dry-run", "-p", *options) for options in ((), ("-q", "rules")))
    stats = [set(re.findall(r"^\w+ +\d+$", done.stdout + done.stderr, re.MULTILINE)) for done in (shown, quiet)]
    assert stats[0] == stats[1]
    assert "contrast 1" in {" ".join(line.split()) for line in stats[1]}
    rendered = "exec python {}/scripts/render.py --dataset results/datasets/toy-long-arm/train.parquet"
    assert rendered.format(study.folder) in shown.stdout + shown.stderr
    assert "exec python" not in quiet.stdout + quiet.stderr


def test_files_beside_those_of_a_stage_come_with_its_manifests() -> None:
    for name in analyses.names():
        needs = analyses.load(name).NEEDS
        assert {analysed.BESIDE[kind][0] for kind in needs if kind in analysed.BESIDE} <= {*needs}, name


def main_file(place: lineage.Place) -> str | None:
    """The one file that is worth a job, by hand."""
    if isinstance(place, lineage.BaseModel):
        return place.file("weights") if place.model == "blank" else None
    names = {"datasets": "train.parquet", "trained": "weights", "plans": "plans.csv", "scores": "items.parquet",
             "contrasts": "gaps.csv",
             "analysis": "section.json", "report": "index.html", "browser": "index.html", "repeats": None}  # fmt: skip
    name = names.get(place.KIND, f"{place.KIND}.parquet")
    return place.file(name) if name else None


def test_an_on_policy_training_is_given_the_prompts_and_the_model_of_its_start(graph: Graph) -> None:
    made = {outputs[0]: (rule, params, inputs) for rule, params, outputs, inputs in graph if outputs}
    for training, start, held_out in (("further", "toy-sft", 0.0), ("last", "untouched", 0.1)):
        rule, params, inputs = made[f"results/models/toy-xs/{training}/toy-short-arm/seed-1/weights"]
        begun = f"results/models/toy-xs/{start}/toy-short-arm/seed-1"
        rows, teacher = f"results/rendered/toy-xs/{start}/toy-short-arm", "results/models/toy-short/base"
        assert rule == "train_on_policy"
        assert (params["start"], params["teacher"]) == (begun, teacher)
        assert sorted(inputs) == sorted([f"{begun}/manifest.json", f"{begun}/weights", f"{rows}/manifest.json",
                                         f"{rows}/rendered.parquet", f"{teacher}/manifest.json"])  # fmt: skip
        recipe = json.loads(params["recipe"])
        assert (recipe["held_out"], recipe["lr"], recipe["max_updates"]) == (held_out, 1e-3, 2)
        assert not {"start", "teacher", "micro_batch"} & recipe.keys()
        assert made[f"{begun}/weights"][0] == "train"


def test_names_of_modules_are_those_that_are_loaded(plan: Plan) -> None:
    served = {"engine": "openai", "serve": {}}
    plain = {"engine": "openai", "server": {"url": "http://a/v1"}}
    for keys in ({"engine": "transformers"}, {"engine": "vllm"}, plain, served):
        recipe = GenerateJob.model_validate({**keys, "decoding": {"max_new_tokens": 9}})
        assert jobs.engine_modules(recipe) == modules_of(recipe)
    assert jobs.engine_modules(recipe)[1] == LAUNCHING
    assert importlib.import_module(LAUNCHING).command
    for name in analyses.names():
        (module,) = jobs.job_of(plan.catalogue, lineage.Analysis(name)).modules
        assert module == analyses.load(name).__name__


def test_jobs_by_hand(plan: Plan) -> None:
    answers = ("toy-test", "students/toy-xs/base", "toy-greedy", 0, "00-of-01")
    engine = ("distill.responses.engines.transformers",)
    for place, modules, keys in (
        (lineage.Responses(*answers), engine, {"decoding", "engine"}),
        (lineage.Judgements(*answers), engine, {"generation"}),
        (lineage.Verdicts(*answers), (), {"timeout_seconds"}),
        (lineage.Contamination("toy-train"), (), {"ngram", "overlap"}),
        (lineage.Duplicates("toy-train"), (), {"near_duplicate"}),
        (lineage.Contrasts(), (), {"studies"}),
    ):
        job = jobs.job_of(plan.catalogue, place)
        recipe = json.loads(job.recipe)
        assert job.modules == modules, place
        assert keys <= recipe.keys(), place
        if place.KIND in ("contamination", "duplicates"):
            assert keys == recipe.keys()


def test_who_has_published_nothing_has_no_such_job(plan: Plan) -> None:
    for model_path in ("teachers/toy-long", "students/toy-xs/base"):
        with pytest.raises(KeyError):
            jobs.job_of(plan.catalogue, lineage.Responses("toy-train", model_path, lineage.PUBLISHED, 0, "00-of-02"))
