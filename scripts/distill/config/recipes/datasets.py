"""What a student is trained on: teachers, shares, pairing, and the optional curation before them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from distill.config.recipes.base import Name, Positive, Recipe, Seed, Share

Length = Annotated[int, Field(ge=1, lt=2**53)]


class PassRate(Recipe):
    """Difficulty, measured: which share of a teacher's draws is correct."""

    teacher: Name = Field(..., description="Whose draws are counted; it need not be one of the dataset's teachers.")
    at_least: Share = Field(0.0, description="Problems below are `too_hard`.")
    at_most: Share = Field(1.0, description="Problems above are `too_easy`.")

    @model_validator(mode="after")
    def _ordered(self) -> "PassRate":
        if self.at_least > self.at_most:
            raise ValueError(f"`at_least` {self.at_least} is above `at_most` {self.at_most}")
        return self


class LengthBounds(Recipe):
    """How long a response may be."""

    unit: Literal["tokens", "characters"] = Field(
        "tokens", description="The teacher's tokens, which published responses do not have, or characters."
    )
    at_least: int = Field(0, ge=0, lt=2**31, description="Shorter responses are `too_short`.")
    at_most: Positive | None = Field(None, description="Longer responses are `too_long`.")

    @model_validator(mode="after")
    def _ordered(self) -> "LengthBounds":
        if self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"`at_least` {self.at_least} is above `at_most` {self.at_most}")
        return self


class CurationRecipe(Recipe):
    """What is left out before pairing, and which of several usable responses is chosen. Nothing is, unless said."""

    decontaminate: bool = Field(
        False, description="Leave out problems that repeat one of a corpus marked `benchmark` (see `similarity`)."
    )
    deduplicate: bool = Field(False, description="Of problems that are nearly the same keep one (see `similarity`).")
    pass_rate: PassRate | None = Field(None, description="Keep problems of a difficulty.")
    length: LengthBounds | None = Field(None, description="Keep responses of a length.")
    max_repetition: Share | None = Field(
        None,
        description="Largest share of a response's 16-token passages that stand in it before; a loop is near 1.",
    )
    choose: Literal["first", "shortest", "longest", "random", "student_likely"] = Field(
        "first",
        description="Which usable draw stands for a problem; `student_likely`: of the lowest perplexity to `student`.",
    )
    student: Name | None = Field(None, description="The base student of `choose: student_likely`.")

    @model_validator(mode="after")
    def _student_goes_with_likely(self) -> "CurationRecipe":
        if (self.student is None) == (self.choose == "student_likely"):
            raise ValueError("`student` goes with `choose: student_likely`, and with nothing else")
        return self


class DatasetRecipe(Recipe):
    """What a student is trained on: one response per problem, from one teacher or a mix of several."""

    corpus: Name = Field(..., description="The problems.")
    teachers: tuple[Name, ...] = Field(
        ..., min_length=1, description="Teachers; of a mix the hard one (long CoT, large teacher) comes first."
    )
    alpha: Share | None = Field(
        None, description="Of two teachers: share of the first; 0 and 1 are the single-teacher arms."
    )
    shares: tuple[Share, ...] = Field((), description="Of any number of teachers: shares that sum to 1.")
    pairing: Literal["both_correct", "own_correct", "unfiltered"] = Field(
        "both_correct",
        description="Problems kept: all teachers correct (the paper's), each its own correct, or all.",
    )
    curation: CurationRecipe = Field(CurationRecipe(), description="What is left out, and which draw is chosen.")
    share_of: Literal["rows", "tokens", "characters"] = Field(
        "rows",
        description="What `alpha` and `shares` are shares of: rows, or the length of the responses in `tokens` or "
        "`characters`; with more than two teachers a length needs a budget in the same unit.",
    )
    rows: Positive | None = Field(
        None, description="Budget in rows; without a budget a dataset has as many as every teacher can fill."
    )
    tokens: Length | None = Field(
        None,
        description="Budget in tokens of the responses instead, as their teachers counted them, reached to half a row. "
        "To match a long arm to a short one, make the short one and give the long one the number `tokens` in its "
        "`manifest.json`.",
    )
    characters: Length | None = Field(
        None,
        description="Budget in characters of the responses instead, for published ones: they have no token counts.",
    )
    assignment: Literal["seeded", "by_level"] = Field(
        "seeded",
        description="Whose response stands for which problem of a mix: as the seed orders the problems, or the first "
        "teacher's for those of the highest `level`, by the first number in it (none counts as the lowest); with two "
        "teachers, `both_correct`, and no budget.",
    )
    seed: Seed = Field(0, description="Orders the problems: who is in the budget, who is swapped first.")

    @model_validator(mode="after")
    def _fill_shares(self) -> "DatasetRecipe":
        if len(set(self.teachers)) != len(self.teachers):
            raise ValueError("`teachers` names a teacher twice")
        shares = self.shares
        if self.alpha is not None:
            if len(self.teachers) != 2 or shares:
                raise ValueError("`alpha` belongs to exactly two teachers, and not beside `shares`")
            shares = (self.alpha, round(1 - self.alpha, 12))
        elif not shares:
            if len(self.teachers) != 1:
                raise ValueError("several teachers need `alpha` or `shares`")
            shares = (1.0,)
        if len(shares) != len(self.teachers) or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"`shares` must be one number per teacher and sum to 1, not {list(shares)}")
        # The model is frozen; this is its construction. One spelling is kept, so both make the same recipe text.
        object.__setattr__(self, "shares", shares)
        object.__setattr__(self, "alpha", None)
        return self

    @model_validator(mode="after")
    def _one_budget_one_unit(self) -> "DatasetRecipe":
        budgets = [f"`{key}`" for key in ("rows", "tokens", "characters") if getattr(self, key) is not None]
        if len(budgets) > 1:
            raise ValueError(f"{' and '.join(budgets)} are several budgets; keep one")
        if self.share_of == "rows":
            return self
        share_of = f"`share_of: {self.share_of}`"
        if len(self.teachers) == 1:
            raise ValueError(f"{share_of} belongs to several teachers")
        if self.length_budget is not None and getattr(self, self.share_of) is None:
            raise ValueError(f"{share_of} does not go with a budget in {budgets[0]}; use one unit for both")
        if len(self.teachers) > 2 and self.length_budget is None:
            raise ValueError(f"{share_of} of more than two teachers needs the budget `{self.share_of}`")
        return self

    @model_validator(mode="after")
    def _levels_meet_two_teachers(self) -> "DatasetRecipe":
        if self.assignment == "by_level":
            if sum(share > 0 for share in self.shares) != 2 or self.pairing != "both_correct":
                raise ValueError("`assignment: by_level` needs two teachers with a share, and `pairing: both_correct`")
            if self.rows is not None or self.length_budget is not None or self.share_of != "rows":
                raise ValueError("`assignment: by_level` goes with no budget and with shares of rows: a budget would "
                                 "take the problems of some levels only")  # fmt: skip
        return self

    @property
    def length_budget(self) -> int | None:
        """Return the budget in the unit of lengths, None without one."""
        return self.characters if self.tokens is None else self.tokens

    @property
    def unit(self) -> Literal["tokens", "characters"] | None:
        """Return what lengths are counted in for budget or shares, None where they do not matter."""
        if self.share_of != "rows":
            return self.share_of
        if self.tokens is not None:
            return "tokens"
        return "characters" if self.characters is not None else None
