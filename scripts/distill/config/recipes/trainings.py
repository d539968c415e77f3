"""Rendering and fine-tuning."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from distill.config.recipes.base import EXECUTION, Name, Once, Positive, Recipe, Share
from distill.config.recipes.templating import Templating


class RenderJob(Templating):
    """What one rendering job reads of a student and a training."""

    system: str | None
    cutoff: Positive
    over_cutoff: Literal["drop", "keep"]
    max_unrenderable: Share = 0.02


class LoglikelihoodJob(Templating):
    """What one job that rates responses by a student reads of the student."""

    system: str | None


class LoraRecipe(Recipe):
    """Low-rank adapters (PEFT). The paper's rank is not published; the defaults are its trainer's."""

    rank: Positive = Field(8, description="Rank.")
    alpha: Positive = Field(16, description="Scale: the adapter's output is multiplied by alpha / rank.")
    dropout: Share = Field(0.0, description="Dropout on the adapter's input.")
    targets: str | tuple[str, ...] = Field("all-linear", description="Modules that get an adapter.")
    rslora: bool = Field(False, description="Multiply by alpha / sqrt(rank) instead (rank-stabilised LoRA).")


class TeacherLogprobsJob(Recipe):
    """What one job reads that stores a teacher's log-probabilities."""

    top_k: Positive = Field(32, description="Tokens that are stored per position, the teacher's likeliest.")
    temperature: float = Field(
        1.0, ge=0.01, description="Divides the logits of teacher and student; its square multiplies the divergence."
    )


class Distillation(TeacherLogprobsJob):
    """What a training reads of a distillation from a teacher's probabilities."""

    weight: Share = Field(0.5, description="Share of the divergence from the teacher; the rest is cross-entropy.")


class DistilRecipe(Distillation):
    """Distillation from a teacher's probabilities: besides the tokens of its rows, a student is trained on these."""

    teacher: Name = Field(..., description="A teacher of the catalogue with weights, and the student's vocabulary.")


class FineTuning(Recipe):
    """What a student's weights depend on besides its rows, and (`execution`) how the work is laid out."""

    lr: float = Field(..., gt=0, description="Peak learning rate.")
    epochs: float = Field(2.0, gt=0, description="Passes over the dataset.")
    max_updates: Positive | None = Field(None, description="Take exactly so many updates, whatever the epochs say.")
    max_tokens: Positive | None = Field(
        None, description="End with the update that reaches so many tokens (prompts count), whatever the epochs say."
    )
    global_batch: Positive = Field(16, description="Rows, loss tokens or packs per update, over all devices.")
    batch_unit: Literal["rows", "loss_tokens", "packs"] = Field(
        "rows", description="What `global_batch` counts; a pack holds whole rows of `pack_tokens` tokens at most."
    )
    pack_tokens: Positive | None = Field(None, description="Tokens of a pack; goes with `batch_unit: packs`.")
    order: Literal["shuffled", "short_first", "easy_first"] = Field(
        "shuffled", description="Rows of an epoch: shuffled, by length, or those of a mix's first, hard teacher last."
    )
    hard_last_share: Share = Field(
        1.0, description="Of `order: easy_first`: share of the hard rows that come last; the others are shuffled in."
    )
    optimizer: Literal["adamw", "adafactor", "sgd"] = Field("adamw", description="Optimiser.")
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW first beta.")
    beta2: float = Field(0.999, gt=0, lt=1, description="AdamW second beta.")
    epsilon: float = Field(1e-8, gt=0, description="AdamW epsilon.")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradient clipping.")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="Learning-rate schedule.")
    warmup: Share = Field(0.0, description="Share of the updates that warm up.")
    warmup_updates: Positive | None = Field(None, description="Updates that warm up, in place of a share.")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="Arithmetic of the training.")
    packing: bool = Field(
        True, description="Several rows in one sequence, isolated from each other, in place of padded rows; same loss."
    )
    attention: Literal["sdpa", "eager", "flash_attention_2"] = Field("sdpa", description="Kernel of the attention.")
    liger: bool = Field(False, description="Liger's fused kernels; GPU only, wants `liger-kernel`.")
    gradient_checkpointing: bool = Field(False, description="Recompute activations to save memory.")
    held_out: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Share of the problems that no arm is trained on, the same in all; their cross-entropy is logged.",
    )
    lora: LoraRecipe | None = Field(None, description="Train adapters instead of all weights.")
    distil: Distillation | None = Field(None, description="Also train on a teacher's probabilities.")
    micro_batch: Positive | None = Field(
        None,
        description="Most rows per device and step; absent: what fits. The global batch stays what it is.",
        json_schema_extra=EXECUTION,
    )
    threads: Positive | None = Field(
        None,
        description="Processor threads; they change rounding only. Absent: all cores where there is no GPU, else 4.",
        json_schema_extra=EXECUTION,
    )
    save_every: Positive | None = Field(
        None,
        description="Updates between saved states, which a killed training goes on from; absent: for 5 % of the time.",
        json_schema_extra=EXECUTION,
    )
    report_to: Annotated[tuple[Literal["tensorboard", "wandb", "trackio"], ...], Once] = Field(
        (), description="Also log to these, where they are installed.", json_schema_extra=EXECUTION
    )
    sharding: Literal["none", "fsdp", "deepspeed"] = Field(
        "none",
        description="On several GPUs: weights whole on each, or cut up by FSDP2 or DeepSpeed ZeRO-3.",
        json_schema_extra=EXECUTION,
    )

    nodes: Positive = Field(
        1,
        description="Machines that share a training, of one SLURM job; elsewhere it runs on one.",
        json_schema_extra=EXECUTION,
    )

    @model_validator(mode="after")
    def _keys_agree(self) -> "FineTuning":
        if self.max_updates is not None and self.max_tokens is not None:
            raise ValueError("`max_updates` and `max_tokens` both end the training; give one")
        if self.warmup and self.warmup_updates is not None:
            raise ValueError("`warmup` and `warmup_updates` say the same; give one")
        if (self.batch_unit == "packs") != (self.pack_tokens is not None):
            raise ValueError("`pack_tokens` goes with `batch_unit: packs`, and with nothing else")
        if self.batch_unit == "packs" and self.order != "shuffled":
            raise ValueError("packs are shuffled; `order` does not go with `batch_unit: packs`")
        if self.attention == "flash_attention_2" and self.precision != "bfloat16":
            raise ValueError("`attention: flash_attention_2` has no float32; set `precision: bfloat16`")
        if self.hard_last_share != 1 and self.order != "easy_first":
            raise ValueError("`hard_last_share` goes with `order: easy_first`")
        adamw = [
            name
            for name in ("beta1", "beta2", "epsilon")
            if getattr(self, name) != FineTuning.model_fields[name].default
        ]
        if adamw and self.optimizer != "adamw":
            raise ValueError(f"`{adamw[0]}` is AdamW's, not one of `optimizer: {self.optimizer}`")
        return self


COMPARED_RECIPE = tuple(name for name, key in FineTuning.model_fields.items() if key.json_schema_extra != EXECUTION)


class TrainJob(FineTuning):
    """What one training job reads."""

    hard_teacher: str | None = Field(None, description="Whose rows `order: easy_first` shows last.")

    @model_validator(mode="after")
    def _hard_is_named(self) -> "TrainJob":
        if (self.order == "easy_first") != (self.hard_teacher is not None):
            raise ValueError("`order: easy_first` and `hard_teacher`, whose rows come last, go together; give both")
        return self


class OnPolicy(Recipe):
    """What an on-policy training depends on besides its start, its prompts and its teacher.

    Keys that TRL's trainer honours: it has no share of off-policy rows, and one temperature for sampling and loss.
    """

    max_updates: Positive = Field(..., description="Updates.")
    global_batch: Positive = Field(16, description="Responses per update; the student writes one to each prompt.")
    max_new_tokens: Positive = Field(..., description="Most tokens of a response; a longer one is cut, and counts.")
    temperature: float = Field(
        1.0, ge=0.01, description="Divides the logits, where the student samples and in the divergence."
    )
    beta: Share = Field(
        1.0,
        description="The divergence from the teacher: 0 is forward Kullback-Leibler, 1 reverse, between them the "
        "generalised Jensen-Shannon divergence.",
    )
    lr: float = Field(..., gt=0, description="Peak learning rate (AdamW).")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="Learning-rate schedule.")
    warmup: Share = Field(0.0, description="Share of the updates that warm up.")
    precision: Literal["float32", "bfloat16"] = Field("float32", description="Arithmetic of the training.")
    gradient_checkpointing: bool = Field(False, description="Recompute activations to save memory.")
    micro_batch: Positive | None = Field(
        None,
        description="Most responses per step of an update; absent: what fits. All are written at once, if they fit.",
        json_schema_extra=EXECUTION,
    )
    threads: Positive | None = Field(
        None,
        description="Processor threads; they change rounding only. Absent: all cores where there is no GPU, else 4.",
        json_schema_extra=EXECUTION,
    )
    save_every: Positive | None = Field(
        None,
        description="Updates between saved states, which a killed training goes on from; absent: for 5 % of the time.",
        json_schema_extra=EXECUTION,
    )
    report_to: Annotated[tuple[Literal["tensorboard", "wandb", "trackio"], ...], Once] = Field(
        (), description="Also log to these, where they are installed.", json_schema_extra=EXECUTION
    )


class OnPolicyJob(OnPolicy):
    """What one on-policy training job reads."""

    held_out: float = Field(0.0, ge=0, le=0.5, description="That of the start: what it has not seen stays unseen.")


class OnPolicyRecipe(OnPolicy):
    """On-policy distillation: the student writes the responses, and learns its teacher's probabilities of them."""

    teacher: Name = Field(..., description="A teacher of the catalogue with weights, and the student's vocabulary.")
    start: Name = Field(
        ...,
        description="The training that it goes on from, of the same student, dataset and seed; its prompts are those "
        "of that one, and where that one has trained adapters, it trains them on.",
    )

    def job(self, held_out: float) -> OnPolicyJob:
        """Return what a job reads, of a start with this share held out."""
        return OnPolicyJob(**self.model_dump(include=set(OnPolicy.model_fields)), held_out=held_out)


class TrainingRecipe(FineTuning):
    """Fine-tuning. What the arms of a gap must have in common is all here."""

    distil: DistilRecipe | None = Field(None, description="Also train on a teacher's probabilities.")
    cutoff: Positive = Field(..., description="Longest row in tokens, prompt and response together.")
    over_cutoff: Literal["drop", "keep"] = Field(
        "drop", description="A longer row is dropped (a ledger entry) or kept, cut at the cutoff (counted)."
    )
    max_unrenderable: Share = Field(
        0.02, description="Largest share of rows that the student's chat template cannot carry; more end the rendering."
    )


class OnPolicyTraining(Recipe):
    """A training whose responses the student writes itself. It stands in place of the keys of fine-tuning."""

    on_policy: OnPolicyRecipe = Field(..., description="How, from where and with whom.")

    @model_validator(mode="before")
    @classmethod
    def _stands_alone(cls, data: Any) -> Any:
        others = [f"`{key}`" for key in data if key in TrainingRecipe.model_fields] if isinstance(data, dict) else []
        if others:
            raise ValueError(f"{', '.join(others)} beside `on_policy` would do nothing: rows and prompts are those of "
                             "its `start`, and its own keys stand under it")  # fmt: skip
        return data
