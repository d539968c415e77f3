"""A study as it stands in its file: with what it asks for that no score depends on."""

from pydantic import Field

from distill.config.recipes.base import EXECUTION
from distill.config.recipes.studies import StudyRecipe


# Apart from the recipe that programs parse, as the entries of the catalogue: it changes no program's code hash.
class StudyEntry(StudyRecipe):
    """A study: arms, benchmarks, and the gaps to report."""

    suitability: bool = Field(
        False,
        description="Rate how well the responses of each dataset's teachers suit its students before training: "
        "perplexity, rank-surprisal ratio, local naturalness, overlap. The report has them with the ranks that they "
        "give and, after the trainings, whether these go with the gains.",
        json_schema_extra=EXECUTION,
    )
