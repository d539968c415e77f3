"""Saved states of a training: which one it goes on from."""

import json
import shutil
from pathlib import Path


def last_state(folder: Path) -> Path | None:
    """Return the last whole saved state in a folder and remove torn ones.

    The trainer writes `trainer_state.json` last, so a state without it (or with half of it) was cut short.
    """
    whole = []
    for path in folder.glob("checkpoint-*"):
        try:
            whole.append((json.loads((path / "trainer_state.json").read_text())["global_step"], path))
        except (OSError, ValueError, KeyError):
            shutil.rmtree(path)
    return max(whole)[1] if whole else None


def state_folder(root: Path, digest: str) -> Path:
    """Return the state folder of exactly this recipe, code and data; states of others are removed."""
    for other in root.glob("*"):
        if other.name != digest:
            shutil.rmtree(other)
    (root / digest).mkdir(parents=True, exist_ok=True)
    return root / digest
