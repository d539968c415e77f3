"""Fix the weights of a teacher or student: a local folder, a downloaded hub model, or the name of a served model.

Input: a model recipe. Output: the manifest of a model folder, which names the origin and the digest of its files.
Later programs read the files from there (a hub model's from the hub cache) and never use the network.

Run as: python scripts/fetch_model.py --recipe JSON --output results/models/base-xs/base/manifest.json
"""

import argparse
from pathlib import Path
from typing import Any

from distill.config.lineage import identity
from distill.config.recipes import ModelRecipe, canonical_json
from distill.models.finite import check_finite
from distill.models.hub import snapshot
from distill.models.trial import check_template, tokenizer_config
from distill.runtime.errors import InputError, first_line
from distill.runtime.files import file_digest, text_digest
from distill.runtime.record import Record
from distill.runtime.run import run

WEIGHT_FILES = ("*.safetensors",)
MODEL_FILES = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")


def check_folder(folder: Path, has_template: bool) -> None:
    """Check that a folder holds a model that can be run and talked to. Raises InputError that names what is missing."""
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder}: no config.json, so this is no model folder")
    if not any(any(folder.glob(pattern)) for pattern in WEIGHT_FILES):
        raise InputError(f"{folder}: no weights ({' or '.join(WEIGHT_FILES)})")
    if not has_template and not _folder_has_template(folder):
        raise InputError(f"{folder}: the model has no chat template; name one under `model.chat_template`")


def _folder_has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    return bool(tokenizer_config(folder).get("chat_template"))


def read_template(path: Path) -> str:
    """Return the text of a chat template's file. Raises InputError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: the chat template is no readable text in UTF-8 ({first_line(error)})") from None


def files_of(recipe: ModelRecipe) -> dict[str, Any]:
    """Find or download the files of a model; return where they are and their digests."""
    template = read_template(Path(recipe.chat_template)) if recipe.chat_template else None
    folder = snapshot("model", recipe.hub, str(recipe.revision), MODEL_FILES) if recipe.hub else Path(recipe.path or "")
    check_folder(folder, template is not None)
    check_template(folder, template)
    check_finite(folder)
    # The hub cache names its files by their digests; a local folder's are read.
    digest = (lambda path: path.resolve().name) if recipe.hub else file_digest
    return {
        "path": recipe.path,
        "hub": recipe.hub,
        "revision": recipe.revision,
        "chat_template": template,
        "dtype": recipe.dtype,
        "files": {p.name: digest(p) for p in sorted(folder.iterdir()) if p.is_file()},
    }


def main(argv: list[str] | None = None) -> None:
    """Parse the command line, find the model, write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)

    recipe = ModelRecipe.model_validate_json(args.recipe)
    record = Record(__file__, args.recipe, {}, args.output.parent, identity(args.output.parent))
    facts = {"served": recipe.served} if recipe.served else files_of(recipe)
    record.write({"kind": "base", "digest": text_digest(canonical_json(facts)), **facts})


if __name__ == "__main__":
    run(main)
