"""The weights of a teacher or a student before any training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from distill.config.recipes.base import Dtype, FilePath, HubId, Name, Once, Positive, Recipe, Revision, Seed


class ScratchModel(Recipe):
    """A student with random weights, and a byte-level tokenizer trained on corpora: for smoke tests of a study."""

    architecture: Literal["qwen3", "llama"] = Field("qwen3", description="Model family.")
    hidden_size: Positive = Field(64, description="Width.")
    layers: Positive = Field(2, description="Depth.")
    heads: Positive = Field(2, description="Attention heads.")
    head_dim: Positive = Field(32, description="Width of a head; vLLM wants 32 or more.")
    ffn_size: Positive = Field(192, description="Width of the feed-forward layer.")
    context: Positive = Field(2048, description="Longest sequence in tokens.")
    vocabulary: Annotated[int, Field(ge=262, lt=2**31)] = Field(
        1024, description="Tokenizer entries (256 are the bytes)."
    )
    tokenizer_corpora: Annotated[tuple[Name, ...], Once] = Field(
        ..., min_length=1, description="Corpora whose problems and solutions train the tokenizer."
    )
    seed: Seed = Field(0, description="Seed of the weights.")


class ModelRecipe(Recipe):
    """The weights of a teacher or a student before any training."""

    path: FilePath | None = Field(None, description="A local folder in the Hugging Face layout.")
    hub: HubId = Field(None, description="A hub model id such as `Qwen/Qwen2.5-3B-Instruct`.")
    revision: Revision = Field(None, description="The commit of the hub model; required with `hub`.")
    scratch: ScratchModel | None = Field(None, description="Random weights instead of given ones.")
    served: str | None = Field(
        None, description="The name under which a server has the model; goes with `engine: openai` and `server`."
    )
    chat_template: FilePath | None = Field(
        None, description="A Jinja file that replaces (or supplies) the tokenizer's chat template."
    )
    dtype: Dtype = Field(
        "auto", description="Precision of the weights when they are run; `auto` is the one they are saved in."
    )

    @model_validator(mode="after")
    def _one_origin(self) -> "ModelRecipe":
        if sum(x is not None for x in (self.path, self.hub, self.scratch, self.served)) != 1:
            raise ValueError("give exactly one of `path`, `hub`, `scratch`, `served`")
        if self.hub is None and self.revision is not None:
            raise ValueError("`revision` goes with `hub`")
        if self.served is not None and (self.chat_template is not None or self.dtype != "auto"):
            raise ValueError("`chat_template` and `dtype` of a served model are its server's")
        if self.hub is not None and self.revision is None:
            raise ValueError("`hub` needs `revision` (a commit), so that the weights cannot change under you")
        return self
