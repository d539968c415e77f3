"""Demands: what a job asks a cluster for, from the recipes of the catalogue. No row depends on it.

Rules of thumb for GPUs of 80 GB, on the safe side, and no measurements: a job that needs more meets its limit, has
saved what it has done, and its next attempt asks for more. A profile's `set-resources` overrules each of them.
"""

import math
from dataclasses import dataclass

from distill.config.catalogue import Catalogue
from distill.config.jobs import answering, distillation, generate_job, judge_job, judge_of
from distill.config.lineage import (
    Judgements,
    Likelihoods,
    Loglikelihoods,
    Place,
    Responses,
    Suitability,
    TeacherLogprobs,
    TokenShift,
    TrainedModel,
)
from distill.config.recipes import Answering, TrainingRecipe, needed_gpus
from distill.config.sizes import BILLION, MILLION, known_parameters
from distill.config.speeds import READ_FLOPS, WRITTEN

UNKNOWN = 8 * BILLION  # parameters of a model whose name and files do not tell them
UNKNOWN_ROWS = 10_000  # of a corpus that is read whole
UNKNOWN_TOKENS = 4_096  # of a published response
BASE_MB = 8_000  # Python with torch and CUDA
GPU_BYTES = 60e9  # what a training's weights, gradients and moments may take of a GPU
STATE_BYTES = 16  # per trained parameter: weight, gradient and two moments in 32 bits
WEIGHT_BYTES = 4  # per parameter of a training, which computes on weights of 32 bits
START_MINUTES = 30  # to load a model, and to write what came out
PIECEWISE = 12  # times that a response is read, where each of its pieces is read with those before it
MEMBER_START_MINUTES = 5  # where jobs of one model are one, and their minutes are added up
LONGEST = 1440  # minutes: few sites let a job run for longer


@dataclass(frozen=True)
class Demand:
    """What the first attempt of a job asks for: GPUs, memory of the machine in MB, minutes."""

    gpus: int
    mem_mb: int
    minutes: int

    def memory(self, attempt: int) -> int:
        """Return the MB that an attempt (1, 2, ...) asks for."""
        return self.mem_mb * attempt

    def runtime(self, attempt: int, start: int = START_MINUTES) -> int:
        """Return the minutes that an attempt (1, 2, ...) asks for, a day at most; `start` of them are for the start."""
        return min((self.minutes - START_MINUTES + start) * attempt, LONGEST)


def demand_of(catalogue: Catalogue, place: Place) -> Demand:
    """Return what the job of a place asks for. Raises TypeError for a place that no model makes."""
    match place:
        case Responses():
            recipe = answering(catalogue, place.model_path)
            tokens = generate_job(catalogue, place.model_path, place.decoding).decoding.max_new_tokens
            return _writing(recipe, parameters(catalogue, _name(place.model_path)), tokens * _rows(catalogue, place))
        case Judgements():
            judge, recipe = judge_of(catalogue), judge_job(catalogue).generation
            return _writing(recipe, parameters(catalogue, judge.teacher), judge.max_tokens * _rows(catalogue, place))
        case Loglikelihoods() | Suitability() | TokenShift():
            decoding = catalogue.decodings.get(place.decoding)
            longest = decoding.max_new_tokens if decoding else UNKNOWN_TOKENS
            times = PIECEWISE if isinstance(place, Suitability) else 1
            return _reading(parameters(catalogue, place.student), times * longest * _rows(catalogue, place))
        case Likelihoods():  # a solution is not longer than what is published of models
            rows = corpus_rows(catalogue, place.corpus)
            return _reading(parameters(catalogue, _name(place.model_path)), UNKNOWN_TOKENS * rows)
        case TeacherLogprobs():
            size = parameters(catalogue, distillation(catalogue, place.training).teacher)
            cutoff = catalogue.trainings[place.training].cutoff
            return _reading(size, cutoff * dataset_rows(catalogue, place.dataset))
        case TrainedModel() if place.training in catalogue.on_policy:
            return _following(catalogue, place)
        case TrainedModel():
            return _training(catalogue, place)
    raise TypeError(f"{place} is made by no model")


def serving_demand(catalogue: Catalogue, model_path: str) -> Demand:
    """Return what the server of a model asks for, on all its nodes; memory is that of one node.

    Raises ValueError for a model that the workflow serves not.
    """
    keys = answering(catalogue, model_path).serve
    if keys is None:
        raise ValueError(f"{model_path} is not served by the workflow")
    weights = 2 * parameters(catalogue, _name(model_path)) * keys.replicas / keys.nodes
    return Demand(keys.gpus, _memory(weights), 60 * keys.hours)


def parameters(catalogue: Catalogue, name: str) -> float:
    """Return the parameters of a student or teacher, `UNKNOWN` where its files, recipe and name do not tell them."""
    return known_parameters(catalogue, name) or UNKNOWN


def dataset_rows(catalogue: Catalogue, dataset: str) -> int:
    """Return the most rows that a dataset can have."""
    recipe = catalogue.datasets[dataset]
    return min(recipe.rows or corpus_rows(catalogue, recipe.corpus), corpus_rows(catalogue, recipe.corpus))


def corpus_rows(catalogue: Catalogue, corpus: str) -> int:
    """Return the rows that a corpus takes of its source, `UNKNOWN_ROWS` where it takes all."""
    recipe = catalogue.corpora[corpus]
    return UNKNOWN_ROWS if recipe.stop is None else recipe.stop - recipe.start


def training_tokens(recipe: TrainingRecipe, rows: int) -> float:
    """Return the most tokens that a training of so many rows reads."""
    if recipe.max_tokens is not None:
        return recipe.max_tokens
    if recipe.max_updates is None:
        return rows * recipe.epochs * recipe.cutoff
    # A loss token goes with about one of a prompt.
    longest = {"rows": recipe.cutoff, "packs": recipe.pack_tokens or 0, "loss_tokens": 2}[recipe.batch_unit]
    return recipe.max_updates * recipe.global_batch * longest


def _training(catalogue: Catalogue, place: TrainedModel) -> Demand:
    """A training; weights that are cut up lie on as many GPUs as hold them, others on one; each node has as many."""
    recipe, size = catalogue.trainings[place.training], parameters(catalogue, place.student)
    state = size * (WEIGHT_BYTES if recipe.lora else STATE_BYTES)
    gpus = 1 if recipe.sharding == "none" else max(1, math.ceil(state / GPU_BYTES))
    on_node = math.ceil(gpus / recipe.nodes)
    gpus = on_node * recipe.nodes
    flops = 6 * size * training_tokens(recipe, dataset_rows(catalogue, place.dataset))
    return Demand(gpus, _memory(size * WEIGHT_BYTES * on_node), _minutes(flops / (READ_FLOPS[recipe.precision] * gpus)))


def _following(catalogue: Catalogue, place: TrainedModel) -> Demand:
    """An on-policy training: the student writes its responses, the teacher reads them, and the student is trained."""
    recipe = catalogue.on_policy[place.training]
    size, teacher = parameters(catalogue, place.student), parameters(catalogue, recipe.teacher)
    written = recipe.max_updates * recipe.global_batch * recipe.max_new_tokens
    seconds = written * size / (WRITTEN * BILLION) + written * (6 * size + 2 * teacher) / READ_FLOPS[recipe.precision]
    return Demand(1, _memory(size * WEIGHT_BYTES + teacher * WEIGHT_BYTES), _minutes(seconds))


def _writing(recipe: Answering, size: float, tokens: float) -> Demand:
    """A model that writes so many tokens; a served one writes them elsewhere."""
    gpus = needed_gpus(recipe)
    writers = recipe.serve.gpus if recipe.serve else max(gpus, 1)
    seconds = tokens * size / (WRITTEN * BILLION * writers)
    return Demand(gpus, _memory(2 * size) if gpus else BASE_MB, _minutes(seconds))


def _reading(size: float, tokens: float) -> Demand:
    """A model that reads so many tokens."""
    return Demand(1, _memory(size * WEIGHT_BYTES), _minutes(2 * size * tokens / READ_FLOPS["float32"]))


def _memory(weights: float) -> int:
    """Return the MB of a process that has so many bytes of weights pass through it."""
    return math.ceil(BASE_MB + 1.25 * weights / MILLION)


def _minutes(seconds: float) -> int:
    return min(LONGEST, math.ceil(START_MINUTES + seconds / 60))


def _rows(catalogue: Catalogue, place: Responses | Judgements | Loglikelihoods | Suitability | TokenShift) -> int:
    """Return the rows of a shard, about."""
    return math.ceil(corpus_rows(catalogue, place.corpus) / catalogue.corpora[place.corpus].shards)


def _name(model_path: str) -> str:
    return model_path.split("/")[1]
