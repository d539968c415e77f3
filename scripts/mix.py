"""Make a dataset: select one response per problem and teacher, pair the problems, mix at a fixed budget.

Inputs: a problems table; per teacher its responses and verdicts (all draws and shards), and its judgements where the
policy is `rule+judge`; what the curation of the recipe asks for (contamination, duplicates, loglikelihoods, draws of
the teacher whose pass rate counts); the agreement that stands for gold answers, where there is one; a dataset recipe.
Outputs: a train table, and `ledger.parquet` beside it that says for each teacher why a problem's response is not in it.

Run as: python scripts/mix.py --problems P.parquet --recipe JSON --output results/datasets/D/train.parquet \
            --inputs '{"responses": {"long": ["R0.parquet"]}, "verdicts": {"long": ["V0.parquet"]}}'
"""

from distill.config.recipes import DatasetRecipe
from distill.datasets.draws import MixInputs, read_draws
from distill.datasets.making import arguments, make
from distill.runtime.run import run

INPUTS = (
    'JSON: {"responses": {"teacher": [files in order]}, "verdicts": {...}, "judgements": {...}, '
    '"loglikelihoods": {...}, "contamination": file, "duplicates": file, "agreement": its manifest}'
)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, mix, write the table and its ledger."""
    args = arguments(__doc__.splitlines()[0], INPUTS, argv)
    recipe, inputs = DatasetRecipe.model_validate_json(args.recipe), MixInputs.read(args.inputs)
    make(__file__, args, recipe, inputs, lambda teacher: read_draws(inputs, teacher, recipe))


if __name__ == "__main__":
    run(main)
