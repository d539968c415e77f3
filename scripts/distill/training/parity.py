"""Parity: what the arms of a contrast must share besides the data, as planned and as trained.

Three classes: what must be equal, else the arms are not comparable (`COMPARED`); what is shown as a ratio (`RATIOS`);
what is listed only (versions, devices, processes, tokens per step, seeds: in the provenance). A training's manifest
holds the first two: its recipe as it was, and what it took. So a new key of the recipe is compared from its first day.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.config.lineage import Arm, Rendered
from distill.config.recipes import COMPARED
from distill.runtime.errors import InputError
from distill.runtime.files import read_json, text_digest

Facts = Mapping[str, Any]
RATIOS = ("tokens", "loss_tokens")
NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True)
class Parity:
    """What differs between the arms of a contrast.

    differing: name -> the values, in the order of the arms; declared: the names that the gap says may differ.
    """

    differing: Mapping[str, list[Any]]
    declared: frozenset[str] = frozenset()
    has_base: bool = False

    @property
    def undeclared(self) -> list[str]:
        """Return the names that differ though the gap does not say so."""
        return [name for name in self.differing if name not in self.declared]

    def __str__(self) -> str:
        """Return `equal`, `base`, `as declared: epochs 2 vs 4`, or `not comparable: updates 668 vs 24`."""
        names = self.undeclared or list(self.differing)
        words = "; ".join(f"{name} {' vs '.join(map(short, self.differing[name]))}" for name in names)
        if self.undeclared:
            return f"{NOT_COMPARABLE}: {words}"
        return f"as declared: {words}" if words else "base" if self.has_base else "equal"


def short(value: Any) -> str:
    """Return a value in few letters: of a digest the first eight."""
    text = str(value)
    return text[:8] if len(text) == 64 else text


def trained_facts(models: Iterable[Path], rendered: Iterable[Path]) -> dict[Arm, dict[str, Any]]:
    """Return, per trained arm, the values of COMPARED and RATIOS, and its final losses.

    `models` and `rendered` are manifests of trained models and of rendered datasets.
    """
    renderings = {Rendered.named(manifest["identity"]): manifest for manifest in map(read_json, rendered)}
    facts = {}
    for manifest in map(read_json, models):
        of_rows = rendered_facts(renderings.get(shown_rows(manifest), {}))
        recipe, start = manifest["recipe"], manifest.get("start", manifest)
        distil = distillation(recipe, start.get("teacher"))
        further = on_policy(recipe.get("on_policy"), manifest.get("teacher"), start, manifest.get("code"))
        # What is compared of the code is that of the start: an on-policy arm has its own, in `on_policy`.
        base = {"base": manifest["base_digest"], **({"code": start["code"]} if "code" in start else {})}
        facts[Arm.of(manifest["identity"])] = {**recipe, **manifest, **distil, **further, **base, **of_rows}
    return facts


def shown_rows(manifest: Facts) -> Rendered:
    """Return the place of the rendered rows that a trained model has seen; an on-policy one saw those of its start."""
    identity, start = manifest["identity"], manifest.get("start", {})
    return Rendered.named({**identity, "training": start.get("training", identity["training"])})


def on_policy(recipe: Facts | None, teacher: str | None, start: Facts, code: str | None = None) -> dict[str, Any]:
    """Return the `on_policy` of a recipe for comparison, with its teacher and the updates before it; None without."""
    if recipe is None:
        return {"on_policy": None}
    of_code = {"code": code[:8]} if code else {}
    return {"on_policy": {**recipe, "teacher": (teacher or "")[:16], "start_updates": start["updates"], **of_code}}


def distillation(recipe: Facts, teacher: str | None) -> dict[str, Any]:
    """Return a recipe's `distil` for comparison, with its teacher (a name, or the digest of the weights)."""
    distil = recipe.get("distil")
    return {"distil": {**distil, "teacher": (teacher or "")[:16]}} if distil else {}


def rendered_facts(manifest: Facts) -> dict[str, Any]:
    """Return what the manifest of a rendered dataset says for comparison."""
    return {name: manifest.get(name) for name in ("cutoff", "truncated", "prompt")}


def parity(
    groups: Sequence[Sequence[Arm]], facts: Mapping[Arm, Facts], differs: Iterable[str] = (), draws: Sequence[int] = ()
) -> Parity:
    """Compare the arms of a contrast, the first group against the others; `draws` are how often each was asked.

    With an untouched student only the trained arms are compared with each other. Raises KeyError for a trained arm
    without facts.
    """
    trained = [facts[arm] for group in groups for arm in group if arm.is_trained]
    differing = {}
    for name in COMPARED:
        values = list(dict.fromkeys(str(fact[name]) for fact in trained if name in fact))
        if len(values) > 1:
            differing[name] = values
    if len(draws) > 1:
        differing["draws"] = list(draws)
    has_base = any(not arm.is_trained for group in groups for arm in group)
    return Parity(differing, frozenset(differs), has_base)


def refusal_file(folder: Path, recipe: str) -> Path:
    """Return where the comparison of plans, whose recipe is this text, says which arms it refuses; else it is absent.

    `folder` is the one of the student's plans. Another recipe has another file, so no old refusal stops a training.
    """
    return folder / "refused" / f"{text_digest(recipe)[:16]}.json"


def check_comparable(refusal: Path | None, identity: dict[str, Any]) -> None:
    """Raise InputError where the comparison of plans has refused the arm of a manifest's identity."""
    if refusal is None or not refusal.is_file():
        return
    arm, gaps = Arm.of(identity), read_json(refusal)["gaps"]
    if own := [gap for gap, arms in gaps.items() if arm.path in arms]:
        raise InputError(
            f"not trained: {'; '.join(own)} (logs/compare_plans/{arm.student}.log has the table); make the arms "
            "equal, or say under `differs` of the gap what is meant to differ"
        )


def loss_token_ratio(plus: Sequence[Arm], minus: Sequence[Arm], facts: Mapping[Arm, Facts]) -> float | None:
    """Return the mean loss tokens of the arms of one group over those of another; None with an untouched student."""
    if not all(arm.is_trained for arm in (*plus, *minus)):
        return None
    one, other = (sum(facts[arm]["loss_tokens"] for arm in group) / len(group) for group in (plus, minus))
    return one / other
