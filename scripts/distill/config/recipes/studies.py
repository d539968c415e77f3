"""Studies: arms, benchmarks, gaps and other contrasts, and what is asked of them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from distill.config.recipes.base import FilePath, Name, Once, Positive, Recipe, Seed, Share
from distill.config.recipes.trainings import COMPARED_RECIPE

# What the arms of a gap must share: the training's keys, and what came of them. Each is named in a manifest.
TAKEN = ("updates", "epochs", "rows", "problems", "cutoff", "truncated", "base", "prompt", "draws", "code")
COMPARED = (*TAKEN, *COMPARED_RECIPE, "on_policy")
DIFFERS = "What else than the data the arms may differ in, such as `epochs`; more stops the study."
EXPECTED = "What is expected of it, in a sentence; it stands beside the figures."


def _are_compared(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in COMPARED:
            raise ValueError(f"{name!r} is nothing that arms must share; that are: {', '.join(COMPARED)}")
    return names


Differs = Annotated[tuple[str, ...], Once, AfterValidator(_are_compared)]


GapName = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


class GapArm(Recipe):
    """One side of a gap, where its training is not that of the others."""

    dataset: Name = Field(..., description="Dataset; `base` is the student before training.")
    training: Name = Field(..., description="Training.")


class GapRecipe(Recipe):
    """A difference of two arms' scores on the same problems."""

    plus: Name | GapArm = Field(
        ..., description="The arm that is expected to be ahead: a dataset, or `{dataset: D, training: T}`."
    )
    minus: Annotated[tuple[Name | GapArm, ...], Once] = Field(
        ..., min_length=1, description="The arm it is compared with; of several each one, and all of them at once."
    )
    differs: Differs = Field((), description=DIFFERS)
    expected: str | None = Field(None, description=EXPECTED)

    @model_validator(mode="after")
    def _compares_two(self) -> "GapRecipe":
        if self.plus in self.minus:
            raise ValueError(f"{self.plus!r} is compared with itself")
        return self


class ContrastRecipe(Recipe):
    """A contrast of more than two arms: a gap of one student minus that of another, or a slope."""

    gap: Name | GapName | None = Field(None, description="A gap with one `minus`; goes with `students`.")
    students: Annotated[tuple[Name, ...], Once] = Field(
        (), description="Two students: the gap of the first minus that of the second."
    )
    slope: dict[Name, Annotated[float, Field(ge=-1e6, le=1e6, strict=True)]] = Field(
        {},
        description="In place of a gap: dataset -> x, such as its `alpha`. The change of accuracy per unit of x, by "
        "least squares, for each student and training that has all of them.",
    )
    differs: Differs = Field((), description=f"Of a slope. {DIFFERS}")
    expected: str | None = Field(None, description=EXPECTED)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "ContrastRecipe":
        if (self.gap is None) == (not self.slope):
            raise ValueError("give either `gap` and two `students`, or `slope`")
        if self.gap is not None and (len(self.students) != 2 or self.differs):
            raise ValueError("`gap` goes with two `students`, and its `differs` are those of the gap")
        if self.slope and (self.students or len(self.slope) < 2 or len(set(self.slope.values())) < 2):
            raise ValueError("`slope` names two datasets or more, at two x or more, and no `students`")
        return self


class PowerRecipe(Recipe):
    """What `snakemake power` assumes of a contrast that has not been measured."""

    accuracy: dict[Name, Share] = Field({}, description="Benchmark -> accuracy of an arm; 0.5, the worst, if absent.")
    problems: dict[Name, Positive] = Field(
        {}, description="Benchmark -> its problems, where they cannot be counted before the run (hub datasets)."
    )
    correlation: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.5, description="Correlation of two arms' grades of a problem."
    )
    seed_sd: Share = Field(
        0.01, description="Standard deviation of one arm's accuracy over trainings that differ in their seed."
    )


class ArmsRecipe(Recipe):
    """A block of arms: every student with every dataset, training and seed."""

    students: Annotated[tuple[Name, ...], Once] = Field(..., min_length=1, description="Students.")
    datasets: Annotated[tuple[Name, ...], Once] = Field(
        ..., description="Datasets; `base`, the student before training, is always added."
    )
    training: Name = Field(..., description="The training of all these arms.")
    seeds: Annotated[tuple[Seed, ...], Once] = Field((1,), min_length=1, description="Training seeds.")


class StudyRecipe(Recipe):
    """A study: arms, benchmarks, and the gaps to report."""

    title: str = Field(..., description="One line for the report.")
    arms: tuple[ArmsRecipe, ...] = Field(..., min_length=1, description="Blocks of arms.")
    benchmarks: Annotated[tuple[Name, ...], Once] = Field(
        ..., min_length=1, description="Corpora that are never trained on."
    )
    decoding: Name = Field(..., description="How students answer the benchmarks.")
    gaps: dict[Name | GapName, GapRecipe] = Field(
        {}, description="Name -> the two datasets compared. Each arm's gain over `base` is reported without a name."
    )
    contrasts: dict[Name | GapName, ContrastRecipe] = Field({}, description="Name -> a gap between gaps, or a slope.")
    weights: Literal["equal", "by_problem"] = Field(
        "equal",
        description="How benchmarks weigh in the means over several: all alike (the paper's P), or each by its "
        "problems, as if they were one benchmark.",
    )
    likelihoods: Annotated[tuple[Literal["solution", "answer"], ...], Once] = Field(
        (),
        description="Measured beside accuracy, in nats per token: how likely each arm finds the `solution` of a "
        "problem, and the gold `answer` after it (after the problem alone where there is no solution).",
    )
    references: Annotated[tuple[FilePath, ...], Once] = Field(
        (),
        description="Tables of published numbers beside which the report sets ours: CSV files such as those of "
        "`resources/reference/`, with the columns student, dataset, benchmarks (one, or several whose mean it is), "
        "points and source.",
    )
    question: str | None = Field(None, description="What the study asks, in a sentence; it stands above the figures.")
    expected: str | None = Field(None, description=EXPECTED)
    smallest_gap: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="The smallest difference in accuracy that matters, such as 0.02: an interval within it is `smaller "
        "than 2.0 points`, and a design that cannot see it says so before the run.",
    )
    power: PowerRecipe = Field(PowerRecipe(), description="What `snakemake power` assumes before the run.")
