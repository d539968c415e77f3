"""Make one analysis: a table and a section of the report. The module `distill.analyses.NAME` does the work.

Inputs: the files that the module needs, by kind; how entries of the catalogue are shown. Outputs: section.json, and its
table as table.csv beside it.

Run as: python scripts/analyse.py --analysis parity --inputs '{"models": [...], "rendered": [...]}' \
            --output results/analyses/parity/section.json
"""

import argparse
from pathlib import Path
from typing import Any

from distill.analyses import is_labelled, load
from distill.config.inputs import Inputs
from distill.config.labels import Labels
from distill.config.lineage import identity
from distill.runtime.errors import InputError
from distill.runtime.files import text_digest, write_json, write_text
from distill.runtime.record import Record
from distill.runtime.run import run
from distill.scores.csvs import csv_text


class AnalysisInputs(Inputs):
    """Kind -> files; the module says which kinds it needs."""

    files_of: dict[str, tuple[Path, ...]]

    @classmethod
    def nested(cls, data: Any) -> Any:
        """Return kinds and files as the value of the one field."""
        return {"files_of": data}


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, analyse, write table and section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--analysis", required=True, help="name of a module in distill.analyses")
    parser.add_argument("--inputs", required=True, help='JSON: {"kind": [files]}')
    parser.add_argument(
        "--recipe",
        default="{}",
        help="JSON: {labels: kind -> name -> label, students: by size, arms: [[dataset, training]], teachers: sizes}",
    )
    parser.add_argument("--output", type=Path, required=True, help="section.json")
    args = parser.parse_args(argv)

    module, folder = load(args.analysis), args.output.parent
    inputs = AnalysisInputs.read(args.inputs)
    if missing := [kind for kind in module.NEEDS if kind not in inputs.files_of]:
        raise InputError(f"--inputs: the analysis {args.analysis} needs files of {missing[0]}")
    record = Record(__file__, args.recipe, inputs.files(), folder, identity(folder), also=(module.__name__,))
    said = (Labels.read(record.recipe),) if is_labelled(args.analysis) else ()
    section = module.analyse(inputs.files_of, *said)
    table = csv_text(section.rows, section.columns)
    write_text(folder / "table.csv", table)
    content = {"order": module.ORDER, **section.content()}
    write_json(args.output, content)
    digests = {"table.csv": text_digest(table), args.output.name: text_digest(args.output.read_text())}
    record.write({"kind": "analysis", "digest": digests, "rows": len(section.rows)})


if __name__ == "__main__":
    run(main)
