"""Estimates: what each job will take, from measured figures where there are any, else from the table."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from distill.config import speeds
from distill.config.demands import demand_of, parameters
from distill.config.jobs import answering, distillation, judge_of, program_of
from distill.config.lineage import (
    PUBLISHED,
    BaseModel,
    Judgements,
    Likelihoods,
    Loglikelihoods,
    Place,
    Rendered,
    Responses,
    Suitability,
    TeacherLogprobs,
    TokenShift,
    TrainedModel,
)
from distill.config.plan import Plan
from distill.config.ranges import NOTHING, Range, exactly
from distill.config.sizes import MILLION, base_model
from distill.forecast.measured import Measured, pooled
from distill.forecast.missing import Found, State
from distill.forecast.work import MEASURED, PROMPT_TOKENS, TABLE, Work

OF_A_MODEL = (
    Responses, Judgements, Loglikelihoods, Suitability, TokenShift, Likelihoods, TeacherLogprobs, TrainedModel,
)  # fmt: skip
OTHER_MODEL = 1.5  # about a speed that was measured with a model of another size
RESPONSE_BYTES, ROW_BYTES = Range(1, 5), Range(0.5, 4)  # per token of a response's or a rendered row's compressed table
SAVED_BYTES = 4  # per trained parameter, which is saved in 32 bits
ADAPTED = Range(0.001, 0.1)  # of a model's parameters, that an adapter has
TOP_BYTES = 8  # of each likeliest token that is stored of a teacher: its id and log-probability


@dataclass(frozen=True)
class Estimate:
    """What a job will take: seconds on its GPUs (with its start), starts of an engine, tokens, bytes, US dollars.

    gpus: that are taken for its time, by itself or by the server that it asks; dollars: of a server that is paid by the
    token. ground: where its seconds come from.
    """

    place: Place
    rule: str
    gpus: int
    seconds: Range
    starts: Range = NOTHING
    tokens: Range = NOTHING
    disk: Range = NOTHING
    dollars: Range = NOTHING
    ground: str = TABLE

    @property
    def gpu_hours(self) -> Range:
        """Return the hours of all its GPUs."""
        return self.seconds * (self.gpus / 3600)


class Estimator:
    """Estimates jobs on one kind of device, of those that are to run together: jobs of one model share a start."""

    def __init__(self, plan: Plan, stands: Mapping[Place, Found], learnt: Measured, running: Iterable[Place]):
        self._plan, self._catalogue, self._learnt = plan, plan.catalogue, learnt
        self._stands, self._device = stands, learnt.device
        self._work = Work(plan, stands, learnt)
        self._together = Counter(_asked_together(plan, place) for place in running if isinstance(place, Responses))

    def of(self, place: Place) -> Estimate:
        """Return what the job of a place will take."""
        program = program_of(self._catalogue, place)
        tokens = self._work.tokens(place)
        if not isinstance(place, OF_A_MODEL) or program == "fetch_responses":
            seconds, ground = self._without_model(place, program)
            return Estimate(place, program, 0, seconds, disk=self._disk(place, tokens), ground=ground)
        gpus = self._gpus(place)
        work, ground = self._busy(place, program, tokens, gpus)
        starts, starting = self._starts(place, program)
        seconds = work + starting
        again = self._stands.get(place)
        if again and again.kept and again.state is not State.DONE:  # it may be taken over as it is
            seconds, tokens = Range(min(self._idle(program).low, seconds.high), seconds.high), Range(0, tokens.high)
            starts = Range(0, starts.high)
        dollars = self._dollars(place, tokens)
        return Estimate(place, program, gpus, seconds, starts, tokens, self._disk(place, tokens), dollars, ground)

    def _without_model(self, place: Place, program: str) -> tuple[Range, str]:
        figure = self._learnt.seconds[program,].figure() if (program,) in self._learnt.seconds else None
        if figure is not None:
            return figure.figures, f"{MEASURED} ({figure.jobs})"
        items = self._work.items(place)
        return Range(speeds.job(program, items.low).low, speeds.job(program, items.high).high), TABLE

    def _gpus(self, place: Place) -> int:
        """Return the GPUs that a job takes, where there are GPUs: its own, or those of the server that it asks."""
        if self._device == "cpu":
            return 0
        recipe = self._answers(place)
        if recipe is not None and recipe.serve is not None:
            return recipe.serve.gpus
        return demand_of(self._catalogue, place).gpus

    def _answers(self, place: Place):  # type: ignore[no-untyped-def]
        """Return the recipe of the one who writes, None where nobody does."""
        if isinstance(place, Judgements):
            return self._catalogue.teachers[judge_of(self._catalogue).teacher]
        return answering(self._catalogue, place.model_path) if isinstance(place, Responses) else None

    def _busy(self, place: Place, program: str, tokens: Range, gpus: int) -> tuple[Range, str]:
        """Return the seconds that the model of a job is at work."""
        name, recipe = self._model(place), self._answers(place)
        engine = recipe.engine if recipe is not None else "trainer"
        size, seconds = parameters(self._catalogue, name), self._learnt.seconds
        own = self._learnt.speeds.get((program, engine, name))
        if own and (figure := own.figure()):
            return tokens / figure.figures, f"{MEASURED} ({figure.jobs})"
        table = self._speed(place, engine, size)
        others = {key[2]: t for key, t in self._learnt.speeds.items() if key[:2] == (program, engine)}
        if others:
            near = min(others, key=lambda other: abs(math.log(self._learnt.parameters[other] / size)))
            figure = pooled([others[near]])
            if figure is not None:
                shape = table.middle / self._speed(place, engine, self._learnt.parameters[near]).middle
                return tokens / (shape * figure.figures.widened(OTHER_MODEL)), f"{MEASURED} ({figure.jobs}, {near})"
        if (program,) in seconds and (figure := seconds[program,].figure()):
            return figure.figures, f"{MEASURED} ({figure.jobs})"
        if isinstance(place, TrainedModel) and place.training in self._catalogue.on_policy:
            return self._following(place, tokens, size), TABLE
        return tokens / (table * max(gpus, 1)), TABLE

    def _speed(self, place: Place, engine: str, size: float) -> Range:
        """Return the tokens per second of the table, on one GPU."""
        if isinstance(place, (Judgements, Responses)):
            return speeds.writing(engine, self._device, size)
        if isinstance(place, TrainedModel):
            return speeds.training(self._device, size)
        return speeds.reading(self._device, size)

    def _following(self, place: TrainedModel, tokens: Range, size: float) -> Range:
        """Return the seconds of an on-policy training: what it writes, its teacher reads, and it learns from."""
        teacher = parameters(self._catalogue, self._catalogue.on_policy[place.training].teacher)
        write = speeds.writing("transformers", self._device, size)
        return (
            tokens / write
            + tokens / speeds.reading(self._device, teacher)
            + tokens / speeds.training(self._device, size)
        )

    def _starts(self, place: Place, program: str) -> tuple[Range, Range]:
        """Return a job's share of an engine's starts, and their seconds: jobs of one model share one, or start each."""
        recipe = self._answers(place)
        engine = recipe.engine if recipe is not None else "trainer"
        if engine == "openai" and recipe is not None:
            count = self._together[_asked_together(self._plan, place)] if isinstance(place, Responses) else 1
            share = exactly(1 / max(count, 1)) if recipe.serve else NOTHING  # a server starts once for all that ask it
            return share, share * speeds.start("vllm", self._device, 1) + self._idle(program)
        found = pooled(t for key, t in self._learnt.starts.items() if key == (program, engine))
        size = parameters(self._catalogue, self._model(place))
        one = found.figures if found else speeds.start(engine, self._device, size)
        count = self._together[_asked_together(self._plan, place)] if isinstance(place, Responses) else 1
        if count < 2 or self._catalogue.settings.hours_per_job == 0:
            return exactly(1), one
        idle = self._idle(program)
        low = (one.low + (count - 1) * min(idle.low, one.low)) / count
        return Range(1 / count, 1), Range(low, one.high)

    def _idle(self, program: str) -> Range:
        """Return the seconds of a job whose rows are there already."""
        tally = self._learnt.seconds.get(("idle", program))
        figure = tally.figure() if tally else None
        return figure.figures if figure else speeds.job("idle", 0)

    def _model(self, place: Place) -> str:
        match place:
            case Judgements():
                return judge_of(self._catalogue).teacher
            case TeacherLogprobs():
                return distillation(self._catalogue, place.training).teacher
            case Responses() | Likelihoods():
                return place.model_path.split("/")[1]
        return place.student  # type: ignore[attr-defined]

    def _dollars(self, place: Place, tokens: Range) -> Range:
        """Return what a server takes that is paid by the token."""
        recipe = self._answers(place)
        server = recipe.server if recipe is not None else None
        if server is None or not (server.input_price or server.output_price):
            return NOTHING
        prompts = self._work.items(place) * PROMPT_TOKENS
        return (server.input_price / MILLION) * prompts + (server.output_price / MILLION) * tokens

    def _disk(self, place: Place, tokens: Range) -> Range:
        """Return the bytes of what a job leaves: tables of responses, rendered rows, a teacher's choices, weights."""
        key = (place.KIND, place.student) if isinstance(place, TrainedModel) else (place.KIND,)
        tally = self._learnt.sizes.get(key)
        figure = tally.figure() if tally else None
        match place:
            case Responses():
                return tokens * (figure.figures if figure else RESPONSE_BYTES)
            case Rendered():
                return self._work.rendered_tokens(place) * (figure.figures if figure else ROW_BYTES)
            case TeacherLogprobs():
                return tokens * (TOP_BYTES * distillation(self._catalogue, place.training).top_k)
            case TrainedModel() if figure:
                return figure.figures
            case TrainedModel():
                size = parameters(self._catalogue, place.student)
                recipe = self._catalogue.trainings.get(place.training)
                return SAVED_BYTES * size * (ADAPTED if recipe is not None and recipe.lora else exactly(1))
            case BaseModel() if base_model(self._catalogue, place.model).hub is not None:
                return 2 * parameters(self._catalogue, place.model) * exactly(1)
        return NOTHING


def _asked_together(plan: Plan, place: Place) -> tuple[str, ...]:
    """Return what jobs have in common that one start of a model answers."""
    if not isinstance(place, Responses) or place.decoding == PUBLISHED:
        return (place.folder,)
    waits = [str(place.draw)] if plan.earlier(place) or plan.catalogue.decodings[place.decoding].until_correct else []
    return (place.model_path, place.decoding, *waits)
