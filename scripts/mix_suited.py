"""Make a dataset as mix.py does, of the draws that suit a student best before its training.

Inputs and outputs: those of mix.py, and the suitability of each teacher's responses, a table for each of their files.

Run as: python scripts/mix_suited.py --problems P.parquet --recipe JSON --output results/datasets/D/train.parquet \
            --inputs '{"responses": {"long": ["R0.parquet"]}, "verdicts": {"long": ["V0.parquet"]},
                       "suitability": {"long": ["S0.parquet"]}}'
"""

from distill.config.recipes import DatasetEntry
from distill.datasets.making import arguments, make
from distill.datasets.suited import SuitedInputs, read_suited
from distill.runtime.run import run


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, mix, write the table and its ledger."""
    args = arguments(__doc__.splitlines()[0], "JSON as of mix.py, with the key `suitability`", argv)
    entry, inputs = DatasetEntry.model_validate_json(args.recipe), SuitedInputs.read(args.inputs)
    recipe, choose = entry.unsuited(), entry.curation.choose
    make(__file__, args, recipe, inputs, lambda teacher: read_suited(inputs, teacher, recipe, choose))


if __name__ == "__main__":
    run(main)
