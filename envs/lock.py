"""Write the pins of all environments from what is installed here: `make lock` after upgrading something on purpose.

Each environment is the closure of a few packages. `demo.txt` holds them all for one machine, `test.txt` adds the
tools of `make test`, and a stage's `<stage>.yaml` is what `snakemake --sdm conda` builds for its jobs.
"""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

TABLES = ("pyarrow", "pydantic", "jinja2", "tqdm")
REQUESTS = ("httpx2", "tenacity")
MODELS = (*TABLES, "torch", "transformers", "tokenizers", "safetensors", "peft")
STAGES = {
    "data": (*TABLES, *REQUESTS, "datasets", "huggingface_hub", "math-verify", "pebble", "numpy"),
    "generate": (*MODELS, *REQUESTS),
    "train": (*MODELS, "trl", "accelerate", "datasets"),
    "report": (*TABLES, "numpy", "matplotlib"),
}
WORKFLOW = ("snakemake", "rich", "pyyaml")
CHECKS = ("pytest", "pytest-xdist", "hypothesis", "ruff", "snakefmt")
PYTHON = "3.11"


def closure(names: tuple[str, ...]) -> dict[str, str]:
    """Return name -> installed version of the packages and all they require."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    todo = [Requirement(name) for name in names]
    while todo:
        wanted = todo.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if f"{name}{sorted(wanted.extras)}" in seen:
            continue
        seen.add(f"{name}{sorted(wanted.extras)}")
        distribution = metadata.distribution(wanted.name)
        found[name] = distribution.version.split("+")[0]
        for line in distribution.requires or []:
            further = Requirement(line)
            extras = [*wanted.extras, ""]
            if further.marker is None or any(further.marker.evaluate({"extra": e}) for e in extras):
                todo.append(further)
    return dict(sorted(found.items()))


def main() -> None:
    """Write demo.txt, test.txt and one conda file per stage beside this program."""
    folder = Path(__file__).parent
    everything = closure((*WORKFLOW, *(name for stage in STAGES.values() for name in stage)))
    checks = {n: v for n, v in closure(CHECKS).items() if n not in everything}
    for name, pins in (("demo", everything), ("test", checks)):
        lines = [f"{n}=={v}" for n, v in pins.items()]
        (folder / f"{name}.txt").write_text("\n".join(["# Written by lock.py.", *lines]) + "\n")
    for stage, names in STAGES.items():
        pins = [f"      - {n}=={v}" for n, v in closure(names).items()]
        head = ["# Written by lock.py.", "channels: [conda-forge, nodefaults]", "dependencies:"]
        lines = [*head, f"  - python={PYTHON}", "  - pip", "  - pip:", *pins]
        (folder / f"{stage}.yaml").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
