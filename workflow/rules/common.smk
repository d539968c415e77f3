"""What the rules share. Decided in scripts/distill/config: `plan` (what studies need), `jobs` (what one job reads)."""

import atexit
import gc
import json
import os
import re
import sys
from functools import cache
from inspect import isfunction, signature
from pathlib import Path

from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError
from snakemake.jobs import Job
from snakemake.resources import Resource
from snakemake.settings.enums import Quietness

# A graph of thousands of jobs is millions of objects that all stay: to look through them again and again took a quarter
# of the time of planning.
gc.set_threshold(10_000_000)
atexit.register(gc.freeze)  # nor once more as the interpreter ends

SCRIPTS = Path(str(workflow.current_basedir.get_path_or_uri(secret_free=True))).parents[1] / "scripts"
if {*"{}"} & {*str(SCRIPTS)}:
    raise WorkflowError(f"{SCRIPTS.parent}: Snakemake takes the braces for a wildcard; rename the folder")
for folder in map(Path, ("results", "logs")):
    if folder.is_symlink() and not folder.exists():
        raise WorkflowError(
            f"{folder} is a link to {folder.readlink()}, which is not there: mount its disk, or make it"
        )
    if folder.exists() and not folder.is_dir():
        raise WorkflowError(f"{folder} is a file, where the workflow wants a folder: rename it")
sys.path.append(str(SCRIPTS))  # behind all others: its programs have names such as `train`

from distill import analyses
from distill.config import analysed, jobs, lineage
from distill.config.load import check_as_written, load
from distill.config.origins import unusable_files
from distill.config.plan import Plan
from distill.config.recipes import canonical_json
from distill.problems.fingerprint import fingerprint
from distill.runtime.codehash import code_hashes
from distill.runtime.devices import DRIVER, visible
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest
from distill.runtime.run import in_utf8
from distill.training.parity import refusal_file

in_utf8()  # before anything is locked: else files with names beyond ASCII are not found, and recipes do not reach jobs
# What jobs inherit; on a cluster each job reads this file again. Torch and oneDNN keep what they have prepared for each
# new shape of a step: without limits a training of 135M parameters grew from 3.9 GB to 5.7, at the same speed.
INHERITED = {"LRU_CACHE_CAPACITY": "32", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "32"}
# The C library gives large pieces of memory back at once, and the next step has them filled with zeros again: that was
# an eighth of a training on a processor (benchmarks/train.md). Beside a GPU, memory that was needed once is given back.
if workflow.resource_settings.nodes is None and not DRIVER.exists():
    INHERITED |= {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**35)}
for name, value in INHERITED.items():
    os.environ.setdefault(name, value)

try:
    if workflow.modifier.is_main_snakefile():  # else the file is another workflow's, with keys of its own
        check_as_written(workflow.configfiles)
    CATALOGUE = load(Path(config.get("folder", "config")), config)
except InputError as error:
    raise WorkflowError(f"the configuration has mistakes:\n{error}") from None
PLAN = Plan(CATALOGUE)
if unusable := unusable_files(PLAN):
    raise WorkflowError(
        "the selected studies need files that cannot be used (decontamination needs all benchmarks):", *unusable
    )


def signed(function):
    """Return a function of a rule, with its parameters kept: Snakemake asks for them several times for each job."""
    overwrite_function_params(function, signature(function).parameters)
    return function


signed(Resource.evaluate)  # of its bound methods, which are asked for all resources of all jobs


def one_of(names):
    """Return the pattern of a wildcard that must be one of `names`."""
    return "|".join(names) or "(?!)"


# Parameters. Snakemake compares them as texts, so each is one canonical text; it does not compare what a function of
# `threads` returns, so what cannot change a row goes through one.


hash_of = code_hashes(SCRIPTS)  # of a program's name and the modules that it loads by name


@cache
def job_of(place):
    return jobs.job_of(CATALOGUE, place)


def job(kind, wildcards):
    """Return the job that makes the place of a kind, as the audit (scripts/check.py) expects it too."""
    return job_of(kind.named(dict(wildcards)))


def recipe(kind):
    """Return a parameter: the recipe of the job that makes a place of a kind."""
    return signed(lambda wildcards: job(kind, wildcards).recipe)


def code(kind):
    """Return a parameter: the hash of the code that its program can reach. Computed if a job is planned."""
    return signed(lambda wildcards: hash_of(job(kind, wildcards).program, job(kind, wildcards).modules))


def program(kind):
    """Return a parameter that Snakemake does not compare: the path of its program, wherever the workflow lies."""

    def path(wildcards, threads):
        return script(job(kind, wildcards).program, spawned=workflow.non_local_exec)

    return signed(path)


def script(name, spawned):
    """Return the path of a program. A job is `spawned` by a Snakemake of its own on a cluster, or from a `run`."""
    if spawned:
        check_spawnable(SCRIPTS.parent, Path.cwd(), CATALOGUE.settings.folder)
    return str(SCRIPTS / f"{name}.py")


def check_spawnable(*folders):
    """Raise WorkflowError for a folder that Snakemake would put into a command line without quoting it."""
    for folder in map(str, folders):
        if signs := sorted(set(re.sub(r"[\w./@%+=:,~ -]", "", folder))):
            raise WorkflowError(
                f"{folder}: Snakemake cannot start jobs of a cluster, nor `check` (run scripts/check.py), from a folder "
                f"with {' '.join(signs)} in its path; rename the folder"
            )


# Inputs. A small manifest stands for each artefact; the big file beside it rides as `ancient`.


def manifests(places):
    """Return the manifests of places."""
    return [place.manifest for place in places]


def artefacts(places):
    """Return the manifests of places and the main file beside each, so that a stage misses one that was deleted."""
    return manifests(places) + [path for path in map(PLAN.main_file, places) if path]


def stage(*lists):
    """Return an input: the artefacts of a stage, from the plan's lists; asked only if the stage is a target."""
    return lambda wildcards: artefacts([place for places in lists for place in places()])


def lost(paths):
    """Return those files, as `ancient`, that were deleted beside their manifests: their jobs make them again.

    For jobs that read thousands: the others came with their manifests, and 25,000 inputs are a second of planning. Not
    for what students are trained on: a list of inputs that changes is a reason to make a job's files again.
    """
    return [
        ancient(path) for path in paths if not os.path.exists(path) and Path(path).with_name("manifest.json").exists()
    ]


def tables(places, name):
    """Return a file of each place, as `ancient`."""
    return [ancient(place.file(f"{name}.parquet")) for place in places]


def weights_of(place):
    """Return the declared weights of a model folder; a base that lies elsewhere has none."""
    return [ancient(place.file("weights"))] if PLAN.has_weights(place) else []


def prompt_of(answering):
    """Return an input: the prompt that the teacher or student of a recipe is shown."""
    return signed(lambda wildcards: f"{CATALOGUE.settings.folder}/prompts/{answering(wildcards).prompt}.jinja")


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
    return signed(lambda w: manifests(PLAN.answers(kind, w.corpus, w.model_path, w.decoding)))


def answer_tables(kind):
    """Return an input: their tables."""
    return signed(lambda w: tables(PLAN.answers(kind, w.corpus, w.model_path, w.decoding), kind.KIND))
