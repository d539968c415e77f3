"""What all recipes share: frozen, unknown keys refused, one canonical text."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

# Names become folder names and wildcards, so they are plain: no dots, no slashes, no spaces.
NAME_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
LAYOUT = {"layout": True}
Dtype = Literal["auto", "float32", "bfloat16", "float16"]


class Recipe(BaseModel):
    """Base of all recipes: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def canonical(self) -> str:
        """Return the recipe as one JSON string with sorted keys, defaults filled in, `layout` keys left out."""
        return canonical_json(self.content())

    def content(self) -> dict[str, Any]:
        """Return the recipe as plain data without its `layout` keys."""
        return self.model_dump(mode="json", exclude=self._layout_keys())

    def layout(self) -> dict[str, Any]:
        """Return only the `layout` keys as plain data."""
        return self.model_dump(mode="json", include=self._layout_keys())

    @classmethod
    def _layout_keys(cls) -> set[str]:
        return {n for n, f in cls.model_fields.items() if f.json_schema_extra == LAYOUT}


def canonical_json(data: Any) -> str:
    """Return the one JSON text of `data`: sorted keys, no spaces, UTF-8 as it is.

    Snakemake compares parameters as an unordered set of texts; one canonical string per job makes it notice two
    swapped values and ignore the order of keys.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
