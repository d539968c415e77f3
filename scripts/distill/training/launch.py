"""One training on the devices that it was given: here where there is one, else in a process for each of them.

An update is always finished. Where a step does not fit into one of several devices the others wait for it in vain, so
all begin again from the last saved state, with steps of half the size.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from distill.runtime import execution
from distill.runtime.errors import StepTooLargeError
from distill.runtime.group import Job, run_group
from distill.training.state import last_state


def launch(job: Job, fit: Callable[[Any], None], processes: int, nodes: int = 1) -> None:
    """Train by `fit` of a job: with so many processes on each of the nodes of this SLURM job, or a single one here.

    The processes run the module of the job's class. Raises InputError for more processes than GPUs, too little memory,
    where a signal ended them, or where one was killed; RuntimeError for what nobody foresaw.
    """
    if processes * nodes <= 1:
        fit(job)
        return
    for halved in count():
        for state in (job.state, *job.state.iterdir()):
            last_state(state)  # removes torn ones, which the processes would do at the same time
        try:
            run_group(type(job).__module__, job.to_json(), processes, nodes, job.state.parent)
        except StepTooLargeError as error:
            logging.info("%s: all processes begin again with %d, from the last saved state", error, error.most)
            job = replace(job, at_most=error.most)
        else:
            execution.note(halved=halved)
            return
