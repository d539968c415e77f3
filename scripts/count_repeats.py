"""Count how often a model gave one problem the same response in several draws: whole draws that do share a seed.

Input: all shards of all draws of a model's responses to a corpus. Output: a manifest with the counts; it has no table.

Run as: python scripts/count_repeats.py --responses R0.parquet R1.parquet \
            --output results/repeats/C/teachers/T/D/manifest.json
"""

import argparse
from pathlib import Path

from distill.config.lineage import identity
from distill.responses.repeats import repeated_samples
from distill.runtime.record import Record
from distill.runtime.run import run


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, count, write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--responses", type=Path, nargs="+", required=True, help="all shards of all draws")
    parser.add_argument("--output", type=Path, required=True, help="the manifest")
    args = parser.parse_args(argv)

    files = {f"responses/{index}": path for index, path in enumerate(args.responses)}
    record = Record(__file__, "{}", files, args.output.parent, identity(args.output.parent))
    record.write({"kind": "repeats", **repeated_samples(args.responses)})


if __name__ == "__main__":
    run(main)
