"""What is published of the selected studies: artefacts with their files, checked before anything is written."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from distill.audit.findings import OUT_OF_DATE, Audit, Finding
from distill.config.analysed import CONTRAST_TABLES
from distill.config.lineage import Analysis, Browser, Contrasts, Dataset, Report, TrainedModel
from distill.config.plan import Plan
from distill.config.recipes import PublishRecipe
from distill.config.recipes.publishing import HUB
from distill.config.sizes import base_model
from distill.models.folders import WEIGHTS
from distill.publishing.cards import COMMIT, dataset_card, model_card, scores_card
from distill.publishing.facts import Facts
from distill.publishing.licences import Part, Use, prefix, refusals
from distill.runtime.errors import InputError
from distill.runtime.files import read_json

RECORDS = ("manifest.json", "provenance.json")
CARD = "README.md"
ADAPTER = "adapter_config.json"  # PEFT's name


@dataclass(frozen=True)
class Artefact:
    """One dataset, model, or the scores. kind: that of the folder; files: path in it -> file, or its text."""

    kind: str
    name: str
    files: dict[str, Path | str]


def check(plan: Plan, scripts: Path) -> None:
    """Raise InputError where results are missing, altered, or not what the configuration says.

    Code that has changed since is no reason: the cards say which code it was.
    """
    audit = Audit(plan, scripts)
    places = [place for place in audit.places if not isinstance(place, (Analysis, Report, Browser))]
    wrong = [finding for place in places for finding in audit.of(place) if not _is_code_alone(finding)]
    if wrong:
        first, more = wrong[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise InputError(
            f"{first.folder}: {first.word}: {first.detail}{more}; nothing is published; delete what is altered, and "
            "run `snakemake` first"
        )


def _is_code_alone(finding: Finding) -> bool:
    return finding.word == OUT_OF_DATE and all(part.startswith("code (") for part in finding.detail.split("; "))


def artefacts(plan: Plan, recipe: PublishRecipe) -> list[Artefact]:
    """Return all that is published. Raises InputError where licences forbid it, or two have one name."""
    facts = Facts(plan)
    known = {*plan.catalogue.corpora, *plan.catalogue.teachers, *plan.catalogue.students}
    if strangers := [name for name in recipe.despite if name not in known]:
        raise InputError(f"publish: despite: {strangers[0]!r} is no corpus, teacher or student of the catalogue")
    _check_licences(facts, recipe)
    found = [artefact for kind in recipe.kinds for artefact in _MADE[kind](facts, recipe)]
    names = [(artefact.kind, artefact.name) for artefact in found]
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise InputError(f"publish: two artefacts would be {'/'.join(twice[0])}; rename one of what they are made from")
    return found


def _check_licences(facts: Facts, recipe: PublishRecipe) -> None:
    """Raise InputError with a line per artefact that may not be passed on, and why."""
    asked: list[tuple[str, Sequence[Part], Use]] = []
    if "datasets" in recipe.kinds:
        asked += [(p.folder, facts.dataset_parts(p.dataset), "texts") for p in facts.plan.datasets()]
    if "models" in recipe.kinds:
        asked += [(p.folder, facts.model_parts(p), "weights") for p in facts.plan.trained()]
    found = [(folder, refusals(parts, use, recipe.despite)) for folder, parts, use in asked]
    if lines := [f"{folder}: {'; '.join(reasons)}" for folder, reasons in found if reasons]:
        raise InputError(
            "\n".join([*lines, "nothing is published; give the `licence`, or pass over it with `despite: [NAME]`"])
        )


def _datasets(facts: Facts, recipe: PublishRecipe) -> Iterator[Artefact]:
    for place in facts.plan.datasets():
        where = {"path": f"{recipe.to}/datasets/{place.dataset}/data/train.parquet"}
        if recipe.to == HUB:
            where = {"hub": f"{recipe.owner}/{place.dataset}", "revision": COMMIT}
        files = {"data/train.parquet": "train.parquet", **{name: name for name in ("ledger.parquet", *RECORDS)}}
        card = dataset_card(facts, place, where, recipe.despite)
        yield Artefact("datasets", place.dataset, {CARD: card, **_paths(place, files)})


def _models(facts: Facts, recipe: PublishRecipe) -> Iterator[Artefact]:
    for place in facts.plan.trained():
        own = f"{place.student}-{place.training}-{place.dataset}-seed-{place.seed}"
        name = prefix(facts.model_parts(place)) + own
        stated = facts.provenance(place)["outputs"]
        weights = {path.removeprefix(f"{WEIGHTS}/"): path for path in stated if path.startswith(f"{WEIGHTS}/")}
        card = model_card(facts, place, name, recipe.owner, recipe.despite)
        # PEFT writes a card of its own beside an adapter: ours is the one that is published.
        files = {**_paths(place, weights), **_paths(place, {record: record for record in RECORDS}), CARD: card}
        if ADAPTER in files:
            files[ADAPTER] = _adapter(facts, place)
        yield Artefact("models", name, files)


def _adapter(facts: Facts, place: TrainedModel) -> str:
    """Return the configuration of an adapter, which names its base as others have it: PEFT names a folder of ours."""
    base = base_model(facts.catalogue, place.student)
    own = read_json(Path(place.file(f"{WEIGHTS}/{ADAPTER}")))
    return json.dumps({**own, "base_model_name_or_path": base.hub or base.path, "revision": base.revision}, indent=2)


def _scores(facts: Facts, _recipe: PublishRecipe) -> Iterator[Artefact]:
    name = "-".join([*facts.catalogue.studies, "scores"])
    files = _paths(Contrasts(), {name: name for name in (*CONTRAST_TABLES, *RECORDS)})
    yield Artefact("scores", name, {CARD: scores_card(facts), **files})


_MADE = {"datasets": _datasets, "models": _models, "scores": _scores}


def _paths(place: Dataset | TrainedModel | Contrasts, files: dict[str, str]) -> dict[str, Path | str]:
    return {name: Path(place.file(own)) for name, own in files.items()}
