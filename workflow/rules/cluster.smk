"""What the rules that run models ask for, and what a cluster is asked before the first job is sent to it."""

import os

import yaml
from distill.config.demands import MEMBER_START_MINUTES, START_MINUTES, demand_of
from distill.runtime import slurm, slurm_stuck
from snakemake.utils import available_cpu_count

THREADS = 4  # of a job with a GPU, for each of them
ANSWERS = "answers"  # the groups of generations


def on_cluster():
    """Return whether jobs are sent to a cluster, would be (a dry run), or this Snakemake runs one of them there."""
    would = workflow.output_settings.dryrun and workflow.resource_settings.nodes is not None
    return workflow.non_local_exec or workflow.remote_exec or would


@cache
def demanded(place):
    return demand_of(CATALOGUE, place)


def asked(kind):
    """Return the resources of the rule that makes places of a kind; Snakemake compares none of them."""

    def demand(wildcards):
        return demanded(kind.named(dict(wildcards)))

    return {
        "gpu": signed(lambda wildcards: demand(wildcards).gpus),
        "mem_mb": signed(lambda wildcards, attempt: demand(wildcards).memory(attempt)),
        "runtime": signed(lambda wildcards, attempt: demand(wildcards).runtime(attempt, start_minutes(kind))),
        "nodes": 1,  # a program uses the GPUs of one machine
    }


def start_minutes(kind):
    """Return the minutes that a start of the model is given; those of a group's members are added up."""
    return MEMBER_START_MINUTES if kind is lineage.Responses and is_alone() else START_MINUTES


def model_threads(kind):
    """Return threads for what runs a model; on this machine one, since jobs run side by side."""
    return signed(lambda wildcards: THREADS * max(1, demanded(kind.named(dict(wildcards))).gpus) if on_cluster() else 1)


def site_resources():
    """Return what the plugin gives a job that says nothing else: partitions (with commas) that it chooses from, and such."""
    settings = workflow.executor_settings
    path = settings.partition_config or os.environ.get("SNAKEMAKE_SLURM_PARTITIONS")
    partitions = ",".join(yaml.safe_load(Path(path).read_text(encoding="utf-8"))["partitions"]) if path else None
    return {"slurm_partition": partitions, "qos": settings.qos, "reservation": settings.reservation}


def answered_together(wildcards):
    """Return the group of a generation: on a cluster one job answers, one by one, what a model is asked with a decoding.

    Of draws that wait for verdicts it is one draw. The profile's `group-components` counts the members, for all models.
    On one machine there are no groups: each would be one job.
    """
    if not on_cluster():
        return None
    recipe = CATALOGUE.decodings.get(wildcards.decoding)
    waiting = [wildcards.draw] if recipe is not None and recipe.until_correct else []
    name = ".".join([ANSWERS, *wildcards.model_path.split("/"), wildcards.decoding, *waiting])
    workflow.parent_groupids[name] = ANSWERS  # as Snakemake does for a group whose name holds wildcards
    return name


def is_alone():
    """Whether no other job runs the model of a generation at the same time, so that it may answer for the others.

    On a cluster it is alone where a profile lets the members of a group run one by one (scope `local` of `engines`).
    """
    return not on_cluster() or workflow.resource_scopes.is_local("engines")


def prepare_cluster():
    """Before the first job goes to SLURM: wait for what an earlier Snakemake has left, and let it say what it refuses."""
    if workflow.executor_plugin.name != "slurm":
        return
    sent = [job for job in workflow.dag.needrun_jobs() if not job.is_local]
    if not sent:
        return
    try:
        slurm.check_commands()
        slurm.check_accepted(
            [
                *((job.rule.name, dict(job.resources.items()), job.threads) for job in sent),
                *(("serve", server_resources(path), server_threads(path)) for path in asking_jobs()),
            ],
            site_resources(),
        )
        slurm.await_earlier(Path.cwd(), logger.info)
        slurm_stuck.watch(Path.cwd(), logger.warning)
    except InputError as error:
        raise WorkflowError(str(error)) from None


onstart:
    prepare_cluster()
    announce_servers()
