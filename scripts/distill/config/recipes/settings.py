"""`config/config.yaml`: which studies to run, how responses are graded and judged, what counts as correct."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from distill.config.recipes.answering import GenerateJob
from distill.config.recipes.base import EXECUTION, FilePath, Name, Once, Positive, Recipe, Share
from distill.config.recipes.corpora import AgreementRecipe, PaperTask
from distill.config.recipes.publishing import PublishRecipe

Policy = Literal["rule", "rule+judge", "paper_scoring"]


class GradingRecipe(Recipe):
    """How responses are graded."""

    timeout_seconds: int = Field(
        3,
        ge=1,
        lt=2**31,
        description="Limit of one comparison in CPU seconds, however busy the machine: `timeout`; whole.",
    )
    deadline_seconds: int = Field(
        120,
        ge=2,
        lt=2**31,
        description="Wall-clock seconds after which a worker that hangs is killed; the pair is tried once more, alone.",
    )
    memory_mb: int = Field(4096, ge=512, lt=2**31, description="Address space of a grading worker.")


class VerifyJob(GradingRecipe):
    """What one grading job reads: how responses are graded, and the relative error that a number may have."""

    tolerance: Share = 0.0


class SimilarityRecipe(Recipe):
    """When two problems count as the same, for datasets that are decontaminated or deduplicated."""

    ngram: Positive = Field(8, description="Words of a run that two problems share.")
    overlap: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5,
        description="Share of a problem's runs in one problem of a benchmark that makes it a repeat; 1 asks for all.",
    )
    near_duplicate: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="Jaccard index of two problems' word triples that makes them near duplicates."
    )


class AgreementJob(Recipe):
    """What one search for an agreement reads."""

    agreement: AgreementRecipe
    grading: GradingRecipe


class ScoreJob(Recipe):
    """What one scoring job reads."""

    policy: Policy
    paper_task: PaperTask = "math"
    grading: GradingRecipe = GradingRecipe()


class JudgeRecipe(Recipe):
    """A language model that looks again at what the rule rejected."""

    teacher: Name = Field(
        ..., description="The teacher of the catalogue that judges: a served model (`engine: openai`), or one we run."
    )
    prompt: FilePath = Field("equal", description="Name of a template in `config/prompts/judges/`.")
    prompt_without_gold: FilePath | None = Field(
        None,
        description="Such a template that shows no gold answer and asks whether an answer is correct (`correct` is "
        "shipped), for corpora without gold answers and without `agreement`.",
    )
    max_tokens: Positive = Field(20, description="Longest reply; it is greedy.")
    max_unclear: Share = Field(
        0.05,
        description="Share of replies that may be neither True nor False; more fail.",
        json_schema_extra=EXECUTION,
    )


class JudgeJob(Recipe):
    """What one judging job reads."""

    max_unclear: Share = Field(0.05, json_schema_extra=EXECUTION)
    generation: GenerateJob


class PricesRecipe(Recipe):
    """What `snakemake plan` reckons with."""

    gpu_hour: float | None = Field(None, ge=0, description="US dollars for an hour of one GPU; no price if absent.")


class Settings(Recipe):
    """`config/config.yaml`: which studies to run, and how responses are graded."""

    studies: Annotated[tuple[Name, ...], Once] = Field(
        ..., min_length=1, description="Names of files in `config/studies/`."
    )
    folder: FilePath = Field("config", description="Folder of catalogue/, studies/ and prompts/, from where you run.")
    grading: GradingRecipe = Field(GradingRecipe(), description="The rule grader.")
    similarity: SimilarityRecipe = Field(SimilarityRecipe(), description="When two problems count as the same.")
    judge: JudgeRecipe | None = Field(None, description="A second look at what the rule rejects; none when absent.")
    policy: Policy = Field(
        "rule",
        description="What counts as correct, for datasets and scores; `rule+judge` needs `judge`. `paper_scoring` "
        "repeats the defects of the paper's scorer, in scores alone: for comparing with its tables.",
    )

    hours_per_job: float = Field(
        0.5,
        ge=0,
        description="So long a job that has loaded a model begins further shards, draws and corpora of it; with 0 each "
        "job loads its own. On a cluster where the profile makes them one job (profiles/slurm); not where "
        "`engine: openai` asks a server.",
    )
    torch: Literal["cuda", "cpu"] = Field(
        "cuda",
        description="Build of torch and vLLM in the environments of `snakemake --sdm conda`; `cpu` spares a machine "
        "without a GPU the download of 2.5 GB and more.",
    )
    publish: PublishRecipe | None = Field(
        None, description="What `snakemake publish` publishes, and where.", json_schema_extra=EXECUTION
    )

    prices: PricesRecipe = Field(PricesRecipe(), description="What things cost, for `snakemake plan` alone.")
    budget: float | None = Field(
        None,
        ge=0,
        description="Which contrasts fit into it, for `snakemake plan` alone (`--config budget=200`): in US dollars "
        "with `prices.gpu_hour`, else in GPU hours, in hours of jobs where no GPUs are.",
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
