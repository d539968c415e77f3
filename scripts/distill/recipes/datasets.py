"""What a student is trained on."""

from typing import Literal

from pydantic import Field, model_validator

from distill.recipes.base import Name, Positive, Recipe, Share


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
