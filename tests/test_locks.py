"""The locks in envs/: they follow from what the environments ask for, PyPI has their files, and make installs them.

What needs PyPI is skipped where it cannot be reached.
"""

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from helpers import REPOSITORY

from tools.lock import LISTS, STAGES, UV, packages

ENVS = REPOSITORY / "envs"
# Of the versions that the demo has, vLLM wants these otherwise.
VLLMS_OWN = {"numpy", "pandas", "packaging", "setuptools"}
LOCKS = [*(ENVS / f"{name}.txt" for name in LISTS), *(ENVS / f"{name}.yaml" for name in STAGES)]


def listed(path: Path) -> dict[str, tuple[str, set[str]]]:
    """Return name -> version and hashes of a lock, of either kind."""
    lines = packages(path.read_text()) if path.suffix == ".txt" else pip_lines(path)
    found = {}
    for line in lines:
        if line.startswith("--extra-index-url"):
            continue
        name, version, hashes = re.fullmatch(r"(\S+)==(\S+)((?: --hash=sha256:[0-9a-f]{64})+)", line).groups()
        found[name] = version, set(re.findall(r"[0-9a-f]{64}", hashes))
    return found


def pip_lines(path: Path) -> list[str]:
    (pip,) = (d["pip"] for d in yaml.safe_load(path.read_text())["dependencies"] if isinstance(d, dict))
    return pip


def versions(path: Path) -> dict[str, str]:
    return {name: version for name, (version, _) in listed(path).items()}


def online(arguments: list[str], asked: str = "") -> str:
    """Run a program that asks PyPI; skip the test where it cannot."""
    if not shutil.which("uv"):
        pytest.skip("uv is not installed")
    done = subprocess.run(arguments, input=asked, capture_output=True, text=True, timeout=1800)
    if done.returncode and re.search("Failed to fetch|dns error|Could not connect|error sending request", done.stderr):
        pytest.skip(f"PyPI cannot be reached: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_locks_follow_from_what_the_environments_ask_for(tmp_path: Path) -> None:
    online([sys.executable, str(REPOSITORY / "scripts/tools/lock.py"), "--into", str(tmp_path / "envs")])
    names = {path.name for path in ENVS.iterdir()}
    assert {path.name for path in (tmp_path / "envs").iterdir()} == names, "every lock is one that lock.py writes"
    differ = [name for name in names if (ENVS / name).read_text() != (tmp_path / "envs" / name).read_text()]
    assert differ == [], "run `make lock`"


@pytest.mark.parametrize("path", LOCKS, ids=lambda p: p.name)
def test_pypi_has_every_file_that_is_locked(path: Path) -> None:
    of_cpu = versions(ENVS / "torch-cpu.txt")
    locked = {name: pin for name, pin in listed(path).items() if pin[0] != of_cpu.get(name)}
    pins = "".join(f"{name}=={version}\n" for name, (version, _) in locked.items())
    there = online([*UV, "--no-deps", "-"], pins)
    has = {line.split("==")[0]: set(re.findall(r"[0-9a-f]{64}", line)) for line in packages(there)}
    assert {name: hashes - has[name] for name, (_, hashes) in locked.items() if hashes - has[name]} == {}


def test_the_build_for_the_processor_is_that_of_the_version_for_gpus() -> None:
    of_cpu, of_gpu = versions(ENVS / "torch-cpu.txt"), versions(ENVS / "torch-cuda.txt")
    assert of_cpu == {"torch": f"{of_gpu['torch']}+cpu"}
    for name in STAGES:
        torch = versions(ENVS / f"{name}.yaml").get("torch")
        assert torch == (of_cpu if name.endswith("-cpu") else of_gpu if name.endswith("-cuda") else {}).get("torch")


@pytest.mark.parametrize("path", [p for p in LOCKS if p.stem != "demo"], ids=lambda p: p.name)
def test_all_are_pinned_to_the_demos_versions(path: Path) -> None:
    demo, own = versions(ENVS / "demo.txt"), versions(path)
    assert own
    other = {name for name, version in own.items() if name in demo and demo[name] != version}
    assert other <= (VLLMS_OWN if "vllm" in path.stem or path.stem == "image-cuda" else set())


def test_an_environment_for_conda_is_pinned_whole() -> None:
    for name in STAGES:
        dependencies = yaml.safe_load((ENVS / f"{name}.yaml").read_text())["dependencies"]
        assert [d.split("=")[0] for d in dependencies if isinstance(d, str)] == ["python", "pip"]
        assert all(re.fullmatch(r"\w+=\d+\.\d+\.\d+", d) for d in dependencies if isinstance(d, str))


def test_what_runs_here_are_the_demos_locks() -> None:
    wanted = {**versions(ENVS / "test.txt"), **versions(ENVS / "torch-cpu.txt")}
    assert {**wanted, **versions(ENVS / "demo.txt")} == wanted
    installed = {re.sub(r"[-_.]+", "-", d.name).lower(): d.version for d in metadata.distributions()}
    pinned = {name: installed.get(name) for name in wanted}
    assert pinned == wanted, "make demo installs envs/demo.txt; an older environment is renewed by make"


def steps(*arguments: str) -> list[str]:
    """Return the commands of make that install something, from nothing."""
    command = ["make", "--dry-run", "--always-make", "VENV=elsewhere", "VLLM=for-vllm", *arguments]
    said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return [line for line in said.replace("\\\n", " ").splitlines() if "pip install" in line]


@pytest.mark.parametrize(
    ("arguments", "lists"),
    [(["elsewhere/demo.done"], ["torch-cpu", "demo"]), (["elsewhere/demo.done", "TORCH=cuda"], ["torch-cuda", "demo"]),
     (["elsewhere/test.done"], ["torch-cpu", "demo", "test"]), (["for-vllm/done"], ["torch-cpu", "vllm-test"])],
)  # fmt: skip
def test_make_installs_by_hashes_alone(arguments: list[str], lists: list[str]) -> None:
    commands = [part for line in steps(*arguments) for part in re.split(r"\|\||&&|;", line) if "install" in part]
    assert all("--require-hashes" in command for command in commands)
    assert all(len(re.findall(r"-r \S+", command)) == 1 for command in commands)
    named = [re.search(r"-r envs/(\S+)\.txt", command)[1] for command in commands]
    assert list(dict.fromkeys(named)) == lists
