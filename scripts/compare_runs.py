"""Compare two runs: what differs in recipes, code, inputs, versions, in what came out, and in scores and contrasts.

Each is a folder that the workflow ran in, or its results/. Reads records and the items of scores; changes nothing.

Run as: python scripts/compare_runs.py ../last-month .
"""

import argparse
from pathlib import Path

from distill.audit.runs import runs
from distill.audit.runs_text import compared
from distill.runtime.run import run


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, print what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path, help="folder of a run")
    parser.add_argument("after", type=Path, nargs="?", default=Path(), help="folder of the other; this one if absent")
    args = parser.parse_args(argv)
    print(compared(runs(args.before, args.after)))


if __name__ == "__main__":
    run(main)
