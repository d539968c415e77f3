"""Write `config/README.md` and `config/schema/*.json` from the recipes: every key, what it means, its default.

The page is for readers; the schemas are for editors, which complete and check a YAML file by the one in its first line.

Run as: python scripts/tools/document_config.py [--check]
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from distill.config import recipes
from distill.config.catalogue import KINDS, RESERVED, VARIANTS

CONFIG = Path(__file__).resolve().parents[2] / "config"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
INTRODUCTION = """# Configuration

Written by `make config-docs` from `scripts/distill/config/recipes/`; do not edit.

`config.yaml` names the studies to run. A study (`studies/*.yaml`) is a list of names and the gaps to report. The names
stand in the catalogue (`catalogue/*.yaml`), one file per kind, each entry `name: recipe`; folders there may hold more
files of the same names (those of `examples/` are not read). Names are lower-case words with hyphens; they become
folders under `results/`. A changed recipe re-makes what was made with it: give a new recipe a new name unless you want
that. Keys marked *execution* re-make nothing that exists. Unknown keys are refused, and every mistake is reported
before anything runs.

`snakemake -n` says what a change would re-make, and why. `snakemake --touch FILES` accepts results as they are after
a change you know to be harmless.
"""
ENTRIES = {kind: (model, *(recipe for _, recipe in VARIANTS.get(kind, []))) for kind, model in KINDS.items()}
FILES: dict[str, tuple[type[recipes.Recipe], ...]] = {
    "config.yaml": (recipes.Settings,),
    "studies/*.yaml": (recipes.StudyEntry,),
    **{f"catalogue/{kind}.yaml": models for kind, models in ENTRIES.items()},
}


def nested(annotation: Any) -> list[type[BaseModel]]:
    """Return the recipes inside a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in nested(part)]


def kind(annotation: Any) -> str:
    """Return a type in a reader's words."""
    if models := nested(annotation):
        return {"tuple": "list of ", "dict": "names of "}.get(getattr(get_origin(annotation), "__name__", ""), "") + (
            f"[{title(models[0])}](#{title(models[0]).replace(' ', '-')})"
        )
    if get_origin(annotation) is Literal:
        return " / ".join(f"`{a}`" for a in get_args(annotation))
    parts = [a for a in get_args(annotation) if a is not type(None) and a is not Ellipsis]
    name = getattr(get_origin(annotation) or annotation, "__name__", "")
    if name == "tuple":
        return f"list of {kind(parts[0])}"
    if name == "dict":
        return "mapping"
    if parts:
        return " or ".join(dict.fromkeys(kind(p) for p in parts if isinstance(p, type) or get_args(p)))
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true / false"}.get(name, name)


def title(model: type[BaseModel]) -> str:
    """Return a recipe's name in words: TrainingRecipe -> training."""
    name = model.__name__.removesuffix("Entry").removesuffix("Recipe")
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


def default(field: FieldInfo) -> str:
    """Return a default in YAML's words."""
    value = field.default
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ((), {}, "") or isinstance(value, BaseModel):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def section(model: type[BaseModel], heading: str) -> list[str]:
    """Return the lines of one recipe's section."""
    lines = [f"{heading} {title(model)}", "", *(model.__doc__ or "").strip().splitlines(), ""]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        execution = " *(execution)*" if field.json_schema_extra == recipes.EXECUTION else ""
        words = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{name}` | {kind(field.annotation)} | {default(field)} | {words}{execution} |")
    return [*lines, ""]


def document() -> str:
    """Return the text of config/README.md."""
    lines, done = [INTRODUCTION], {model for models in FILES.values() for model in models}
    todo: list[type[BaseModel]] = []
    for file, models in FILES.items():
        lines += [f"# `{file}`", "", *(line for model in models for line in section(model, "##"))]
        todo += [m for model in models for field in model.model_fields.values() for m in nested(field.annotation)]
    lines += ["# Parts of recipes", ""]
    while todo:
        model = todo.pop(0)
        if model not in done:
            done.add(model)
            lines += section(model, "##")
            todo += [m for field in model.model_fields.values() for m in nested(field.annotation)]
    return "\n".join(lines).rstrip() + "\n"


def catalogue_schema(kind: str, models: tuple[type[recipes.Recipe], ...]) -> dict[str, Any]:
    """Return the JSON schema of a catalogue file: names that may stand in a path, each with one of its recipes."""
    parts: dict[str, Any] = {}
    for model in models:
        recipe = model.model_json_schema()
        parts |= {**recipe.pop("$defs", {}), model.__name__: recipe}
    own = [{"$ref": f"#/$defs/{model.__name__}"} for model in models]
    names: dict[str, Any] = {"pattern": recipes.NAME_PATTERN}
    if kind in RESERVED:
        names["not"] = {"const": RESERVED[kind]}
    return {
        "$schema": DIALECT,
        "title": kind,
        "type": "object",
        "propertyNames": names,
        "additionalProperties": {"anyOf": own} if len(own) > 1 else own[0],
        "$defs": parts,
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Return file name -> JSON schema, for each kind of YAML file in `config/`."""
    whole = {"config": recipes.Settings, "study": recipes.StudyEntry}
    return {
        **{f"{name}.json": {"$schema": DIALECT, **model.model_json_schema()} for name, model in whole.items()},
        **{f"{kind}.json": catalogue_schema(kind, models) for kind, models in ENTRIES.items()},
    }


def texts() -> dict[Path, str]:
    """Return the text of every file that is written from the recipes, by its path in `config/`."""
    written = {Path("schema") / name: json.dumps(schema, indent=1) + "\n" for name, schema in schemas().items()}
    return {Path("README.md"): document(), **written}


def main(argv: list[str] | None = None) -> None:
    """Write the files, or with --check fail when one is not what the recipes say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(argv)
    for name, text in texts().items():
        path = CONFIG / name
        if not args.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path} is not what the recipes say; run `make config-docs`")


if __name__ == "__main__":
    main()
