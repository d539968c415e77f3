"""Cost: how long the programs of each stage ran, and with which libraries."""

from collections import Counter, defaultdict

from distill.analyses.section import Inputs, Section
from distill.runtime.files import read_json

NEEDS = ("scores", "models", "provenance")  # made again when there are others
ORDER = 130


def analyse(inputs: Inputs) -> Section:
    """Return the section on cost, from the provenance of all artefacts."""
    jobs: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    versions: dict[str, set[str]] = defaultdict(set)
    for facts in map(read_json, inputs["provenance"]):
        program = facts["program"].removesuffix(".py")
        jobs[program] += 1
        seconds[program] += facts["seconds"]
        for name, version in facts["versions"].items():
            versions[name].add(version)
    rows = [{"program": name, "jobs": n, "seconds": round(seconds[name])} for name, n in jobs.items()]
    used = ", ".join(f"{name} {' / '.join(sorted(numbers))}" for name, numbers in sorted(versions.items()))
    return Section("Cost and versions", (f"Made with {used}.",), rows)
