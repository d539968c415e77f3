"""How large models are: their parameters, as far as their files, their recipe or their name tell them."""

import json
import re
from pathlib import Path

from distill.config.catalogue import Catalogue
from distill.config.recipes import ModelRecipe

MILLION, BILLION = 1e6, 1e9
_SIZE = re.compile(r"(?:(\d+)x)?(?<![\d.])(\d+(?:[.p]\d+)?)([bm])(?![a-z])", re.IGNORECASE)  # 7B, 1.5b, 8x7B, 135M


def base_model(catalogue: Catalogue, name: str) -> ModelRecipe:
    """Return the model recipe of a student or teacher (those of one name share it).

    Raises ValueError for a teacher that has published its responses: it has none.
    """
    model = (catalogue.students.get(name) or catalogue.teachers[name]).model
    if model is None:
        raise ValueError(f"{name} has published its responses; it has no weights")
    return model


def known_parameters(catalogue: Catalogue, name: str) -> float | None:
    """Return the parameters of a student or teacher: by its files' size, else by its name (`7B`), else None."""
    recipe = base_model(catalogue, name)
    if recipe.path is not None:
        return _parameters_of_files(Path(recipe.path))
    if (made := recipe.scratch) is not None:
        # Embeddings, and per layer four square projections and a gated feed-forward of three.
        layer = made.hidden_size * (4 * made.heads * made.head_dim + 3 * made.ffn_size)
        return made.vocabulary * made.hidden_size + made.layers * layer
    sizes = _SIZE.findall(recipe.hub or recipe.served or "")
    units = {"b": BILLION, "m": MILLION}
    told = (float(n.lower().replace("p", ".")) * int(times or 1) * units[unit.lower()] for times, n, unit in sizes)
    return max(told, default=None)


def _parameters_of_files(folder: Path) -> float | None:
    """Return a local model's parameters by the size of its weights and the precision that they are saved in."""
    size = sum(path.stat().st_size for end in ("safetensors", "bin") for path in folder.glob(f"*.{end}"))
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        wide = "float32" in (config.get("dtype"), config.get("torch_dtype"))
    except (OSError, ValueError, AttributeError):
        wide = False
    return size / (4 if wide else 2) if size else None
