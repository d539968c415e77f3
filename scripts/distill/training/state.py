"""Saved states of a training: which one it goes on from."""

import json
import logging
import shutil
import zipfile
import zlib
from pathlib import Path


def last_state(folder: Path) -> Path | None:
    """Return the last whole saved state in a folder and remove torn ones.

    The trainer writes `trainer_state.json` last, so a state without it (or with half of it) was cut short. A machine
    that went down may have lost what was written before it, too.
    """
    whole = []
    for path in folder.glob("checkpoint-*"):
        try:
            update = json.loads((path / "trainer_state.json").read_bytes())["global_step"]
            if path.name != f"checkpoint-{update}":
                raise ValueError(f"its trainer_state.json is that of update {update}")
            for file in path.rglob("*"):
                _check(file)
            whole.append((update, path))
        except (OSError, ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
            logging.info("%s: not whole (%s); it is removed", path, error)
            shutil.rmtree(path)
    return max(whole)[1] if whole else None


def _check(file: Path) -> None:
    """Raise ValueError, or what the zip format raises, for a file of weights or of an optimiser that was cut short."""
    if file.suffix == ".safetensors":  # its length, then a header that says where tensors end, then these
        with open(file, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, file.stat().st_size)))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        if file.stat().st_size != 8 + length + max(ends, default=0):
            raise ValueError(f"{file.name} was cut short")
    elif file.suffix in (".pt", ".pth", ".bin"):
        with zipfile.ZipFile(file) as archive:
            if name := archive.testzip():
                raise ValueError(f"{file.name} was altered ({name})")


def state_folder(root: Path, digest: str) -> Path:
    """Return the state folder of exactly this recipe, code and data; states of others are removed."""
    for other in root.glob("*"):
        if other.name != digest:
            shutil.rmtree(other)
    (root / digest).mkdir(parents=True, exist_ok=True)
    return root / digest
