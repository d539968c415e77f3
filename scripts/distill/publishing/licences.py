"""What licences say about passing on texts, and weights that were made from them.

The table is a reading of the licences' own texts, not legal advice. A licence that it lacks is refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Use = Literal["texts", "weights"]
LLAMA_PREFIX = "Llama-"
OTHER, UNKNOWN = "other", "unknown"


@dataclass(frozen=True)
class Terms:
    """What a licence allows: to pass on texts (problems, a model's outputs), and weights that were made from it.

    carried: what is made from it stays under this licence.
    """

    texts: bool = True
    weights: bool = True
    conditions: tuple[str, ...] = ()
    carried: bool = False


_NAMED = "name the authors and keep their notice"
_SHARE_ALIKE = "what is made from it is shared under the same licence"
_NON_COMMERCIAL = "no commercial use"
_LLAMA = ("pass the licence on", 'say "Built with Llama"', 'names of models made from it begin with "Llama"',
          "keep to its acceptable use policy")  # fmt: skip
_QWEN = ("pass the licence on", 'say "Built with Qwen" or "Improved using Qwen"')
_GEMMA = ("pass the terms and their use restrictions on", "say that files were changed")
_NO_DERIVATIVES = Terms(texts=False, weights=False, conditions=("nothing made from it may be shared",))

TERMS: dict[str, Terms] = {
    "apache-2.0": Terms(conditions=(_NAMED,)),
    "mit": Terms(conditions=(_NAMED,)),
    "bsd-3-clause": Terms(conditions=(_NAMED,)),
    "cc0-1.0": Terms(),
    "cc-by-4.0": Terms(conditions=(_NAMED,)),
    "odc-by": Terms(conditions=(_NAMED,)),
    "cc-by-sa-4.0": Terms(conditions=(_NAMED, _SHARE_ALIKE), carried=True),
    "cc-by-nc-4.0": Terms(conditions=(_NAMED, _NON_COMMERCIAL), carried=True),
    "cc-by-nc-sa-4.0": Terms(conditions=(_NAMED, _NON_COMMERCIAL, _SHARE_ALIKE), carried=True),
    "cc-by-nd-4.0": _NO_DERIVATIVES,
    "cc-by-nc-nd-4.0": _NO_DERIVATIVES,
    "llama3": Terms(weights=False, conditions=("its outputs may improve no model but Llama 3",)),
    "llama3.1": Terms(conditions=_LLAMA, carried=True),
    "llama3.2": Terms(conditions=_LLAMA, carried=True),
    "llama3.3": Terms(conditions=_LLAMA, carried=True),
    "qwen": Terms(conditions=_QWEN, carried=True),
    "qwen-research": Terms(conditions=(*_QWEN, _NON_COMMERCIAL), carried=True),
    "gemma": Terms(conditions=_GEMMA, carried=True),
    "none": Terms(texts=False, weights=False, conditions=("without a licence all rights are its authors'",)),
}
# Names that the hub has no word for: its head then says `other` and the name.
_NOT_THE_HUBS = {"qwen": "qwen", "qwen-research": "qwen-research"}


@dataclass(frozen=True)
class Part:
    """What an artefact was made from: an entry of the catalogue. kind: `corpora`, `teachers` or `students`.

    file: where the entry stands; origin: where it comes from, in words.
    """

    kind: str
    name: str
    licence: str | None
    citation: str | None
    file: str
    origin: str

    @property
    def key(self) -> str | None:
        """Return the licence as the table writes it."""
        return self.licence.strip().lower() if self.licence else None

    @property
    def terms(self) -> Terms | None:
        """Return what its licence says, None where it is not known."""
        return TERMS.get(self.key or "")


def refusal(part: Part, use: Use) -> str | None:
    """Return why what was made from a part may not be passed on, None where it may."""
    if part.licence is None:
        return f"{part.file}: {part.name}: no `licence` is given"
    if part.terms is None:
        return f"{part.file}: {part.name}: licence {part.licence!r} is not known here; known are {', '.join(TERMS)}"
    if not getattr(part.terms, use):
        return f"{part.file}: {part.name}: its licence {part.key} forbids it ({'; '.join(part.terms.conditions)})"
    return None


def refusals(parts: Iterable[Part], use: Use, despite: Sequence[str]) -> list[str]:
    """Return the reasons against passing an artefact on, but those of the names in `despite`."""
    found = (refusal(part, use) for part in parts if part.name not in despite)
    return [reason for reason in found if reason]


def prefix(parts: Iterable[Part]) -> str:
    """Return how the name of a model made from these parts must begin."""
    return LLAMA_PREFIX if any((part.key or "").startswith("llama") for part in parts) else ""


def head(parts: Sequence[Part]) -> dict[str, Any]:
    """Return the keys `license` and `license_name` of a card's head.

    Where all parts have one licence, or all but permissive ones do, it is that; else `other`, and the card says more.
    """
    keys = {part.key for part in parts}
    if any(part.terms is None for part in parts):
        return {"license": UNKNOWN}
    carried = {part.key for part in parts if part.terms and part.terms.carried}
    of = carried or keys
    (one,) = of if len(of) == 1 else (None,)
    if one is None or one == "none":
        return {"license": OTHER, "license_name": "several"} if one is None else {"license": UNKNOWN}
    return {"license": OTHER, "license_name": one} if one in _NOT_THE_HUBS else {"license": one}
