"""What several tests share: paths, small tables, and recipes as the workflow writes them."""

import hashlib
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from distill import tables
from distill.config.recipes import canonical_json

REPOSITORY = Path(__file__).resolve().parent.parent
TOY = REPOSITORY / "resources/toy"
PROMPTS = REPOSITORY / "config/prompts"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# Real problems and solutions, read where they are; tests that want them are skipped elsewhere.
DATA = Path(os.environ.get("MIXDISTILL_DATA", REPOSITORY.parent / "shared/data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real problems in {DATA}")


def recipe(**keys: Any) -> str:
    """Return a recipe as a rule passes it."""
    return canonical_json(keys)


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def manifest(path: Path) -> dict[str, Any]:
    """Return the manifest beside a file."""
    return json.loads(path.with_name("manifest.json").read_text())


def problems_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write a problems table; keys that a row lacks are filled in."""
    filled = [{"problem": f"Say {r['answer']}.", "origin": "test", **r} for r in rows]
    tables.write(path, tables.build(filled, tables.PROBLEMS), tables.PROBLEMS)
    return path


def responses_table(path: Path, rows: list[dict[str, Any]], extra: Any = ()) -> Path:
    """Write a responses table; keys that a row lacks are filled in."""
    default = {"draw": 0, "finish_reason": "stop", "response": "", "prompt_tokens": 3, "response_tokens": 5, "seed": 1}
    tables.write(path, tables.build([{**default, **r} for r in rows], tables.RESPONSES, extra), tables.RESPONSES)
    return path


def verdicts_table(path: Path, words: dict[str, str], draw: int = 0) -> Path:
    """Write a verdicts table of one draw from problem_id -> verdict."""
    rows = [
        {"problem_id": i, "draw": draw, "verdict": w, "method": "text", "matcher": w, "lenient": w}
        for i, w in words.items()
    ]
    tables.write(path, tables.build(rows, tables.VERDICTS), tables.VERDICTS)
    return path


def base_model(folder: Path, source: Path = TOY / "base-xs", **keys: Any) -> Path:
    """Make a model folder of `results/models/` that stands for a local model."""
    import fetch_model

    fetch_model.main(["--recipe", recipe(path=str(source), **keys), "--output", str(folder / "manifest.json")])
    return folder


def z_score(one: int, other: int, count: int) -> float:
    """Return the z of the difference of two shares of `count` rows each."""
    share = (one + other) / (2 * count)
    return abs(one - other) / math.sqrt(2 * count * share * (1 - share))


def cached_repository(home: Path, kind: str, name: str, files: dict[str, Path]) -> None:
    """Lay a repository into a hub cache as a download does: blobs named by digest, links in a commit's snapshot."""
    root = home / "hub" / f"{kind}--{name.replace('/', '--')}"
    for file, source in files.items():
        blob = root / "blobs" / hashlib.sha256(source.read_bytes()).hexdigest()
        link = root / "snapshots" / COMMIT / file
        for path in (blob, link):
            path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, blob)
        link.symlink_to(blob)
