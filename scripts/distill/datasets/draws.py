"""What a dataset is made from: its files, the draws of each teacher, the problems left out, the chosen responses."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from pydantic import Field

from distill import tables
from distill.config.inputs import Inputs
from distill.config.recipes import CurationRecipe, DatasetRecipe
from distill.datasets import curation
from distill.datasets.mixing import Draw
from distill.runtime.errors import InputError
from distill.tables import graded
from distill.tables.words import FinishReason, Outcome

Teachers = dict[str, tuple[Path, ...]]


class MixInputs(Inputs):
    """The files of a dataset: teacher -> all shards of all draws, in one order for every table.

    agreement: the manifest of the one that stands for gold answers.
    """

    responses: Teachers
    verdicts: Teachers
    judgements: Teachers = Field({})
    loglikelihoods: Teachers = Field({})
    contamination: Path | None = None
    duplicates: Path | None = None
    agreement: Path | None = None

    def check(self, recipe: DatasetRecipe) -> None:
        """Raise InputError unless every file that the recipe needs is named, and no table of problems besides."""
        curation_recipe = recipe.curation
        teachers = [*recipe.teachers, *([curation_recipe.pass_rate.teacher] if curation_recipe.pass_rate else [])]
        for kind in ("responses", "verdicts", *(["loglikelihoods"] if curation_recipe.student else [])):
            needed = recipe.teachers if kind == "loglikelihoods" else teachers
            if missing := [teacher for teacher in needed if not getattr(self, kind).get(teacher)]:
                raise InputError(f"--inputs: {kind} must name files of {missing[0]}")
        wanted_by_kind = {"contamination": curation_recipe.decontaminate, "duplicates": curation_recipe.deduplicate}
        for kind, wanted in wanted_by_kind.items():
            if wanted != (getattr(self, kind) is not None):
                raise InputError(f"--inputs: {kind} {'is missing' if wanted else 'is not what the recipe asks for'}")

    def join(self, teacher: str, columns: Sequence[str] = ()) -> Iterator[graded.GradedResponse]:
        """Yield one teacher's graded responses, with log-likelihoods where there are some; errors as `graded.join`."""
        kinds = (self.responses, self.verdicts, self.judgements, self.loglikelihoods)
        return graded.join(*(files.get(teacher, ()) for files in kinds), columns=columns)


def read_draws(inputs: MixInputs, teacher: str, recipe: DatasetRecipe) -> Iterator[Draw]:
    """Yield the draws of one teacher as selection sees them, file by file, without holding their texts.

    Raises InputError as `graded.join`, and when lengths are bounded or budgeted in tokens that are unknown.
    """
    curation_recipe = recipe.curation
    for response in inputs.join(teacher, measured_columns(recipe)):
        sample = sample_of(response, curation_recipe)
        failed = response.finish_reason == FinishReason.ERROR
        try:
            rejection = None if failed else curation.rejection(sample, curation_recipe)
        except ValueError as error:
            raise InputError(f"{response.file}: {error}") from None
        if recipe.unit == "tokens" and not failed and sample.tokens is None:
            raise InputError(f"{response.file}: no token counts (published responses have none); give budget and "
                             "`share_of` in `characters` instead")  # fmt: skip
        preference = curation.preference(sample, curation_recipe, recipe.seed)
        sizes = sample.tokens, sample.characters
        yield Draw(response.problem_id, response.draw, response.outcome, rejection, preference, *sizes)


def measured_columns(recipe: DatasetRecipe) -> list[str]:
    """Return the columns of the responses that are looked at; texts are read only where needed."""
    asked = recipe.curation
    lengths = asked.length is not None or asked.choose in ("shortest", "longest") or recipe.unit == "characters"
    texts = lengths or asked.max_repetition is not None
    return ["response_tokens", *(["response"] * texts)]


def sample_of(response: graded.GradedResponse, recipe: CurationRecipe) -> curation.Sample:
    """Return what a response shows of itself, as far as the recipe asks."""
    text = response.response or ""
    return curation.Sample(
        response.problem_id,
        response.draw,
        response.response_tokens,
        len(text),
        0.0 if recipe.max_repetition is None else curation.repetition(text),
        curation.perplexity(response.loglikelihood, response.loglikelihood_tokens),
    )


def read_excluded_problems(problem_ids: list[str], inputs: MixInputs, recipe: CurationRecipe) -> dict[str, str]:
    """Return problem_id -> reason of the problems that curation leaves out, whatever the responses to them."""
    contaminated = _ids(inputs.contamination, tables.CONTAMINATION)
    duplicates = _ids(inputs.duplicates, tables.DUPLICATES)
    rates = read_pass_rates(inputs, recipe.pass_rate.teacher) if recipe.pass_rate else None
    return curation.excluded_problems(problem_ids, contaminated, duplicates, rates, recipe)


def read_pass_rates(inputs: MixInputs, teacher: str) -> dict[str, float]:
    """Return problem_id -> share of a teacher's draws that are correct; failed requests are no draws."""
    outcomes = ((response.problem_id, response.outcome) for response in inputs.join(teacher))
    return curation.pass_rates(
        (problem_id, outcome is Outcome.CORRECT)
        for problem_id, outcome in outcomes
        if outcome is not Outcome.NOT_GENERATED
    )


def read_texts(responses: Sequence[Path], chosen: Mapping[str, int]) -> dict[str, str]:
    """Return problem_id -> response of the chosen draws (problem_id -> draw), reading a piece of a file at a time."""
    texts: dict[str, str] = {}
    for path in responses:
        for batch in tables.stream(path, tables.RESPONSES, ["problem_id", "draw", "response"]):
            keys = zip(batch["problem_id"].to_pylist(), batch["draw"].to_pylist(), strict=True)
            wanted = [n for n, (problem_id, draw) in enumerate(keys) if chosen.get(problem_id) == draw]
            rows = batch.take(pa.array(wanted, pa.int64())).to_pylist()
            texts.update((row["problem_id"], row["response"]) for row in rows)
    return texts


def _ids(path: Path | None, contract: tables.Contract) -> list[str]:
    return tables.read(path, contract, ["problem_id"])["problem_id"].to_pylist() if path else []
