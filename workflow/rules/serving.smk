"""Servers that the workflow starts (`serve` of a recipe): until when they are needed, what a cluster is asked for them.

They are no jobs of the graph. The first job that asks a server starts it (scripts/distill/runtime/serving.py), and it
leaves when this Snakemake, which says so in a file beside the model, has no job left that may ask it, or is gone.
"""

import atexit
import uuid
from functools import partial

from distill.config.demands import serving_demand
from distill.runtime.presence import Presence

SITE = ("slurm_partition", "slurm_account", "constraint", "qos", "gpu_model", "slurm_extra")
MEASURES = ("gpu", "mem_mb", "runtime", "nodes")


def served_path(job):
    """Return the path of the model that a job asks a server of the workflow for, None where it asks none."""
    if job.rule.name not in ("generate", "judge"):
        return None
    judge = CATALOGUE.settings.judge
    path = f"teachers/{judge.teacher}" if job.rule.name == "judge" else job.wildcards.model_path
    return path if jobs.answering(CATALOGUE, path).serve else None


def asking_jobs():
    """Return the path of each model that is served -> the jobs to be run that ask it; of one folder it is one path."""
    found = {}
    for job in workflow.dag.needrun_jobs():
        if path := served_path(job):
            found.setdefault(lineage.model_place(path).folder, (path, []))[1].append(job)
    return dict(found.values())


def server_resources(path):
    """Return the resources of a server's job: by the catalogue, overruled by a profile's `set-resources: serve`."""
    demand, nodes = serving_demand(CATALOGUE, path), jobs.answering(CATALOGUE, path).serve.nodes
    own = workflow.resource_settings._parsed_overwrite_resources.get("serve", {})
    common = workflow.resource_settings._parsed_default_resources
    said = {name: common[name] for name in SITE if name in common}
    said |= {name: own[name] for name in (*SITE, *MEASURES) if name in own}
    values = {name: r.evaluate({}, attempt=1, rulename="serve").value for name, r in said.items()}
    asked = {"gpu": demand.gpus, "mem_mb": demand.mem_mb, "runtime": demand.minutes, "nodes": nodes, **values}
    # Of a job's GPUs, SLURM may give one node more than another; the parts of a server are of one size.
    return asked | ({"gpu": 0, "gpu_per_node": asked["gpu"] // asked["nodes"]} if asked["nodes"] > 1 else {})


def server_threads(path):
    """Return the threads of a server's job, on each node."""
    demand = serving_demand(CATALOGUE, path)
    return THREADS * max(1, demand.gpus // jobs.answering(CATALOGUE, path).serve.nodes)


def how_to_start(path):
    """Return how a job starts the server of a model: with these options of sbatch, or here."""
    if workflow.executor_plugin.name != "slurm":
        return {}
    options = slurm.options({**site_resources(), **server_resources(path)}, server_threads(path))
    # Told a minute before its end; by itself SLURM would tell the steps of a job, and not what stands in its script.
    return {"sbatch": [*options, "--ntasks-per-node=1", "--signal=B:TERM@60", "--requeue",
                       f"--job-name=mixdistill-serve-{'-'.join(Path(path).parts)}"]}  # fmt: skip


def jobs_left(asking):
    """Return how many jobs are not done yet, as a fact that changes."""
    return {"left": sum(not workflow.dag.finished(job) for job in asking)}


def announce_servers():
    """Say beside each model that is served that its server is wanted, until its last job is done or this process ends."""
    for path, asking in asking_jobs().items():
        file = Path(lineage.model_place(path).folder, "serving", "wanted.json")
        wanted = Presence(file, partial(jobs_left, asking), run=uuid.uuid4().hex, **how_to_start(path))
        atexit.register(wanted.close, left=0)
