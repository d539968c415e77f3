"""Render the report: the sections of all analyses as one page that works offline, tables and pictures beside it.

Inputs: section.json files, the folder of the contrasts' tables, the page's template, the studies and how their entries
are shown. Outputs: index.html, the contrasts' tables (those of CSV as Parquet, too; texts with labels for names), and
every section's picture. Prints the gap table. It knows no analysis by name.

Run as: python scripts/render_page.py --sections results/analyses/*/section.json --contrasts results/contrasts \
            --template scripts/distill/report/templates/report.html.j2 --recipe JSON --output results/report/index.html
"""

import argparse
from pathlib import Path

from distill.config.labels import Labels
from distill.config.lineage import identity
from distill.report.named import names_section, texts
from distill.report.page import render
from distill.report.tabled import parquet_of, write_table
from distill.runtime.errors import InputError
from distill.runtime.files import read_json, text_digest, write_text
from distill.runtime.record import Record
from distill.runtime.run import run

NAMES = "names"  # the section that no analysis makes
TABLES = ("scores.csv", "means.csv", "breakdowns.csv", "gaps.csv", "gaps.txt", "tables.tex")


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, write tables, pictures and the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sections", type=Path, nargs="+", required=True)
    parser.add_argument("--contrasts", type=Path, required=True, help="folder of scores.csv, gaps.csv and so on")
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument(
        "--recipe", required=True, help='JSON: {"studies": {"name": study}, "labels": ..., "students": ...}'
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    folder = args.output.parent
    paths = [*args.sections, *(args.contrasts / name for name in TABLES), args.template]
    record = Record(__file__, args.recipe, {str(path): path for path in paths}, folder, identity(folder))
    sections = {path.parent.name: read_json(path) for path in args.sections}
    if len(sections) < len(args.sections):
        raise InputError("--sections: an analysis is given twice")
    sections = dict(sorted(sections.items(), key=lambda item: (item[1]["order"], item[0])))
    studies, labels = dict(sorted(record.recipe["studies"].items())), Labels.read(record.recipe)
    tables = {name: (args.contrasts / name).read_text() for name in TABLES} | texts(args.contrasts, studies, labels)
    for name, text in tables.items():
        write_table(folder / name, text)
    for section in sections.values():
        if picture := section["picture"]:
            write_text(folder / f"{picture['name']}.svg", picture["svg"])
    title = " and ".join(study["title"] for study in studies.values())
    numbers = {name: len(study["benchmarks"]) for name, study in studies.items()}
    named = [f"study {name}: {number} benchmark{'s' if number > 1 else ''}" for name, number in numbers.items()]
    asked = [
        f"{word.capitalize()}: {study[word]}"
        for study in studies.values()
        for word in ("question", "expected")
        if study.get(word)
    ]
    benchmarks = {name for study in studies.values() for name in study["benchmarks"]}
    files = sorted([*TABLES, *(parquet_of(name) for name in TABLES if name.endswith(".csv"))])
    shown = sections | ({NAMES: names_section(labels)} if labels.of else {})
    page = render(title, named, shown, args.template.read_text(), asked, benchmarks, files, labels)
    write_text(args.output, page)
    # The page tells how long things took, so its own digest would differ from run to run.
    digests = {name: text_digest(text) for name, text in tables.items()}
    record.write({"kind": "report", "digest": digests, "sections": list(sections)})
    print(tables["gaps.txt"], end="")


if __name__ == "__main__":
    run(main)
