"""Publish datasets, models and scores of the chosen studies with cards: to a folder, or to the Hugging Face hub.

Reads `config/` and `results/`, and changes neither. Nothing is published where results are missing or altered, or where
a licence forbids it.

Run as: python scripts/publish.py --settings '{"studies": ["toy"], "publish": {"to": "published"}}' --folder config
"""

import argparse
from pathlib import Path

from distill.config.load import chosen_settings, load
from distill.config.plan import Plan
from distill.config.recipes.publishing import HUB
from distill.publishing import folders, hub
from distill.publishing.contents import artefacts, check
from distill.runtime.errors import InputError
from distill.runtime.run import run


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, check, publish, say what went where."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("config"), help="of the configuration")
    parser.add_argument("--settings", help="JSON in place of the content of config.yaml")
    args = parser.parse_args(argv)
    plan = Plan(load(args.folder, chosen_settings(args.folder, args.settings)))
    recipe = plan.catalogue.settings.publish
    if recipe is None:
        raise InputError("publish: say where to: --config publish='{to: FOLDER}' or '{to: hub, owner: NAME}'")
    check(plan, Path(__file__).resolve().parent)
    found = artefacts(plan, recipe)
    if recipe.to == HUB and recipe.owner:
        print(*hub.upload(recipe.owner, recipe.private, found), sep="\n")
    else:
        written = folders.write(Path(recipe.to), found)
        print(f"{recipe.to}: {len(found)} artefacts {'published' if written else 'stand there already'}")


if __name__ == "__main__":
    run(main)
