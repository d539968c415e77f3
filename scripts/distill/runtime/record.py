"""What lies beside every artefact: atomic writes, digests, `manifest.json`, `provenance.json`.

`manifest.json` holds content facts only (digest, counts, ledger): equal content, equal bytes. The next stage depends
on it, so an artefact that comes out the same re-makes nothing. `provenance.json` says how it came about and may
differ from run to run. The manifest is written last: where it stands, the artefact is whole.
"""

import datetime
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from distill.runtime import busy, execution
from distill.runtime.codehash import code_hash
from distill.runtime.files import file_digest, json_text, lock_folder, text_digest, write_json

# Libraries that can change a row; those not installed in a stage's environment are left out.
RECORDED = ("pyarrow", "math-verify", "latex2sympy2_extended", "datasets", "datasketch", "jinja2", "numpy",
            "tokenizers", "torch", "transformers", "trl", "peft", "accelerate", "vllm")  # fmt: skip


@dataclass
class Ledger:
    """Rows in, rows out, and a reason for each lost row; `check` fails when the sums disagree."""

    rows_in: int
    rows_out: int
    lost: dict[str, int] = field(default_factory=dict)

    def check(self, where: str) -> dict[str, Any]:
        """Return the ledger as plain data; raises RuntimeError (a bug of ours) when a row is unaccounted for."""
        if self.rows_in - self.rows_out != sum(self.lost.values()):
            raise RuntimeError(f"{where}: ledger does not add up: {self}")
        return {
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "lost": {r: n for r, n in sorted(self.lost.items()) if n},
        }


TIMED = ("train_log.parquet",)  # holds speeds, so no two are equal


class Record:
    """Collects a program's provenance while it runs and writes it with the manifest at the end.

    `script` is the program's file, `recipe` its JSON, `inputs` name -> file (a manifest stands for its artefact).
    `identity` is what the manifest says of itself, nothing where the folder is none of `results/`.
    `also` names modules loaded by name (an engine), which the code hash cannot see. From the start to the program's
    end it holds the lock of the output's `folder`.
    """

    def __init__(
        self,
        script: str,
        recipe: str,
        inputs: Mapping[str, Path | None],
        folder: Path,
        identity: Mapping[str, Any],
        also: tuple[str, ...] = (),
    ):
        self._folder, self._identity = folder, dict(identity)
        lock_folder(folder)
        execution.begin()
        self._start = time.monotonic()
        self.recipe: Any = json.loads(recipe)
        self._data: dict[str, Any] = {
            "program": Path(script).name,
            "code": code_hash(Path(script), also),
            "recipe": self.recipe,
            "inputs": {n: file_digest(p) for n, p in inputs.items() if p is not None},
            "paths": {n: str(p) for n, p in inputs.items() if p is not None},
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }

    @property
    def code(self) -> str:
        """Return the hash of the program's code."""
        return self._data["code"]

    def write(self, manifest: Mapping[str, Any], **facts: Any) -> None:
        """Write `provenance.json` (with further `facts`: seed, tokens, hardware), then `manifest.json`.

        The manifest states the sha256 of each table in the folder whose bytes follow from its inputs, so that readers
        notice one that was altered. The provenance states that of all files (`outputs`), and its own (`seal`).
        """
        seconds = round(time.monotonic() - self._start, 3)
        outputs = {name: file_digest(self._folder / name) for name in output_names(self._folder)}
        tables = {n: digest for n, digest in outputs.items() if n.endswith(".parquet") and n not in TIMED}
        stated = {"tables": tables} if tables else {}
        identity = {"identity": self._identity} if self._identity else {}
        content = {**manifest, **stated, **identity}
        outputs["manifest.json"] = text_digest(json_text(content))
        facts = {
            **facts,
            "seconds": seconds,
            **busy.reading(),
            **execution.reading(),
            "versions": versions(),
            "hardware": hardware(),
            "outputs": outputs,
        }
        provenance = {**self._data, **facts}
        write_json(self._folder / "provenance.json", {**provenance, "seal": seal(provenance)})
        write_json(self._folder / "manifest.json", content)


def output_names(folder: Path) -> list[str]:
    """Return the files of an artefact besides manifest and provenance, those of its weights/ and data/ too."""
    paths = [*folder.glob("*"), *folder.glob("weights/**/*"), *folder.glob("data/*")]
    names = (p.relative_to(folder).as_posix() for p in paths if p.is_file() and not p.name.startswith("."))
    return sorted(set(names) - {"manifest.json", "provenance.json"})


def seal(provenance: Mapping[str, Any]) -> str:
    """Return the digest of a provenance without its `seal`."""
    return text_digest(json_text({name: value for name, value in provenance.items() if name != "seal"}))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries that can change a row."""
    installed = {"python": platform.python_version()}
    for name in RECORDED:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def hardware() -> dict[str, Any]:
    """Return what this process ran on: processor, usable cores, and GPUs if torch is loaded."""
    facts: dict[str, Any] = {"processor": _processor(), "cores": len(os.sched_getaffinity(0))}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        facts["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch is not None:
        facts["threads"] = torch.get_num_threads()
    return facts


def _processor() -> str:
    """Return the processor's name where Linux tells it, else its kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    names = [line for line in lines if line.startswith("model name")]
    return names[0].split(":", 1)[1].strip() if names else platform.machine()
