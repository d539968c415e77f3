"""The recipes: one frozen model per kind of catalogue entry, the only place where keys and defaults are defined.

A recipe is what the user writes in `config/`. Unknown keys are refused. Keys marked `layout` say how work is cut
up (shards, draws), not what a row contains; they never reach a job's parameters, so changing them re-makes nothing
that exists. `config/README.md` is generated from this file.
"""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Names become folder names and wildcards, so they are plain: no dots, no slashes, no spaces.
NAME_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
LAYOUT = {"layout": True}

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
EngineName = Literal["transformers"]
Policy = Literal["rule", "rule+judge"]


class Recipe(BaseModel):
    """Base of all recipes: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def canonical(self) -> str:
        """Return the recipe as one JSON string with sorted keys, defaults filled in, `layout` keys left out."""
        return canonical_json(self.content())

    def content(self) -> dict[str, Any]:
        """Return the recipe as plain data without its `layout` keys."""
        layout = {n for n, f in type(self).model_fields.items() if f.json_schema_extra == LAYOUT}
        return self.model_dump(mode="json", exclude=layout)


def canonical_json(data: Any) -> str:
    """Return the one JSON text of `data`: sorted keys, no spaces, UTF-8 as it is.

    Snakemake compares parameters as an unordered set of texts; one canonical string per job makes it notice two
    swapped values and ignore the order of keys.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Rows(Recipe):
    """Where rows come from: a local Parquet or JSONL file, or a dataset on the Hugging Face hub."""

    path: str | None = Field(None, description="A Parquet or JSONL file, relative to the folder you run in.")
    hub: str | None = Field(None, description="A hub dataset id such as `openai/gsm8k` (instead of `path`).")
    revision: str | None = Field(None, description="The commit of the hub dataset; required with `hub`.")
    subset: str | None = Field(None, description="The hub dataset's configuration, where it has several.")
    split: str = Field("train", description="The split of the hub dataset.")
    files: tuple[str, ...] = Field((), description="Patterns of the hub files to download; all when absent.")

    @model_validator(mode="after")
    def _one_origin(self) -> "Rows":
        if (self.path is None) == (self.hub is None):
            raise ValueError("give either `path` (a local file) or `hub` (a dataset id)")
        if self.hub is not None and self.revision is None:
            raise ValueError("`hub` needs `revision` (a commit), so that the rows cannot change under you")
        return self


class CorpusColumns(Recipe):
    """Which column of the source holds what."""

    problem: str = Field("problem", description="The statement.")
    answer: str = Field("answer", description="The gold answer.")
    problem_id: str | None = Field(None, description="A unique id; without it the id is a hash of the statement.")
    solution: str | None = Field(None, description="The reference solution.")
    subject: str | None = Field(None, description="The subject.")
    level: str | None = Field(None, description="The difficulty.")


class CorpusRecipe(Rows):
    """A named set of problems with gold answers."""

    columns: CorpusColumns = Field(CorpusColumns(), description="Column mapping.")
    answer_format: Literal["bare", "boxed", "hashes"] = Field(
        "bare",
        description="How the answer column holds the gold: as it is, in the last `\\boxed{}`, or after `####`.",
    )
    start: int = Field(0, ge=0, description="First row of the source to take.")
    stop: Positive | None = Field(None, description="Row of the source to stop before; all when absent.")
    max_unusable: Share = Field(
        0.01,
        description="Share of rows that may lack a usable answer (they become ledger entries); more fail.",
    )
    shards: Positive = Field(
        1, description="Jobs that share the corpus, by a hash of problem_id.", json_schema_extra=LAYOUT
    )


class ScratchModel(Recipe):
    """A student with random weights, and a byte-level tokenizer trained on corpora: for smoke tests of a study."""

    architecture: Literal["qwen3", "llama"] = Field("qwen3", description="Model family.")
    hidden_size: Positive = Field(64, description="Width.")
    layers: Positive = Field(2, description="Depth.")
    heads: Positive = Field(2, description="Attention heads.")
    head_dim: Positive = Field(32, description="Width of a head; vLLM wants 32 or more.")
    ffn_size: Positive = Field(192, description="Width of the feed-forward layer.")
    context: Positive = Field(2048, description="Longest sequence in tokens.")
    vocabulary: Annotated[int, Field(ge=262)] = Field(1024, description="Tokenizer entries (256 are the bytes).")
    tokenizer_corpora: tuple[Name, ...] = Field(
        ..., min_length=1, description="Corpora whose problems and solutions train the tokenizer."
    )
    seed: int = Field(0, description="Seed of the weights.")


class ModelRecipe(Recipe):
    """The weights of a teacher or a student before any training."""

    path: str | None = Field(None, description="A local folder in the Hugging Face layout.")
    hub: str | None = Field(None, description="A hub model id such as `Qwen/Qwen2.5-3B-Instruct`.")
    revision: str | None = Field(None, description="The commit of the hub model; required with `hub`.")
    scratch: ScratchModel | None = Field(None, description="Random weights instead of given ones.")
    chat_template: str | None = Field(
        None, description="A Jinja file that replaces (or supplies) the tokenizer's chat template."
    )
    dtype: Dtype = Field("auto", description="Precision of the weights when they are run.")

    @model_validator(mode="after")
    def _one_origin(self) -> "ModelRecipe":
        if sum(x is not None for x in (self.path, self.hub, self.scratch)) != 1:
            raise ValueError("give exactly one of `path`, `hub`, `scratch`")
        if self.hub is not None and self.revision is None:
            raise ValueError("`hub` needs `revision` (a commit), so that the weights cannot change under you")
        return self


class DecodingRecipe(Recipe):
    """How responses are sampled. Temperature 0 is greedy."""

    temperature: float = Field(0.0, ge=0, description="0 is greedy.")
    top_p: float = Field(1.0, gt=0, le=1, description="Nucleus sampling.")
    top_k: int = Field(0, ge=0, description="0 keeps every token.")
    min_p: Share = Field(0.0, description="Least share of the likeliest token's probability.")
    max_new_tokens: Positive = Field(..., description="A response that reaches it has finish_reason `length`.")
    seed: int = Field(0, ge=0, description="Each row's own seed is made from it, the problem and the draw.")
    draws: Positive = Field(
        1, description="Responses per problem; a larger number adds files.", json_schema_extra=LAYOUT
    )

    @model_validator(mode="after")
    def _greedy_once(self) -> "DecodingRecipe":
        if self.temperature == 0 and self.draws > 1:
            raise ValueError(f"`draws: {self.draws}` with temperature 0 would repeat one response")
        return self


class Answering(Recipe):
    """What a teacher and a student share: the prompt they see and the engine that runs them."""

    prompt: str = Field("boxed", description="Name of a template in `resources/prompts/`.")
    system: str | None = Field(None, description="System message; none when absent.")
    engine: EngineName = Field("transformers", description="The program that runs the model.")
    batch_size: Positive = Field(64, description="Sequences decoded together.")


class GenerateRecipe(Answering):
    """What one generation job reads: how the model answers, and how its tokens are chosen."""

    decoding: DecodingRecipe


class RenderRecipe(Recipe):
    """What one rendering job reads of a student and a training."""

    system: str | None
    cutoff: Positive
    over_cutoff: Literal["drop", "keep"]


class Rewrite(Recipe):
    """A regular-expression substitution on published responses."""

    pattern: str = Field(..., description="Python regular expression (multi-line mode).")
    replacement: str = Field(..., description="What takes its place; `\\1` is the first group.")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    @field_validator("replacement")
    @classmethod
    def _is_no_control_sign(cls, replacement: str) -> str:
        # `\b` of an unescaped `\boxed` is a backspace here, and would be written into every response.
        if match := re.search(r"(?<!\\)(?:\\\\)*\\([a-fh-mo-su-zA-Z])", replacement):
            raise ValueError(f"`\\{match[1]}` has no meaning in a replacement; a backslash is written `\\\\`")
        return replacement


class PublishedColumns(Recipe):
    """Which column of published traces holds what. Rows are joined by id, or by the exact problem text."""

    response: str = Field("response", description="The response.")
    problem_id: str | None = Field(None, description="The problem's id, as in the corpus.")
    problem: str | None = Field(None, description="The statement; joined by text, white space aside.")
    finish_reason: str | None = Field(None, description="stop, length or error; `stop` when absent.")
    label: str | None = Field(None, description="The publisher's own verdict (true/false); agreement is reported.")

    @model_validator(mode="after")
    def _one_key(self) -> "PublishedColumns":
        if (self.problem_id is None) == (self.problem is None):
            raise ValueError("give either `problem_id` or `problem`: rows are joined by one of them")
        return self


class PublishedRecipe(Rows):
    """Responses that somebody has published, in place of a teacher that we run."""

    columns: PublishedColumns = Field(..., description="Column mapping.")
    where: dict[str, str] = Field({}, description="Keep only rows whose column (as text) equals the value.")
    id_pattern: str | None = Field(
        None, description="Keep only rows whose problem_id column matches; `id_template` is then expanded."
    )
    id_template: str = Field(r"\g<0>", description="The corpus's problem_id, made from `id_pattern`.")
    rewrites: tuple[Rewrite, ...] = Field((), description="Applied to each response in this order.")
    draws: Positive = Field(1, description="Responses per problem, in the order of the file.", json_schema_extra=LAYOUT)


class TeacherRecipe(Answering):
    """A model that writes training responses, or the responses it has already published."""

    model: ModelRecipe | None = Field(None, description="Weights; absent for a published teacher.")
    decoding: Name | None = Field(None, description="A decoding of the catalogue.")
    published: PublishedRecipe | None = Field(None, description="Published responses instead of a model.")

    @model_validator(mode="after")
    def _one_kind(self) -> "TeacherRecipe":
        if (self.model is None) == (self.published is None):
            raise ValueError("give either `model` (a teacher we run) or `published` (its responses)")
        if (self.model is None) != (self.decoding is None):
            raise ValueError("`decoding` goes with `model`, and a published teacher has none")
        return self


class StudentRecipe(Answering):
    """A model that is fine-tuned."""

    model: ModelRecipe = Field(..., description="Weights before training.")


class DatasetRecipe(Recipe):
    """What a student is trained on: one response per problem, from one source or a mix of several."""

    corpus: Name = Field(..., description="The problems.")
    sources: tuple[Name, ...] = Field(
        ..., min_length=1, description="Teachers; of a mix the hard one (long CoT, large teacher) comes first."
    )
    alpha: Share | None = Field(
        None, description="Of two sources: share of rows from the first; 0 and 1 are the single-source arms."
    )
    shares: tuple[Share, ...] = Field((), description="Of any number of sources: shares that sum to 1.")
    pairing: Literal["both_correct", "own_correct", "unfiltered"] = Field(
        "both_correct",
        description="Problems kept: all sources correct (the paper's), each its own correct, or all.",
    )
    rows: Positive | None = Field(None, description="Row budget; as many as every source can fill if absent.")
    seed: int = Field(0, ge=0, description="Orders the problems: who is in the budget, who is swapped first.")

    @model_validator(mode="after")
    def _fill_shares(self) -> "DatasetRecipe":
        if len(set(self.sources)) != len(self.sources):
            raise ValueError("`sources` names a teacher twice")
        shares = self.shares
        if self.alpha is not None:
            if len(self.sources) != 2 or shares:
                raise ValueError("`alpha` belongs to exactly two sources, and not beside `shares`")
            shares = (self.alpha, round(1 - self.alpha, 12))
        elif not shares:
            if len(self.sources) != 1:
                raise ValueError("several sources need `alpha` or `shares`")
            shares = (1.0,)
        if len(shares) != len(self.sources) or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"`shares` must be one number per source and sum to 1, not {list(shares)}")
        # The model is frozen; this is its construction. One spelling is kept, so both make the same recipe text.
        object.__setattr__(self, "shares", shares)
        object.__setattr__(self, "alpha", None)
        return self


class LoraRecipe(Recipe):
    """Low-rank adapters (PEFT). The paper's rank is not published; the defaults are its trainer's."""

    rank: Positive = Field(8, description="Rank.")
    alpha: Positive = Field(16, description="Scale.")
    dropout: Share = Field(0.0, description="Dropout on the adapter's input.")
    targets: str | tuple[str, ...] = Field("all-linear", description="Modules that get an adapter.")


class TrainRecipe(Recipe):
    """What one training job reads."""

    lr: float = Field(..., gt=0, description="Peak learning rate.")
    epochs: float = Field(2.0, gt=0, description="Passes over the dataset.")
    max_updates: Positive | None = Field(None, description="Stop after so many updates, whatever the epochs say.")
    global_batch: Positive = Field(16, description="Sequences per update, over all devices and accumulation steps.")
    micro_batch: Positive = Field(16, description="Sequences per device and step; accumulation makes up the rest.")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="Learning-rate schedule.")
    warmup: Share = Field(0.0, description="Share of the updates that warm up.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW weight decay.")
    beta2: float = Field(0.999, gt=0, lt=1, description="AdamW second beta; the first is 0.9.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradient clipping.")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="Arithmetic of the training.")
    packing: bool = Field(
        False, description="Several rows in one sequence, isolated from each other; needs flash-attention."
    )
    gradient_checkpointing: bool = Field(False, description="Recompute activations to save memory.")
    lora: LoraRecipe | None = Field(None, description="Train adapters instead of all weights.")
    save_every: Positive = Field(
        100, description="Updates between saved states; a killed training resumes from the last."
    )

    @model_validator(mode="after")
    def _batch_divides(self) -> "TrainingRecipe":
        if self.global_batch % self.micro_batch:
            raise ValueError(f"`global_batch` {self.global_batch} is no multiple of `micro_batch` {self.micro_batch}")
        return self


class TrainingRecipe(TrainRecipe):
    """Fine-tuning. What the arms of a gap must have in common is all here."""

    cutoff: Positive = Field(..., description="Longest row in tokens, prompt and response together.")
    over_cutoff: Literal["drop", "keep"] = Field(
        "drop", description="A longer row is dropped (a ledger entry) or kept, cut at the cutoff (counted)."
    )


class GapRecipe(Recipe):
    """A difference of two arms' scores on the same problems."""

    plus: Name = Field(..., description="The dataset whose arm is expected to be ahead.")
    minus: tuple[Name, ...] = Field(
        ..., min_length=1, description="The dataset it is compared with; of several the best one counts."
    )


class ArmsRecipe(Recipe):
    """A block of arms: every student with every dataset, training and seed."""

    students: tuple[Name, ...] = Field(..., min_length=1, description="Students.")
    datasets: tuple[Name, ...] = Field(..., description="Datasets; `none` is always added.")
    training: Name = Field(..., description="The training of all these arms.")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((1,), min_length=1, description="Training seeds.")


class StudyRecipe(Recipe):
    """A study: arms, benchmarks, and the gaps to report."""

    title: str = Field(..., description="One line for the report.")
    arms: tuple[ArmsRecipe, ...] = Field(..., min_length=1, description="Blocks of arms.")
    benchmarks: tuple[Name, ...] = Field(..., min_length=1, description="Corpora that are never trained on.")
    decoding: Name = Field(..., description="How students answer the benchmarks.")
    gaps: dict[Name | Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], GapRecipe] = Field(
        {}, description="Name -> the two datasets compared."
    )


class GradingRecipe(Recipe):
    """How responses are graded."""

    timeout_seconds: int = Field(3, ge=1, description="math-verify's own limit per parse; whole seconds.")
    deadline_seconds: int = Field(15, ge=2, description="After it a row's worker is killed: `timeout`.")
    memory_mb: int = Field(4096, ge=512, description="Address space of a grading worker.")


class ScoreRecipe(Recipe):
    """What one scoring job reads."""

    policy: Policy


class JudgeRecipe(Recipe):
    """A language model that looks again at what the rule rejected, behind any OpenAI-compatible endpoint."""

    url: str = Field(..., pattern=r"^https?://", description="Base URL such as `http://localhost:8000/v1`.")
    model: str = Field(..., description="The model's name at the endpoint; it is recorded, name one version.")
    prompt: str = Field("equal", description="Name of a template in `resources/prompts/judges/`.")
    max_tokens: Positive = Field(20, description="Longest reply.")
    timeout_seconds: Positive = Field(120, description="Limit of one request.")
    attempts: Positive = Field(4, description="Tries per request, with pauses that double, before the job fails.")
    max_unclear: Share = Field(0.05, description="Share of replies that may be neither True nor False; more fail.")
    concurrency: Positive = Field(8, description="Requests at the same time.", json_schema_extra=LAYOUT)
    key_variable: str = Field(
        "OPENAI_API_KEY",
        description="Environment variable that holds the key, if one is needed.",
        json_schema_extra=LAYOUT,
    )


class Settings(Recipe):
    """`config/config.yaml`: which studies to run, and how responses are graded."""

    studies: tuple[Name, ...] = Field(..., min_length=1, description="Names of files in `config/studies/`.")
    grading: GradingRecipe = Field(GradingRecipe(), description="The rule grader.")
    judge: JudgeRecipe | None = Field(None, description="A second look at what the rule rejects; none when absent.")
    policy: Policy = Field(
        "rule", description="What counts as correct, for datasets and scores; `rule+judge` needs `judge`."
    )

    @model_validator(mode="after")
    def _judge_is_there(self) -> "Settings":
        if self.policy == "rule+judge" and self.judge is None:
            raise ValueError("`policy: rule+judge` needs a `judge`")
        return self

    @field_validator("studies", mode="before")
    @classmethod
    def _split(cls, studies: Any) -> Any:
        """Accept `--config studies=toy,published`."""
        return studies.split(",") if isinstance(studies, str) else studies
