"""What all recipes share: frozen, unknown keys refused, one canonical text."""

import json
import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

# Names become folder names and wildcards, so they are plain: no dots, no slashes, no spaces.
NAME_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
# Words that stand in paths of results beside names.
RESERVED_NAMES = {"agreement", "base", "golds", "kept", "published", "repeats", "state", "statements", "students",
                  "teachers"}  # fmt: skip
RESERVED_PATTERN = re.compile(r"(seed|draw)-\d+|\d+-of-\d+")
Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=64)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1, lt=2**31)]
EXECUTION = {"execution": True}
MAY_BE_EMPTY = {"replacement", "response_prefix"}
MOVING = {"main", "master", "head", "latest", "trunk", "dev", "develop"}
Dtype = Literal["auto", "float32", "bfloat16", "float16"]


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if twice := [value for i, value in enumerate(values) if value in values[:i]]:
        raise ValueError(f"{twice[0]!r} stands twice")
    return values


Once = AfterValidator(_once)


def _fixed(revision: str | None) -> str | None:
    if revision is not None and (revision.lower() in MOVING or "/" in revision):
        raise ValueError(f"{revision!r} moves; give the commit, so that what is read cannot change under you")
    return revision


Revision = Annotated[str | None, AfterValidator(_fixed)]


def _hub_id(name: str | None) -> str | None:
    part = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
    if name is not None and (not re.fullmatch(f"{part}(/{part})?", name) or ".." in name or "--" in name):
        raise ValueError("no id of the hub, such as `openai/gsm8k`")
    return name


HubId = Annotated[str | None, AfterValidator(_hub_id)]


def namable(path: str | None) -> str | None:
    """Return a path that a rule can name. Raises ValueError for one with signs that Snakemake takes for its own."""
    if path is not None and (not path.strip() or re.search("[{}\x00-\x1f\x7f\ud800-\udfff]", path)):
        raise ValueError(f"{path!r} is no path that a rule can name: no braces, no control signs")
    return path


FilePath = Annotated[str, AfterValidator(namable)]


def plain_word(word: str) -> str:
    """Return a word as it is compared: in small letters, with `_` for space and hyphen."""
    return re.sub(r"[ -]", "_", word.strip().lower())


def _plain_words(words: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for word, meaning in words.items():
        if plain.setdefault(plain_word(word), meaning) != meaning:
            raise ValueError(f"{word!r} stands twice, and means two things; case, spaces and hyphens do not count")
    return plain


FinishReasons = Annotated[dict[str, Literal["stop", "length", "error"]], AfterValidator(_plain_words)]


def _leaves(annotation: Any) -> Iterator[Any]:
    """Yield the plain types that an annotation is made of."""
    if get_origin(annotation) is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif get_origin(annotation) is Literal:
        yield from map(type, get_args(annotation))
    elif parts := get_args(annotation):
        for part in parts:
            yield from _leaves(part)
    else:
        yield annotation


class Recipe(BaseModel):
    """Base of all recipes: frozen, unknown keys refused, and values that only look like the kind that is wanted."""

    # `defer_build`: a program uses few of the recipes, and all are imported.
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False, defer_build=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what would be turned into something else in silence: true for 1, text for a number, empty text."""
        name = str(info.field_name)
        leaves = set(_leaves(cls.model_fields[name].annotation))
        is_recipe = any(isinstance(leaf, type) and issubclass(leaf, Recipe) for leaf in leaves)  # checks its own texts
        if not is_recipe and any(re.search("[\x00\ud800-\udfff]", text) for text in _texts(value)):
            raise ValueError("no text of a recipe holds a NUL, or half of a character (a lone surrogate)")
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(each, bool) and leaves & {int, float} and bool not in leaves:
                raise ValueError(f"a number is wanted, not {str(each).lower()}")
            is_text = isinstance(each, str)  # as `snakemake --config` gives numbers and truth values
            if is_text and int in leaves and not leaves & {str, float} and not _WHOLE.fullmatch(each):
                raise ValueError(f"a whole number is wanted, not the text {each[:40]!r}")
            if isinstance(each, (int, float)) and not isinstance(each, bool) and leaves <= {bool, type(None)}:
                raise ValueError(f"true or false is wanted, not {each}")
            if is_text and leaves <= {bool, type(None)} and each.lower() not in ("true", "false"):
                raise ValueError(f"true or false is wanted, not the text {each[:40]!r}")
            if is_text and not each.strip() and name not in MAY_BE_EMPTY and each == value:
                raise ValueError("is empty; leave the key out, or give it a value")
            if is_text and float in leaves and str not in leaves and not _is_finite(each):
                raise ValueError(f"a finite number is wanted, not the text {each[:40]!r}")
        return value

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
        content, keys = json.loads(text), json.loads(execution)
        both = isinstance(content, dict) and isinstance(keys, dict)
        return cls.model_validate(_merged(content, keys) if both else keys if isinstance(content, dict) else content)

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


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of plain data, keys as well."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(part)


_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")


def _is_finite(text: str) -> bool:
    """Whether a text is a number: YAML takes `1e-5`, without a dot, for a text."""
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {k: _merged(one[k], other[k]) for k in one.keys() & other.keys() if isinstance(one[k], dict)}
    return {**one, **other, **both}


def canonical_json(data: Any) -> str:
    """Return the one JSON text of `data`: sorted keys, no spaces, UTF-8 as it is.

    Snakemake compares parameters as an unordered set of texts; one canonical string per job makes it notice two
    swapped values and ignore the order of keys.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
