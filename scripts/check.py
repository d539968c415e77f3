"""Check every artefact of the chosen studies: is it there, unaltered, and what configuration and code would give now?

Reads `config/`, `results/` and the code, makes nothing and changes nothing. Prints a line for each artefact that is
missing, altered or out of date (recipe, code or input), and one for each folder that no chosen study has; exit code 1
when anything is wrong. Snakemake's own records (`.snakemake/`) are not asked.

Run as: python scripts/check.py --settings '{"studies": ["toy"]}' --folder config
"""

import argparse
import os
import sys
from pathlib import Path

from distill.audit.findings import Audit
from distill.config.load import chosen_settings, load
from distill.config.plan import Plan
from distill.runtime.run import run


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, check, print; exit with 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("config"), help="of the configuration")
    parser.add_argument("--settings", help="JSON in place of the content of config.yaml")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args(argv)
    if args.threads < 1:
        parser.error("--threads: expected 1 or more")

    settings = chosen_settings(args.folder, args.settings)
    audit = Audit(Plan(load(args.folder, settings)), Path(__file__).resolve().parent)
    findings = audit.findings(args.threads)
    for folder in audit.orphans():
        print(f"{folder}: not of the chosen studies")
    for finding in findings:
        print(f"{finding.folder}: {finding.word}: {finding.detail}")
    wrong = {finding.folder for finding in findings}
    print(f"{len(audit.places)} artefacts checked: {len(audit.places) - len(wrong)} well, {len(wrong)} not")
    if wrong:
        print("delete what is altered and run the workflow again; it makes what is missing or out of date")
        sys.exit(1)


if __name__ == "__main__":
    run(main)
