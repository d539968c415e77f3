"""Rules and audit say the same of each job: its program, recipe and code, and which artefacts there are."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import REPOSITORY, jsonl
from study import CATALOGUE, Study

from distill import analyses
from distill.audit.expected import chosen_places
from distill.config import jobs, lineage
from distill.config.load import load
from distill.config.plan import Plan
from distill.responses.engines import module_of
from distill.runtime.codehash import code_hash

Planned = dict[lineage.Place, tuple[str, dict[str, Any]]]

# Plans without running, and writes what each job has as parameters.
JOBS = """
import json
from pathlib import Path
from snakemake.api import DAGSettings, OutputSettings, ResourceSettings, SnakemakeApi
with SnakemakeApi(OutputSettings(dryrun=True)) as api:
    workflow = api.workflow(resource_settings=ResourceSettings(cores=1), snakefile=Path("workflow/Snakefile"))
    workflow.dag(DAGSettings(forceall=True)).printrulegraph()
    made = [job for job in workflow._workflow.dag.jobs if job.output]
    print("\\nJOBS" + json.dumps([[job.rule.name, dict(job.params.items()), list(job.output)] for job in made]))
"""


def with_every_rule(folder: Path) -> Study:
    """A study whose jobs are of all rules: a judge, signals, a student from scratch, published responses."""
    study = Study.small(folder)
    jsonl(study.folder / "published.jsonl", [{"id": "x", "response": "y"}])
    study.replace("config/config.yaml", "studies:", "judge: {teacher: toy-small}\nstudies:")
    study.edit(CATALOGUE + "corpora.yaml", **{"gsm8k-benchmark": {"benchmark": False}})  # its file is not here
    published = {"path": "published.jsonl", "columns": {"problem_id": "id", "response": "response"}}
    study.edit(CATALOGUE + "teachers.yaml", known={"published": published})
    curation = {"decontaminate": True, "deduplicate": True, "choose": "student_likely", "student": "toy-xs"}
    mixed = {"corpus": "toy-train", "teachers": ["toy-long", "known"], "alpha": 0.5, "curation": curation}
    study.edit(CATALOGUE + "datasets.yaml", mixed=mixed)
    scratch = {"model": {"scratch": {"tokenizer_corpora": ["toy-train"]}}, "prompt": "plain"}
    study.edit(CATALOGUE + "students.yaml", blank=scratch)
    path = study.folder / "config/studies/toy.yaml"
    content = yaml.safe_load(path.read_text())
    content["arms"].append({"students": ["blank"], "datasets": ["mixed"], "training": "toy-sft", "seeds": [1]})
    path.write_text(yaml.safe_dump(content))
    return study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return with_every_rule(tmp_path_factory.mktemp("jobs") / "study")


@pytest.fixture
def plan(study: Study, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(study.folder)
    return Plan(load(Path("config"), yaml.safe_load(Path("config/config.yaml").read_text())))


@pytest.fixture(scope="module")
def planned(study: Study) -> Planned:
    """Place -> rule and parameters of the job that makes it."""
    done = subprocess.run([study.python, "-c", JOBS], cwd=study.folder, env=study.environment(), text=True,
                          capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.split("\nJOBS")[1])
    places = {}
    for rule, params, outputs in found:
        (manifest,) = (path for path in outputs if path.endswith("manifest.json"))
        places[lineage.parse(Path(manifest).parent)] = rule, params
    assert len(places) == len(found)
    return places


def test_the_study_has_jobs_of_every_rule_and_every_kind_of_place(planned: Planned) -> None:
    texts = [path.read_text() for path in (REPOSITORY / "workflow/rules").glob("*.smk")]
    rules = {m[1] for text in texts for m in re.finditer(r"^rule (\w+):\n(?:    .*\n|\n)*?    output:", text, re.M)}
    assert {rule for rule, _ in planned.values()} == rules
    assert {type(place) for place in planned} == set(lineage.PLACES)


def test_the_parameters_of_each_rule_are_those_of_the_audit(planned: Planned, plan: Plan, study: Study) -> None:
    scripts = study.folder / "scripts"
    for place, (rule, params) in planned.items():
        job = jobs.job_of(plan.catalogue, place)
        assert (rule, Path(params["program"]).name) == (job.program, f"{job.program}.py"), place
        assert params.get("recipe", "{}") == job.recipe, place
        if rule == "fetch_statements":  # has the digest of what the corpus says in place of the code
            assert {"statements"} < params.keys()
        else:
            assert params["code"] == code_hash(
                study.folder / f"scripts/{rule}.py", job.modules, study.folder / "scripts"
            )


def test_the_artefacts_of_the_audit_are_those_that_the_rules_make(planned: Planned, plan: Plan) -> None:
    places = chosen_places(plan)
    assert set(places) == planned.keys()
    assert len(set(places)) == len(places)


def test_names_of_modules_are_those_that_are_loaded() -> None:
    for engine in ("openai", "transformers", "vllm"):
        assert jobs.engine_module(engine) == module_of(engine)
    for name in analyses.names():
        (module,) = jobs.job_of(None, lineage.Analysis(name)).modules  # type: ignore[arg-type]
        assert module == analyses.load(name).__name__


def test_who_has_published_nothing_has_no_such_job(plan: Plan) -> None:
    for model_path in ("teachers/toy-long", "students/toy-xs/base"):
        with pytest.raises(KeyError):
            jobs.job_of(plan.catalogue, lineage.Responses("toy-train", model_path, lineage.PUBLISHED, 0, "00-of-02"))
