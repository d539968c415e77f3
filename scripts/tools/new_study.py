"""Begin a study of one's own: copy the commented template under a name, and check the configuration with it.

The study goes to `config/studies/NAME.yaml`, what it names to `config/catalogue/NAME/`; no file is overwritten.

Run as: python scripts/tools/new_study.py NAME [--folder config]
"""

import argparse
import re
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from anywhere, also without PYTHONPATH

from distill.config.catalogue import KINDS
from distill.config.load import load
from distill.config.mistakes import LONGEST_NAME
from distill.config.origins import unusable_files
from distill.config.plan import Plan
from distill.config.recipes import NAME_PATTERN
from distill.runtime.errors import InputError
from distill.runtime.run import run

TEMPLATE = Path(__file__).resolve().parents[2] / "config/templates/study"
WORD = "my-first"  # stands for the name in the template
LONGEST_ENDING = "-teacher-hard"  # what the template adds to the name


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, copy, check, say what comes next."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="lower-case words with hyphens")
    parser.add_argument("--folder", type=Path, default=Path("config"), help="the folder of catalogue/ and studies/")
    args = parser.parse_args(argv)
    files = copy_template(args.name, args.folder)
    print(*(f"wrote {path}" for path in files), sep="\n")
    check(args.name, args.folder)
    print(
        f"The study {args.name} is right. What it would run:\n"
        f"  snakemake -n -q rules --config studies={args.name}\n"
        f"Run it, and find the page at results/report/index.html:\n"
        f"  snakemake --config studies={args.name}"
    )


def copy_template(name: str, folder: Path) -> list[Path]:
    """Write the files of a new study and return them.

    Raises InputError for what is no name of the catalogue, or too long, and where a file stands there already.
    """
    if not re.fullmatch(NAME_PATTERN, name) or len(name + LONGEST_ENDING) > LONGEST_NAME:
        most = LONGEST_NAME - len(LONGEST_ENDING)
        raise InputError(f"{name!r} is no name of a study; use lower-case words with hyphens, {most} characters in all")
    files = {folder / "studies" / f"{name}.yaml": TEMPLATE / "study.yaml"}
    files |= {folder / "catalogue" / name / f"{kind}.yaml": TEMPLATE / f"{kind}.yaml" for kind in KINDS}
    if there := [path for path in files if path.exists()]:
        raise InputError(f"{there[0]} stands there already; take another name, or edit it")
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template.read_text(encoding="utf-8").replace(WORD, name), encoding="utf-8")
    return list(files)


def check(name: str, folder: Path) -> None:
    """Raise InputError with a line per mistake of the configuration with a study, or per file that is not there."""
    settings = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    plan = Plan(load(folder, {**settings, "studies": [name], "folder": str(folder)}))
    if unusable := unusable_files(plan):
        raise InputError("\n".join(unusable))


if __name__ == "__main__":
    run(main)
