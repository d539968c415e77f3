"""Render the response browser: every answer of every arm to the benchmarks, to be filtered, searched and compared.

Inputs: problems, responses, verdicts, judgements where there is a judge, the agreement that stands for gold answers
where there is one, and the provenances of answers and models; the recipe says which, the folder is the one that the
workflow runs in. Outputs: index.html with its scripts and style, and data/, which the page loads piece by piece. It
works from a file, without a network.

Run as: python scripts/render_browser.py --assets scripts/distill/report/browser --recipe JSON \
            --output results/report/browser/index.html
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

from distill.config.lineage import identity
from distill.report.browsing import COUNTED, WORDS, script, write_group
from distill.report.groups import group_places, index, problems_of, read_paths
from distill.runtime.errors import InputError
from distill.runtime.files import file_digest, replacing_folder, write_text
from distill.runtime.record import Record
from distill.runtime.run import run

ASSETS = ("index.html", "browser.css", "data.js", "filter.js", "texts.js", "problem.js", "view.js", "temml.min.js",
          "temml.LICENSE")  # fmt: skip


def write_data(folder: Path, recipe: dict[str, Any]) -> list[dict[str, Any]]:
    """Write all scripts of data into a folder; return what was written of each group."""
    groups = group_places(recipe)
    if not groups:
        raise InputError("--recipe: no arm answers a benchmark; there is nothing to show")
    corpora = list(dict.fromkeys(group.benchmark for group in groups))
    places = {}
    for number, name in enumerate(corpora):
        problems = problems_of(name, name in recipe["agreed"])
        places[name] = {problem_id: place for place, problem_id in enumerate(problems["ids"])}
        write_text(folder / f"problems-{number}.js", script("problems", number, problems))
    written = [
        write_group(folder, number, group.answered, places[group.benchmark], recipe["policy"])
        for number, group in enumerate(groups)
    ]
    content = {**index(recipe, groups, written), "counted": COUNTED, "words": WORDS}
    write_text(folder / "index.js", script("index", 0, content))
    return written


def digest_of(folder: Path) -> str:
    """Return the digest of all files of a folder."""
    lines = [f"{path.name} {file_digest(path)}\n" for path in sorted(folder.iterdir())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, write page and data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True, help="folder of the page's own files")
    parser.add_argument("--recipe", required=True, help="JSON: studies, policy, judged, draws, shards, agreed")
    parser.add_argument("--output", type=Path, required=True, help="index.html; the others lie beside it")
    args = parser.parse_args(argv)

    folder = args.output.parent
    assets = [args.assets / name for name in ASSETS]
    paths = [*read_paths(json.loads(args.recipe)), *assets]
    record = Record(__file__, args.recipe, {str(path): path for path in paths}, folder, identity(folder))
    with replacing_folder(folder / "data") as data:
        written = write_data(data, record.recipe)
        digest = digest_of(data)
    for path in assets:
        write_text(folder / path.name, path.read_text(encoding="utf-8"))
    rows = sum(group["rows"] for group in written)
    record.write({"kind": "browser", "digest": digest, "groups": len(written), "rows": rows})


if __name__ == "__main__":
    run(main)
