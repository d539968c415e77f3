"""Say what is still missing of the chosen studies and what it will take; what finished jobs took; what a budget shows.

Reads `config/`, the records under `results/`, `logs/`, and efficiency reports of SLURM. Per rule: jobs, starts of
engines, hours, GPU hours, tokens, disk and price, each as a range, and the wall time under the caps. Makes nothing and
changes nothing.

Run as: python scripts/plan.py --settings '{"studies": ["toy"]}' --folder config --cores 2
"""

import argparse
import os
from pathlib import Path

from distill.config.catalogue import Catalogue
from distill.config.lineage import Contrasts
from distill.config.load import chosen_settings, load
from distill.config.plan import Plan
from distill.forecast.budget import offers
from distill.forecast.forecast import Forecast, forecast
from distill.forecast.text import LEGEND, offers_text, plan_text, taken_text, used_text
from distill.forecast.used import uses
from distill.forecast.walls import Site
from distill.runtime.codehash import code_hashes
from distill.runtime.errors import InputError
from distill.runtime.run import run
from distill.scores.csvs import read_csv
from distill.scores.power import studies_outlooks

SCRIPTS = Path(__file__).resolve().parent


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("config"), help="of the configuration")
    parser.add_argument("--settings", help="JSON in place of the content of config.yaml")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="at once on this machine")
    parser.add_argument("--gpus", type=int, default=0, help="at once; 0 is none")
    parser.add_argument("--jobs", type=int, default=0, help="at once on a cluster; 0 is this machine")
    args = parser.parse_args(argv)
    for name in ("cores", "gpus", "jobs"):
        if getattr(args, name) < (name == "cores"):
            parser.error(f"--{name}: expected {int(name == 'cores')} or more")

    catalogue = load(args.folder, chosen_settings(args.folder, args.settings))
    print(told(catalogue, args.cores, args.gpus, args.jobs))


def told(catalogue: Catalogue, cores: int, gpus: int = 0, jobs: int = 0) -> str:
    """Return all that is said of the chosen studies; the caps are those of the command line."""
    site = Site.of(catalogue.settings.prices.gpu_hour, cores, gpus, jobs)
    found = forecast(Plan(catalogue), code_hashes(SCRIPTS), site)
    sections = {
        "Still missing": plan_text(found),
        "Finished: planned against taken": taken_text(found),
        "Finished: asked of a cluster against used": used_text(uses(catalogue, found.stands)),
        "Contrasts, those first that see the least against what matters": _contrasts(found),
    }
    return "\n".join([*(f"{title}\n{text}\n" for title, text in sections.items() if text), *LEGEND])


def _contrasts(found: Forecast) -> str:
    """Return the table of contrasts, or why there is none."""
    catalogue, gaps = found.plan.catalogue, Path(Contrasts().file("gaps.csv"))
    try:
        outlooks = studies_outlooks(catalogue, read_csv(gaps) if gaps.is_file() else [])
    except InputError as error:
        return str(error)
    budget = catalogue.settings.budget
    return offers_text(offers(found, outlooks, budget), found.unit, budget)


if __name__ == "__main__":
    run(main)
