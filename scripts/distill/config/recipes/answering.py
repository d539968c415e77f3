"""How a model answers problems: teachers, students, decodings."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from distill.config.recipes.base import EXECUTION, FilePath, Name, Positive, Recipe, Seed, Share
from distill.config.recipes.engines import ServeRecipe, ServerRecipe, VllmRecipe
from distill.config.recipes.models import ModelRecipe
from distill.config.recipes.published import PublishedRecipe
from distill.config.recipes.templating import Templating

NonEmpty = Annotated[str, Field(min_length=1)]
# An engine is a module of responses/engines; it is loaded by name, by the program that runs it.
ENGINES = tuple(sorted(p.stem for p in (Path(__file__).parents[2] / "responses/engines").glob("[a-z]*.py")))
EngineName = Literal[ENGINES]


TIGHT = 1e-3  # a nucleus or a temperature below it leaves one token


class DecodingRecipe(Recipe):
    """How responses are sampled. Temperature 0 is greedy."""

    temperature: float = Field(0.0, ge=0, description="0 is greedy.")
    top_p: float = Field(1.0, gt=0, le=1, description="Nucleus sampling.")
    top_k: int = Field(0, ge=0, lt=2**31, description="0 keeps every token.")
    min_p: Share = Field(0.0, description="Least share of the likeliest token's probability.")
    max_new_tokens: Positive = Field(..., description="A response that reaches it has finish_reason `length`.")
    stop: tuple[NonEmpty, ...] = Field(
        (), description="Texts that end a response; they are cut off. A server may take only some."
    )
    seed: Seed = Field(0, description="Each row's own seed is made from it, the problem and the draw.")
    draws: Annotated[int, Field(ge=1, le=1000)] = Field(
        1, description="Responses per problem; a larger number adds files.", json_schema_extra=EXECUTION
    )
    until_correct: bool = Field(
        False,
        description="Teachers only: each further draw asks only for problems that no earlier draw got right (by the "
        "rule grader, not cut off), at most `draws` times. A changed grader re-makes the draws after the first.",
        json_schema_extra=EXECUTION,
    )

    @model_validator(mode="after")
    def _greedy_once(self) -> "DecodingRecipe":
        if self.until_correct and self.draws == 1:
            raise ValueError("`until_correct` needs `draws` of 2 or more: the most that a problem is asked")
        if self.temperature == 0 and self.draws > 1:
            raise ValueError(f"`draws: {self.draws}` with temperature 0 would repeat one response")
        if self.temperature == 0 and (idle := [n for n in ("top_k", "min_p") if getattr(self, n)]):
            raise ValueError(f"`{idle[0]}` has no effect with temperature 0, which is greedy")
        if self.temperature == 0 and self.top_p < 1:
            raise ValueError("`top_p` has no effect with temperature 0, which is greedy")
        tight = self.top_k == 1 or self.min_p == 1 or self.top_p < TIGHT or 0 < self.temperature < TIGHT
        if self.draws > 1 and tight:
            raise ValueError(f"`draws: {self.draws}` would repeat one response: so tight a sampling is greedy")
        return self


class Answering(Templating):
    """What a teacher and a student share: the prompt they see and the engine that runs them."""

    prompt: FilePath = Field("boxed", description="Name of a template in `config/prompts/`.")
    system: str | None = Field(None, description="System message; none when absent.")
    response_prefix: str | None = Field(
        None,
        description="What the model's chat template has already begun the response with, such as `<think>\\n`: it is "
        "put back where a response lacks it. When absent it is what the template is seen to open. A server's template "
        "is not seen, and a thought that was cut off there may come without a tag and look like an answer: name it "
        "where the template opens one and the server leaves thinking in the text. The log says where replies show it.",
    )
    engine: EngineName = Field("transformers", description="The program that runs the model.")
    batch_size: Positive = Field(
        64, description="Sequences that transformers decodes together.", json_schema_extra=EXECUTION
    )
    max_errors: Share = Field(
        0.01,
        description="Share of a shard's responses that may be errors; more fail it, and the next start asks for these.",
        json_schema_extra=EXECUTION,
    )
    vllm: VllmRecipe | None = Field(None, description="How vLLM runs it; with `engine: vllm`.")
    server: ServerRecipe | None = Field(None, description="Where and how a server is asked; with `engine: openai`.")
    serve: ServeRecipe | None = Field(
        None, description="A server that the workflow starts, in place of `server.url`; with `engine: openai`."
    )

    @model_validator(mode="before")
    @classmethod
    def _asks_what_it_serves(cls, data: Any) -> Any:
        """Fill in `server` beside `serve`, so that who says later how it is asked changes no more than that."""
        if isinstance(data, dict) and data.get("serve") is not None and data.get("server") is None:
            return {**data, "server": {}}
        return data

    @model_validator(mode="after")
    def _parts_of_the_engine(self) -> Self:
        url = self.server.url if self.server else None
        if self.engine != "openai" and (self.server or self.serve):
            raise ValueError("`server` and `serve` go with `engine: openai`")
        if self.engine == "openai" and (url is None) == (self.serve is None):
            raise ValueError("`engine: openai` goes with `server.url`, or with `serve`: the workflow starts a server")
        if self.vllm is not None and self.engine != "vllm":
            raise ValueError("`vllm` goes with `engine: vllm`")
        if self.date is not None and self.engine == "openai":
            raise ValueError("`date` has no effect on a server, which runs the chat template with its own clock")
        if self.template_args and self.server and "chat_template_kwargs" in self.server.extra_body:
            raise ValueError("`template_args` and `extra_body.chat_template_kwargs` say the same; give the first alone")
        return self


def check_weights_are_served(answering: Answering, model: ModelRecipe) -> None:
    """Raise ValueError where a recipe does not say alike whether weights or a served model answer."""
    if model.served is None and answering.engine == "openai" and answering.serve is None:
        raise ValueError("`engine: openai` goes with `model.served`, or with `serve`, which serves the weights")
    if model.served is not None and answering.engine != "openai":
        raise ValueError("`model.served` goes with `engine: openai`: other engines need the weights")
    if model.served is not None and answering.serve is not None and answering.serve.command is None:
        raise ValueError("`serve` needs the weights (`hub` or `path`); only a `command` may serve a model by its name")


def needed_gpus(answering: Answering) -> int:
    """Return how many GPUs an engine shares a model over; none where a server runs the model."""
    if answering.engine == "openai":
        return 0
    return answering.vllm.tensor_parallel if answering.vllm else 1


class GenerateJob(Answering):
    """What one generation job reads: how the model answers, and how its tokens are chosen."""

    decoding: DecodingRecipe


class TeacherRecipe(Answering):
    """A model that writes training responses, or the responses it has already published."""

    model: ModelRecipe | None = Field(None, description="Weights; absent for a published teacher.")
    decoding: Name | None = Field(None, description="A decoding of the catalogue.")
    published: PublishedRecipe | None = Field(None, description="Published responses instead of a model.")

    @model_validator(mode="after")
    def _one_kind(self) -> "TeacherRecipe":
        if (self.model is None) == (self.published is None):
            raise ValueError("give either `model` (a teacher we run) or `published` (its responses)")
        idle = sorted(self.model_fields_set & Answering.model_fields.keys())
        if self.published is not None and idle:
            raise ValueError(f"`{idle[0]}` has no effect on published responses")
        if (self.model is None) != (self.decoding is None):
            raise ValueError("`decoding` goes with `model`, and a published teacher has none")
        if self.model is not None:
            check_weights_are_served(self, self.model)
        return self


class StudentRecipe(Answering):
    """A model that is fine-tuned."""

    model: ModelRecipe = Field(..., description="Weights before training.")

    @model_validator(mode="after")
    def _weights_are_here(self) -> "StudentRecipe":
        if self.model.served is not None or (self.engine == "openai" and self.serve is None):
            raise ValueError(
                "a student is trained, so its weights are needed: no `model.served`, and `engine: openai` only with "
                "`serve`"
            )
        return self
