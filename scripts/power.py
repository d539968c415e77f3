"""Say how large each contrast of the chosen studies must be for the design to see it, and what would show less.

Reads `config/`, how many problems the benchmarks have, and results/contrasts/gaps.csv if it is there: without it the
figures are those that a study assumes (`power`), with it those that were seen. Makes nothing and changes nothing.

Run as: python scripts/power.py --settings '{"studies": ["toy"]}' --folder config
"""

import argparse
from pathlib import Path

from distill.config.lineage import Contrasts
from distill.config.load import chosen_settings, load
from distill.runtime.run import run
from distill.scores.csvs import read_csv
from distill.scores.power import outlook_text, studies_outlooks

LEGEND = (
    "Seen from: the difference in accuracy that 80 % of such studies would find at 5 %. Assumed figures take the arms "
    "to find the same problems hard: with several seeds or samples it is a lower bound. SD: of a training, in points.",
    "It would take: each by itself, with the same figures; `snakemake plan` says what that costs.",
)


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("config"), help="of the configuration")
    parser.add_argument("--settings", help="JSON in place of the content of config.yaml")
    args = parser.parse_args(argv)
    catalogue = load(args.folder, chosen_settings(args.folder, args.settings))
    gaps = Path(Contrasts().file("gaps.csv"))
    rows = read_csv(gaps) if gaps.is_file() else []
    print(outlook_text(studies_outlooks(catalogue, rows)), *LEGEND, sep="\n")


if __name__ == "__main__":
    run(main)
