"""What the rules share. Decided in scripts/distill/config: `plan` (what studies need), `jobs` (what one job reads)."""

import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

SCRIPTS = Path(str(workflow.current_basedir.get_path_or_uri(secret_free=True))).parents[1] / "scripts"
sys.path.append(str(SCRIPTS))  # behind all others: its programs have names such as `train`

from distill import analyses
from distill.config import jobs, lineage
from distill.config.load import load
from distill.config.plan import Plan
from distill.config.recipes import canonical_json, needed_gpus
from distill.problems.fingerprint import fingerprint
from distill.responses.engines import module_of
from distill.runtime.codehash import code_hash
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest

try:
    CATALOGUE = load(Path(config.get("folder", "config")), config)
except InputError as error:
    raise WorkflowError(f"the configuration has mistakes:\n{error}") from None
PLAN = Plan(CATALOGUE)
if missing := PLAN.missing_files():
    raise WorkflowError(
        "the selected studies need files that do not exist (decontamination needs all benchmarks):", *missing
    )


def one_of(names):
    """Return the pattern of a wildcard that must be one of `names`."""
    return "|".join(names) or "(?!)"


# Parameters. Snakemake compares them as texts, so each is one canonical text; it does not compare what a function of
# `threads` returns, so what cannot change a row goes through one.


@cache
def hash_of(name, *modules):
    return code_hash(SCRIPTS / f"{name}.py", modules)


def code(name):
    """Return a parameter: the hash of the code that `scripts/<name>.py` can reach. Computed if a job is planned."""
    return lambda wildcards: hash_of(name)


def engine_code(name, answering):
    """Return such a parameter of a program that loads the engine of the recipe `answering(wildcards)` by name."""
    return lambda wildcards: hash_of(name, module_of(answering(wildcards).engine))


def program(name):
    """Return a parameter that Snakemake does not compare: the path of a program, wherever the workflow lies."""
    return lambda wildcards, threads: str(SCRIPTS / f"{name}.py")


def answering(wildcards):
    """Return the recipe of the teacher or student who answers."""
    return jobs.answering(CATALOGUE, wildcards.model_path)


def judging(wildcards):
    """Return the recipe of the teacher who judges."""
    return jobs.judge_job(CATALOGUE).generation


def generation(wildcards):
    """Return what a generation reads."""
    return jobs.generate_job(CATALOGUE, wildcards.model_path, wildcards.decoding)


def corpus_fingerprint(corpus):
    """Return the digests of a corpus's rows as they are now."""
    cache = Path(".snakemake/mixdistill", f"{corpus}.json")
    return fingerprint(jobs.problems_job(CATALOGUE, corpus), hash_of("fetch_statements"), cache)


def engine_gpus(answering):
    """Return a resource: the GPUs of the engine of the recipe `answering(wildcards)`."""
    return lambda wildcards: needed_gpus(answering(wildcards))


# Inputs. A small manifest stands for each artefact; the big file beside it rides as `ancient`.


def manifests(places):
    """Return the manifests of places."""
    return [place.manifest for place in places]


def artefacts(places, name):
    """Return the manifests of places and the large file beside each, so that a stage misses one that was deleted."""
    return manifests(places) + [place.file(name) for place in places]


def tables(places, name):
    """Return a file of each place, as `ancient`."""
    return [ancient(place.file(f"{name}.parquet")) for place in places]


def weights_of(place):
    """Return the declared weights of a model folder; a base that lies elsewhere has none."""
    return [ancient(place.file("weights"))] if PLAN.has_weights(place) else []


def prompt_of(answering):
    """Return an input: the prompt that the teacher or student of a recipe is shown."""
    return lambda wildcards: f"{CATALOGUE.settings.folder}/prompts/{answering(wildcards).prompt}.jinja"


def student_of(wildcards):
    """Return the recipe of the student."""
    return CATALOGUE.students[wildcards.student]


def base_weights(wildcards):
    """Return the declared weights of the student before training."""
    return weights_of(lineage.BaseModel(wildcards.student))


def statements(wildcards):
    """Return the manifests of a corpus's statements."""
    return manifests(PLAN.statements(wildcards.corpus))


def statement_tables(wildcards):
    """Return the tables of a corpus's statements."""
    return tables(PLAN.statements(wildcards.corpus), "statements")


def answers(kind):
    """Return an input: the manifests of all draws and shards of the model that answers."""
    return lambda w: manifests(PLAN.answers(kind, w.corpus, w.model_path, w.decoding))


def answer_tables(kind):
    """Return an input: their tables."""
    return lambda w: tables(PLAN.answers(kind, w.corpus, w.model_path, w.decoding), kind.KIND)
