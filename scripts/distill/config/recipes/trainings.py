"""Rendering and fine-tuning."""

from typing import Literal

from pydantic import Field, model_validator

from distill.config.recipes.base import Positive, Recipe, Share
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
    alpha: Positive = Field(16, description="Scale.")
    dropout: Share = Field(0.0, description="Dropout on the adapter's input.")
    targets: str | tuple[str, ...] = Field("all-linear", description="Modules that get an adapter.")


class TrainJob(Recipe):
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


class TrainingRecipe(TrainJob):
    """Fine-tuning. What the arms of a gap must have in common is all here."""

    cutoff: Positive = Field(..., description="Longest row in tokens, prompt and response together.")
    over_cutoff: Literal["drop", "keep"] = Field(
        "drop", description="A longer row is dropped (a ledger entry) or kept, cut at the cutoff (counted)."
    )
    max_unrenderable: Share = Field(
        0.02, description="Largest share of rows that the student's chat template cannot carry; more end the rendering."
    )
