"""Asked against used: what jobs with a model asked a cluster for, and what they took of it.

Memory is read from the benchmark files of Snakemake beside the logs, and from the efficiency reports of the SLURM
plugin (`efficiency_report_*.csv`) where there are any; time, and how much of it a model was at work, from provenances.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from distill.analyses.cost import MODELS
from distill.config.catalogue import Catalogue
from distill.config.demands import demand_of
from distill.config.lineage import Place
from distill.forecast.estimates import OF_A_MODEL
from distill.forecast.measured import program_of, took
from distill.forecast.missing import Found, State

REPORTS = "efficiency_report_*.csv"


@dataclass
class Use:
    """Of a rule's finished jobs: megabytes and minutes asked for at the most and used at the most, and seconds.

    busy, alive: seconds that models were at work, and that their programs ran, where both are known.
    """

    jobs: int = 0
    asked_mb: float = 0
    used_mb: float = 0
    asked_minutes: float = 0
    used_minutes: float = 0
    busy: float = 0
    alive: float = 0


def uses(catalogue: Catalogue, stands: Mapping[Place, Found], logs: Path = Path("logs")) -> dict[str, Use]:
    """Return rule -> what its finished jobs asked for and used; rules with a model alone."""
    found: dict[str, Use] = {}
    for place, each in stands.items():
        rule = program_of(each.provenance)
        if each.state is State.MISSING or rule not in MODELS or not isinstance(place, OF_A_MODEL):
            continue
        use, demand = found.setdefault(rule, Use()), demand_of(catalogue, place)
        use.jobs += 1
        use.asked_mb, use.asked_minutes = max(use.asked_mb, demand.mem_mb), max(use.asked_minutes, demand.minutes)
        use.used_mb = max(use.used_mb, _resident(logs / rule / place.folder.split("/", 2)[2]))
        use.used_minutes = max(use.used_minutes, took(each.provenance) / 60)
        if "busy_seconds" in each.provenance:
            use.busy += each.provenance["busy_seconds"]
            use.alive += took(each.provenance)
    for rule, used, asked in _reported():
        if rule in found:
            found[rule].used_mb = max(found[rule].used_mb, used)
            found[rule].asked_mb = max(found[rule].asked_mb, asked)
    return found


def _resident(path: Path) -> float:
    """Return the largest memory of a job in MB by Snakemake's benchmark file, 0 where it says none."""
    try:
        with open(f"{path}.tsv", encoding="utf-8", newline="") as file:
            return max((float(row["max_rss"]) for row in csv.DictReader(file, delimiter="\t")), default=0)
    except (OSError, KeyError, ValueError, TypeError):
        return 0


def _reported() -> Iterator[tuple[str, float, float]]:
    """Yield rule, MB used and MB asked for of each job in efficiency reports; they name rules where sites allow it."""
    for path in sorted(Path().glob(REPORTS)):
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                try:
                    rule = (row.get("RuleName") or "").removeprefix("rule_").split("_wildcards_")[0]
                    yield rule, float(row["MaxRSS_MB"]), float(row["RequestedMem_MB"])
                except (KeyError, ValueError, TypeError):
                    continue
