"""What all recipes share: frozen, unknown keys refused, one canonical text."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

# Names become folder names and wildcards, so they are plain: no dots, no slashes, no spaces.
NAME_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
EXECUTION = {"execution": True}
Dtype = Literal["auto", "float32", "bfloat16", "float16"]


class Recipe(BaseModel):
    """Base of all recipes: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    def canonical(self) -> str:
        """Return the recipe as one JSON string with sorted keys, defaults filled in, `execution` keys left out."""
        return canonical_json(self.content())

    def content(self) -> dict[str, Any]:
        """Return the recipe as plain data without its `execution` keys, at any depth."""
        return self._parts()[0]

    def execution(self) -> dict[str, Any]:
        """Return only the `execution` keys as plain data, in the recipe's own nesting."""
        return self._parts()[1]

    @classmethod
    def parse(cls, text: str, execution: str = "{}") -> Self:
        """Put a recipe together again from its canonical text and the JSON of its `execution` keys."""
        return cls.model_validate(_merged(json.loads(text), json.loads(execution)))

    def _parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        content, execution = self.model_dump(mode="json"), {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if field.json_schema_extra == EXECUTION:
                execution[name] = content.pop(name)
            elif isinstance(value, Recipe):
                content[name], inner = value._parts()
                execution |= {name: inner} if inner else {}
        return content, execution


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {k: _merged(one[k], other[k]) for k in one.keys() & other.keys() if isinstance(one[k], dict)}
    return {**one, **other, **both}


def canonical_json(data: Any) -> str:
    """Return the one JSON text of `data`: sorted keys, no spaces, UTF-8 as it is.

    Snakemake compares parameters as an unordered set of texts; one canonical string per job makes it notice two
    swapped values and ignore the order of keys.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
